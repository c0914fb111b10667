//! Input in memory that is given away, which becomes that of its message.

use bowline_frame::{Message, Role};
use bowline_proto::{Config, Connection, EventRef, Inbound};
use bowline_testing::extension::RunLength;
use bowline_testing::wire::{BINARY, CLOSE, CONT, FIN, PING, TEXT, frame, head};
use bytes::BytesMut;

const KIB: usize = 1024;

#[test]
fn a_message_keeps_the_memory_it_came_in() {
    for (kind, payload) in [
        (BINARY, vec![7; 20 * KIB]),
        (TEXT, "é".repeat(10 * KIB).into_bytes()),
        (BINARY, Vec::new()),
    ] {
        let mut buffer = BytesMut::from(&frame(Role::Server, FIN | kind, &payload)[..]);
        let start = buffer.len() - payload.len();
        let place = buffer.as_ptr().wrapping_add(start);
        let mut inbound = server();
        assert!(inbound.takes_buffer());
        let message = owned(inbound.handle_buffer(&mut buffer).unwrap());
        assert_eq!(message.as_bytes(), payload);
        assert!(message.is_empty() || message.as_bytes().as_ptr() == place);
        assert!(buffer.is_empty());
        let arrival = inbound.arrival();
        assert_eq!(arrival.fragments, 1);
        assert_eq!(arrival.wire_len, payload.len() as u64);
    }
}

#[test]
fn a_message_that_begins_there_goes_on_there() {
    let payload = vec![7; 100 * KIB];
    let wire = frame(Role::Server, FIN | BINARY, &payload);
    let mut inbound = server();
    let mut buffer = BytesMut::with_capacity(wire.len());
    buffer.extend_from_slice(&wire[..60 * KIB]);
    let place = buffer.as_ptr().wrapping_add(60 * KIB);
    assert!(inbound.handle_buffer(&mut buffer).unwrap().is_none());
    assert!(buffer.is_empty() && !inbound.takes_buffer());
    let space = inbound.assembly().unwrap();
    assert_eq!(space.as_ptr().wrapping_add(space.len()), place);
    space.extend_from_slice(&wire[60 * KIB..]);
    let message = owned(inbound.handle_assembly().unwrap());
    assert_eq!(message, Message::from(payload));
}

#[test]
fn what_lies_behind_the_message_stays() {
    let mut buffer = BytesMut::from(&frame(Role::Server, FIN | BINARY, [7; 300])[..]);
    let next = frame(Role::Server, FIN | TEXT, "next");
    buffer.extend_from_slice(&next);
    let mut inbound = server();
    let message = owned(inbound.handle_buffer(&mut buffer).unwrap());
    assert_eq!(message, Message::from(vec![7; 300]));
    assert_eq!(buffer, next);
    let mut rest = buffer.to_vec();
    let (used, event) = inbound.handle(&mut rest).unwrap();
    assert!(matches!(event, Some(EventRef::Message(message)) if message.as_bytes() == b"next"));
    assert_eq!(used, next.len());
}

#[test]
fn anything_but_a_message_in_one_frame_is_left_for_handle() {
    let ping = frame(Role::Server, PING, "ping");
    let fragment = frame(Role::Server, BINARY, [7; 20]);
    let of_none = frame(Role::Server, FIN | CONT, [7; 20]);
    let unmasked = frame(Role::Client, FIN | BINARY, [7; 20]);
    let reserved = frame(Role::Server, FIN | 3, [7; 20]);
    let cut = frame(Role::Server, FIN | BINARY, [7; 300])[..7].to_vec();
    for (wire, fails) in [
        (ping, false),
        (fragment, false),
        (of_none, true),
        (unmasked, true),
        (reserved, true),
        (cut, false),
        (Vec::new(), false),
    ] {
        let mut inbound = server();
        let mut buffer = BytesMut::from(&wire[..]);
        // A header that only `handle` may refuse may be refused here as well.
        let Ok(event) = inbound.handle_buffer(&mut buffer) else {
            assert!(fails);
            continue;
        };
        assert!(event.is_none());
        assert_eq!(buffer, wire);
        assert_eq!(inbound.handle(&mut buffer).is_err(), fails, "{wire:x?}");
    }
}

#[test]
fn no_buffer_is_taken_within_a_message_or_a_header_or_after_the_end() {
    let whole = frame(Role::Server, FIN | BINARY, [7; 20]);
    for first in [
        &frame(Role::Server, BINARY, [7; 20])[..],
        &whole[..1],
        &whole[..whole.len() - 1],
        &frame(Role::Server, CLOSE, b""),
    ] {
        let mut inbound = server();
        inbound.handle(&mut first.to_vec()).unwrap();
        assert!(!inbound.takes_buffer(), "{first:x?}");
        let mut buffer = BytesMut::from(&whole[..]);
        assert!(inbound.handle_buffer(&mut buffer).unwrap().is_none());
        assert_eq!(buffer, whole);
    }
}

#[test]
fn an_extension_sees_every_message() {
    let (_, decode) = RunLength::new(255).boxed().split();
    let mut inbound = Inbound::new(Role::Server, &Config::new(Role::Server), Some(decode));
    assert!(!inbound.takes_buffer());
    let wire = frame(Role::Server, FIN | BINARY, [7; 20]);
    let mut buffer = BytesMut::from(&wire[..]);
    assert!(inbound.handle_buffer(&mut buffer).unwrap().is_none());
    assert_eq!(buffer, wire);
}

#[test]
fn a_message_holds_at_most_twice_the_memory_it_needs() {
    let wire = frame(Role::Server, FIN | BINARY, vec![7; 20 * KIB]);
    for (capacity, taken) in [(2 * wire.len(), true), (2 * wire.len() + 1, false)] {
        let mut buffer = BytesMut::with_capacity(capacity);
        buffer.extend_from_slice(&wire);
        assert_eq!(buffer.capacity(), capacity);
        let mut inbound = server();
        let event = inbound.handle_buffer(&mut buffer).unwrap();
        assert_eq!(event.is_some(), taken, "{capacity}");
        assert_eq!(buffer.is_empty(), taken);
    }
}

// covers WS-10.4-01
#[test]
fn the_limit_holds_for_what_is_given_away() {
    const LIMIT: usize = 20 * KIB;
    for (len, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
        for kind in [TEXT, BINARY] {
            let config = Config::new(Role::Server).max_message(LIMIT as u64);
            let mut connection = Connection::server(&config, None);
            let wire = frame(Role::Server, FIN | kind, vec![b'a'; len]);
            let mut buffer = BytesMut::from(&wire[..]);
            match connection.handle_buffer(&mut buffer) {
                Ok(event) => assert!(fits && owned(event).len() == len),
                Err(error) => {
                    assert!(!fits);
                    assert_eq!(error.close_code().get(), 1009);
                    assert!(connection.outbound().is_closed(), "the Close is queued");
                }
            }
        }
    }
}

#[test]
fn a_length_that_is_only_claimed_costs_no_memory() {
    let mut inbound = server();
    let mut buffer = BytesMut::with_capacity(40 * KIB);
    buffer.extend_from_slice(&head(Role::Server, FIN | BINARY, 15 << 20));
    buffer.extend_from_slice(&[0; 20 * KIB]);
    assert!(inbound.handle_buffer(&mut buffer).unwrap().is_none());
    let space = inbound.assembly().unwrap();
    assert!(space.capacity() <= 40 * KIB, "{}", space.capacity());
}

#[test]
fn text_that_is_not_utf8_fails_the_connection() {
    for payload in [&b"\xff"[..], b"a\xc3", b"\xed\xa0\x80"] {
        let mut inbound = server();
        let mut buffer = BytesMut::from(&frame(Role::Server, FIN | TEXT, payload)[..]);
        let error = inbound.handle_buffer(&mut buffer).unwrap_err();
        assert_eq!(error.close_code().get(), 1007);
    }
    // The message is not there yet, and what came of it can't be the start of text.
    let wire = frame(
        Role::Server,
        FIN | TEXT,
        [&b"abc\xff"[..], &[b'a'; 100]].concat(),
    );
    let mut inbound = server();
    let mut buffer = BytesMut::from(&wire[..60]);
    let error = inbound.handle_buffer(&mut buffer).unwrap_err();
    assert_eq!(error.close_code().get(), 1007);
}

fn server() -> Inbound {
    Inbound::new(Role::Server, &Config::new(Role::Server), None)
}

fn owned(event: Option<EventRef<'_>>) -> Message {
    match event {
        Some(EventRef::Assembled(message)) => message,
        other => panic!("{other:?}"),
    }
}
