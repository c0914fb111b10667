//! What one half compresses the other restores, in whatever runs.

mod support;

use bowline_deflate::PerMessageDeflate;
use bowline_extension::{Compress, Outgoing, Progress};
use bowline_frame::{MessageKind, Rsv};
use bowline_testing::hex::assert_bytes_eq;
use bowline_testing::random::{Random, seed};
use bytes::BytesMut;
use support::{Pair, decode, decode_runs, encode, encode_runs, json, pair, text};

/// Payloads of many lengths and kinds, one of them larger than every window.
fn payloads(random: &mut Random) -> Vec<Vec<u8>> {
    let mut payloads = vec![
        Vec::new(),
        b"x".to_vec(),
        json(1),
        json(20),
        Vec::new(),
        json(400),
    ];
    let mut noise = vec![0; 3000 + random.below(3000)];
    random.fill(&mut noise);
    payloads.push(noise.clone());
    payloads.push(vec![b'a'; 100_000]);
    payloads.push(noise);
    payloads.push(json(400));
    payloads.push(b"\x00\x00\xff\xff".repeat(300));
    payloads.push(json(20));
    payloads
}

// covers PMD-7.1.1.1-01, PMD-7.1.1.2-01, PMD-7.2.1-01, PMD-7.2.1-04
#[test]
fn what_is_compressed_is_restored_whatever_the_runs_of_input_and_room() {
    let seed = seed();
    let mut random = Random::new(seed);
    for takeover in [false, true] {
        for level in [1, 2, 3, 6, 9] {
            for bits in [9, 12, 15] {
                let config = PerMessageDeflate::new()
                    .context_takeover(takeover)
                    .level(level)
                    .memory_level(1 + (level + bits) % 9)
                    .outbound_window_bits(bits);
                let mut ends = pair(&config, &config);
                let (encoder, decoder) = (&mut *ends.client.0, &mut *ends.server.1);
                for payload in payloads(&mut random) {
                    let most = [2, 90, 20_000][random.below(3)];
                    let message =
                        Outgoing::new(MessageKind::Binary).with_compress(Compress::Always);
                    assert_eq!(encoder.begin(&message), Some(Rsv::RSV1));
                    let wire = encode_runs(encoder, &payload, || random.below(most));
                    let read = decode_runs(decoder, &wire, || random.below(most)).unwrap();
                    assert_bytes_eq(
                        &read,
                        &payload,
                        format_args!(
                            "seed {seed}, takeover {takeover}, level {level}, {bits} bits"
                        ),
                    );
                }
            }
        }
    }
}

// covers PMD-7.2.1-06
#[test]
fn an_empty_message_is_one_byte_also_behind_others() {
    for takeover in [false, true] {
        let config = PerMessageDeflate::new().context_takeover(takeover);
        let mut ends = pair(&config, &config);
        for payload in [&b""[..], b"", b"Hello", b"", b"", b"Hello"] {
            let wire = encode(&mut *ends.server.0, payload);
            if payload.is_empty() {
                assert_bytes_eq(&wire, &[0x00], "an empty message");
            }
            assert_eq!(decode(&mut *ends.client.1, &wire).unwrap(), payload);
        }
    }
}

/// The marker of the last flush doesn't go on the wire, so none may be left.
#[test]
fn a_message_ends_with_one_marker_whatever_the_room() {
    let payload = json(3);
    for takeover in [false, true] {
        let config = PerMessageDeflate::new().context_takeover(takeover);
        let wanted = encode(&mut *pair(&config, &config).server.0, &payload);
        for room in 1..=wanted.len() + 20 {
            let mut encoder = pair(&config, &config).server.0;
            encoder.begin(&text(payload.len())).unwrap();
            let mut out = BytesMut::new();
            let mut input = &payload[..];
            while encoder.encode(&mut input, true, &mut out, room).unwrap() != Progress::Done {}
            assert_bytes_eq(&out, &wanted, format_args!("room for {room}"));
        }
    }
}

#[test]
fn a_second_message_is_shorter_with_takeover_and_the_same_without() {
    let payload = json(5);
    for takeover in [false, true] {
        let config = PerMessageDeflate::new().context_takeover(takeover);
        let mut ends = pair(&config, &config);
        let first = encode(&mut *ends.client.0, &payload);
        let second = encode(&mut *ends.client.0, &payload);
        match takeover {
            true => assert!(
                second.len() * 5 < first.len(),
                "{}, {}",
                first.len(),
                second.len()
            ),
            false => assert_bytes_eq(&second, &first, "the second message"),
        }
    }
}

// covers PMD-6.1-01, PMD-6.2-02, PMD-8-04
#[test]
fn short_messages_are_left_alone_unless_they_ask() {
    for (takeover, least) in [(false, 128), (true, 64)] {
        let config = PerMessageDeflate::new().context_takeover(takeover);
        let mut encoder = pair(&config, &config).server.0;
        assert_eq!(encoder.begin(&text(least - 1)), None);
        assert_eq!(encoder.begin(&text(least)), Some(Rsv::RSV1));
        let config = config.threshold(10);
        let mut encoder = pair(&config, &config).server.0;
        assert_eq!(encoder.begin(&text(9)), None);
        assert_eq!(encoder.begin(&text(10)), Some(Rsv::RSV1));
        assert_eq!(
            encoder.begin(&text(9).with_compress(Compress::Always)),
            Some(Rsv::RSV1)
        );
        assert_eq!(
            encoder.begin(&text(9999).with_compress(Compress::Never)),
            None
        );
        assert_eq!(
            encoder.begin(&Outgoing::new(MessageKind::Text)),
            Some(Rsv::RSV1)
        );
    }
}

// covers PMD-8-01
#[test]
fn a_message_never_compressed_leaves_no_trace() {
    let secret = b"Cookie: session=1f0c7a8be4d29356".repeat(8);
    let guess = text(secret.len());
    let config = PerMessageDeflate::new().context_takeover(true);
    let sizes = |sent_before: Option<Compress>| {
        let mut encoder = pair(&config, &config).server.0;
        encode(&mut *encoder, &json(3));
        if let Some(compress) = sent_before
            && encoder.begin(&guess.with_compress(compress)).is_some()
        {
            encode_runs(&mut *encoder, &secret, || usize::MAX >> 1);
        }
        let attack = encode(&mut *encoder, b"Cookie: session=1f0c7a8be4d29356");
        (attack.len(), encode(&mut *encoder, &secret).len())
    };
    assert_eq!(sizes(Some(Compress::Never)), sizes(None));
    // The same message, compressed, would have been told by its length.
    assert!(sizes(Some(Compress::Auto)).0 < sizes(None).0);
}

/// Prepared messages come from an encoder that another connection owns.
#[test]
fn prepared_and_ordinary_messages_alternate_with_takeover() {
    let config = PerMessageDeflate::new().context_takeover(true);
    let mut maker = pair(&config, &config).server.0;
    let mut receivers: Vec<_> = (0..3).map(|_| pair(&config, &config)).collect();
    for round in 1..20 {
        let ordinary = json(round % 7 + 1);
        for Pair { server, client } in &mut receivers {
            let wire = encode(&mut *server.0, &ordinary);
            assert_bytes_eq(
                &decode(&mut *client.1, &wire).unwrap(),
                &ordinary,
                "ordinary",
            );
        }
        // What the maker sent itself must not be referred to.
        encode(&mut *maker, &ordinary);
        maker.interrupt();
        let prepared = json(round % 5 + 2);
        let wire = encode(&mut *maker, &prepared);
        for Pair { server, client } in &mut receivers {
            assert_eq!(server.0.shared_key(), maker.shared_key());
            server.0.interrupt();
            assert_bytes_eq(
                &decode(&mut *client.1, &wire).unwrap(),
                &prepared,
                "prepared",
            );
        }
    }
}

/// After `interrupt` nothing before it is referred to: a peer that has seen nothing can read on.
#[test]
fn an_interrupted_encoder_forgets() {
    let config = PerMessageDeflate::new().context_takeover(true);
    let mut ends = pair(&config, &config);
    let payload = json(4);
    encode(&mut *ends.server.0, &payload);
    ends.server.0.interrupt();
    let wire = encode(&mut *ends.server.0, &payload);
    assert_bytes_eq(
        &decode(&mut *ends.client.1, &wire).unwrap(),
        &payload,
        "forgotten",
    );
    // From there on it refers back again.
    assert!(encode(&mut *ends.server.0, &payload).len() * 5 < wire.len());
}

#[test]
fn encoders_that_differ_share_nothing() {
    let config = PerMessageDeflate::new();
    let key = |config: &PerMessageDeflate| {
        let encoder = pair(config, config).server.0;
        encoder.shared_key().unwrap().to_owned()
    };
    let keys = [
        key(&config),
        key(&config.clone().outbound_window_bits(11)),
        key(&config.clone().level(7)),
        key(&config.clone().memory_level(2)),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "{key}");
    }
    assert_eq!(key(&config), keys[0]);
    // Neither decides what a message looks like that is compressed.
    let alike = config.clone().context_takeover(true).threshold(5);
    assert_eq!(key(&alike), keys[0]);
}

/// Flushes at any place and in any room leave a message as it was, and bring out all that came before.
#[test]
fn what_was_flushed_can_be_read() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let config = PerMessageDeflate::new()
            .context_takeover(seed % 2 == 0)
            .level(1 + (seed % 9) as u8)
            .outbound_window_bits(9 + (seed % 7) as u8);
        let Pair { server, client } = &mut pair(&config, &config);
        for _ in 0..5 {
            let payload = json(random.below(60));
            assert!(
                server
                    .0
                    .begin(&Outgoing::new(MessageKind::Binary))
                    .is_some()
            );
            assert!(client.1.begin(MessageKind::Binary, Rsv::RSV1).unwrap());
            let (mut read, mut sent) = (BytesMut::new(), 0);
            loop {
                let mut run = &payload[sent..][..random.below(payload.len() - sent + 1)];
                let last = random.below(4) == 0;
                if last {
                    run = &payload[sent..];
                }
                sent += run.len();
                let mut wire = BytesMut::new();
                loop {
                    let room = 1 + random.below(40);
                    let progress = server.0.encode(&mut run, last, &mut wire, room).unwrap();
                    if progress != Progress::NeedRoom {
                        break;
                    }
                }
                let mut flushed = last;
                while !flushed {
                    let (before, room) = (wire.len(), 1 + random.below(4));
                    let progress = server.0.flush(&mut wire, room).unwrap();
                    assert!(wire.len() - before <= room);
                    flushed = progress == Progress::NeedInput;
                }
                let mut wire = &wire[..];
                let progress = client
                    .1
                    .decode(&mut wire, last, &mut read, 1 << 20)
                    .unwrap();
                assert_bytes_eq(&read, &payload[..sent], "so far");
                if last {
                    assert_eq!(progress, Progress::Done);
                    break;
                }
            }
        }
    }
}

#[test]
fn idle_halves_give_back_and_go_on() {
    let config = PerMessageDeflate::new()
        .context_takeover(true)
        .outbound_window_bits(15);
    let mut ends = pair(&config, &config);
    let idle = config.release_after(None);
    assert!(ends.server.0.release_after().is_some());
    assert!(ends.server.1.release_after().is_some());
    assert_eq!(pair(&idle, &idle).server.0.release_after(), None);
    let without = PerMessageDeflate::new();
    assert_eq!(pair(&without, &without).server.0.release_after(), None);
    assert_eq!(pair(&without, &without).server.1.release_after(), None);
    let mut random = Random::new(8);
    for round in 0..60 {
        let payload = json(round % 90 * 10);
        let wire = encode(&mut *ends.server.0, &payload);
        let read = decode(&mut *ends.client.1, &wire).unwrap();
        assert_bytes_eq(&read, &payload, format_args!("round {round}"));
        // The sender forgets, or the receiver gives back what it can have again; neither concerns the other.
        match random.below(4) {
            0 => ends.server.0.release(),
            1 => ends.client.1.release(),
            2 => {
                ends.client.1.release();
                ends.client.1.release();
            }
            _ => {}
        }
    }
}

/// RFC 7692 leaves a client that can't keep to 8 bits the choice not to compress.
#[test]
fn a_client_restricted_to_8_bits_sends_messages_as_they_are() {
    use bowline_extension::{Negotiate, Offer};
    let answer =
        Offer::parse_header([&b"permessage-deflate; client_max_window_bits=8"[..]]).unwrap();
    let config = PerMessageDeflate::new().context_takeover(true);
    let (mut encoder, mut decoder) = config.confirm(&answer).unwrap().split();
    assert_eq!(
        encoder.begin(&text(9999).with_compress(Compress::Always)),
        None
    );
    assert_eq!(
        decode(&mut *decoder, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).unwrap(),
        b"Hello"
    );
}

/// Autobahn's server answers with 15 whatever the client names, so a client names its window only when told to.
#[test]
fn a_client_that_names_no_window_keeps_its_own_whatever_the_answer() {
    use bowline_extension::{Negotiate, Offer};
    let config = PerMessageDeflate::new();
    let offer = config.offers()[0].to_string();
    assert!(offer.ends_with("; client_max_window_bits"), "{offer}");
    let answer = |bits| {
        let answer = format!(
            "permessage-deflate; server_no_context_takeover; client_max_window_bits={bits}"
        );
        Offer::parse_header([answer.as_bytes()]).unwrap()
    };
    for (answered, used) in [(15, 12), (12, 12), (9, 9)] {
        let deflate = config.confirm_one(&answer(answered)).unwrap();
        assert_eq!(deflate.outbound_window_bits(), used);
    }

    let named = PerMessageDeflate::new().outbound_window_bits(12);
    assert!(named.offers()[0].to_string().ends_with("_bits=12"));
    assert!(named.confirm_one(&answer(12)).is_ok());
    assert!(named.confirm_one(&answer(13)).is_err());
}
