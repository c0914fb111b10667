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
    let config = PerMessageDeflate::new();
    let mut ends = pair(&config, &config);
    for encoder in [&mut ends.server.0, &mut ends.client.0] {
        for count in [5, 50, 5, 50] {
            // An inflater that knows no other message.
            let wire = encode(&mut **encoder, &json(count));
            let read = Inflater::new(false).message(&wire, 100_000).unwrap();
            assert_bytes_eq(&read, &json(count), "inflated alone");
        }
    }
}
