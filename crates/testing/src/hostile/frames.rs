use bowline_frame::Role;

use super::case::{Case, MAX_MESSAGE, Outcome, Step};
use crate::wire::{
    BINARY, CLOSE, CONT, FIN, PING, PONG, RSV1, RSV2, RSV3, TEXT, close_frame, frame, head,
};

/// Each rule of RFC 6455 §5 broken once, for a victim with this role.
pub fn frames(victim: Role) -> Vec<Case> {
    let f = |first, payload: &[u8]| frame(victim, first, payload);
    let h = |first, len| head(victim, first, len);
    // As the victim itself writes: masked at a client, unmasked at a server.
    let wrong = |first, payload: &[u8]| frame(victim.peer(), first, payload);
    let long_form = |first, form, len: u64| in_form(victim, first, form, len);
    let rows: Vec<(&'static str, u16, Vec<u8>)> = vec![
        // §5.2, reserved bits.
        ("RSV1 on text", 1002, f(RSV1 | TEXT | FIN, b"x")),
        ("RSV2 on text", 1002, f(RSV2 | TEXT | FIN, b"x")),
        ("RSV3 on text", 1002, f(RSV3 | TEXT | FIN, b"x")),
        (
            "all RSV on binary",
            1002,
            f(RSV1 | RSV2 | RSV3 | BINARY | FIN, b"x"),
        ),
        ("RSV1 on a first fragment", 1002, f(RSV1 | TEXT, b"x")),
        ("RSV1 on a ping", 1002, f(RSV1 | PING, b"x")),
        ("RSV2 on a pong", 1002, f(RSV2 | PONG, b"x")),
        ("RSV3 on a Close", 1002, f(RSV3 | CLOSE, b"\x03\xe8")),
        (
            "RSV1 on a continuation",
            1002,
            [f(TEXT, b"x"), f(RSV1 | CONT | FIN, b"y")].concat(),
        ),
        // §5.2, opcodes.
        ("opcode 3", 1002, f(0x83, b"x")),
        ("opcode 4", 1002, f(0x84, b"")),
        ("opcode 5", 1002, f(0x85, b"x")),
        ("opcode 6", 1002, f(0x86, b"")),
        ("opcode 7", 1002, f(0x87, b"x")),
        ("opcode B", 1002, f(0x8B, b"")),
        ("opcode C", 1002, f(0x8C, b"x")),
        ("opcode D", 1002, f(0x8D, b"")),
        ("opcode E", 1002, f(0x8E, b"x")),
        ("opcode F", 1002, f(0x8F, b"")),
        (
            "opcode 3 inside a message",
            1002,
            [f(TEXT, b"x"), f(0x03, b"y")].concat(),
        ),
        (
            "an unknown opcode with a huge length",
            1002,
            h(0x83, 1 << 62),
        ),
        // §5.1, masks.
        (
            "text with the wrong mask bit",
            1002,
            wrong(TEXT | FIN, b"x"),
        ),
        (
            "empty binary with the wrong mask bit",
            1002,
            wrong(BINARY | FIN, b""),
        ),
        ("a ping with the wrong mask bit", 1002, wrong(PING, b"x")),
        (
            "a Close with the wrong mask bit",
            1002,
            wrong(CLOSE, b"\x03\xe8"),
        ),
        (
            "a continuation with the wrong mask bit",
            1002,
            [f(TEXT, b"x"), wrong(CONT | FIN, b"y")].concat(),
        ),
        // §5.2, lengths.
        (
            "0 bytes in the 16-bit form",
            1002,
            long_form(BINARY | FIN, 126, 0),
        ),
        (
            "125 bytes in the 16-bit form",
            1002,
            long_form(BINARY | FIN, 126, 125),
        ),
        (
            "0 bytes in the 64-bit form",
            1002,
            long_form(BINARY | FIN, 127, 0),
        ),
        (
            "126 bytes in the 64-bit form",
            1002,
            long_form(BINARY | FIN, 127, 126),
        ),
        (
            "65,535 bytes in the 64-bit form",
            1002,
            long_form(BINARY | FIN, 127, 0xFFFF),
        ),
        (
            "a length of 2^63",
            1002,
            long_form(BINARY | FIN, 127, 1 << 63),
        ),
        (
            "a length of 2^64 - 1",
            1002,
            long_form(BINARY | FIN, 127, u64::MAX),
        ),
        (
            "a continuation in too long a form",
            1002,
            [f(TEXT, b"x"), long_form(CONT | FIN, 126, 1)].concat(),
        ),
        // §5.5, control frames.
        ("a ping without FIN", 1002, f(PING & !FIN, b"x")),
        ("a pong without FIN", 1002, f(PONG & !FIN, b"x")),
        ("a Close without FIN", 1002, f(CLOSE & !FIN, b"\x03\xe8")),
        ("a ping of 126 bytes", 1002, f(PING, &[b'x'; 126])),
        ("a pong of 126 bytes", 1002, f(PONG, &[b'x'; 126])),
        (
            "a Close of 126 bytes",
            1002,
            f(CLOSE, &[&b"\x03\xe8"[..], &[b'x'; 124]].concat()),
        ),
        ("a ping of 64 KiB", 1002, h(PING, 0x1_0000)),
        (
            "a short ping in the 16-bit form",
            1002,
            long_form(PING, 126, 5),
        ),
        (
            "a short Close in the 64-bit form",
            1002,
            long_form(CLOSE, 127, 2),
        ),
        (
            "a fragmented ping inside a message",
            1002,
            [f(TEXT, b"x"), f(PING & !FIN, b"y")].concat(),
        ),
        // §5.4, fragments.
        ("a last fragment without a first", 1002, f(CONT | FIN, b"x")),
        ("a middle fragment without a first", 1002, f(CONT, b"x")),
        (
            "an empty continuation without a first",
            1002,
            f(CONT | FIN, b""),
        ),
        (
            "text inside text",
            1002,
            [f(TEXT, b"x"), f(TEXT | FIN, b"y")].concat(),
        ),
        (
            "text inside binary",
            1002,
            [f(BINARY, b"x"), f(TEXT | FIN, b"y")].concat(),
        ),
        (
            "binary inside text, later",
            1002,
            [f(TEXT, b"x"), f(CONT, b"y"), f(BINARY, b"z")].concat(),
        ),
        // §10.4, limits, by what is announced.
        (
            "a message one byte over the limit",
            1009,
            h(BINARY | FIN, MAX_MESSAGE + 1),
        ),
        ("a length of 2^32", 1009, h(BINARY | FIN, 1 << 32)),
        ("a length of 2^63 - 1", 1009, h(BINARY | FIN, (1 << 63) - 1)),
        (
            "a first fragment over the limit",
            1009,
            h(TEXT, MAX_MESSAGE + 1),
        ),
        (
            "a last fragment over the limit",
            1009,
            [f(BINARY, b"xyz"), h(CONT | FIN, MAX_MESSAGE - 2)].concat(),
        ),
        (
            "fragments whose sum wraps",
            1009,
            [f(BINARY, b"xyz"), h(CONT | FIN, (1 << 63) - 1)].concat(),
        ),
    ];
    let mut cases: Vec<_> = rows
        .into_iter()
        .map(|(name, code, bytes)| Case::open(name, bytes, Outcome::Failed(code)))
        .collect();
    let text = (TEXT | FIN, b"first".to_vec());
    cases.extend([
        Case::open(
            "a violation behind a good message",
            [f(TEXT | FIN, b"first"), f(0x83, b"")].concat(),
            Outcome::Failed(1002),
        )
        .after([text.clone()]),
        Case::open(
            "a violation behind half a message",
            [
                f(TEXT | FIN, b"first"),
                f(TEXT, b"half"),
                f(CONT, b""),
                f(0x83, b""),
            ]
            .concat(),
            Outcome::Failed(1002),
        )
        .after([text]),
        Case::open(
            "a violation, and good frames and a Close behind it",
            [
                f(0x83, b""),
                f(TEXT | FIN, b"x"),
                f(PING, b"x"),
                close_frame(victim, 1000, ""),
            ]
            .concat(),
            Outcome::Failed(1002),
        ),
        Case::open(
            "two violations",
            [f(TEXT | FIN, b"\xFF"), f(0x83, b"")].concat(),
            Outcome::Failed(1007),
        ),
        Case::new(
            "a violation a byte at a time",
            [
                Step::Open(Vec::new()),
                Step::Drip(long_form(BINARY | FIN, 127, 126)),
            ],
            Outcome::Failed(1002),
        ),
        Case::new(
            "a violation in the first byte, and nothing behind it",
            [Step::Open(Vec::new()), Step::Write(vec![RSV1 | TEXT | FIN])],
            Outcome::Failed(1002),
        ),
        Case::new(
            "a violation right behind the opening handshake",
            [Step::Open(f(0x83, b""))],
            Outcome::Failed(1002),
        ),
        Case::new(
            "opening handshake and violation a byte at a time",
            [Step::OpenDripping(f(0x83, b""))],
            Outcome::Failed(1002),
        ),
        Case::new(
            "HTTP where frames belong",
            [
                Step::Open(Vec::new()),
                Step::Write(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ],
            Outcome::Failed(1002),
        ),
    ]);
    cases
}

/// A header whose length has a form of the caller's choice, too long or not.
fn in_form(receiver: Role, first: u8, form: u8, len: u64) -> Vec<u8> {
    let bytes = len.to_be_bytes();
    let mut header = vec![first, form];
    header.extend_from_slice(if form == 126 { &bytes[6..] } else { &bytes });
    if receiver == Role::Server {
        header[1] |= 0x80;
        header.extend_from_slice(&[0; 4]);
    }
    header
}
