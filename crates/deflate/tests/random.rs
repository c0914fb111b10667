//! Messages at random, with final blocks, idle times, fragments and faults anywhere.

mod support;

use bowline_deflate::PerMessageDeflate;
use bowline_frame::Role;
use bowline_proto::{Config, EventRef, Inbound};
use bowline_testing::random::Random;
use bowline_testing::wire::{BINARY, FIN, PING, RSV1, TEXT, frame};
use support::{decode_runs, encode, json, pair};

// covers PMD-7.2.2-03
#[test]
fn blocks_that_end_the_stream_and_idle_times_change_no_message() {
    let mut random = Random::new(77);
    for round in 0..200 {
        let bits = 9 + (round % 7) as u8;
        let ours = PerMessageDeflate::new()
            .context_takeover(round % 3 != 0)
            .outbound_window_bits(bits)
            .level(1 + (round % 9) as u8);
        let theirs = ours.clone().inbound_window_bits(bits);
        let mut ends = pair(&theirs, &ours);
        let (encoder, decoder) = (&mut *ends.client.0, &mut *ends.server.1);
        for _ in 0..12 {
            let len = [0, 1, 10, 100, 1000, 5000][random.below(6)];
            let mut payload = json(random.below(300));
            payload.truncate(len);
            if random.below(5) == 0 {
                random.fill(&mut payload);
            }
            let wire = encode(encoder, &payload);
            let wire = match random.below(4) {
                0 => [&wire[..], &[0, 0, 0xff, 0xff, 0x03, 0x00, 0x00]].concat(),
                1 => [&wire[..], &[0, 0, 0xff, 0xff, 0x03, 0x00]].concat(),
                2 => [&[0x03, 0x00, 0x03, 0x00], &wire[..]].concat(),
                _ => wire,
            };
            let most = [2, 90, 20_000][random.below(3)];
            let read = decode_runs(decoder, &wire, || random.below(most));
            assert_eq!(read.unwrap(), payload, "round {round}");
            match random.below(5) {
                0 => decoder.release(),
                1 => encoder.release(),
                2 => encoder.interrupt(),
                _ => {}
            }
        }
    }
}

// covers PMD-6.2-01, PMD-7.2.2-06
#[test]
fn messages_are_the_same_whole_in_pieces_and_in_chunks() {
    let mut random = Random::new(5);
    let mut failed = [0; 2];
    for round in 0..600 {
        let config = PerMessageDeflate::new().context_takeover(round % 2 == 0);
        let mut ends = pair(&config, &config);
        let mut wire = Vec::new();
        for _ in 0..1 + random.below(4) {
            wire.extend(message(&mut *ends.server.0, &mut random));
        }
        let read = |limit, chunked, size: &mut dyn FnMut() -> usize| {
            let decoder = pair(&config, &config).client.1;
            let machine = Config::new(Role::Client).max_message(limit);
            let inbound = Inbound::new(Role::Client, &machine, Some(decoder));
            seen(inbound, &wire, chunked, size)
        };
        let whole = read(1 << 20, false, &mut || usize::MAX);
        let others = [
            read(1 << 20, false, &mut || 1),
            read(1 << 20, false, &mut || 1 + random.below(50)),
            read(1 << 20, true, &mut || usize::MAX),
            read(1 << 20, true, &mut || 1),
        ];
        failed[usize::from(whole.1.is_some())] += 1;
        for other in &others {
            assert_eq!(whole.0, other.0, "round {round}");
            // Which of two errors close together is told depends on the cut.
            assert_eq!(whole.1.is_some(), other.1.is_some(), "round {round}");
        }
        if let (messages, None) = &whole
            && let [message] = &messages[..]
            && message.len() > 1
        {
            let len = message.len() as u64;
            for (limit, code) in [(len - 1, Some(1009)), (len, None)] {
                for size in [1, 7, usize::MAX] {
                    let (_, failed) = read(limit, false, &mut || size);
                    assert_eq!(failed, code, "round {round}, {limit} of {len}");
                }
            }
        }
    }
    assert!(failed.iter().all(|&count| count > 50), "{failed:?}");
}

/// A message in fragments with pings between, now and then broken.
fn message(encoder: &mut dyn bowline_extension::Encode, random: &mut Random) -> Vec<u8> {
    let mut payload = json(random.below(60));
    if random.below(4) == 0 {
        payload = "ü€😀".repeat(random.below(200)).into_bytes();
    }
    if random.below(10) == 0 && !payload.is_empty() {
        let at = random.below(payload.len());
        payload[at] ^= 0x80;
    }
    let mut body = encode(encoder, &payload);
    if random.below(8) == 0 {
        let at = random.below(body.len());
        body[at] ^= 1 << random.below(8);
    }
    if random.below(8) == 0 {
        body.truncate(random.below(body.len() + 1));
    }
    let mut first = RSV1 | [TEXT, BINARY][random.below(2)];
    let mut wire = Vec::new();
    let mut rest = &body[..];
    loop {
        let len = random.below(rest.len().min(3000) + 1).max(rest.len() / 4);
        let (now, later) = rest.split_at(len);
        rest = later;
        let last = rest.is_empty() && random.below(2) == 0;
        let fin = if last { FIN } else { 0 };
        wire.extend(frame(Role::Client, first | fin, now));
        if last {
            return wire;
        }
        if random.below(4) == 0 {
            wire.extend(frame(Role::Client, PING, b"p"));
        }
        first = 0;
    }
}

/// Messages that came, and the close code of the error after them.
fn seen(
    mut inbound: Inbound,
    wire: &[u8],
    chunked: bool,
    size: &mut dyn FnMut() -> usize,
) -> (Vec<Vec<u8>>, Option<u16>) {
    let (mut messages, mut open) = (Vec::new(), Vec::new());
    let mut wire = wire.to_vec();
    let mut rest = &mut wire[..];
    while !rest.is_empty() {
        let len = size().min(rest.len());
        let (mut run, behind) = rest.split_at_mut(len);
        rest = behind;
        loop {
            let handled = match chunked {
                true => inbound.handle_chunk(run),
                false => inbound.handle(run),
            };
            let (used, event) = match handled {
                Ok((_, None)) => break,
                Ok((used, Some(event))) => (used, event),
                Err(error) => return (messages, Some(error.close_code().get())),
            };
            match event {
                EventRef::Message(message) => messages.push(message.as_bytes().to_vec()),
                EventRef::Assembled(message) => messages.push(message.as_bytes().to_vec()),
                EventRef::Chunk(chunk) => {
                    open.extend_from_slice(chunk.payload);
                    if chunk.last {
                        messages.push(std::mem::take(&mut open));
                    }
                }
                _ => {}
            }
            run = &mut run[used..];
        }
    }
    (messages, None)
}
