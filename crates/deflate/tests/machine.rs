//! permessage-deflate inside an open connection, frame by frame.

mod support;

use bowline_deflate::PerMessageDeflate;
use bowline_extension::Negotiate;
use bowline_frame::{MaskKeys, Message, MessageKind, Role};
use bowline_proto::{Config, Connection, EventRef, Inbound, Prepared, ProtocolError};
use bowline_testing::wire;
use bytes::{Buf, Bytes};
use support::{encode, json, pair};

/// What a client makes of unmasked frames: messages, and pings as text.
fn read(frames: &[u8]) -> Result<Vec<Message>, ProtocolError> {
    let config = PerMessageDeflate::new().context_takeover(true);
    let decoder = pair(&config, &config).client.1;
    let mut inbound = Inbound::new(Role::Client, &Config::new(Role::Client), Some(decoder));
    let mut frames = frames.to_vec();
    let mut rest = &mut frames[..];
    let mut events = Vec::new();
    loop {
        let (used, event) = inbound.handle(rest)?;
        match event {
            Some(EventRef::Message(message)) => events.push(message.to_owned()),
            Some(EventRef::Assembled(message)) => events.push(message),
            Some(EventRef::Ping(payload)) => events.push(Message::from(payload)),
            Some(_) => {}
            None => return Ok(events),
        }
        rest = &mut rest[used..];
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, payload.len() as u8], payload].concat()
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

// covers PMD-6.1-02, PMD-9-01
#[test]
fn rsv1_stands_on_the_first_frame_of_a_message_only() {
    let hello = || Message::from("Hello");
    assert_eq!(read(&frame(0xc1, &HELLO)).unwrap(), [hello()]);
    let first = frame(0x41, &HELLO[..3]);
    let right = [first.clone(), frame(0x80, &HELLO[3..])].concat();
    assert_eq!(read(&right).unwrap(), [hello()]);
    let continuation = [first, frame(0xc0, &HELLO[3..])].concat();
    for wrong in [
        continuation,
        frame(0xc9, b""),
        frame(0xca, b""),
        frame(0xc8, b""),
    ] {
        assert_eq!(
            read(&wrong).unwrap_err().close_code().get(),
            1002,
            "{wrong:x?}"
        );
    }
}

// covers PMD-6.1-03
#[test]
fn text_is_utf8_when_it_is_decompressed() {
    let config = PerMessageDeflate::new();
    let mut encoder = pair(&config, &config).server.0;
    let wire = encode(&mut *encoder, "naïve".as_bytes());
    assert_eq!(read(&frame(0xc1, &wire)).unwrap(), [Message::from("naïve")]);
    let wire = encode(&mut *encoder, b"na\xefve");
    assert_eq!(
        read(&frame(0xc1, &wire)).unwrap_err().close_code().get(),
        1007
    );
    assert_eq!(
        read(&frame(0xc2, &wire)).unwrap(),
        [Message::from(&b"na\xefve"[..])]
    );
}

// covers PMD-6.1-04, PMD-6.2-02
#[test]
fn control_frames_and_plain_messages_do_not_touch_the_window() {
    let ping = frame(0x89, b"ping");
    let mut frames = Vec::new();
    for (index, byte) in HELLO.iter().enumerate() {
        let first = match index {
            0 => 0x41,
            6 => 0x80,
            _ => 0x00,
        };
        frames.push(frame(first, &[*byte]));
        frames.push(ping.clone());
    }
    frames.push(frame(0x81, b"plain"));
    // RFC 7692 §7.2.3.2: it refers to the Hello before it.
    frames.push(frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00]));
    let events = read(&frames.concat()).unwrap();
    let pings = vec![Message::from(&b"ping"[..]); 6];
    let hello = Message::from("Hello");
    let rest = [
        hello.clone(),
        Message::from(&b"ping"[..]),
        Message::from("plain"),
        hello,
    ];
    assert_eq!(events, [&pings[..], &rest[..]].concat());
}

/// Moves what `from` has to say to `to`, and returns the messages it read.
fn carry(from: &mut Connection, to: &mut Connection) -> Vec<Message> {
    let transmit = from.transmit();
    let mut wire = transmit.copy_to_bytes(transmit.remaining()).to_vec();
    let mut rest = &mut wire[..];
    let mut messages = Vec::new();
    loop {
        let (used, event) = to.handle(rest).unwrap();
        match event {
            Some(EventRef::Message(message)) => messages.push(message.to_owned()),
            Some(EventRef::Assembled(message)) => messages.push(message),
            Some(EventRef::Decoding) => {}
            None => return messages,
            other => panic!("{other:?}"),
        }
        rest = &mut rest[used..];
    }
}

#[test]
fn two_connections_talk() {
    let text = |bytes: Vec<u8>| Message::from(String::from_utf8(bytes).unwrap());
    for takeover in [false, true] {
        let config = PerMessageDeflate::new().context_takeover(takeover);
        let (answer, servers) = config.accept(&config.offers()).unwrap();
        let clients = config.confirm(&[answer]).unwrap();
        let mut server = Connection::server(&Config::new(Role::Server), Some(servers));
        let keys = MaskKeys::new(|bytes| bytes.fill(0x5a));
        let mut client = Connection::client(keys, &Config::new(Role::Client), Some(clients));
        for count in [1, 0, 30, 3000] {
            let wanted = [text(json(count)), Message::from(vec![7; count])];
            for message in &wanted {
                client.send(message.clone()).unwrap();
                server.send(message.clone()).unwrap();
            }
            assert!(client.transmit().remaining() < wanted[0].len() / 2 + 100);
            assert_eq!(carry(&mut client, &mut server), wanted);
            assert_eq!(carry(&mut server, &mut client), wanted);
            // In fragments, some of which the compressor holds back altogether.
            let payload = json(count);
            for (index, run) in payload.chunks(99).enumerate() {
                let last = (index + 1) * 99 >= payload.len();
                let run = bytes::Bytes::copy_from_slice(run);
                client.fragment(MessageKind::Text, run, last).unwrap();
            }
            assert_eq!(carry(&mut client, &mut server), [text(payload)]);
        }
    }
}

/// A peer that streams text expects it to arrive, and not when the compressor's block is full.
#[test]
fn each_fragment_can_be_read_when_it_comes() {
    for (takeover, level) in [(false, 1), (true, 1), (false, 6), (true, 6)] {
        let config = PerMessageDeflate::new()
            .context_takeover(takeover)
            .level(level);
        let (mut server, mut client) = connected(&config, &config);
        for count in [1, 2, 100, 0] {
            let words: Vec<_> = (0..count).map(|word| format!("word {word} ")).collect();
            let mut read = String::new();
            for word in words.iter().map(String::as_str).chain(["", ""]) {
                let payload = Bytes::copy_from_slice(word.as_bytes());
                server.fragment(MessageKind::Text, payload, false).unwrap();
                let sent = read.clone() + word;
                hear(&mut server, &mut client, &mut read);
                assert_eq!(read, sent);
            }
            server
                .fragment(MessageKind::Text, Bytes::new(), true)
                .unwrap();
            hear(&mut server, &mut client, &mut read);
            assert_eq!(read, words.concat());
            // And the next message finds both ends in order.
            let whole = Message::from(words.concat().as_str());
            server.send(whole.clone()).unwrap();
            assert_eq!(carry(&mut server, &mut client), [whole]);
        }
    }
}

/// Whether or not messages refer to earlier ones, a message for many is compressed once.
#[test]
fn prepared_and_ordinary_messages_alternate_on_many_connections() {
    let takeover = PerMessageDeflate::new().context_takeover(true);
    let without = PerMessageDeflate::new();
    let narrow = takeover.clone().inbound_window_bits(9);
    let mut ends = [
        connected(&takeover, &takeover),
        connected(&without, &takeover),
        connected(&takeover, &narrow),
        connected(&takeover, &takeover),
    ];
    let text = |count| Message::from(String::from_utf8(json(count)).unwrap());
    for round in 1..20 {
        let ordinary = text(round % 7 + 1);
        let shared = text(round % 5 + 4);
        let mut prepared = Prepared::new(shared.clone());
        let mut lengths = Vec::new();
        for (server, client) in &mut ends {
            server.send(ordinary.clone()).unwrap();
            assert_eq!(carry(server, client), std::slice::from_ref(&ordinary));
            server.send_prepared(&mut prepared).unwrap();
            lengths.push(server.transmit().remaining());
            assert_eq!(carry(server, client), std::slice::from_ref(&shared));
        }
        assert_eq!(lengths[0], lengths[1]);
        assert_eq!(lengths[0], lengths[3]);
        assert!(lengths[0] < shared.len() * 3 / 4);
    }
}

/// Who flushes a compressor behind each byte, or stores bytes one by one, still sends messages of their length.
// covers PMD-7.2.2-06
#[test]
fn a_message_within_the_limit_is_taken_however_it_was_flushed() {
    let stored = [0x00, 0x01, 0x00, 0xfe, 0xff, b'a'].repeat(40_000);
    let payload = [&stored[..], &[0x00]].concat();
    let config = PerMessageDeflate::new();
    for (limit, fits) in [(40_000, true), (39_999, false)] {
        let decoder = pair(&config, &config).client.1;
        let machine = Config::new(Role::Client).max_message(limit);
        let mut inbound = Inbound::new(Role::Client, &machine, Some(decoder));
        let mut wire = wire::frame(Role::Client, 0xc2, &payload);
        match inbound.handle(&mut wire) {
            Ok((_, Some(EventRef::Assembled(message)))) => {
                assert!(fits && message.len() == 40_000);
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(!fits);
                assert!(
                    matches!(error, ProtocolError::MessageTooBig { .. }),
                    "{error}"
                );
            }
        }
    }
}

/// Two ends that agreed.
fn connected(server: &PerMessageDeflate, client: &PerMessageDeflate) -> (Connection, Connection) {
    let (answer, servers) = server.accept(&client.offers()).unwrap();
    let clients = client.confirm(&[answer]).unwrap();
    let keys = MaskKeys::new(|bytes| bytes.fill(0x5a));
    (
        Connection::server(&Config::new(Role::Server), Some(servers)),
        Connection::client(keys, &Config::new(Role::Client), Some(clients)),
    )
}

/// Moves what `from` has to say to `to`, and adds the text that came.
fn hear(from: &mut Connection, to: &mut Connection, text: &mut String) {
    let transmit = from.transmit();
    let mut wire = transmit.copy_to_bytes(transmit.remaining()).to_vec();
    let mut rest = &mut wire[..];
    loop {
        let (used, event) = to.handle_chunk(rest).unwrap();
        match event {
            Some(EventRef::Chunk(chunk)) => {
                text.push_str(std::str::from_utf8(chunk.payload).unwrap());
            }
            Some(other) => panic!("{other:?}"),
            None => return,
        }
        rest = &mut rest[used..];
    }
}
