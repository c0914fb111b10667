use bowline_frame::Role;

use super::case::{Case, Outcome, Step};
use crate::wire::{BINARY, CLOSE, FIN, PING, PONG, TEXT, close_frame, frame, head};

/// Transports that end where they shouldn't.
pub fn endings(victim: Role) -> Vec<Case> {
    let f = |first, payload: &[u8]| frame(victim, first, payload);
    let cut = |first, len, payload: &[u8]| [&head(victim, first, len)[..], payload].concat();
    let ended: Vec<(&'static str, Vec<u8>)> = vec![
        ("the end right after the opening handshake", vec![]),
        (
            "the end inside a header",
            head(victim, BINARY | FIN, 0x1_0000)[..5].to_vec(),
        ),
        ("the end behind a header", head(victim, BINARY | FIN, 10)),
        ("the end inside a payload", cut(TEXT | FIN, 10, b"hi")),
        (
            "the end inside a large payload",
            cut(BINARY | FIN, 100_000, &[b'x'; 50_000]),
        ),
        ("the end inside a control frame", cut(PING, 10, b"hi")),
        ("the end inside a Close", cut(CLOSE, 10, b"\x03\xe8bye")),
        ("the end between fragments", f(TEXT, b"hi")),
        ("the end inside a character", f(TEXT, b"\xE2\x82")),
    ];
    let mut cases: Vec<_> = ended
        .into_iter()
        .map(|(name, bytes)| {
            let steps = [Step::Open(Vec::new()), Step::Write(bytes), Step::EndWriting];
            Case::new(name, steps, Outcome::Lost)
        })
        .collect();
    let open = || Step::Open(Vec::new());
    let pong = (PONG, b"x".to_vec());
    let text = (TEXT | FIN, b"x".to_vec());
    cases.extend([
        Case::new(
            "the end behind a message",
            [
                open(),
                Step::Write(f(TEXT | FIN, b"x")),
                Step::Await(TEXT | FIN),
                Step::EndWriting,
            ],
            Outcome::Lost,
        )
        .after([text]),
        Case::new(
            "the end behind a ping",
            [
                open(),
                Step::Write(f(PING, b"x")),
                Step::Await(PONG),
                Step::EndWriting,
            ],
            Outcome::Lost,
        )
        .after([pong.clone()]),
        Case::new(
            "the end with a Close",
            [
                open(),
                Step::Write(close_frame(victim, 1001, "")),
                Step::EndWriting,
            ],
            Outcome::Closed(1001),
        ),
        Case::new(
            "the end with a violation",
            [open(), Step::Write(f(0x83, b"")), Step::EndWriting],
            Outcome::Failed(1002),
        ),
        Case::new(
            "a reset with a pong unread",
            [open(), Step::Reset(f(PING, b"x"))],
            Outcome::Gone,
        ),
        Case::new(
            "a reset with an echo unread",
            [open(), Step::Reset(f(TEXT | FIN, b"xyz"))],
            Outcome::Gone,
        ),
        Case::new(
            "a reset inside a payload",
            [
                open(),
                Step::Reset([f(PING, b"x"), cut(BINARY | FIN, 1000, b"y")].concat()),
            ],
            Outcome::Gone,
        ),
        Case::new(
            "a reset between fragments",
            [open(), Step::Reset([f(PING, b"x"), f(TEXT, b"y")].concat())],
            Outcome::Gone,
        ),
        Case::new(
            "a reset after half a message of 1 MB",
            [
                open(),
                Step::Reset([f(PING, b"x"), cut(BINARY | FIN, 1_000_000, &[0; 500_000])].concat()),
            ],
            Outcome::Gone,
        )
        .memory(2 * 500_000),
    ]);
    cases
}
