//! The mask beside a loop over bytes and a copy of the same length.

use std::hint::black_box;

use bowline_frame::Mask;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn mask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for len in LENGTHS {
        let (mut frame, other) = (vec![0x5A_u8; HEADER + len], vec![0xA5_u8; len]);
        let bytes = &mut frame[HEADER..];
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("bowline", len), |bencher| {
            let mask = Mask::new(black_box(KEY));
            bencher.iter(|| mask.apply(black_box(&mut *bytes)));
        });
        group.bench_function(BenchmarkId::new("byte loop", len), |bencher| {
            let key = black_box(KEY);
            bencher.iter(|| byte_loop(black_box(&mut *bytes), key));
        });
        group.bench_function(BenchmarkId::new("memcpy", len), |bencher| {
            bencher.iter(|| black_box(&mut *bytes).copy_from_slice(black_box(&other)));
        });
    }
    group.finish();
}

/// As RFC 6455 §5.3 has it.
fn byte_loop(bytes: &mut [u8], key: [u8; 4]) {
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte ^= key[at % 4];
    }
}

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// What a payload lies behind, so that it is not aligned: the shortest header.
const HEADER: usize = 6;

const LENGTHS: [usize; 7] = [16, 125, 1024, 4096, 16 * 1024, 64 * 1024, 1024 * 1024];

criterion_group!(benches, mask);
criterion_main!(benches);
