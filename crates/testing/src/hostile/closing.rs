use bowline_frame::Role;

use super::case::{Case, Outcome, Short, Step, Verdict};
use crate::wire::{BINARY, CLOSE, CONT, FIN, Frame, PING, PONG, TEXT, close_frame, frame};

/// Servers that make it hard for a client to end its connection. The client says `hello`, waits for one message, and
/// closes with 1000.
pub fn closing() -> Vec<Case> {
    let f = |first, payload: &[u8]| frame(Role::Client, first, payload);
    let c = |code| close_frame(Role::Client, code, "");
    let hello = (TEXT | FIN, b"hello".to_vec());
    // The client's Close is awaited, then these steps follow.
    let closed = |steps: &[Step]| {
        let reply = [
            Step::Open(Vec::new()),
            Step::Await(TEXT | FIN),
            Step::Write(f(TEXT | FIN, b"hi")),
            Step::Await(CLOSE),
        ];
        [&reply, steps].concat()
    };
    let write = |bytes: Vec<u8>| Step::Write(bytes);
    let (done, failed) = (Outcome::Closed(1000), Outcome::Failed(1000));
    let late = |name, steps: &[Step], outcome: &Outcome| {
        Case::new(name, closed(steps), outcome.clone())
            .talk()
            .after([hello.clone()])
    };
    let given_up = Outcome::TimedOut(1000);
    vec![
        late("an answer in order", &[write(c(1000))], &done),
        late("an answer with another code", &[write(c(4999))], &done),
        late("an answer without a code", &[write(f(CLOSE, b""))], &done),
        late(
            "an answer with a code that must not be sent",
            &[write(c(1006))],
            &failed,
        )
        .verdict(Verdict::Violation(1002)),
        late(
            "an answer of one byte",
            &[write(f(CLOSE, b"\x03"))],
            &failed,
        )
        .verdict(Verdict::Violation(1002)),
        late(
            "an answer with the wrong mask bit",
            &[write(frame(Role::Server, CLOSE, b""))],
            &failed,
        )
        .verdict(Verdict::Violation(1002)),
        late(
            "messages and pings before the answer",
            &[write(
                [f(TEXT | FIN, b"x"), f(PING, b"x"), c(1000)].concat(),
            )],
            &done,
        ),
        late(
            "half a message before the answer",
            &[write([f(TEXT, b"x"), f(CONT, b"y"), c(1000)].concat())],
            &done,
        ),
        late(
            "a violation instead of an answer",
            &[write(f(0x83, b""))],
            &failed,
        )
        .verdict(Verdict::Violation(1002)),
        late(
            "text that is not UTF-8 instead of an answer",
            &[write(f(TEXT | FIN, b"\xFF"))],
            &failed,
        )
        .verdict(Verdict::Violation(1007)),
        late("a thousand answers", &[write(c(1000).repeat(1000))], &done),
        late("an answer that never comes", &[], &given_up).short(Short::Close),
        late(
            "an answer that begins and stops",
            &[write(c(1000)[..3].to_vec())],
            &given_up,
        )
        .short(Short::Close),
        Case::new(
            "an answer before it is asked for, and TCP never ends",
            [
                Step::Open(Vec::new()),
                Step::Await(TEXT | FIN),
                Step::Write([f(TEXT | FIN, b"hi"), c(1000)].concat()),
                Step::Cling(vec![0]),
            ],
            Outcome::Closed(1000),
        )
        .talk()
        .after([hello.clone()])
        .short(Short::Close)
        .may_reset(),
        late(
            "messages for ever instead of an answer",
            &[Step::Flood(f(TEXT | FIN, b"x"))],
            &given_up,
        )
        .short(Short::Close)
        .may_reset(),
        late(
            "large messages for ever instead of an answer",
            &[Step::Flood(f(BINARY | FIN, &[b'x'; 60_000]))],
            &given_up,
        )
        .short(Short::Close)
        .may_reset()
        .memory(3 * 60_000),
        late(
            "fragments for ever instead of an answer",
            &[write(f(BINARY, b"")), Step::Trickle(f(CONT, b"x"))],
            &given_up,
        )
        .short(Short::Close)
        .may_reset(),
        late(
            "pongs for ever instead of an answer",
            &[Step::Flood(f(PONG, b"x"))],
            &given_up,
        )
        .short(Short::Close)
        .may_reset(),
        late(
            "pings for ever instead of an answer",
            &[Step::Flood(f(PING, b"x"))],
            &given_up,
        )
        .short(Short::Close)
        .may_reset(),
        lost(
            "the end instead of an answer",
            closed(&[Step::EndWriting]),
            &hello,
        ),
        lost(
            "the end inside the answer",
            closed(&[write(c(1000)[..3].to_vec()), Step::EndWriting]),
            &hello,
        ),
        Case::new(
            "a reset instead of an answer",
            [
                Step::Open(Vec::new()),
                Step::Await(TEXT | FIN),
                Step::Reset(f(TEXT | FIN, b"hi")),
            ],
            Outcome::Gone,
        )
        .talk(),
        Case::new(
            "a Close instead of a message",
            [
                Step::Open(Vec::new()),
                Step::Await(TEXT | FIN),
                Step::Write(c(1001)),
            ],
            Outcome::Closed(1001),
        )
        .talk()
        .after([hello.clone()]),
    ]
}

/// The client's own Close was its last word.
fn lost(name: &'static str, steps: Vec<Step>, hello: &Frame) -> Case {
    Case::new(name, steps, Outcome::Lost)
        .talk()
        .after([hello.clone(), (CLOSE, b"\x03\xe8".to_vec())])
}
