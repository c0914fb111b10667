use bowline_frame::Role;

use super::case::{Case, MAX_MESSAGE, Outcome, Step};
use crate::deflated::zeros;
use crate::vectors::{self, deflate_messages, frame_invalid};
use crate::wire::{BINARY, CLOSE, CONT, FIN, PING, RSV1, TEXT, frame};

/// Messages that must not be inflated, for a victim that has agreed on permessage-deflate (RFC 7692).
pub fn compression(victim: Role) -> Vec<Case> {
    let f = |first, payload: &[u8]| frame(victim, first, payload);
    let case = |name, bytes: Vec<u8>, code| {
        let steps = [Step::OpenCompressed, Step::Write(bytes)];
        Case::new(name, steps, Outcome::Failed(code)).memory(INFLATER)
    };
    let flood = |name, unit: &[u8]| {
        let steps = [
            Step::OpenCompressed,
            Step::Write(f(RSV1 | BINARY, b"")),
            Step::Flood(f(CONT, unit)),
        ];
        Case::new(name, steps, Outcome::Failed(1009))
            .memory(HELD)
            .may_reset()
    };
    let mut cases: Vec<_> = frame_invalid::load()
        .into_iter()
        .filter(|vector| vector.negotiated.is_some())
        .filter(|vector| (vector.receiver == vectors::Role::Server) == (victim == Role::Server))
        .map(|vector| Case {
            name: vector.id.into(),
            ..case("", vector.wire.to_vec(), vector.expect_close)
        })
        .collect();
    let invalid = deflate_messages::load().invalid.into_iter();
    cases.extend(
        invalid
            // The window agreed on is the largest.
            .filter(|vector| vector.window_bits == 15)
            .map(|vector| Case {
                name: vector.id.into(),
                ..case(
                    "",
                    f(RSV1 | BINARY | FIN, &vector.compressed),
                    vector.expect_close,
                )
            }),
    );
    let bomb = zeros(4 * MAX_MESSAGE as usize);
    let halves = bomb.split_at(bomb.len() / 2);
    cases.extend([
        case("a bomb", f(RSV1 | BINARY | FIN, &bomb), 1009).memory(HELD),
        case("a bomb of text", f(RSV1 | TEXT | FIN, &bomb), 1009).memory(HELD),
        case(
            "a bomb whose end never comes",
            f(RSV1 | BINARY, halves.0),
            1009,
        )
        .memory(HELD),
        case(
            "a bomb in two fragments with a ping between",
            [
                f(RSV1 | BINARY, &bomb[..10]),
                f(PING, b""),
                f(CONT | FIN, &bomb[10..]),
            ]
            .concat(),
            1009,
        )
        .after([(crate::wire::PONG, vec![])])
        .memory(HELD),
        case(
            "a bomb of one byte more than the limit",
            f(RSV1 | BINARY | FIN, &zeros(MAX_MESSAGE as usize + 1)),
            1009,
        )
        .memory(HELD),
        case(
            "a bomb, then broken data",
            [f(RSV1 | BINARY, &bomb), f(CONT | FIN, b"\xFF\xFF")].concat(),
            1009,
        )
        .memory(HELD),
        case(
            "broken data, then a good message",
            [
                f(RSV1 | BINARY | FIN, b"\x07"),
                f(TEXT | FIN, b"x"),
                f(CLOSE, b""),
            ]
            .concat(),
            1007,
        ),
        flood(
            "stored blocks of nothing without end",
            &b"\0\0\0\xFF\xFF".repeat(1000),
        ),
        flood(
            "last blocks of nothing without end",
            &b"\x03\0".repeat(1000),
        ),
        flood("a bomb without end", &bomb),
        Case::new(
            "the end inside a compressed message",
            [
                Step::OpenCompressed,
                Step::Write(f(RSV1 | BINARY, &zeros(10_000))),
                Step::EndWriting,
            ],
            Outcome::Lost,
        )
        .memory(INFLATER),
    ]);
    cases
}

/// A message up to its limit, one step of 16 KiB, and what inflates it.
const HELD: usize = MAX_MESSAGE as usize + 16 * 1024 + INFLATER;

/// What inflating may hold beside the message: a window of 32 KiB, the tables, and what earlier messages said.
const INFLATER: usize = 128 * 1024;
