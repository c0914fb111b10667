//! Every limit of a head, one below, at, and one above; and that errors come with the byte that makes them certain.

mod common;

use std::sync::Arc;

use bowline_handshake::{
    ClientHandshake, ClientHandshakeError, ClientRequest, HeadError, HeadLimits, RefusalReason,
    ServerConfig, ServerHandshake, ServerHead,
};
use bowline_testing::feed::each_chunking;
use common::{NONCE, Parsed, answer_with, request_with};

/// Feeds both ways of arriving; returns the refusal's reason, or `None` for an upgrade.
#[track_caller]
fn serve(limits: HeadLimits, request: &str) -> Option<RefusalReason> {
    let config = Arc::new(ServerConfig::default().limits(limits));
    let mut results = Vec::new();
    each_chunking(request.as_bytes(), |chunks| {
        let (head, _) = common::serve(&config, chunks).expect("a complete head");
        results.push(match head {
            ServerHead::Upgrade(_) => None,
            ServerHead::Refused(refusal) => Some(*refusal.reason()),
            ServerHead::Http(http) => panic!("{http:?}"),
        });
    });
    let first = results[0];
    assert!(results.iter().all(|result| *result == first), "{results:?}");
    first
}

fn status(reason: Option<RefusalReason>) -> Option<u16> {
    reason
        .and_then(|reason| reason.status())
        .map(|it| it.as_u16())
}

// covers HTTP-06, HTTP-18, WS-4.2.2-13
#[test]
fn the_request_line_is_limited() {
    let limits = HeadLimits::default().max_line(100);
    let request = |len: usize| {
        let path = "a".repeat(len - "GET / HTTP/1.1".len());
        request_with("").replace("GET /chat ", &format!("GET /{path} "))
    };
    assert_eq!(serve(limits, &request(99)), None);
    assert_eq!(serve(limits, &request(100)), None);
    let reason = serve(limits, &request(101));
    let expected = HeadError::StartLineTooLong { limit: 100 };
    assert_eq!(reason, Some(RefusalReason::Head(expected)));
    assert_eq!(status(reason), Some(414));
}

// covers HTTP-18, WS-4.2.2-13
#[test]
fn each_header_line_is_limited() {
    let limits = HeadLimits::default().max_line(100);
    let request = |len: usize| request_with(&format!("X: {}\r\n", "a".repeat(len - 3)));
    assert_eq!(serve(limits, &request(99)), None);
    assert_eq!(serve(limits, &request(100)), None);
    let reason = serve(limits, &request(101));
    let expected = HeadError::HeaderLineTooLong { limit: 100 };
    assert_eq!(reason, Some(RefusalReason::Head(expected)));
    assert_eq!(status(reason), Some(431));

    let name = |len: usize| request_with(&format!("{}:\r\n", "n".repeat(len - 1)));
    assert_eq!(serve(limits, &name(100)), None);
    let expected = HeadError::HeaderLineTooLong { limit: 100 };
    let reason = serve(limits, &name(101));
    assert_eq!(reason, Some(RefusalReason::Head(expected)));
}

// covers HTTP-18, WS-4.2.2-13
#[test]
fn the_whole_head_is_limited() {
    let request = request_with("X: y\r\n");
    let limits = |bytes| HeadLimits::default().max_head(bytes);
    assert_eq!(serve(limits(request.len() + 1), &request), None);
    assert_eq!(serve(limits(request.len()), &request), None);
    let limit = request.len() - 1;
    let reason = serve(limits(limit), &request);
    let expected = HeadError::HeadTooLong { limit };
    assert_eq!(reason, Some(RefusalReason::Head(expected)));
    assert_eq!(status(reason), Some(431));
    // An empty line before the request counts too.
    let reason = serve(limits(request.len() + 1), &format!("\r\n{request}"));
    assert_eq!(status(reason), Some(431));
    // Bytes behind the head don't.
    let followed = format!("{request}{}", "x".repeat(100));
    assert_eq!(serve(limits(request.len()), &followed), None);
    // While the request line is being read, it is the one that is too long.
    let reason = serve(limits(10), &request);
    let expected = HeadError::StartLineTooLong { limit: 10 };
    assert_eq!(reason, Some(RefusalReason::Head(expected)));
}

// covers HTTP-18, WS-4.2.2-13
#[test]
fn header_lines_are_counted() {
    let limits = HeadLimits::default().max_headers(20);
    let request = |count: usize| request_with(&"X: y\r\n".repeat(count - 5));
    assert_eq!(serve(limits, &request(19)), None);
    assert_eq!(serve(limits, &request(20)), None);
    let reason = serve(limits, &request(21));
    let expected = HeadError::TooManyHeaders { limit: 20 };
    assert_eq!(reason, Some(RefusalReason::Head(expected)));
    assert_eq!(status(reason), Some(431));
}

#[test]
fn subprotocols_are_counted() {
    let names = |count: usize| {
        let names: Vec<String> = (0..count).map(|it| it.to_string()).collect();
        request_with(&format!("Sec-WebSocket-Protocol: {}\r\n", names.join(",")))
    };
    assert_eq!(serve(HeadLimits::default(), &names(63)), None);
    assert_eq!(serve(HeadLimits::default(), &names(64)), None);
    let reason = serve(HeadLimits::default(), &names(65));
    assert_eq!(reason, Some(RefusalReason::Subprotocols));
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let limits = HeadLimits::default();
    assert_eq!(limits.max_head, 16 * 1024);
    assert_eq!(limits.max_line, 8 * 1024);
    assert_eq!(limits.max_headers, 100);
}

fn ask(limits: HeadLimits, answer: &str) -> Result<(), ClientHandshakeError> {
    let request = ClientRequest::try_from("ws://h/").unwrap().limits(limits);
    let mut handshake = ClientHandshake::new(&request, NONCE);
    common::ask(&mut handshake, &[answer.as_bytes()]).map(drop)
}

// covers HTTP-18
#[test]
fn a_client_limits_the_answer() {
    let answer = answer_with("X: y\r\n");
    let limits = HeadLimits::default;
    assert!(ask(limits().max_head(answer.len()), &answer).is_ok());
    assert!(matches!(
        ask(limits().max_head(answer.len() - 1), &answer),
        Err(ClientHandshakeError::Head(HeadError::HeadTooLong { .. }))
    ));
    assert!(ask(limits().max_headers(4), &answer).is_ok());
    assert!(matches!(
        ask(limits().max_headers(3), &answer),
        Err(ClientHandshakeError::Head(HeadError::TooManyHeaders {
            limit: 3
        }))
    ));
    let line = "Sec-WebSocket-Accept: ".len() + common::ACCEPT.len();
    assert!(ask(limits().max_line(line), &answer).is_ok());
    assert!(matches!(
        ask(limits().max_line(line - 1), &answer),
        Err(ClientHandshakeError::Head(
            HeadError::HeaderLineTooLong { .. }
        ))
    ));
    assert!(matches!(
        ask(limits().max_line(20), &answer),
        Err(ClientHandshakeError::Head(HeadError::StartLineTooLong {
            limit: 20
        }))
    ));
}

// covers HTTP-25
#[test]
fn interim_responses_are_counted() {
    let answer = |count: usize| "HTTP/1.1 102 Processing\r\n\r\n".repeat(count) + &answer_with("");
    assert!(ask(HeadLimits::default(), &answer(15)).is_ok());
    assert!(ask(HeadLimits::default(), &answer(16)).is_ok());
    assert!(matches!(
        ask(HeadLimits::default(), &answer(17)),
        Err(ClientHandshakeError::InterimResponses { limit: 16 })
    ));
}

/// Feeds byte by byte; returns how many bytes it took to refuse, and why.
fn refused_at(input: &[u8]) -> (usize, HeadError) {
    let mut handshake = ServerHandshake::new(Arc::default());
    for (index, byte) in input.iter().enumerate() {
        match handshake.handle(&[*byte]) {
            None => {}
            Some(ServerHead::Refused(refusal)) => {
                Parsed::new(refusal.response()).assert_final();
                match refusal.reason() {
                    RefusalReason::Head(error) => return (index + 1, *error),
                    other => panic!("{other:?}"),
                }
            }
            Some(other) => panic!("{other:?}"),
        }
    }
    panic!("not refused: {:?}", input.escape_ascii().to_string());
}

// covers HTTP-01, HTTP-02, HTTP-04, HTTP-09, HTTP-10, HTTP-11, HTTP-12, HTTP-13
#[test]
fn a_server_refuses_with_the_deciding_byte() {
    const LINE: &str = "GET / HTTP/1.1\r\n";
    let cases: [(&[u8], HeadError); 19] = [
        (b"\x16", HeadError::NotHttp),
        (b" ", HeadError::NotHttp),
        (b"\0", HeadError::NotHttp),
        (b"\n", HeadError::BareLineFeed),
        (b"\r\r", HeadError::BareCarriageReturn),
        // One empty line is forgiven, not two.
        (b"\r\n\r", HeadError::NotHttp),
        (b"GET\t", HeadError::StartLine),
        (b"GET /\xe4", HeadError::StartLine),
        (b"GET /\x7f", HeadError::StartLine),
        (b"GET / HTTP/1.1\n", HeadError::BareLineFeed),
        (b"GET / HTTP/1.1\rH", HeadError::BareCarriageReturn),
        (b"+ ", HeadError::FoldedLine),
        (b"+\t", HeadError::FoldedLine),
        (b"+:", HeadError::HeaderName),
        (b"+Host ", HeadError::HeaderName),
        (b"+Ho\r", HeadError::HeaderName),
        (b"+Ho\n", HeadError::BareLineFeed),
        (b"+Host: a\n", HeadError::BareLineFeed),
        (b"+Host: a\r\r", HeadError::BareCarriageReturn),
    ];
    for (input, error) in cases {
        let input = match input.strip_prefix(b"+") {
            Some(rest) => [LINE.as_bytes(), rest].concat(),
            None => input.to_vec(),
        };
        assert_eq!(refused_at(&input), (input.len(), error));
    }
    for byte in (0..b' ').chain([0x7f]) {
        if b"\t\r\n".contains(&byte) {
            continue;
        }
        let input = [LINE.as_bytes(), b"X: a", &[byte]].concat();
        let error = HeadError::ControlByte { byte };
        assert_eq!(refused_at(&input), (input.len(), error));
    }
    let folded = [LINE.as_bytes(), b"X: a\r\n "].concat();
    let (at, error) = refused_at(&folded);
    assert_eq!((at, error), (folded.len(), HeadError::FoldedLine));
    let last = [LINE.as_bytes(), b"X: a\r\n\rx"].concat();
    let (at, error) = refused_at(&last);
    assert_eq!((at, error), (last.len(), HeadError::BareCarriageReturn));
}

// covers WS-4.1-25
#[test]
fn a_client_fails_with_the_deciding_byte() {
    let cases: [(&[u8], HeadError); 14] = [
        (b"S", HeadError::NotHttp),
        (b"\x15", HeadError::NotHttp),
        (b"\r", HeadError::NotHttp),
        (b"h", HeadError::NotHttp),
        (b"HTTP/2", HeadError::NotHttp),
        (b"HTTP/1.x", HeadError::StartLine),
        (b"HTTP/1.11", HeadError::StartLine),
        (b"HTTP/1.1 a", HeadError::StartLine),
        (b"HTTP/1.1 10\r", HeadError::StartLine),
        (b"HTTP/1.1 101 a\0", HeadError::StartLine),
        (b"HTTP/1.1 101\n", HeadError::BareLineFeed),
        (b"HTTP/1.1 101 a\n", HeadError::BareLineFeed),
        (b"HTTP/1.1 101 a\r\n ", HeadError::FoldedLine),
        (b"HTTP/1.1 101 a\r\nX: a\r\n\tb", HeadError::FoldedLine),
    ];
    for (input, error) in cases {
        let mut handshake = ClientHandshake::new(&"ws://h/".try_into().unwrap(), NONCE);
        let failed = input.iter().position(|byte| {
            let result = handshake.handle(&[*byte]);
            match result {
                Ok(None) => false,
                Err(ClientHandshakeError::Head(actual)) => {
                    assert_eq!(actual, error);
                    true
                }
                other => panic!("{other:?}"),
            }
        });
        let expected = match error {
            HeadError::FoldedLine => input.iter().rposition(|byte| b" \t".contains(byte)),
            _ => input.len().checked_sub(1),
        };
        assert_eq!(failed, expected, "{:?}", input.escape_ascii().to_string());
    }
}

#[test]
fn a_status_of_other_than_three_digits_is_malformed() {
    for line in ["HTTP/1.1 1010", "HTTP/1.1 101x", "HTTP/1.1 099 a"] {
        let result = ask(HeadLimits::default(), &format!("{line}\r\n\r\n"));
        let Err(ClientHandshakeError::Head(HeadError::StartLine)) = result else {
            panic!("{line}: {result:?}");
        };
    }
}
