use bowline_frame::Role;

use super::case::{Case, MAX_MESSAGE, Outcome, Short, Step};
use crate::wire::{BINARY, CLOSE, CONT, FIN, PING, PONG, TEXT, close_frame, frame, head};

/// Too much of everything, and too little.
pub fn floods(victim: Role) -> Vec<Case> {
    let f = |first, payload: &[u8]| frame(victim, first, payload);
    let close = close_frame(victim, 1000, "");
    let open = || Step::Open(Vec::new());
    let limit = MAX_MESSAGE as usize;
    let whole = vec![b'x'; limit];
    let echo = |payload: Vec<u8>, times| vec![(TEXT | FIN, payload); times];
    vec![
        // Control frames.
        Case::new(
            "a thousand pings, each of which is answered",
            [
                open(),
                Step::Repeat(f(PING, b"x"), 1000),
                Step::Write(close.clone()),
            ],
            Outcome::Closed(1000),
        )
        .after(vec![(PONG, b"x".to_vec()); 1000]),
        Case::new(
            "a hundred thousand pings, not all of which need an answer",
            [
                open(),
                Step::Repeat(f(PING, b"x"), 100_000),
                Step::Write(close.clone()),
            ],
            Outcome::Closed(1000),
        )
        .after_any((PONG, b"x".to_vec()))
        .memory(HEARD),
        Case::new(
            "pings without end whose pongs are not read",
            [open(), Step::Unread, Step::Flood(f(PING, &[b'p'; 125]))],
            Outcome::Abandoned,
        )
        .after_any((PONG, vec![b'p'; 125]))
        .short(Short::Write),
        Case::new(
            "fifty thousand pongs nobody asked for",
            [
                open(),
                Step::Repeat(f(PONG, b""), 50_000),
                Step::Write(close.clone()),
            ],
            Outcome::Closed(1000),
        ),
        Case::new(
            "pongs without end and no message",
            [open(), Step::Flood(f(PONG, b"x"))],
            Outcome::TimedOut(1008),
        )
        .short(Short::Idle)
        .may_reset(),
        Case::new(
            "a thousand pings inside a message",
            [
                open(),
                Step::Write(f(TEXT, b"a")),
                Step::Repeat(f(PING, b""), 1000),
                Step::Write([f(CONT | FIN, b"b"), close.clone()].concat()),
            ],
            Outcome::Closed(1000),
        )
        .after([vec![(PONG, vec![]); 1000], echo(b"ab".to_vec(), 1)].concat()),
        // Fragments.
        Case::new(
            "129 empty fragments in a row",
            [
                open(),
                Step::Write(f(TEXT, b"x")),
                Step::Repeat(f(CONT, b""), 129),
            ],
            Outcome::Failed(1009),
        ),
        Case::new(
            "empty fragments without end",
            [
                open(),
                Step::Write(f(BINARY, b"")),
                Step::Flood(f(CONT, b"")),
            ],
            Outcome::Failed(1009),
        )
        .may_reset(),
        Case::new(
            "16,385 fragments of a byte",
            [
                open(),
                Step::Write(f(BINARY, b"x")),
                Step::Repeat(f(CONT, b"x"), 16_384),
            ],
            Outcome::Failed(1009),
        ),
        Case::new(
            "a byte and no byte in turn, without end",
            [
                open(),
                Step::Write(f(BINARY, b"x")),
                Step::Flood([f(CONT, b""), f(CONT, b"x")].concat()),
            ],
            Outcome::Failed(1009),
        )
        .may_reset(),
        Case::new(
            "fragments of 16 KiB without end",
            [
                open(),
                Step::Write(f(BINARY, b"x")),
                Step::Flood(f(CONT, &[b'x'; 16_384])),
            ],
            Outcome::Failed(1009),
        )
        .memory(2 * limit)
        .may_reset(),
        Case::new(
            "a message of the limit in fragments of 8 KiB, which is echoed",
            [
                open(),
                Step::Write(f(TEXT, &[b'x'; 8192])),
                Step::Repeat(f(CONT, &[b'x'; 8192]), limit / 8192 - 2),
                Step::Write([f(CONT | FIN, &[b'x'; 8192]), close.clone()].concat()),
            ],
            Outcome::Closed(1000),
        )
        .after(echo(whole.clone(), 1))
        .memory(2 * limit + HEARD),
        Case::new(
            "an unfinished message that trickles in for ever",
            [
                open(),
                Step::Write(f(TEXT, b"x")),
                Step::Trickle(f(CONT, b"x")),
            ],
            Outcome::TimedOut(1008),
        )
        .short(Short::Idle),
        // Lengths.
        Case::new(
            "a message of the limit is announced, 1000 bytes come, and the end",
            [
                open(),
                Step::Write(head(victim, BINARY | FIN, MAX_MESSAGE)),
                Step::Write(vec![0; 1000]),
                Step::EndWriting,
            ],
            Outcome::Lost,
        ),
        Case::new(
            "a message of the limit is announced, 20,000 bytes come, and the end",
            [
                open(),
                Step::Write(head(victim, BINARY | FIN, MAX_MESSAGE)),
                Step::Write(vec![0; 20_000]),
                Step::EndWriting,
            ],
            Outcome::Lost,
        ),
        Case::new(
            "a message of the limit is announced, half of it comes, and the end",
            [
                open(),
                Step::Write(head(victim, BINARY | FIN, MAX_MESSAGE)),
                Step::Write(vec![0; limit / 2]),
                Step::EndWriting,
            ],
            Outcome::Lost,
        )
        .memory(limit),
        Case::new(
            "a message of the limit, which is echoed",
            [
                open(),
                Step::Write([f(TEXT | FIN, &whole), close.clone()].concat()),
            ],
            Outcome::Closed(1000),
        )
        .after(echo(whole.clone(), 1))
        .memory(2 * limit + HEARD),
        Case::new(
            "a message over the limit, sent for ever nevertheless",
            [
                open(),
                Step::Write(head(victim, BINARY | FIN, 1 << 40)),
                Step::Flood(vec![0; 1000]),
            ],
            Outcome::Failed(1009),
        )
        .may_reset(),
        Case::new(
            "a payload of a byte in each segment",
            [
                open(),
                Step::Drip(f(TEXT | FIN, &[b'x'; 2000])),
                Step::Write(close.clone()),
            ],
            Outcome::Closed(1000),
        )
        .after(echo(vec![b'x'; 2000], 1)),
        Case::new(
            "a payload that trickles in for ever",
            [
                open(),
                Step::Write(head(victim, BINARY | FIN, MAX_MESSAGE)),
                Step::Trickle(vec![0]),
            ],
            Outcome::TimedOut(1008),
        )
        .short(Short::Idle),
        Case::new(
            "a header that stops in the middle",
            [
                open(),
                Step::Write(head(victim, BINARY | FIN, MAX_MESSAGE)[..4].to_vec()),
            ],
            Outcome::TimedOut(1008),
        )
        .short(Short::Idle),
        // Messages.
        Case::new(
            "ten thousand empty messages",
            [
                open(),
                Step::Repeat(f(TEXT | FIN, b""), 10_000),
                Step::Write(close),
            ],
            Outcome::Closed(1000),
        )
        .after(echo(vec![], 10_000))
        .memory(limit),
        Case::new(
            "small messages without end whose echoes are not read",
            [
                open(),
                Step::Unread,
                Step::Flood(f(TEXT | FIN, &[b'x'; 1000])),
            ],
            Outcome::Abandoned,
        )
        .after_any((TEXT | FIN, vec![b'x'; 1000]))
        .short(Short::Write),
        Case::new(
            "messages of 100 KB without end whose echoes are not read",
            [
                open(),
                Step::Unread,
                Step::Flood(f(BINARY | FIN, &[b'x'; 100_000])),
            ],
            Outcome::Abandoned,
        )
        .after_any((BINARY | FIN, vec![b'x'; 100_000]))
        .short(Short::Write)
        .memory(4 * 100_000),
        Case::new(
            "a Close behind echoes that are not read",
            [
                open(),
                Step::Unread,
                Step::Repeat(f(BINARY | FIN, &[b'x'; 100_000]), 300),
                Step::Flood(f(CLOSE, b"")),
            ],
            Outcome::Abandoned,
        )
        .after_any((BINARY | FIN, vec![b'x'; 100_000]))
        .short(Short::Write)
        .memory(4 * 100_000),
        // Silence.
        Case::new(
            "who says nothing and answers no ping",
            [open()],
            Outcome::TimedOut(1011),
        )
        .after([(PING, vec![])])
        .short(Short::Keepalive),
        Case::new(
            "who says nothing for too long",
            [open()],
            Outcome::TimedOut(1008),
        )
        .short(Short::Idle),
    ]
}

/// What the attacker keeps of the longest answers, in a buffer that doubles.
const HEARD: usize = 2 * 1024 * 1024;
