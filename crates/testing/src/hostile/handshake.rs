use super::attacker::{ANSWER, REQUEST};
use super::case::{Case, Outcome, Short, Step, Verdict};
use crate::vectors::{handshake_request, handshake_response};
use crate::wire::{CLOSE, FIN, TEXT, close_frame, frame};

use bowline_frame::Role;
use bowline_handshake::accept_key;

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

/// Answers that a client must not take for an opening handshake, those of the vectors included.
pub fn responses() -> Vec<Case> {
    let no = Outcome::GivenUp(Verdict::NoHandshake);
    let mut cases: Vec<_> = handshake_response::load()
        .into_iter()
        // The client offers nothing.
        .filter(|vector| {
            vector.offered_subprotocols.is_empty() && vector.offered_extensions.is_none()
        })
        .filter_map(|vector| {
            let outcome = match vector.outcome {
                handshake_response::Outcome::Open => return None,
                handshake_response::Outcome::Fail => no.clone(),
                handshake_response::Outcome::HttpResponse => {
                    Outcome::GivenUp(Verdict::Refused(vector.status?))
                }
            };
            let key = vector.key.as_bytes();
            let fits = replaced(
                &replaced(&vector.raw, &accept_key(key), "{accept}"),
                &vector.key,
                "{key}",
            );
            Some(Case::new(
                vector.id,
                [Step::Answer(fits), Step::EndWriting],
                outcome,
            ))
        })
        .collect();
    let given_up =
        |name, steps: Vec<Step>, verdict| Case::new(name, steps, Outcome::GivenUp(verdict));
    let answer =
        |name, bytes: Vec<u8>| given_up(name, vec![Step::Answer(bytes)], Verdict::NoHandshake);
    let with = |line: &str| with_header(ANSWER, line);
    let flood = |name, first: &[u8], unit: &[u8], verdict| {
        given_up(
            name,
            vec![
                Step::Request,
                Step::Write(first.to_vec()),
                Step::Flood(unit.to_vec()),
            ],
            verdict,
        )
    };
    let c = |code| close_frame(Role::Client, code, "");
    let ok = b"HTTP/1.1 101 Switching Protocols\r\n";
    let forbidden = b"HTTP/1.1 403 Forbidden\r\n";
    let (no, refused) = (Verdict::NoHandshake, Verdict::Refused(403));
    cases.extend([
        answer(
            "an Accept with a space inside",
            replaced(ANSWER, "{accept}", "{accept} {accept}"),
        ),
        answer(
            "an Accept with a comma behind it",
            replaced(ANSWER, "{accept}", "{accept},"),
        ),
        answer("an Upgrade repeated", with("Upgrade: websocket\r\n")),
        answer(
            "a subprotocol that was not offered",
            with("Sec-WebSocket-Protocol: chat\r\n"),
        ),
        answer(
            "a subprotocol beyond ASCII",
            [
                &ANSWER[..ANSWER.len() - 2],
                b"Sec-WebSocket-Protocol: \xFF\xFE\r\n\r\n",
            ]
            .concat(),
        ),
        answer(
            "an extension that was not offered",
            with("Sec-WebSocket-Extensions: constructor\r\n"),
        ),
        answer(
            "an extension with a quoted string that never ends",
            with("Sec-WebSocket-Extensions: a; b=\"c\r\n"),
        ),
        answer("a folded header", with("X: a\r\n b\r\n")),
        answer("line feeds alone", replaced(ANSWER, "\r\n", "\n")),
        answer("HTTP/2", replaced(ANSWER, "HTTP/1.1", "HTTP/2.0")),
        answer("a status of four digits", replaced(ANSWER, "101", "1010")),
        answer("a status of two digits", replaced(ANSWER, "101", "10")),
        answer(
            "frames instead of an answer",
            frame(Role::Client, TEXT | FIN, b"x"),
        ),
        answer(
            "TLS instead of an answer",
            b"\x15\x03\x01\x00\x02\x02\x46".to_vec(),
        ),
        answer(
            "an empty line before the answer",
            [b"\r\n", ANSWER].concat(),
        ),
        // Floods.
        flood("a reason without end", b"HTTP/1.1 101 ", b"aaaaaaaa", no),
        flood(
            "a header value without end",
            &[&ok[..], b"A: "].concat(),
            b"aaaaaaaa",
            no,
        ),
        flood("a header name without end", ok, b"aaaaaaaa", no),
        flood("header lines without end", ok, b"A: b\r\n", no),
        flood(
            "long header lines without end",
            ok,
            &[&b"A: "[..], &[b'a'; 8000], b"\r\n"].concat(),
            no,
        ),
        flood(
            "interim answers without end",
            b"",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            no,
        ),
        flood("NULs without end", b"", &[0; 100], no),
        flood(
            "a refusal with a body without end",
            &[&forbidden[..], b"\r\n"].concat(),
            &[b'x'; 100],
            refused,
        ),
        flood(
            "a refusal with a huge length",
            &[
                &forbidden[..],
                b"Content-Length: 18446744073709551615\r\n\r\n",
            ]
            .concat(),
            &[b'x'; 100],
            refused,
        ),
        flood(
            "a refusal with chunks without end",
            &[&forbidden[..], b"Transfer-Encoding: chunked\r\n\r\n"].concat(),
            b"8\r\nxxxxxxxx\r\n",
            refused,
        ),
        flood(
            "a refusal with a chunk's size without end",
            &[&forbidden[..], b"Transfer-Encoding: chunked\r\n\r\n"].concat(),
            b"1",
            refused,
        ),
        flood(
            "a refusal with a chunk's extension without end",
            &[&forbidden[..], b"Transfer-Encoding: chunked\r\n\r\n1;"].concat(),
            b"xxxxxxxx",
            refused,
        )
        .short(Short::Handshake),
        // Time.
        given_up("silence", vec![Step::Request], Verdict::TimedOut).short(Short::Handshake),
        given_up(
            "half an answer, then silence",
            vec![Step::Answer(ANSWER[..50].to_vec())],
            Verdict::TimedOut,
        )
        .short(Short::Handshake),
        given_up(
            "all of an answer but its last byte",
            vec![Step::Answer(ANSWER[..ANSWER.len() - 1].to_vec())],
            Verdict::TimedOut,
        )
        .short(Short::Handshake),
        given_up(
            "an answer that trickles in for ever",
            vec![
                Step::Request,
                Step::Write(ok.to_vec()),
                Step::Trickle(b"A".to_vec()),
            ],
            Verdict::TimedOut,
        )
        .short(Short::Handshake),
        given_up(
            "a refusal that trickles in for ever",
            vec![
                Step::Request,
                Step::Write([&forbidden[..], b"\r\n"].concat()),
                Step::Trickle(b"x".to_vec()),
            ],
            refused,
        )
        .short(Short::Handshake),
        // Endings.
        given_up(
            "the end at once",
            vec![Step::Request, Step::EndWriting],
            Verdict::Incomplete,
        ),
        given_up(
            "the end inside the status line",
            vec![Step::Answer(b"HTTP/1.1 1".to_vec()), Step::EndWriting],
            Verdict::Incomplete,
        ),
        given_up(
            "the end inside the headers",
            vec![Step::Answer(ANSWER[..60].to_vec()), Step::EndWriting],
            Verdict::Incomplete,
        ),
        given_up(
            "the end inside a refusal",
            vec![
                Step::Answer([&forbidden[..], b"Content-Length: 9\r\n\r\nno"].concat()),
                Step::EndWriting,
            ],
            refused,
        ),
        Case::new(
            "a reset with the request unread",
            [Step::Reset(Vec::new())],
            Outcome::Gone,
        ),
        // Redirects are not followed: nobody connects a second time.
        given_up(
            "a redirect to the same server",
            vec![Step::Answer(
                b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec(),
            )],
            Verdict::Refused(302),
        ),
        // Behind a 101.
        Case::new(
            "a second 101 where frames belong",
            [Step::Open(ANSWER.to_vec())],
            Outcome::Failed(1002),
        ),
        Case::new(
            "an interim answer where frames belong",
            [Step::Open(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())],
            Outcome::Failed(1002),
        ),
        Case::new(
            "an answer a byte at a time",
            [Step::OpenDripping(c(1000))],
            Outcome::Closed(1000),
        ),
        Case::new(
            "a Close in the segment of the answer",
            [Step::Open(frame(Role::Client, CLOSE, b""))],
            Outcome::Closed(1005),
        ),
        Case::new(
            "an answer behind 16 interim ones",
            [
                Step::Request,
                Step::Write(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(16)),
                Step::Open(c(1001)),
            ],
            Outcome::Closed(1001),
        ),
    ]);
    cases
}

/// The head with these lines at its end.
fn with_header(head: &[u8], lines: &str) -> Vec<u8> {
    [&head[..head.len() - 2], lines.as_bytes(), b"\r\n"].concat()
}

/// The bytes with each `from` replaced.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from.as_bytes()) {
            replaced.extend_from_slice(to.as_bytes());
            rest = after;
        } else {
            replaced.push(*first);
            rest = after;
        }
    }
    replaced
}
