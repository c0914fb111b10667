//! Reading a large frame into the buffer of its message.

use bowline_frame::{Message, Role};
use bowline_proto::{Config, Connection, EventRef, Inbound};
use bowline_testing::wire::{BINARY, FIN, PING, TEXT, frame, head};

const KIB: usize = 1024;

#[test]
fn there_is_a_place_while_16_kib_have_come_and_16_kib_are_missing() {
    for (come, missing, place) in [
        (16 * KIB, 16 * KIB, true),
        (16 * KIB, 16 * KIB - 1, false),
        (16 * KIB - 1, 16 * KIB, false),
    ] {
        let mut inbound = server();
        arrive(&mut inbound, &begun(come, missing));
        assert_eq!(inbound.assembly().is_some(), place, "{come}, {missing}");
    }
}

#[test]
fn a_message_is_finished_by_what_is_read_in_place() {
    let config = Config::new(Role::Server);
    let payload = vec![7; 100_000];
    let wire = frame(Role::Server, FIN | BINARY, &payload);
    let mut connection = Connection::server(&config, None);
    let (first, mut rest) = wire.split_at(20_000);
    assert_eq!(
        connection.handle(&mut first.to_vec()).unwrap().0,
        first.len()
    );
    let mut message = None;
    let mut in_place = 0;
    while let Some(space) = connection.assembly() {
        let room = space.capacity() - space.len();
        assert!(room > 0 && room <= rest.len());
        let (now, later) = rest.split_at(room);
        space.extend_from_slice(now);
        rest = later;
        in_place += room;
        if let Some(event) = connection.handle_assembly().unwrap() {
            let EventRef::Assembled(assembled) = event else {
                panic!("{event:?}");
            };
            message = Some(assembled);
        }
    }
    if message.is_none() {
        let mut rest = rest.to_vec();
        let (_, event) = connection.handle(&mut rest).unwrap();
        let Some(EventRef::Assembled(assembled)) = event else {
            panic!("{event:?}");
        };
        message = Some(assembled);
    }
    assert_eq!(message, Some(Message::from(payload)));
    assert!(in_place > 60_000, "{in_place}");
}

#[test]
fn text_read_in_place_is_checked() {
    let mut inbound = server();
    arrive(&mut inbound, &begun_as(TEXT, 20 * KIB, 20 * KIB));
    let space = inbound.assembly().unwrap();
    space.extend_from_slice(b"\xff");
    // Under the mask of zeros the byte is what it is.
    let error = inbound.handle_assembly().unwrap_err();
    assert_eq!(error.close_code().get(), 1007);
}

#[test]
fn bytes_beyond_the_place_are_not_part_of_the_message() {
    let mut inbound = server();
    arrive(&mut inbound, &begun(20 * KIB, 20 * KIB));
    let mut missing = 20 * KIB;
    let message = loop {
        let Some(space) = inbound.assembly() else {
            let mut last = vec![0; missing];
            let (_, event) = inbound.handle(&mut last).unwrap();
            break owned(event);
        };
        // What a shell that ignores the capacity would append.
        space.extend_from_slice(&vec![0; missing + 10]);
        missing = 0;
        let event = inbound.handle_assembly().unwrap();
        if event.is_some() {
            break owned(event);
        }
    };
    assert_eq!(message.len(), 40 * KIB);
}

#[test]
fn the_place_shrinks_with_what_came_another_way() {
    let mut inbound = server();
    arrive(&mut inbound, &begun(60 * KIB, 60 * KIB));
    let before = inbound.assembly().unwrap().capacity();
    assert!((KIB..=60 * KIB).contains(&before), "{before}");
    arrive(&mut inbound, &vec![0; 40 * KIB]);
    let after = inbound.assembly().unwrap().capacity();
    assert!((KIB..=20 * KIB).contains(&after), "{after}");
}

#[test]
fn what_was_not_filled_costs_no_second_buffer() {
    let mut inbound = server();
    arrive(&mut inbound, &begun(60 * KIB, 60 * KIB));
    let place = inbound.assembly().unwrap().as_ptr();
    // Less than the space that was lent.
    arrive(&mut inbound, &[0; KIB]);
    let moved = inbound.assembly().unwrap().as_ptr();
    assert_eq!(moved, place.wrapping_add(KIB));
}

#[test]
fn a_ping_has_no_place() {
    let mut inbound = server();
    arrive(&mut inbound, &head(Role::Server, FIN | PING, 125));
    assert!(inbound.assembly().is_none());
}

fn server() -> Inbound {
    Inbound::new(Role::Server, &Config::new(Role::Server), None)
}

/// The start of a message of zeros: `come` bytes of it, then `missing` more are to follow.
fn begun(come: usize, missing: usize) -> Vec<u8> {
    begun_as(BINARY, come, missing)
}

fn begun_as(kind: u8, come: usize, missing: usize) -> Vec<u8> {
    let mut wire = frame(Role::Server, FIN | kind, vec![0; come + missing]);
    wire.truncate(wire.len() - missing);
    wire
}

fn arrive(inbound: &mut Inbound, bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    let (used, event) = inbound.handle(&mut bytes).unwrap();
    assert!(event.is_none(), "{event:?}");
    assert_eq!(used, bytes.len());
}

fn owned(event: Option<EventRef<'_>>) -> Message {
    match event {
        Some(EventRef::Assembled(message)) => message,
        other => panic!("{other:?}"),
    }
}
