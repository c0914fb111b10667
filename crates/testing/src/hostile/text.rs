use bowline_frame::Role;

use super::case::{Case, Outcome};
use crate::wire::{CONT, FIN, PING, PONG, TEXT, close_frame, frame, head};

/// Text that is not UTF-8 (RFC 6455 §8.1), and some that only looks so.
pub fn text(victim: Role) -> Vec<Case> {
    let f = |first, payload: &[u8]| frame(victim, first, payload);
    let whole = |payload: &[u8]| f(TEXT | FIN, payload);
    // A frame that announces more than it brings: the fault must be found in what has come.
    let begun = |payload: &[u8]| [&head(victim, TEXT | FIN, 100_000)[..], payload].concat();
    let rows: Vec<(&'static str, Vec<u8>)> = vec![
        ("a byte that is never UTF-8", whole(b"\xFF")),
        ("a continuation byte alone", whole(b"a\x80")),
        ("an overlong slash of 2 bytes", whole(b"\xC0\xAF")),
        ("an overlong slash of 3 bytes", whole(b"\xE0\x80\xAF")),
        ("an overlong slash of 4 bytes", whole(b"\xF0\x80\x80\xAF")),
        ("an overlong NUL", whole(b"\xC0\x80")),
        (
            "the greatest overlong form of 3 bytes",
            whole(b"\xE0\x9F\xBF"),
        ),
        ("a high surrogate", whole(b"\xED\xA0\x80")),
        ("a low surrogate", whole(b"\xED\xBF\xBF")),
        ("a pair of surrogates", whole(b"\xED\xA0\x80\xED\xB0\x80")),
        ("beyond U+10FFFF", whole(b"\xF4\x90\x80\x80")),
        ("a form of 5 bytes", whole(b"\xF8\x88\x80\x80\x80")),
        ("a form of 6 bytes", whole(b"\xFC\x84\x80\x80\x80\x80")),
        ("a character cut by ASCII", whole(b"\xE2\x82A")),
        ("a message that ends inside a character", whole(b"\xE2\x82")),
        ("a first byte at the end", whole(b"ab\xF0")),
        (
            "the wrong byte late in a long text",
            whole(&[&[b'a'; 5000][..], b"\xC3\x28"].concat()),
        ),
        (
            "the wrong byte in a frame that is not complete",
            begun(b"abc\xFF"),
        ),
        (
            "a surrogate in a frame that is not complete",
            begun(b"\xED\xA0"),
        ),
        ("the wrong byte in an unfinished message", f(TEXT, b"a\xC0")),
        (
            "a character cut by the end of a message",
            [f(TEXT, b"\xE2\x82"), f(CONT | FIN, b"")].concat(),
        ),
        (
            "a character cut by the next fragment",
            [f(TEXT, b"\xE2"), f(CONT, b"A")].concat(),
        ),
        (
            "a surrogate over two fragments",
            [f(TEXT, b"\xED"), f(CONT, b"\xA0")].concat(),
        ),
        (
            "an overlong form over three fragments",
            [f(TEXT, b"\xF0"), f(CONT, b""), f(CONT, b"\x8F")].concat(),
        ),
        (
            "the wrong byte behind a whole text",
            [whole(b""), f(TEXT, b"\xFF")].concat(),
        ),
    ];
    let mut cases: Vec<_> = rows
        .into_iter()
        .map(|(name, bytes)| {
            let case = Case::open(name, bytes, Outcome::Failed(1007));
            if name.ends_with("whole text") {
                return case.after([(TEXT | FIN, Vec::new())]);
            }
            case
        })
        .collect();
    let close = close_frame(victim, 1000, "");
    cases.extend([
        Case::open(
            "a character over two fragments with a ping between, which is right",
            [
                f(TEXT, b"\xE2"),
                f(PING, b"\xFF"),
                f(CONT | FIN, b"\x82\xAC"),
                close.clone(),
            ]
            .concat(),
            Outcome::Closed(1000),
        )
        .after([(PONG, b"\xFF".to_vec()), (TEXT | FIN, "\u{20AC}".into())]),
        Case::open(
            "non-characters and NUL, which are right",
            [whole("\0\u{FFFE}\u{10FFFF}".as_bytes()), close].concat(),
            Outcome::Closed(1000),
        )
        .after([(TEXT | FIN, "\0\u{FFFE}\u{10FFFF}".into())]),
    ]);
    cases
}
