use bowline_frame::Role;

use super::case::{Case, Outcome, Short, Step};
use crate::wire::{CLOSE, CONT, FIN, PING, TEXT, close_frame, frame, head};

/// Close frames of every kind, and what must not come of what follows them (RFC 6455 §5.5.1 and §7).
pub fn close(victim: Role) -> Vec<Case> {
    let f = |first, payload: &[u8]| frame(victim, first, payload);
    let c = |code| close_frame(victim, code, "");
    let mut cases = Vec::new();
    for code in ANSWERED {
        cases.push(Case::open(
            format!("code {code}"),
            c(code),
            Outcome::Closed(code),
        ));
    }
    for code in REFUSED {
        let name = format!("code {code}, which must not be sent");
        cases.push(Case::open(name, c(code), Outcome::Failed(1002)));
    }
    let late = |name, bytes: Vec<u8>, code| {
        let steps = [
            Step::Open(Vec::new()),
            Step::Write(c(1000)),
            Step::Await(CLOSE),
            Step::Write(bytes),
        ];
        Case::new(name, steps, Outcome::Closed(code))
    };
    cases.extend([
        Case::open("no body", f(CLOSE, b""), Outcome::Closed(1005)),
        Case::open("half a code", f(CLOSE, b"\x03"), Outcome::Failed(1002)),
        Case::open(
            "a reason of 123 bytes",
            close_frame(victim, 4000, &"r".repeat(123)),
            Outcome::Closed(4000),
        ),
        Case::open(
            "a reason that is not UTF-8",
            f(CLOSE, b"\x03\xe8\xFF"),
            Outcome::Failed(1007),
        ),
        Case::open(
            "a reason that ends inside a character",
            f(CLOSE, b"\x03\xe8\xE2\x82"),
            Outcome::Failed(1007),
        ),
        Case::open(
            "a code out of range and a reason that is not UTF-8",
            f(CLOSE, b"\x03\xed\xFF"),
            Outcome::Failed(1002),
        ),
        Case::new(
            "a Close a byte at a time",
            [
                Step::Open(Vec::new()),
                Step::Drip(close_frame(victim, 1001, "bye")),
            ],
            Outcome::Closed(1001),
        ),
        Case::new(
            "a Close right behind the opening handshake",
            [Step::Open(c(1000))],
            Outcome::Closed(1000),
        ),
        Case::open(
            "a Close inside a message",
            [f(TEXT, b"half"), c(1000)].concat(),
            Outcome::Closed(1000),
        ),
        Case::open(
            "a Close, then text",
            [c(1000), f(TEXT | FIN, b"x")].concat(),
            Outcome::Closed(1000),
        ),
        Case::open(
            "a Close, then a ping",
            [c(1000), f(PING, b"x")].concat(),
            Outcome::Closed(1000),
        ),
        Case::open(
            "a Close, then a violation",
            [c(1000), f(0x83, b"")].concat(),
            Outcome::Closed(1000),
        ),
        Case::open(
            "a Close, then half a frame",
            [c(1000), head(victim, TEXT | FIN, 100)].concat(),
            Outcome::Closed(1000),
        ),
        Case::open(
            "a Close, then another code",
            [c(1000), c(1001)].concat(),
            Outcome::Closed(1000),
        ),
        Case::open(
            "a thousand Closes",
            c(1000).repeat(1000),
            Outcome::Closed(1000),
        ),
        Case::open(
            "a message, and a Close inside the next",
            [f(TEXT | FIN, b"x"), f(TEXT, b"y"), f(CONT, b"z"), c(3000)].concat(),
            Outcome::Closed(3000),
        )
        .after([(TEXT | FIN, b"x".to_vec())]),
        late("a Close behind both Closes", c(1000), 1000),
        late("a violation behind both Closes", f(0x83, b""), 1000),
        late("much behind both Closes", vec![0; 500_000], 1000),
        Case::new(
            "a Close, then more than is thrown away",
            [
                Step::Open(Vec::new()),
                Step::Write(c(1000)),
                Step::Flood(f(TEXT | FIN, b"x")),
            ],
            Outcome::Closed(1000),
        )
        .may_reset(),
        Case::new(
            "a violation, then more than is thrown away",
            [
                Step::Open(Vec::new()),
                Step::Write(f(0x83, b"")),
                Step::Flood(vec![0; 1000]),
            ],
            Outcome::Failed(1002),
        )
        .may_reset(),
        Case::new(
            "who never ends TCP after both Closes",
            [
                Step::Open(Vec::new()),
                Step::Write(c(1000)),
                Step::Await(CLOSE),
                Step::Cling(vec![0]),
            ],
            Outcome::Closed(1000),
        )
        .short(Short::Close)
        .may_reset(),
        Case::new(
            "who never ends TCP after a violation",
            [
                Step::Open(Vec::new()),
                Step::Write(f(0x83, b"")),
                Step::Await(CLOSE),
                Step::Cling(vec![0]),
            ],
            Outcome::Failed(1002),
        )
        .short(Short::Close),
    ]);
    cases
}

/// What a receiver answers with the same code: the ends of each range and all that have a name.
const ANSWERED: [u16; 16] = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];

/// What must not be on the wire (RFC 6455 §7.4.1 and §7.4.2).
const REFUSED: [u16; 15] = [
    0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 32_768, 65_535,
];
