//! Large messages that come one by one: the next is read into memory of its own at once.

mod common;

use std::pin::pin;
use std::task::Poll;

use bowline_io::{Config, Error, Message, Role};
use bowline_testing::payload;
use bowline_testing::random::{Random, seed};
use bowline_testing::wire::{BINARY, FIN, PING, TEXT, close_frame, frame, head};

use common::{Input, Script, Socket, complete, open, poll_once, server};

const KIB: usize = 1024;

/// The room of a read into a block.
const BLOCK: usize = 64 * KIB + 64;

#[test]
fn the_second_of_two_large_messages_is_read_in_one_call() {
    for len in [16 * KIB, 64 * KIB, 300_000, 1024 * KIB] {
        let (script, mut socket) = server();
        let wire = binary(len);
        foresee(&script, &mut socket, &wire);
        let (messages, rooms) = exchange(&script, &mut socket, &wire);
        assert_eq!(messages, [Message::from(payload::seq(len))]);
        // A byte is to spare: a read that fills its room would be followed by one that finds nothing.
        assert_eq!(rooms, [wire.len() + 1], "{len}");
    }
}

#[test]
fn what_is_foreseen_has_a_least_and_a_most() {
    for (len, room) in [
        (16 * KIB - 1, BLOCK),
        (16 * KIB, 16 * KIB + 8 + 1),
        (1024 * KIB, 1024 * KIB + 14 + 1),
        (1024 * KIB + 1, 1024 * KIB + 14 + 1),
        (3 << 20, 1024 * KIB + 14 + 1),
    ] {
        let (script, mut socket) = server();
        let wire = binary(len);
        foresee(&script, &mut socket, &wire);
        let (messages, rooms) = exchange(&script, &mut socket, &wire);
        assert_eq!(messages, [Message::from(payload::seq(len))]);
        assert_eq!(rooms[0], room, "{len}");
    }
}

#[test]
fn a_message_that_brings_company_foretells_nothing() {
    let large = binary(100 * KIB);
    for company in [binary(1), frame(Role::Server, PING, [7; 20])] {
        for first in [
            [&large[..], &company].concat(),
            [&company[..], &large].concat(),
        ] {
            let (script, mut socket) = server();
            exchange(&script, &mut socket, &first);
            let (_, rooms) = exchange(&script, &mut socket, &large);
            assert_eq!(rooms[0], BLOCK);
        }
    }
}

#[test]
fn fragments_foretell_nothing() {
    let (script, mut socket) = server();
    let wire = [
        frame(Role::Server, BINARY, payload::seq(30_000)),
        frame(Role::Server, FIN, payload::seq(30_000)),
    ]
    .concat();
    foresee(&script, &mut socket, &wire);
    assert_eq!(exchange(&script, &mut socket, &wire).1[0], BLOCK);
}

#[test]
fn what_is_already_there_is_read_into_a_block() {
    let (script, mut socket) = server();
    let wire = binary(20 * KIB);
    foresee(&script, &mut socket, &wire);
    script.send(&wire);
    assert!(poll_once(pin!(socket.recv())).is_ready());
    // The next has come before anybody waited for it.
    script.send(&wire);
    assert!(poll_once(pin!(socket.recv())).is_ready());
    assert_eq!(script.state().rooms, [wire.len() + 1, BLOCK]);
}

#[test]
fn a_message_that_is_lent_leaves_the_block_only_if_it_is_larger() {
    for (len, alone) in [(60 * KIB, false), (200 * KIB, true)] {
        let (script, mut socket) = server();
        let wire = binary(len);
        foresee(&script, &mut socket, &wire);
        script.send(&wire);
        let Poll::Ready(lent) = poll_once(pin!(socket.recv_ref())) else {
            panic!("all of it is there");
        };
        let (message, _) = lent.unwrap().unwrap();
        assert_eq!(message.as_bytes(), payload::seq(len));
        let room = if alone { wire.len() + 1 } else { BLOCK };
        assert_eq!(script.state().rooms, [room]);
    }
}

#[test]
fn chunks_are_handed_out_as_they_come_and_have_no_limit() {
    let config = Config::new(Role::Server).max_message(100 * KIB as u64);
    let (script, mut socket) = open(Role::Server, &config);
    foresee(&script, &mut socket, &binary(100 * KIB));
    script.send(binary(200 * KIB));
    let mut got = Vec::new();
    loop {
        let chunk = complete(socket.recv_chunk()).unwrap().unwrap();
        got.extend_from_slice(&chunk.payload);
        if chunk.last {
            break;
        }
    }
    assert_eq!(got, payload::seq(200 * KIB));
}

#[test]
fn whatever_comes_instead_arrives() {
    let foreseen = binary(100 * KIB);
    let text = |len| frame(Role::Server, TEXT | FIN, "é".repeat(len / 2));
    for instead in [
        binary(0),
        binary(5),
        binary(20 * KIB),
        binary(49 * KIB),
        binary(90 * KIB),
        binary(100 * KIB + 1),
        binary(500 * KIB),
        text(100 * KIB),
        text(30 * KIB),
        [binary(5), binary(5)].concat(),
        [binary(60 * KIB), text(60 * KIB)].concat(),
        [foreseen.clone(), binary(1)].concat(),
        [binary(30 * KIB), foreseen.clone()].concat(),
        [frame(Role::Server, PING, "ping"), foreseen.clone()].concat(),
        [
            frame(Role::Server, BINARY, payload::seq(50 * KIB)),
            frame(Role::Server, FIN, payload::seq(50 * KIB)),
        ]
        .concat(),
    ] {
        let (script, mut plain) = foretold(&instead, None);
        let messages = receive(&script, &mut plain);
        let (script, mut socket) = foretold(&instead, Some(&foreseen));
        assert_eq!(receive(&script, &mut socket), messages);
        assert_eq!(script.state().rooms[0], foreseen.len() + 1);
    }
}

#[test]
fn an_end_and_a_failure_are_told_as_ever() {
    let wire = binary(100 * KIB);
    for cut in [0, 5, 20 * KIB, 60 * KIB] {
        let (script, mut socket) = foretold(&wire[..cut], Some(&wire));
        script.end();
        let error = complete(socket.recv()).unwrap_err();
        assert!(matches!(error, Error::Lost { .. }), "{error:?}");
    }
    let (script, mut socket) = foretold(&[], Some(&wire));
    script.push(Input::Error(std::io::ErrorKind::ConnectionReset));
    assert!(matches!(complete(socket.recv()), Err(Error::Transport(_))));
    let (script, mut socket) = foretold(&[], Some(&wire));
    script.push(Input::Overclaim);
    assert!(matches!(complete(socket.recv()), Err(Error::Transport(_))));
    let (script, mut socket) = foretold(&close_frame(Role::Server, 1000, ""), Some(&wire));
    script.end();
    assert!(complete(socket.recv()).unwrap().is_none());
}

#[test]
fn a_violation_is_answered_as_ever() {
    let wire = binary(100 * KIB);
    let mut bad = "a".repeat(100 * KIB).into_bytes();
    bad[60 * KIB] = 0xff;
    for (instead, code) in [
        (frame(Role::Server, TEXT | FIN, &bad), 1007),
        (
            frame(Role::Server, TEXT | FIN, &bad)[..70 * KIB].to_vec(),
            1007,
        ),
        (head(Role::Server, BINARY | FIN, 1 << 40), 1009),
        (frame(Role::Client, BINARY | FIN, &bad), 1002),
    ] {
        let (script, mut socket) = foretold(&instead, Some(&wire));
        script.end();
        assert!(complete(socket.recv()).is_err());
        assert_eq!(script.output()[2..4], u16::to_be_bytes(code));
    }
}

#[test]
fn sessions_of_any_sizes_and_cuts_arrive() {
    let mut random = Random::new(seed());
    for _ in 0..60 {
        let (script, mut socket) = server();
        script.state().read_max = [usize::MAX, 16 * KIB, 1 + random.below(70_000)][random.below(3)];
        let base = random.below(150_000);
        for _ in 0..12 {
            let len = match random.below(4) {
                0 => random.below(200_000),
                1 => random.below(300),
                _ => base,
            };
            let wire = binary(len);
            let mut messages = Vec::new();
            let mut rest = &wire[..];
            while !rest.is_empty() {
                let whole = random.below(2) == 0;
                let count = if whole {
                    rest.len()
                } else {
                    1 + random.below(rest.len())
                };
                script.send(&rest[..count]);
                rest = &rest[count..];
                messages.extend(receive(&script, &mut socket));
            }
            assert_eq!(messages, [Message::from(payload::seq(len))]);
        }
    }
}

fn binary(len: usize) -> Vec<u8> {
    frame(Role::Server, BINARY | FIN, payload::seq(len))
}

/// A server to which `input` is sent, and before that a message that lets it foresee more of the kind.
fn foretold(input: &[u8], before: Option<&[u8]>) -> (Script, Socket) {
    let (script, mut socket) = server();
    if let Some(wire) = before {
        foresee(&script, &mut socket, wire);
    }
    if !input.is_empty() {
        script.send(input);
    }
    (script, socket)
}

/// Lets the peer send a message that is not foreseen.
fn foresee(script: &Script, socket: &mut Socket, wire: &[u8]) {
    let (messages, rooms) = exchange(script, socket, wire);
    assert_eq!((messages.len(), rooms[0]), (1, BLOCK));
}

/// Lets the peer send `wire` to somebody who waits for it: the messages, and the room of each read.
fn exchange(script: &Script, socket: &mut Socket, wire: &[u8]) -> (Vec<Message>, Vec<usize>) {
    assert!(poll_once(pin!(socket.recv())).is_pending());
    script.send(wire);
    let messages = receive(script, socket);
    let rooms = std::mem::take(&mut script.state().rooms);
    (messages, rooms)
}

/// All messages that are there.
fn receive(script: &Script, socket: &mut Socket) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        match poll_once(pin!(socket.recv())) {
            Poll::Ready(message) => messages.push(message.unwrap().unwrap()),
            // Whoever reads much lets others go first.
            Poll::Pending if !script.state().input.is_empty() => {}
            Poll::Pending => return messages,
        }
    }
}
