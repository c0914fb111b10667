//! The protocol vectors, as far as a connection without permessage-deflate can express them.

mod driver;

use bowline_frame::{CloseFrame, Message, Role};
use bowline_proto::{Config, Connection};
use bowline_testing::vectors::frame_sequences::Event;
use bowline_testing::vectors::{self, frame_invalid::InvalidFrame};
use bowline_testing::wire::{BINARY, CLOSE, CONT, FIN, PING, PONG, TEXT, frame};
use bowline_testing::{feed, hex};

use driver::{Driver, Seen, WAYS, Way, connection, role};

// covers WS-5.4-01, WS-5.4-02, WS-5.4-04, WS-5.4-05, WS-5.4-06, WS-5.4-08, WS-5.4-10, WS-5.5.1-06,
// WS-5.5.1-10, WS-5.5.2-01, WS-5.5.3-01, WS-5.5.3-03, WS-5.6-01, WS-5.6-02, WS-6.2-01, WS-10.4-01
#[test]
fn sequences_give_their_events_and_replies_however_they_arrive() {
    let mut checked = 0;
    for vector in vectors::frame_sequences::load().vectors {
        if vector.negotiated.is_some() {
            continue;
        }
        checked += 1;
        let receiver = role(vector.receiver);
        let limit = vector.limits.map(|limits| limits.max_message);
        for way in ways(limit) {
            let check = |chunks: &[&[u8]]| {
                let mut driver = Driver::new(limited(receiver, limit), way);
                for chunk in chunks {
                    driver.feed(chunk);
                }
                let failed = vector.expect_close.map(|code| {
                    let Some(Seen::Failed(actual, why)) = driver.seen.pop() else {
                        panic!("{}, {way:?}: not failed", vector.id);
                    };
                    assert_eq!(actual, code, "{}, {way:?}", vector.id);
                    CloseFrame::truncated(code.try_into().unwrap(), &why)
                });
                let expected: Vec<_> = vector.expect_events.iter().map(seen).collect();
                assert_eq!(driver.seen, expected, "{}, {way:?}", vector.id);

                let peer = receiver.peer();
                let mut replies = Vec::new();
                for reply in vector.expect_replies.iter().flatten() {
                    replies.extend(frame(peer, FIN | reply.opcode, &*reply.payload));
                }
                if let Some(close) = failed {
                    replies.extend(frame(peer, CLOSE, body(&close)));
                }
                hex::assert_bytes_eq(
                    &driver.written(),
                    &replies,
                    format_args!("{}, {way:?}", vector.id),
                );
            };
            feed::each_chunking(&vector.wire, check);
            let frames: Vec<&[u8]> = vector.frames.iter().map(|frame| &**frame).collect();
            check(&frames);
        }
    }
    assert_eq!(checked, 56);
}

// covers WS-5.1-01, WS-5.1-02, WS-5.2-01, WS-5.2-02, WS-5.2-06, WS-5.2-08, WS-5.4-03, WS-5.5-01, WS-5.5.1-01,
// WS-5.8-01, WS-7.1.7-02, WS-7.1.7-03, WS-7.4-01, WS-7.4-02, WS-8.1-01, WS-10.7-01
#[test]
fn invalid_frames_fail_with_their_close_code_however_they_arrive() {
    let mut checked = 0;
    for vector in invalid() {
        checked += 1;
        let receiver = role(vector.receiver);
        let limit = frame_limit(&vector);
        for way in ways(limit) {
            feed::each_chunking(&vector.wire, |chunks| {
                let mut driver = Driver::new(limited(receiver, limit), way);
                for chunk in chunks {
                    driver.feed(chunk);
                }
                // Whatever follows is thrown away.
                driver.feed(&frame(receiver, PING, b"late"));
                driver.feed(&frame(receiver, CLOSE, b""));
                let [Seen::Failed(code, why)] = &driver.seen[..] else {
                    panic!("{}, {way:?}: {:?}", vector.id, driver.seen);
                };
                assert_eq!(*code, vector.expect_close, "{}, {way:?}", vector.id);
                let close = CloseFrame::truncated(vector.expect_close.try_into().unwrap(), why);
                hex::assert_bytes_eq(
                    &driver.written(),
                    &frame(receiver.peer(), CLOSE, body(&close)),
                    format_args!("{}, {way:?}", vector.id),
                );
            });
        }
    }
    assert_eq!(checked, 141);
}

// covers WS-8.1-02
#[test]
fn a_violation_is_told_with_the_byte_that_makes_it_certain() {
    for vector in invalid() {
        let index = match vector.earliest_error_index {
            // Six zero bytes already say that 64 bits are too many; the table waits for all eight.
            Some(_) if vector.id.starts_with("nonminimal64-") => 7,
            Some(index) => index,
            // The payload shows it.
            None => continue,
        };
        let limit = frame_limit(&vector);
        for way in ways(limit) {
            feed::each_chunking(&vector.wire[..=index], |chunks| {
                let mut driver = Driver::new(limited(role(vector.receiver), limit), way);
                let (last, before) = chunks.split_last().unwrap();
                for chunk in before.iter().copied() {
                    driver.feed(chunk);
                }
                if !last.is_empty() {
                    assert_eq!(driver.seen, [], "{}, {way:?}: too early", vector.id);
                }
                driver.feed(last);
                assert_eq!(driver.seen.len(), 1, "{}, {way:?}: too late", vector.id);
            });
        }
    }
}

// covers WS-5.6-01, WS-8.1-01, WS-8.1-02
#[test]
fn text_is_judged_byte_by_byte_in_one_frame_and_in_fragments() {
    for vector in vectors::utf8::load().vectors {
        for receiver in [Role::Server, Role::Client] {
            // Longer than the text, so that only a wrong byte can fail it.
            let open = frame(receiver, TEXT | FIN, [&*vector.bytes, b"!"].concat());
            let one = open.len() - 1 - vector.bytes.len();
            for way in WAYS {
                let fails_at = |wire: &[u8], byte_at: &dyn Fn(usize) -> usize| {
                    let mut driver = Driver::new(unlimited(receiver), way);
                    for (at, byte) in wire.iter().enumerate() {
                        driver.feed(&[*byte]);
                        if let Some(seen) = driver.seen.first() {
                            assert_eq!(
                                seen,
                                &Seen::Failed(1007, "text message is not UTF-8".into()),
                                "{}",
                                vector.id
                            );
                            assert_eq!(
                                Some(at),
                                vector.fail_index.map(byte_at),
                                "{}, {way:?}",
                                vector.id
                            );
                            return true;
                        }
                    }
                    false
                };
                let fails = vector.fail_index.is_some();
                let payload = &open[..open.len() - 1];
                assert_eq!(fails_at(payload, &|at| one + at), fails, "{}", vector.id);

                // Each byte in a frame of its own.
                let mut fragments = Vec::new();
                for (index, byte) in vector.bytes.iter().enumerate() {
                    let first = if index == 0 { TEXT } else { CONT };
                    fragments.extend(frame(receiver, first, [*byte]));
                }
                let each = frame(receiver, CONT, b"x").len();
                let last_of = |at: usize| at * each + each - 1;
                assert_eq!(fails_at(&fragments, &last_of), fails, "{}", vector.id);
            }
        }
    }
}

// covers WS-5.6-01, WS-8.1-01, WB-20
#[test]
fn text_is_a_message_if_and_only_if_it_is_utf8() {
    for vector in vectors::utf8::load().vectors {
        let expected = match std::str::from_utf8(&vector.bytes) {
            Ok(text) => Seen::Message(Message::from(text)),
            Err(_) => Seen::Failed(1007, "text message is not UTF-8".into()),
        };
        assert_eq!(vector.valid, matches!(expected, Seen::Message(_)));
        let middle = vector.bytes.len() / 2;
        let (left, right) = vector.bytes.split_at(middle);
        let whole = frame(Role::Client, TEXT | FIN, &*vector.bytes);
        let fragments = [
            frame(Role::Client, TEXT, left),
            frame(Role::Client, CONT | FIN, right),
        ]
        .concat();
        for way in WAYS {
            for wire in [&whole, &fragments] {
                feed::each_chunking(wire, |chunks| {
                    let mut driver = Driver::new(unlimited(Role::Client), way);
                    chunks.iter().for_each(|chunk| driver.feed(chunk));
                    let expected = std::slice::from_ref(&expected);
                    assert_eq!(driver.seen, expected, "{}, {way:?}", vector.id);
                });
            }
        }
    }
}

// covers WS-5.5.1-01, WS-5.5.1-02, WS-5.5.1-04, WS-5.5.1-06, WS-7.1.5-01, WS-7.1.6-01, WS-7.4-01, WB-25,
// WB-27
#[test]
fn close_payloads_end_the_connection_as_in_the_table() {
    for vector in vectors::close::load().payloads {
        for receiver in [Role::Server, Role::Client] {
            let wire = frame(receiver, CLOSE, &*vector.payload);
            feed::each_chunking(&wire, |chunks| {
                let mut driver = Driver::new(unlimited(receiver), Way::Whole);
                chunks.iter().for_each(|chunk| driver.feed(chunk));
                let written = driver.written();
                driver.connection.handle_eof();
                let ended = driver.connection.ended();
                if let Some(code) = vector.expect_close {
                    let [Seen::Failed(actual, _)] = driver.seen[..] else {
                        panic!("{}: {:?}", vector.id, driver.seen);
                    };
                    assert_eq!((actual, ended.code()), (code, 1006), "{}", vector.id);
                    assert!(!ended.clean, "{}", vector.id);
                } else {
                    let [Seen::Close(_)] = &driver.seen[..] else {
                        panic!("{}: {:?}", vector.id, driver.seen);
                    };
                    assert_eq!(Some(ended.code()), vector.code, "{}", vector.id);
                    assert_eq!(Some(ended.reason()), vector.reason.as_deref());
                    assert!(ended.clean, "{}", vector.id);
                    // The code is echoed, the reason isn't.
                    let code = &vector.payload[..vector.payload.len().min(2)];
                    let reply = frame(receiver.peer(), CLOSE, code);
                    hex::assert_bytes_eq(&written, &reply, &vector.id);
                }
            });
        }
    }
}

// covers WS-7.4-01, WS-7.4-02
#[test]
fn each_close_code_from_0_to_5000_is_taken_or_answered_with_1002() {
    let table = vectors::close::load().code_valid_0_to_5000;
    assert_eq!(table.len(), 5001);
    for (code, valid) in (0_u16..).zip(table.bytes()) {
        let mut driver = Driver::new(unlimited(Role::Client), Way::Whole);
        driver.feed(&frame(Role::Client, CLOSE, code.to_be_bytes()));
        match driver.seen[..] {
            [Seen::Close(Some(ref close))] => {
                assert_eq!((close.code().get(), valid), (code, b'1'));
            }
            [Seen::Failed(1002, _)] => assert_eq!(valid, b'0', "{code}"),
            ref seen => panic!("{code}: {seen:?}"),
        }
    }
}

/// The lengths and cuts of the Autobahn suite's groups 1, 2, 5 and 9, scaled to a machine without a network.
// covers WS-5.2-05, WS-5.4-01, WS-5.4-02, WS-5.5-01, WS-5.5.2-01, WS-5.5.3-01, WS-5.5.3-02
#[test]
fn messages_of_many_lengths_and_cuts_arrive_once_and_in_order() {
    const LENGTHS: [usize; 12] = [
        0, 1, 125, 126, 127, 128, 4096, 16_384, 16_385, 65_535, 65_536, 200_000,
    ];
    for receiver in [Role::Server, Role::Client] {
        for len in LENGTHS {
            for fragment in [len, len.div_ceil(2), len.div_ceil(5), 997] {
                let payload: Vec<u8> = (b'!'..=b'~').cycle().take(len).collect();
                let mut wire = Vec::new();
                let mut expected = Vec::new();
                let mut replies = Vec::new();
                let mut pieces = payload.chunks(fragment.max(1)).peekable();
                let mut first = if len % 2 == 0 { TEXT } else { BINARY };
                if pieces.peek().is_none() {
                    wire.extend(frame(receiver, first | FIN, b""));
                }
                while let Some(piece) = pieces.next() {
                    let fin = if pieces.peek().is_none() { FIN } else { 0 };
                    wire.extend(frame(receiver, fin | first, piece));
                    first = CONT;
                    let ping = &piece[..piece.len().min(7)];
                    wire.extend(frame(receiver, PING, ping));
                    if fin != 0 {
                        expected.push(Seen::Message(message(len, &payload)));
                    }
                    expected.push(Seen::Ping(ping.to_vec()));
                    replies.extend(frame(receiver.peer(), PONG, ping));
                }
                if len == 0 {
                    expected.push(Seen::Message(message(0, b"")));
                }
                for way in WAYS {
                    for chunk in [wire.len(), 1, 13, 1000, 20_000, 65_536] {
                        if chunk == 1 && len > 20_000 {
                            continue;
                        }
                        let mut driver = Driver::new(unlimited(receiver), way);
                        wire.chunks(chunk).for_each(|chunk| driver.feed(chunk));
                        assert!(
                            driver.seen == expected,
                            "{len} bytes in frames of {fragment}, {way:?}, read {chunk} at a time"
                        );
                        hex::assert_bytes_eq(&driver.written(), &replies, "pongs");
                    }
                }
            }
        }
    }
}

fn message(len: usize, payload: &[u8]) -> Message {
    if len.is_multiple_of(2) {
        Message::from(std::str::from_utf8(payload).unwrap())
    } else {
        Message::from(payload)
    }
}

/// The invalid frames that need no permessage-deflate.
fn invalid() -> impl Iterator<Item = InvalidFrame> {
    vectors::frame_invalid::load()
        .into_iter()
        .filter(|vector| vector.negotiated.is_none())
}

/// Bowline has one limit for frames and messages alike; each of these vectors is a single frame.
fn frame_limit(vector: &InvalidFrame) -> Option<u64> {
    vector.limits.map(|limits| limits.max_frame)
}

/// What is handed out in chunks isn't limited.
fn ways(limit: Option<u64>) -> impl Iterator<Item = Way> {
    WAYS.into_iter()
        .filter(move |way| limit.is_none() || *way != Way::Chunks)
}

fn limited(receiver: Role, limit: Option<u64>) -> Connection {
    let mut config = Config::new(receiver);
    if let Some(limit) = limit {
        config = config.max_message(limit);
    }
    connection(receiver, &config, None)
}

fn unlimited(receiver: Role) -> Connection {
    limited(receiver, None)
}

fn seen(event: &Event) -> Seen {
    match event {
        Event::Text { data } => Seen::Message(Message::from(&**data)),
        Event::Binary { data } => Seen::Message(Message::from(&**data)),
        Event::Ping { data } => Seen::Ping(data.to_vec()),
        Event::Pong { data } => Seen::Pong(data.to_vec()),
        Event::Close { code: 1005, reason } if reason.is_empty() => Seen::Close(None),
        Event::Close { code, reason } => {
            let code = (*code).try_into().unwrap();
            Seen::Close(Some(CloseFrame::new(code, &**reason).unwrap()))
        }
    }
}

fn body(close: &CloseFrame) -> Vec<u8> {
    let mut body = bytes::BytesMut::new();
    close.encode(&mut body);
    body.to_vec()
}
