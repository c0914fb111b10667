use bowline_frame::Role;

use super::case::{Case, Outcome, Short, Step};
use crate::head::{REQUEST, replaced, with_header};
use crate::vectors::handshake_request;
use crate::wire::{FIN, TEXT, close_frame, frame};

/// Requests that a server must refuse, those of the vectors included, and clients that never get that far.
pub fn requests() -> Vec<Case> {
    let mut cases: Vec<_> = handshake_request::load()
        .vectors
        .into_iter()
        // What depends on paths and origins is the program's affair.
        .filter(|vector| vector.server_config_override.is_none() && !vector.incomplete)
        .filter_map(|vector| {
            let status = vector
                .expect_status
                .filter(|status| ![101, 404].contains(status))?;
            let outcome = Outcome::Refused(status);
            let steps = [Step::Write(vector.raw.to_vec()), Step::EndWriting];
            Some(Case::new(vector.id, steps, outcome))
        })
        .collect();
    let refused = |name, bytes: Vec<u8>, status| {
        Case::new(name, [Step::Write(bytes)], Outcome::Refused(status))
    };
    let with = |line: &str| with_header(REQUEST, line);
    let flood = |name, first: &[u8], unit: &[u8], status| {
        Case::new(
            name,
            [Step::Write(first.to_vec()), Step::Flood(unit.to_vec())],
            Outcome::Refused(status),
        )
        .may_reset()
    };
    let close = close_frame(Role::Server, 1000, "");
    let line = b"GET / HTTP/1.1\r\n";
    cases.extend([
        // Smuggling.
        refused(
            "Content-Length and chunked",
            with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
            400,
        ),
        refused(
            "an empty Transfer-Encoding",
            with("Transfer-Encoding:\r\n"),
            400,
        ),
        refused(
            "Transfer-Encoding: identity",
            with("Transfer-Encoding: identity\r\n"),
            400,
        ),
        refused(
            "a Content-Length with a sign",
            with("Content-Length: +0\r\n"),
            400,
        ),
        refused(
            "a hexadecimal Content-Length",
            with("Content-Length: 0x0\r\n"),
            400,
        ),
        refused(
            "a list of Content-Lengths",
            with("Content-Length: 0, 5\r\n"),
            400,
        ),
        refused(
            "a Content-Length beyond 64 bits",
            with("Content-Length: 18446744073709551616\r\n"),
            400,
        ),
        refused(
            "an upgrade pipelined behind a POST",
            [
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                REQUEST,
            ]
            .concat(),
            426,
        ),
        refused(
            "a Close frame behind a refused request",
            [&with("Expect: 100-continue\r\n"), &close[..]].concat(),
            417,
        ),
        refused(
            "an upgrade pipelined behind one of a wrong version",
            [&replaced(REQUEST, "Version: 13", "Version: 8"), REQUEST].concat(),
            426,
        ),
        refused(
            "a header hidden behind a bare CR",
            with("X: a\rSec-WebSocket-Version: 8\r\n"),
            400,
        ),
        refused("a header hidden behind a NUL", with("X: a\0b\r\n"), 400),
        // Other protocols.
        refused("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), 400),
        refused("SOCKS", b"\x05\x01\x00\x00\x00".to_vec(), 400),
        refused(
            "a PROXY line",
            [b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", REQUEST].concat(),
            400,
        ),
        refused(
            "frames before the request",
            frame(Role::Server, TEXT | FIN, b"x"),
            400,
        ),
        refused(
            "a response instead of a request",
            b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
            400,
        ),
        refused(
            "two empty lines before the request",
            [b"\r\n\r\n", REQUEST].concat(),
            400,
        ),
        // Floods.
        flood("a request line without end", b"GET /", b"aaaaaaaa", 414),
        flood("a method without end", b"", b"GET", 414),
        flood(
            "a header value without end",
            b"GET / HTTP/1.1\r\nA: ",
            b"aaaaaaaa",
            431,
        ),
        flood("a header name without end", line, b"aaaaaaaa", 431),
        flood("header lines without end", line, b"A: b\r\n", 431),
        flood(
            "long header lines without end",
            line,
            &[&b"A: "[..], &[b'a'; 8000], b"\r\n"].concat(),
            431,
        ),
        flood("empty lines without end", b"", b"\r\n", 400),
        flood("NULs without end", b"", &[0; 100], 400),
        flood(
            "a refused request with a body without end",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n",
            &[b'x'; 100],
            426,
        ),
        refused(
            "a thousand elements of Upgrade",
            replaced(
                REQUEST,
                "Upgrade: websocket",
                &format!("Upgrade: {}", "a,".repeat(1000)),
            ),
            426,
        ),
        refused(
            "a thousand spaces inside a subprotocol",
            with(&format!(
                "Sec-WebSocket-Protocol: a{}b\r\n",
                " ".repeat(1000)
            )),
            400,
        ),
        refused(
            "a quoted string that never ends",
            with(&format!(
                "Sec-WebSocket-Extensions: a; b=\"{}\r\n",
                "\\\"".repeat(1000)
            )),
            400,
        ),
        refused(
            "a refused request with a body of 500 KB",
            [
                &b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n"[..],
                &[b'x'; 500_000],
            ]
            .concat(),
            426,
        ),
        // Time.
        Case::new("silence", [], Outcome::Silent).short(Short::Handshake),
        Case::new(
            "half a request, then silence",
            [Step::Write(REQUEST[..50].to_vec())],
            Outcome::Refused(408),
        )
        .short(Short::Handshake),
        Case::new(
            "all of a request but its last byte",
            [Step::Write(REQUEST[..REQUEST.len() - 1].to_vec())],
            Outcome::Refused(408),
        )
        .short(Short::Handshake),
        Case::new(
            "a request that trickles in for ever",
            [Step::Write(b"GET /".to_vec()), Step::Trickle(b"a".to_vec())],
            Outcome::Refused(408),
        )
        .short(Short::Handshake),
        Case::new(
            "header lines that trickle in for ever",
            [Step::Write(line.to_vec()), Step::Trickle(b"A:".to_vec())],
            Outcome::Refused(408),
        )
        .short(Short::Handshake),
        Case::new(
            "who never ends TCP after a refusal",
            [
                Step::Write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
                Step::Cling(b"x".to_vec()),
            ],
            Outcome::Refused(426),
        )
        .short(Short::Close),
        // Endings.
        Case::new("the end at once", [Step::EndWriting], Outcome::Silent),
        Case::new(
            "the end inside the request line",
            [Step::Write(b"GET /ch".to_vec()), Step::EndWriting],
            Outcome::Silent,
        ),
        Case::new(
            "the end inside the headers",
            [Step::Write(REQUEST[..60].to_vec()), Step::EndWriting],
            Outcome::Silent,
        ),
        Case::new(
            "the end right behind the request",
            [
                Step::Write(b"GET / HTTP/1.0\r\n\r\n".to_vec()),
                Step::EndWriting,
            ],
            Outcome::Refused(400),
        ),
        Case::new(
            "a reset with a refusal unread",
            [Step::Reset(b"GET / HTTP/1.0\r\n\r\n".to_vec())],
            Outcome::Gone,
        ),
        Case::new(
            "a reset with a 101 unread",
            [Step::Reset(REQUEST.to_vec())],
            Outcome::Gone,
        ),
        // What is no attack although it looks so.
        Case::new(
            "a request a byte at a time",
            [Step::OpenDripping(close.clone())],
            Outcome::Closed(1000),
        ),
        Case::new(
            "a Close in the segment of the request",
            [Step::Open(close)],
            Outcome::Closed(1000),
        ),
    ]);
    cases
}
