//! When an extension's halves are asked to give back memory, and what a sender may wish for.

mod driver;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_extension::Compress;
use bowline_frame::{MessageKind, Role};
use bowline_proto::{Config, ProtocolError, Volume};
use bowline_testing::extension::{Released, Releasing, RunLength};
use bowline_testing::wire::{BINARY, CONT, FIN, RSV2, RSV3, frame, whole_frames};
use bytes::Bytes;

use driver::{Driver, Seen, Way, connection};

#[test]
fn each_half_is_asked_once_when_no_message_passed_it_for_its_time() {
    let (mut server, released, t) = start();
    assert_eq!(until(&mut server, t), None);
    server.connection.send(vec![1; 50].into()).unwrap();
    server.written();
    assert_eq!(until(&mut server, t + s(1)), Some(t + s(11)));
    server.feed(&encoded(FIN | BINARY | RSV2 | RSV3, &[50, 1]));
    assert_eq!(until(&mut server, t + s(4)), Some(t + s(11)));

    server.connection.handle_timeout(t + s(10));
    assert_eq!(released.counts(), (0, 0));
    server.connection.handle_timeout(t + s(11));
    assert_eq!(released.counts(), (1, 0));
    assert_eq!(until(&mut server, t + s(11)), Some(t + s(14)));
    server.connection.handle_overdue(t + s(14));
    assert_eq!(released.counts(), (1, 1));
    assert_eq!(until(&mut server, t + s(14)), None);
    server.connection.handle_timeout(t + s(99));
    assert_eq!(released.counts(), (1, 1));

    // And again after the next message.
    server.connection.send(vec![1; 50].into()).unwrap();
    assert_eq!(
        server.connection.wants(t + s(100)).until,
        Some(t + s(110)),
        "held again"
    );
    server.connection.handle_timeout(t + s(110));
    assert_eq!(released.counts(), (2, 1));
}

#[test]
fn a_message_that_passes_puts_it_off() {
    let (mut server, released, t) = start();
    for at in [1, 8, 15] {
        server.connection.send(vec![1; 50].into()).unwrap();
        server.feed(&encoded(FIN | BINARY | RSV2 | RSV3, &[50, 1]));
        server.written();
        assert_eq!(until(&mut server, t + s(at)), Some(t + s(at + 10)));
    }
    // Sent while nobody asked what to wait for: found when the time has come.
    server.connection.send(vec![1; 50].into()).unwrap();
    server.written();
    server.connection.handle_timeout(t + s(25));
    assert_eq!(released.counts(), (0, 1));
    assert_eq!(until(&mut server, t + s(25)), Some(t + s(35)));
}

#[test]
fn messages_that_did_not_pass_the_extension_do_not_count() {
    let (mut server, _released, t) = start();
    server.connection.send(vec![1; 3].into()).unwrap();
    server.feed(&encoded(FIN | BINARY, &[1, 2, 3]));
    server.written();
    assert_eq!(until(&mut server, t), None);
}

#[test]
fn nothing_is_asked_inside_a_message() {
    let (mut server, released, t) = start();
    let piece = Bytes::from_static(&[1; 50]);
    let binary = MessageKind::Binary;
    server
        .connection
        .fragment(binary, piece.clone(), false)
        .unwrap();
    server.feed(&encoded(BINARY | RSV2 | RSV3, &[50, 1]));
    server.written();
    assert_eq!(until(&mut server, t), None);
    server.connection.handle_timeout(t + s(30));
    assert_eq!(released.counts(), (0, 0));

    server.connection.fragment(binary, piece, true).unwrap();
    server.feed(&encoded(FIN | CONT, &[]));
    server.written();
    assert_eq!(until(&mut server, t + s(40)), Some(t + s(50)));
    server.connection.handle_timeout(t + s(50));
    assert_eq!(released.counts(), (1, 1));
}

#[test]
fn a_wish_holds_for_the_messages_that_begin_after_it() {
    let config = Config::new(Role::Server);
    let extension = Some(RunLength::new(255).boxed());
    let mut server = Driver::new(connection(Role::Server, &config, extension), Way::Whole);
    let connection = &mut server.connection;
    connection.compress(Compress::Never);
    connection.send(vec![7; 200].into()).unwrap();
    connection.send_ref((&[7; 200][..]).into()).unwrap();
    connection.queue(vec![7; 200].into()).unwrap();
    connection
        .fragment(MessageKind::Binary, Bytes::from_static(&[7; 200]), false)
        .unwrap();
    connection.compress(Compress::Always);
    connection
        .fragment(MessageKind::Binary, Bytes::new(), true)
        .unwrap();
    connection.send(vec![7].into()).unwrap();
    connection.compress(Compress::Auto);
    connection.send(vec![7].into()).unwrap();
    let plain = vec![7; 200];
    assert_eq!(
        whole_frames(&server.written()),
        [
            (BINARY | FIN, plain.clone()),
            (BINARY | FIN, plain.clone()),
            (BINARY | FIN, plain.clone()),
            (BINARY, plain),
            (CONT | FIN, vec![]),
            (BINARY | FIN | RSV2 | RSV3, vec![1, 7]),
            (BINARY | FIN, vec![7]),
        ]
    );
}

#[test]
fn encoded_payload_is_limited_on_the_wire_too() {
    const LIMIT: u64 = 100;
    let most = 8 * LIMIT + 16 * 1024;
    for (announced, refused) in [(most - 1, false), (most, false), (most + 1, true)] {
        let config = Config::new(Role::Server).max_message(LIMIT);
        let extension = Some(RunLength::new(255).boxed());
        let mut server = Driver::new(connection(Role::Server, &config, extension), Way::Whole);
        let len = usize::try_from(announced).unwrap();
        let message = encoded(FIN | BINARY | RSV2 | RSV3, &vec![1; len]);
        // The header and a byte.
        server.feed(&message[..9]);
        let error = ProtocolError::MessageTooBig { limit: LIMIT };
        let expected = refused.then(|| Seen::Failed(1009, error.to_string()));
        assert_eq!(server.seen, Vec::from_iter(expected), "{announced}");
    }
}

#[test]
fn what_passed_the_extension_is_counted_on_both_sides_of_it() {
    let (mut server, _released, _) = start();
    let connection = &mut server.connection;
    assert_eq!(connection.outbound().volume(), Volume::default());
    connection.send(vec![1; 50].into()).unwrap();
    connection.send(vec![1; 3].into()).unwrap();
    let binary = MessageKind::Binary;
    let piece = Bytes::from_static(&[7; 10]);
    connection.fragment(binary, piece.clone(), false).unwrap();
    connection.fragment(binary, piece, true).unwrap();
    assert_eq!((70, 4), counts(connection.outbound().volume()));
    for way in [Way::Whole, Way::Chunks] {
        let (mut server, _released, _) = start();
        server.way = way;
        server.feed(&encoded(FIN | BINARY | RSV2 | RSV3, &[50, 1]));
        server.feed(&encoded(FIN | BINARY, &[1, 2, 3]));
        server.feed(&encoded(BINARY | RSV2, &[100]));
        server.feed(&encoded(FIN | CONT, &[1, 100, 1]));
        assert_eq!((250, 6), counts(server.connection.inbound().volume()));
    }
}

#[test]
fn a_message_that_is_decoded_in_many_steps_is_counted_once() {
    for way in [Way::Whole, Way::Chunks] {
        let (mut server, _released, _) = start();
        server.way = way;
        server.feed(&encoded(FIN | BINARY | RSV2, &[100, 1].repeat(1000)));
        assert_eq!(
            (100_000, 2000),
            counts(server.connection.inbound().volume())
        );
    }
}

fn counts(volume: Volume) -> (u64, u64) {
    (volume.payload, volume.wire)
}

/// A server without keepalive whose extension wants to be called after 10 s.
fn start() -> (Driver, Arc<Released>, Instant) {
    let config = Config::new(Role::Server).keepalive(None);
    let (extension, released) = Releasing::new(s(10));
    let connection = connection(Role::Server, &config, Some(Box::new(extension)));
    let now = Instant::now();
    let mut server = Driver::new(connection, Way::Whole);
    until(&mut server, now);
    (server, released, now)
}

fn until(driver: &mut Driver, now: Instant) -> Option<Instant> {
    driver.connection.wants(now).until
}

fn encoded(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(Role::Server, first, payload)
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
