//! Messages in fragments, sent and received.

use bowline_frame::{MessageKind, Role};
use bowline_proto::{Config, Connection, EventRef, SendError};
use bowline_testing::wire::{BINARY, CONT, FIN, frame};
use bytes::Buf;

#[test]
fn a_fragment_of_another_kind_is_refused_and_the_message_goes_on() {
    let mut connection = Connection::server(&Config::new(Role::Server), None);
    let (text, binary) = (MessageKind::Text, MessageKind::Binary);
    connection.fragment(text, "a".into(), false).unwrap();
    let refused = connection.fragment(binary, "b".into(), true);
    assert!(
        matches!(refused, Err(SendError::InsideMessage)),
        "{refused:?}"
    );
    connection.fragment(text, "c".into(), true).unwrap();
    connection.fragment(binary, "d".into(), true).unwrap();
    let transmit = connection.transmit();
    assert_eq!(transmit.chunk(), b"\x01\x01a\x80\x01c\x82\x01d");
}

#[test]
fn an_empty_fragment_makes_a_chunk_only_where_a_message_begins_or_ends() {
    let mut connection = Connection::server(&Config::new(Role::Server), None);
    for (first_byte, chunk) in [
        (BINARY, Some((true, false))),
        (CONT, None),
        (CONT, None),
        (FIN | CONT, Some((false, true))),
    ] {
        let mut wire = frame(Role::Server, first_byte, b"");
        let (_, event) = connection.handle_chunk(&mut wire).unwrap();
        let seen = event.map(|event| match event {
            EventRef::Chunk(chunk) => (chunk.first, chunk.last),
            other => panic!("{other:?}"),
        });
        assert_eq!(seen, chunk);
    }
}
