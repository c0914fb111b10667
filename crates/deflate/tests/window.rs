//! How far back our messages refer, found by another inflater.

mod support;

use bowline_deflate::PerMessageDeflate;
use bowline_testing::hex::assert_bytes_eq;
use bowline_testing::inflate::Inflater;
use bowline_testing::random::Random;
use support::{encode, json, pair};

/// A text that repeats itself at every distance, so that a compressor uses as much of its window as it may.
fn repetitive(len: usize) -> Vec<u8> {
    let mut random = Random::new(len as u64);
    let mut text = json(100);
    while text.len() < len {
        let from = random.below(text.len() - 60);
        let run = text[from..from + 4 + random.below(50)].to_vec();
        text.extend_from_slice(&run);
        text.push(b'0' + random.below(200) as u8);
    }
    text
}

// covers PMD-7.2.1-05, PMD-7.1.2-02
#[test]
fn no_distance_is_beyond_the_agreed_window() {
    for bits in 9..=15 {
        for level in [1, 2, 3, 5, 6, 9] {
            let config = PerMessageDeflate::new()
                .context_takeover(true)
                .outbound_window_bits(bits)
                .level(level);
            let mut encoder = pair(&config, &config).server.0;
            let mut inflater = Inflater::new(true);
            for len in [20_000, 1, 500, 20_000] {
                let payload = repetitive(len);
                let wire = encode(&mut *encoder, &payload);
                assert_bytes_eq(
                    &inflater.message(&wire, payload.len()).unwrap(),
                    &payload,
                    "inflated",
                );
            }
            let distance = inflater.max_distance();
            assert!(
                distance <= 1 << bits,
                "{bits} bits, level {level}: {distance}"
            );
            assert!(
                distance > 1 << (bits - 2),
                "{bits} bits, level {level}: {distance}"
            );
        }
    }
}

// covers PMD-7.1.1.1-01, PMD-7.1.1.2-01
#[test]
fn without_takeover_nothing_refers_to_an_earlier_message() {
    for level in 1..=9 {
        let config = PerMessageDeflate::new().level(level);
        let mut ends = pair(&config, &config);
        for encoder in [&mut ends.server.0, &mut ends.client.0] {
            // Longer than the window, too, and short ones behind.
            for len in [300, 3000, 300, 50_000, 300, 70_001, 1, 300] {
                // An inflater that knows no other message.
                let payload = repetitive(len);
                let wire = encode(&mut **encoder, &payload);
                let read = Inflater::new(false).message(&wire, 100_000).unwrap();
                assert_bytes_eq(&read, &payload, format_args!("inflated alone, {level}"));
                // A compressor that has seen no other message.
                let fresh = PerMessageDeflate::new().level(level);
                let fresh = encode(&mut *pair(&fresh, &fresh).server.0, &payload);
                assert_bytes_eq(&wire, &fresh, format_args!("compressed alone, {level}"));
            }
        }
    }
}

#[test]
fn what_a_connection_with_takeover_gives_back_refers_to_nothing() {
    let config = PerMessageDeflate::new();
    let keeping = config.clone().context_takeover(true);
    let payload = json(50);
    let mut ends = pair(&keeping, &keeping);
    let first = encode(&mut *ends.server.0, &payload);
    ends.server.0.release();
    // The pool is the same, and so is what the compressor was made for.
    let mut other = pair(&config, &config).server.0;
    assert_bytes_eq(&encode(&mut *other, &payload), &first, "the other's first");
}
