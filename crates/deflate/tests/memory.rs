//! What compression may cost, counted.

mod support;

use bowline_deflate::PerMessageDeflate;
use bowline_extension::{Decode, Negotiate};
use bowline_frame::{Message, MessageKind, Role, Rsv};
use bowline_proto::{Config, Connection, EventRef, Inbound, ProtocolError};
use bowline_testing::alloc::{CountingAllocator, Usage};
use bowline_testing::random::Random;
use bowline_testing::wire;
use bytes::BytesMut;
use support::{Pair, decode, decode_runs, encode, json, pair, text};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn kept(f: impl FnOnce()) -> isize {
    ALLOCATOR.measure(f).1.kept
}

// covers PMD-8-03
#[test]
fn nothing_is_allocated_before_the_first_compressed_message() {
    for takeover in [false, true] {
        let config = PerMessageDeflate::new().context_takeover(takeover);
        let (ends, used) = ALLOCATOR.measure(|| {
            let Pair { server, mut client } = pair(&config, &config);
            assert_eq!(client.0.begin(&text(10)), None);
            assert!(!client.1.begin(MessageKind::Text, Rsv::NONE).unwrap());
            (server, client)
        });
        // Two ends with two halves each, their offers and answers.
        assert!(used.peak < 4096, "{used:?}");
        assert!(used.kept < 2048, "{used:?}");
        drop(ends);
    }
}

/// Connections that have sent and received keep nothing: one compressor and one decompressor serve them all.
// covers PMD-8-03
#[test]
fn a_thousand_connections_without_takeover_share_what_one_needs() {
    let config = PerMessageDeflate::new();
    let payload = json(40);
    let talk = |ends: &mut Pair| {
        let wire = encode(&mut *ends.server.0, &payload);
        assert_eq!(decode(&mut *ends.client.1, &wire).unwrap(), payload);
    };
    let mut ends: Vec<_> = (0..1000).map(|_| pair(&config, &config)).collect();
    let one = kept(|| talk(&mut ends[0]));
    assert!(one > 100_000, "{one}");
    let others = kept(|| ends[1..].iter_mut().for_each(talk));
    // The lists of the pool's shards.
    assert!(others < 4096, "{others}");
}

#[test]
fn the_pool_keeps_no_more_than_it_may() {
    for size in [0, 1, 3, 11, 17] {
        let config = PerMessageDeflate::new().pool_size(size);
        let mut ends: Vec<_> = (0..20).map(|_| pair(&config, &config)).collect();
        let open = |ends: &mut Pair| {
            assert!(ends.server.0.begin(&text(1000)).is_some());
            let mut out = BytesMut::new();
            ends.server
                .0
                .encode(&mut &[1; 10][..], false, &mut out, 100)
                .unwrap();
        };
        let close = |ends: &mut Pair| {
            let mut out = BytesMut::new();
            ends.server
                .0
                .encode(&mut &[][..], true, &mut out, 100)
                .unwrap();
        };
        let all = kept(|| ends.iter_mut().for_each(open));
        let back = kept(|| ends.iter_mut().for_each(close));
        let left = 20 * (all + back) / all;
        // The compressors in the pool, and the pool's own lists.
        assert_eq!(left, size as isize, "{all} taken, {back} given back");
    }
}

/// A client that wants another window than all others doesn't take the pool away from them.
#[test]
fn the_pool_holds_the_windows_that_are_in_use() {
    for size in [1, 16] {
        let config = PerMessageDeflate::new().pool_size(size);
        let (usual, narrow) = (
            PerMessageDeflate::new(),
            PerMessageDeflate::new().inbound_window_bits(9),
        );
        let payload = json(3);
        // As many strangers as the pool has places, all at once.
        let mut strangers: Vec<_> = (0..size).map(|_| pair(&config, &narrow)).collect();
        for stranger in &mut strangers {
            assert!(stranger.server.0.begin(&text(1000)).is_some());
            let mut out = BytesMut::new();
            let mut input = &payload[..];
            stranger
                .server
                .0
                .encode(&mut input, false, &mut out, 9999)
                .unwrap();
        }
        drop(strangers);
        let mut ends = pair(&config, &usual);
        encode(&mut *ends.server.0, &payload);
        let (_, used) = ALLOCATOR.measure(|| encode(&mut *ends.server.0, &payload));
        assert!(used.peak < 10_000, "{used:?} of {size}");
    }
}

/// A peer who begins a message and stops makes us hold what goes on from there, and no buffer beside it.
#[test]
fn a_message_that_has_begun_holds_a_decompressor() {
    let config = PerMessageDeflate::new();
    let machine = Config::new(Role::Client);
    let decoder = || Some(pair(&config, &config).client.1);
    let mut all: Vec<_> = (0..100)
        .map(|_| Inbound::new(Role::Client, &machine, decoder()))
        .collect();
    let used = kept(|| {
        for inbound in &mut all {
            let begun = wire::RSV1 | wire::TEXT;
            let mut wire = wire::frame(Role::Client, begun, [0xf2]);
            assert!(inbound.handle(&mut wire).unwrap().1.is_none());
        }
    });
    assert!(used / 100 < 50_000, "{} bytes each", used / 100);
}

/// What is over sends and receives nothing more, however long somebody holds on to it.
// covers PMD-8-03
#[test]
fn a_connection_that_has_ended_holds_no_compressor() {
    for (takeover, size) in [(true, 0), (true, 2), (false, 0)] {
        let config = PerMessageDeflate::new()
            .context_takeover(takeover)
            .pool_size(size);
        let (answer, extension) = config.accept(&config.offers()).unwrap();
        let mut encoder = config.confirm(&[answer]).unwrap().split().0;
        let payload = encode(&mut *encoder, &json(10));
        let wire = [
            wire::frame(
                Role::Server,
                wire::FIN | wire::RSV1 | wire::BINARY,
                &payload,
            ),
            // Half a message, which never ends.
            wire::frame(Role::Server, wire::RSV1 | wire::BINARY, [0x4b]),
            wire::frame(Role::Server, wire::CLOSE, ""),
        ];
        let mut wire = wire.concat();
        let server = Connection::server(&Config::new(Role::Server), Some(extension));
        let (mut outbound, mut inbound, _) = server.split();
        let (_, used) = ALLOCATOR.measure(|| {
            outbound.send(Message::from(json(10))).unwrap();
            let part = bytes::Bytes::from_static(b"part");
            outbound.fragment(MessageKind::Text, part, false).unwrap();
            let mut rest = &mut wire[..];
            while let (used, Some(event)) = inbound.handle(rest).unwrap() {
                if let Some(reply) = event.reply() {
                    outbound.reply(reply);
                }
                rest = &mut rest[used..];
            }
            outbound.abandon();
        });
        assert!(inbound.is_peer_closed());
        assert!(inbound.volume().payload > 0 && outbound.volume().payload > 0);
        // With a pool it is there.
        let expected = if size > 0 {
            100_000..400_000
        } else {
            -2_000..2_000
        };
        assert!(expected.contains(&used.kept), "{used:?}, of {size}");
    }
}

/// Output is counted by its length, so it must not take more.
#[test]
fn what_waits_takes_little_more_than_its_length() {
    let config = PerMessageDeflate::new();
    let (_, extension) = config.accept(&config.offers()).unwrap();
    let machine = Config::new(Role::Server);
    let mut server = Connection::server(&machine, Some(extension));
    // 40,000 bytes, of which 4,000 don't shrink.
    let mut payload = vec![0; 40_000];
    Random::new(1).fill(&mut payload[..4_000]);
    let message = Message::from(payload);
    server.queue(message.clone()).unwrap();
    let (_, used) = ALLOCATOR.measure(|| while server.queue(message.clone()).is_ok() {});
    let waiting = server.outbound().len();
    assert!(waiting > machine.hard_mark);
    let most = waiting as isize * 5 / 4 + 20_000;
    assert!(used.kept <= most, "{waiting} bytes wait in {}", used.kept);
}

// covers PMD-8-03
#[test]
fn idle_halves_keep_what_the_peer_may_refer_to_and_no_more() {
    let config = PerMessageDeflate::new()
        .context_takeover(true)
        .inbound_window_bits(12)
        .pool_size(0);
    let mut ends = pair(&config, &config);
    let held = kept(|| {
        let wire = encode(&mut *ends.client.0, &json(500));
        decode(&mut *ends.server.1, &wire).unwrap();
    });
    assert!(held > 150_000, "{held}");
    let given = kept(|| {
        ends.client.0.release();
        ends.server.1.release();
    });
    let left = held + given;
    assert!((4096..5000).contains(&left), "{left} of {held}");
}

/// Zeros, a thousand times smaller: `mebibytes` runs of blocks that need nothing before them.
fn bomb(mebibytes: usize) -> Vec<u8> {
    let config = PerMessageDeflate::new().level(9).outbound_window_bits(15);
    let zeros = encode(&mut *pair(&config, &config).server.0, &vec![0; 1 << 20]);
    let block = [&zeros[..], &[0x00, 0x00, 0xff, 0xff]].concat();
    let mut bomb = block.repeat(mebibytes);
    bomb.truncate(bomb.len() - 4);
    bomb
}

fn read(
    limit: u64,
    payload: &[u8],
    decoder: Box<dyn Decode>,
) -> (Result<(), ProtocolError>, Usage) {
    let machine = Config::new(Role::Client).max_message(limit);
    let mut inbound = Inbound::new(Role::Client, &machine, Some(decoder));
    let mut wire = frame(payload);
    ALLOCATOR.measure(|| {
        let mut rest = &mut wire[..];
        loop {
            // As a transport delivers it.
            let most = rest.len().min(16 * 1024);
            let (used, event) = inbound.handle(&mut rest[..most])?;
            if event.is_none() && used == rest.len() {
                return Ok(());
            }
            rest = &mut rest[used..];
        }
    })
}

/// A compressed binary message in one frame of a server.
fn frame(payload: &[u8]) -> Vec<u8> {
    wire::frame(Role::Client, wire::FIN | wire::RSV1 | wire::BINARY, payload)
}

// covers PMD-7.2.2-06, PMD-8-02
#[test]
fn a_bomb_of_110_mib_is_refused_in_the_memory_of_the_limit() {
    let bomb = bomb(110);
    assert!(
        (100 * 1024..125 * 1024).contains(&bomb.len()),
        "{}",
        bomb.len()
    );
    let inflater = inflater();
    for limit in [64 * 1024, 1 << 20, 4 << 20] {
        let config = PerMessageDeflate::new();
        let decoder = pair(&config, &config).client.1;
        let (result, used) = read(limit, &bomb, decoder);
        let error = result.unwrap_err();
        assert_eq!(error.close_code().get(), 1009);
        assert!(
            matches!(error, ProtocolError::MessageTooBig { .. }),
            "{error}"
        );
        let bound = limit as usize + 16 * 1024 + inflater;
        assert!(used.peak <= bound, "limit {limit}: {used:?}, over {bound}");
    }
}

/// What inflating takes, whatever the message: the inflater, and the last 32 KiB a second time.
fn inflater() -> usize {
    let config = PerMessageDeflate::new();
    let wire = encode(&mut *pair(&config, &config).server.0, &json(2000));
    let mut decoder = pair(&config, &config).client.1;
    let mut out = BytesMut::with_capacity(json(2000).len());
    let (_, used) = ALLOCATOR.measure(|| {
        assert!(decoder.begin(MessageKind::Binary, Rsv::RSV1).unwrap());
        let room = out.capacity();
        decoder
            .decode(&mut &wire[..], true, &mut out, room)
            .unwrap();
    });
    assert!(used.peak < 100_000, "{used:?}");
    used.peak
}

/// A program may keep what it received: many short messages are many, and short.
#[test]
fn short_messages_that_are_kept_take_little_more_than_their_length() {
    let config = PerMessageDeflate::new();
    let payload = json(4);
    let wire = encode(&mut *pair(&config, &config).server.0, &payload);
    let wire = frame(&wire);
    let mut inbound = Inbound::new(
        Role::Client,
        &Config::new(Role::Client),
        Some(pair(&config, &config).client.1),
    );
    let mut receive = || {
        let mut wire = wire.clone();
        let (_, event) = inbound.handle(&mut wire).unwrap();
        match event {
            Some(EventRef::Assembled(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    receive();
    let mut messages = Vec::with_capacity(1000);
    let (_, used) = ALLOCATOR.measure(|| messages.extend((0..1000).map(|_| receive())));
    assert_eq!(messages[999].as_bytes(), payload);
    let each = used.kept / 1000;
    assert!(each < 2 * payload.len() as isize + 100, "{each} bytes each");
}

/// The decoder alone never makes more than there is room for.
// covers PMD-7.2.2-06
#[test]
fn a_bomb_makes_no_more_than_the_room() {
    let bomb = bomb(4);
    let config = PerMessageDeflate::new();
    let mut decoder = pair(&config, &config).client.1;
    assert!(decoder.begin(MessageKind::Binary, Rsv::RSV1).unwrap());
    let mut out = BytesMut::with_capacity(100_000);
    let (_, used) = ALLOCATOR.measure(|| {
        decoder
            .decode(&mut &bomb[..], true, &mut out, 100_000)
            .unwrap();
    });
    assert_eq!(out.len(), 100_000);
    assert!(used.peak < 130_000, "{used:?}");
}

// covers PMD-7.2.2-06
#[test]
fn the_limit_holds_to_the_byte() {
    let config = PerMessageDeflate::new();
    for len in [200, 16 * 1024, 100_000] {
        let payload: Vec<u8> = json(3000).into_iter().cycle().take(len).collect();
        let wire = encode(&mut *pair(&config, &config).server.0, &payload);
        for (limit, fits) in [(len - 1, false), (len, true), (len + 1, true)] {
            let decoder = pair(&config, &config).client.1;
            let (result, _) = read(limit as u64, &wire, decoder);
            match result {
                Ok(()) => assert!(fits, "{len} bytes in {limit}"),
                Err(error) => {
                    assert!(!fits, "{len} bytes in {limit}");
                    assert_eq!(error.close_code().get(), 1009);
                }
            }
        }
    }
}

/// Work that leads to nothing ends: blocks without content, and blocks that end the stream again and again.
// covers PMD-8-02
#[test]
fn work_without_content_is_bounded() {
    let config = PerMessageDeflate::new();
    let refused = |payload: &[u8]| {
        let mut decoder = pair(&config, &config).client.1;
        let result = decode(&mut *decoder, payload);
        assert_eq!(result.unwrap_err().close_code().get(), 1009);
    };
    refused(&[0x00, 0x00, 0x00, 0xff, 0xff].repeat(20_000));
    refused(&[0x03, 0x00].repeat(40_000));
    // A full window, and then blocks of one byte with BFINAL, each of which needs it again.
    let full = encode(&mut *pair(&config, &config).server.0, &json(3000));
    let with = |blocks: usize| {
        let blocks = [0x4b, 0x04, 0x00].repeat(blocks);
        [&full[..], &[0x00, 0x00, 0xff, 0xff], &blocks, &[0x00]].concat()
    };
    let read = decode(&mut *pair(&config, &config).client.1, &with(100)).unwrap();
    assert_eq!(read, [json(3000), vec![b'a'; 100]].concat());
    refused(&with(1000));
}

/// Messages share that bound, so that it isn't the length of messages that decides. A copy for each is free: some peers
/// end every message so.
// covers PMD-8-02
#[test]
fn copies_of_history_are_bounded_for_all_messages_together() {
    let config = PerMessageDeflate::new()
        .context_takeover(true)
        .outbound_window_bits(15);
    let full = encode(&mut *pair(&config, &config).server.0, &json(3000));
    let read = |message: &[u8], count| {
        let mut decoder = pair(&config, &config).client.1;
        decode(&mut *decoder, &full).unwrap();
        (0..count).try_for_each(|_| decode(&mut *decoder, message).map(drop))
    };
    let many = [&[0x03, 0x00].repeat(100)[..], &[0x00]].concat();
    read(&many, 2).unwrap();
    assert_eq!(read(&many, 4).unwrap_err().close_code().get(), 1009);
    read(&[0x4b, 0x04, 0x00], 2000).unwrap();
}

/// Where that bound lies doesn't depend on how the message is cut, or on the room for what it becomes.
// covers PMD-8-02
#[test]
fn work_without_content_is_bounded_at_the_same_byte_however_it_is_cut() {
    let config = PerMessageDeflate::new();
    let empty = |blocks: usize| [0x00, 0x00, 0x00, 0xff, 0xff].repeat(blocks);
    let stored = |len: u16| {
        let head = [[0].as_slice(), &len.to_le_bytes(), &(!len).to_le_bytes()].concat();
        [head, vec![b'a'; len.into()]].concat()
    };
    let compressed = encode(&mut *pair(&config, &config).server.0, &json(500));
    let compressed = [&compressed[..], &[0x00, 0x00, 0xff, 0xff]].concat();
    // 64 KiB without content, and 16 bytes for each byte of it. A compressed block has a table first.
    let beyond = (json(500).len() * 16 + 65_536 - compressed.len()) / 5;
    let messages = [
        ([empty(13_106), stored(5_000)].concat(), true),
        ([empty(13_107), stored(5_000)].concat(), false),
        ([stored(1_000), empty(16_106)].concat(), true),
        (
            [stored(1_000), empty(16_107), stored(60_000)].concat(),
            false,
        ),
        ([empty(13_000), compressed.clone()].concat(), true),
        ([empty(13_108), compressed.clone()].concat(), false),
        (
            [&compressed[..], &empty(beyond - 100), &compressed].concat(),
            true,
        ),
        (
            [&compressed[..], &empty(beyond + 1), &compressed].concat(),
            false,
        ),
    ];
    for (at, (blocks, fits)) in messages.iter().enumerate() {
        let wire = [&blocks[..], &[0x00]].concat();
        let check = |way: &str, size: &mut dyn FnMut() -> usize| {
            let mut decoder = pair(&config, &config).client.1;
            match decode_runs(&mut *decoder, &wire, size) {
                Ok(_) => assert!(fits, "message {at}, {way}: taken"),
                Err(error) => {
                    assert_eq!(error.close_code().get(), 1009);
                    assert!(!fits, "message {at}, {way}: {error}");
                }
            }
        };
        check("whole", &mut || usize::MAX >> 1);
        check("byte by byte", &mut || 1);
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let most = [10, 1_000, 70_000][random.below(3)];
            check(&format!("seed {seed}"), &mut || 1 + random.below(most));
        }
    }
}
