use bowline_frame::Role;
use bowline_handshake::accept_key;

use super::case::{Case, Outcome, Short, Step, Verdict};
use crate::head::{ANSWER, replaced, with_header};
use crate::vectors::handshake_response;
use crate::wire::{CLOSE, FIN, TEXT, close_frame, frame};

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
