//! What every package here measures: messages of four lengths compressed, and inflated again.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};

/// Both directions of one connection.
pub trait Codec {
    /// Compresses a message as its payload goes on the wire.
    fn compress(&mut self, message: &[u8]) -> Vec<u8>;
    /// Inflates a payload, at most 16 MiB.
    fn decompress(&mut self, wire: &[u8]) -> Vec<u8>;
}

/// Measures a codec, with and without context takeover if it has both.
pub fn measure<C: Codec>(name: &str, takeovers: &[bool], new: impl Fn(bool) -> C) {
    let mut criterion = Criterion::default().configure_from_args();
    for &takeover in takeovers {
        let kept = if takeover { "takeover" } else { "no takeover" };
        let mut group = criterion.benchmark_group(format!("deflate/{name}/{kept}"));
        for len in [64, 1024, 16 * 1024, 256 * 1024] {
            // More than any window holds, so that takeover finds what is alike and not what is the same.
            let count = (128 * 1024 / len).max(16);
            let messages: Vec<_> = (0..count as u64).map(|seed| json(len, seed)).collect();
            let mut codec = new(takeover);
            let mut sizes = 0;
            for message in &messages {
                let wire = codec.compress(message);
                sizes += wire.len();
                assert!(codec.decompress(&wire) == *message, "not restored");
            }
            println!("{name}, {kept}, {len} bytes: {:.2} left", sizes as f64 / (count * len) as f64);
            group.throughput(Throughput::Bytes(len as u64));
            group.bench_function(BenchmarkId::new("there and back", len), |bencher| {
                let mut next = messages.iter().cycle();
                bencher.iter(|| {
                    let wire = codec.compress(black_box(next.next().expect("a cycle")));
                    codec.decompress(black_box(&wire))
                });
            });
        }
    }
    criterion.final_summary();
}

/// JSON text of this length, different for each seed.
fn json(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut below = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut text = String::new();
    while text.len() < len {
        text.push_str(&format!(
            "{{\"id\":{},\"user\":\"{}\",\"price\":{}.{:02},\"side\":\"{}\"}},",
            below(1_000_000),
            ["alice", "bob", "carol", "dave", "erin"][below(5) as usize],
            below(1000),
            below(100),
            ["buy", "sell"][below(2) as usize],
        ));
    }
    text.truncate(len);
    text.into_bytes()
}
