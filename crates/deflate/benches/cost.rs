//! Prints what compression costs and saves, by level and window: the tables on the crate's front page.
//!
//! `cargo bench -p bowline-deflate --bench cost`. Each time is the best of several rounds.

use std::time::{Duration, Instant};

use bowline_deflate::PerMessageDeflate;
use bowline_extension::{Compress, Decode, Encode, Negotiate, Outgoing, Progress};
use bowline_frame::{MessageKind, Rsv};
use bowline_testing::alloc::CountingAllocator;
use bowline_testing::random::Random;
use bytes::BytesMut;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() {
    // `cargo test --benches` runs it too, and wants to know only that it works.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    println!("| takeover | level | window | compressor | 64 B | 1 KiB | 16 KiB | 256 KiB |");
    println!("|---|---|---|---|---|---|---|---|");
    for takeover in [false, true] {
        for (level, bits) in SHAPES {
            let config = PerMessageDeflate::new()
                .context_takeover(takeover)
                .level(level)
                .outbound_window_bits(bits);
            let memory = compressor(&config);
            let cells = SIZES.map(|size| cell(&config, size, quick));
            let takeover = if takeover { "yes" } else { "no" };
            println!(
                "| {takeover} | {level} | {bits} | {memory} KiB | {} |",
                cells.join(" | ")
            );
        }
    }
    println!();
    println!("| level | memory level | compressor, window 12 | 1 KiB | 16 KiB | 256 KiB |");
    println!("|---|---|---|---|---|---|");
    for level in [1, 6] {
        for memory_level in [1, 3, 4, 5, 6, 8, 9] {
            let config = PerMessageDeflate::new()
                .level(level)
                .memory_level(memory_level);
            let memory = compressor(&config);
            let cells = [1024, 16 * 1024, 256 * 1024].map(|size| cell(&config, size, quick));
            println!(
                "| {level} | {memory_level} | {memory} KiB | {} |",
                cells.join(" | ")
            );
        }
    }
    let config = PerMessageDeflate::new().context_takeover(true);
    let (mut encoder, mut decoder) = ends(&config);
    let wire = encode(&mut *encoder, &json(64 * 1024, 0));
    let memory = ALLOCATOR
        .measure(|| drop(decode(&mut *decoder, &wire)))
        .1
        .kept;
    println!("\na decompressor with a full window: {} KiB", memory / 1024);
}

/// What a compressor holds, in KiB.
fn compressor(config: &PerMessageDeflate) -> isize {
    let config = config.clone().context_takeover(true);
    let (mut encoder, _) = ends(&config);
    let message = json(1024, 0);
    ALLOCATOR
        .measure(|| drop(encode(&mut *encoder, &message)))
        .1
        .kept
        / 1024
}

/// What compressing and decompressing takes for a message, and what is left of it.
fn cell(config: &PerMessageDeflate, size: usize, quick: bool) -> String {
    let messages: Vec<_> = (0..MESSAGES).map(|seed| json(size, seed)).collect();
    let (mut best_in, mut best_out) = (Duration::MAX, Duration::MAX);
    let mut wire_len = 0;
    let rounds = if quick {
        1
    } else {
        4_000_000 / (size * MESSAGES as usize) + 8
    };
    for _ in 0..rounds {
        let (mut encoder, mut decoder) = ends(config);
        // So that what is measured has history, and its memory.
        decode(&mut *decoder, &encode(&mut *encoder, &json(size, MESSAGES)));
        let start = Instant::now();
        let wires: Vec<_> = messages
            .iter()
            .map(|message| encode(&mut *encoder, message))
            .collect();
        best_out = best_out.min(start.elapsed());
        wire_len = wires.iter().map(BytesMut::len).sum();
        let start = Instant::now();
        for wire in &wires {
            decode(&mut *decoder, wire);
        }
        best_in = best_in.min(start.elapsed());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / MESSAGES as f64;
    let ratio = wire_len as f64 / (size * MESSAGES as usize) as f64;
    format!(
        "{ratio:.2}, {:.1} + {:.1} µs",
        each(best_out),
        each(best_in)
    )
}

fn ends(config: &PerMessageDeflate) -> (Box<dyn Encode>, Box<dyn Decode>) {
    let (answer, server) = config.accept(&config.offers()).expect("our own offer");
    let client = config.confirm(&[answer]).expect("our own answer");
    (client.split().0, server.split().1)
}

fn encode(encoder: &mut dyn Encode, message: &[u8]) -> BytesMut {
    let outgoing = Outgoing::new(MessageKind::Text)
        .with_len(message.len() as u64)
        .with_compress(Compress::Always);
    assert_eq!(encoder.begin(&outgoing), Some(Rsv::RSV1));
    let (mut out, mut input) = (BytesMut::new(), message);
    while encoder
        .encode(&mut input, true, &mut out, ROOM)
        .expect("compressed")
        != Progress::Done
    {}
    out
}

fn decode(decoder: &mut dyn Decode, wire: &[u8]) -> BytesMut {
    assert!(decoder.begin(MessageKind::Text, Rsv::RSV1).expect("ours"));
    let (mut out, mut input) = (BytesMut::new(), wire);
    while decoder
        .decode(&mut input, true, &mut out, ROOM)
        .expect("inflated")
        != Progress::Done
    {}
    out
}

/// JSON text of this length, different for each seed.
fn json(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut text = String::new();
    while text.len() < len {
        text.push_str(&format!(
            "{{\"id\":{},\"user\":\"{}\",\"price\":{}.{:02},\"side\":\"{}\"}},",
            random.below(1_000_000),
            ["alice", "bob", "carol", "dave", "erin"][random.below(5)],
            random.below(1000),
            random.below(100),
            ["buy", "sell"][random.below(2)],
        ));
    }
    text.truncate(len);
    text.into_bytes()
}

const SHAPES: [(u8, u8); 12] = [
    (1, 9),
    (1, 10),
    (1, 11),
    (1, 12),
    (1, 13),
    (1, 15),
    (2, 12),
    (3, 12),
    (6, 11),
    (6, 12),
    (6, 15),
    (9, 15),
];

/// Message lengths in bytes.
const SIZES: [usize; 4] = [64, 1024, 16 * 1024, 256 * 1024];

const MESSAGES: u64 = 16;

const ROOM: usize = 16 * 1024;
