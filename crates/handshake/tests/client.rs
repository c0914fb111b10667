//! The client's machine: what it writes, and what it makes of an answer.

mod common;

use std::error::Error;

use bowline_extension::Offer;
use bowline_handshake::{
    ClientHandshake, ClientHandshakeError, ClientRequest, Established, HeaderError, RequestError,
    SubprotocolError, UriError, WsUri,
};
use common::{Idle, NONCE, answer_with, ask};

fn request() -> ClientRequest {
    ClientRequest::try_from("ws://server.example.com:8080/chat?x=1").unwrap()
}

fn answer(request: &ClientRequest, text: &str) -> Result<Established, ClientHandshakeError> {
    ask(
        &mut ClientHandshake::new(request, NONCE),
        &[text.as_bytes()],
    )
}

// covers WS-4.1-08, WS-4.1-09, WS-4.1-10, WS-4.1-11, WS-4.1-12, WS-4.1-13, WS-4.1-14, WS-4.1-15, WS-4.1-16,
// WS-4.1-17, WS-9.1-05, WS-12-01
#[test]
fn the_request_is_written_byte_for_byte() {
    let request = request()
        .subprotocols(["chat.v2", "chat"])
        .unwrap()
        .extension(Idle::new(
            "permessage-deflate; client_max_window_bits, permessage-deflate",
        ))
        .header("origin", "https://example.com")
        .unwrap()
        .header("Cookie", "a=b")
        .unwrap();
    let handshake = ClientHandshake::new(&request, NONCE);
    let expected = "GET /chat?x=1 HTTP/1.1\r\nHost: server.example.com:8080\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat.v2, chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, permessage-deflate\r\n\
        origin: https://example.com\r\ncookie: a=b\r\n\r\n";
    assert_eq!(std::str::from_utf8(handshake.request()).unwrap(), expected);
}

// covers WS-4.1-13
#[test]
fn nothing_is_sent_that_was_not_asked_for() {
    let handshake = ClientHandshake::new(&request(), NONCE);
    let text = std::str::from_utf8(handshake.request()).unwrap();
    assert_eq!(text.matches("\r\n").count(), 7, "{text}");
}

// covers WS-4.1-17, HTTP-35
#[test]
fn nobody_writes_the_handshakes_headers_or_a_line_end() {
    for name in [
        "Host",
        "upgrade",
        "connection",
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "content-length",
        "transfer-encoding",
        "proxy-connection",
    ] {
        let error = request().header(name, "x").unwrap_err();
        let name = name.to_ascii_lowercase().into();
        assert_eq!(error, HeaderError::Reserved { name });
    }
    assert_eq!(
        request().header("x", "a\r\nb: c").unwrap_err(),
        HeaderError::Value
    );
    assert_eq!(request().header("x y", "a").unwrap_err(), HeaderError::Name);
}

// covers WS-4.1-15, WB-04
#[test]
fn subprotocols_are_unique_tokens() {
    let name = "a\r\nb".into();
    assert_eq!(
        request().subprotocols(["a\r\nb"]).unwrap_err(),
        SubprotocolError::Name { name }
    );
    assert_eq!(
        request().subprotocols(["a", "a"]).unwrap_err(),
        SubprotocolError::Repeated { name: "a".into() }
    );
}

#[test]
fn an_http_request_becomes_a_request() {
    let build = || http::Request::builder().uri("wss://h/p?q");
    let request = build().header("cookie", "a=b").body(()).unwrap();
    let request = ClientRequest::try_from(request).unwrap();
    assert_eq!(request.uri().to_string(), "wss://h/p?q");
    let handshake = ClientHandshake::new(&request, NONCE);
    let text = std::str::from_utf8(handshake.request()).unwrap();
    assert!(text.ends_with("\r\ncookie: a=b\r\n\r\n"), "{text}");

    let refused = |builder: http::request::Builder| {
        ClientRequest::try_from(builder.body(()).unwrap()).unwrap_err()
    };
    assert_eq!(refused(build().method("POST")), RequestError::Method);
    let version = http::Version::HTTP_2;
    assert_eq!(refused(build().version(version)), RequestError::Version);
    let uri = refused(build().uri("/p"));
    assert_eq!(uri, RequestError::Uri(UriError::Scheme));
    assert!(uri.source().is_some());
    assert!(matches!(
        refused(build().header("sec-websocket-key", "x")),
        RequestError::Header(HeaderError::Reserved { .. })
    ));
}

// covers WS-4.1-28, WB-10
#[test]
fn a_subprotocol_can_be_required() {
    let request = request().subprotocols(["chat"]).unwrap();
    assert!(answer(&request, &answer_with("")).is_ok());
    let request = request.require_subprotocol();
    let error = answer(&request, &answer_with("")).unwrap_err();
    assert!(matches!(error, ClientHandshakeError::NoSubprotocol));
    let chosen = answer(&request, &answer_with("Sec-WebSocket-Protocol: chat\r\n"));
    assert_eq!(chosen.unwrap().subprotocol.as_deref(), Some("chat"));
}

// covers WS-4.1-20, WS-4.1-21, WS-4.1-22, WS-4.1-23, WS-4.1-24
#[test]
fn each_fault_of_an_answer_has_its_error() {
    type Expected = fn(&ClientHandshakeError) -> bool;
    let request = request()
        .subprotocols(["chat"])
        .unwrap()
        .extension(Idle::new("permessage-deflate"));
    let cases: [(&str, &str, Expected); 10] = [
        ("HTTP/1.1", "HTTP/1.0", |it| {
            matches!(it, ClientHandshakeError::Version)
        }),
        ("Upgrade: websocket", "Upgrade: x", |it| {
            matches!(it, ClientHandshakeError::Upgrade)
        }),
        ("Connection: Upgrade", "Connection: close", |it| {
            matches!(it, ClientHandshakeError::Connection)
        }),
        ("Accept: s", "Accept: S", |it| {
            matches!(it, ClientHandshakeError::Accept)
        }),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: b\r\n\r\n", |it| {
            matches!(it, ClientHandshakeError::Subprotocol)
        }),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: é\r\n\r\n", |it| {
            matches!(it, ClientHandshakeError::Subprotocol)
        }),
        (
            "\r\n\r\n",
            "\r\nSec-WebSocket-Extensions: ;\r\n\r\n",
            |it| matches!(it, ClientHandshakeError::Extensions(_)),
        ),
        (
            "\r\n\r\n",
            "\r\nSec-WebSocket-Extensions: x\r\n\r\n",
            |it| matches!(it, ClientHandshakeError::UnofferedExtension { name } if &**name == "x"),
        ),
        (
            "\r\n\r\n",
            "\r\nSec-WebSocket-Extensions: permessage-deflate, x\r\n\r\n",
            |it| matches!(it, ClientHandshakeError::UnofferedExtension { name } if &**name == "x"),
        ),
        (
            "\r\n\r\n",
            "\r\nSec-WebSocket-Extensions: permessage-deflate; x\r\n\r\n",
            |it| matches!(it, ClientHandshakeError::Confirm(_)),
        ),
    ];
    for (from, to, is_expected) in cases {
        let text = answer_with("").replacen(from, to, 1);
        let error = answer(&request, &text).unwrap_err();
        assert!(is_expected(&error), "{to}: {error:?}");
    }
}

#[test]
fn an_extension_may_offer_nothing() {
    let idle = Idle {
        offers: Vec::<Offer>::new(),
    };
    let request = request().extension(std::sync::Arc::new(idle));
    let handshake = ClientHandshake::new(&request, NONCE);
    let text = std::str::from_utf8(handshake.request()).unwrap();
    assert!(!text.contains("Extensions"), "{text}");
    let answered = answer(&request, &answer_with("Sec-WebSocket-Extensions: x\r\n"));
    assert!(matches!(
        answered,
        Err(ClientHandshakeError::UnofferedExtension { .. })
    ));
}

// covers WS-4.1-05, WS-4.1-19
#[test]
fn the_end_and_the_deadline_are_told_apart() {
    let handshake = || ClientHandshake::new(&request(), NONCE);
    assert!(matches!(
        handshake().handle_eof(),
        ClientHandshakeError::Ended { received: 0 }
    ));
    let mut cut = handshake();
    assert!(cut.handle(b"HTTP/1.1 1").unwrap().is_none());
    assert!(matches!(
        cut.handle_timeout(),
        ClientHandshakeError::TimedOut { received: 10 }
    ));
    let mut body = handshake();
    let refusal = b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\ncome";
    assert!(body.handle(refusal).unwrap().is_none());
    let ClientHandshakeError::Refused(response) = body.handle_timeout() else {
        panic!("the refusal was expected");
    };
    assert_eq!(
        (response.status().as_u16(), &response.body()[..]),
        (503, &b"come"[..])
    );
}

// covers WS-4.1-19
#[test]
fn a_refusal_is_reported_as_soon_as_its_body_is_complete() {
    let mut handshake = ClientHandshake::new(&request(), NONCE);
    let head = b"HTTP/1.0 404 Not Found\r\nX: y\r\nContent-Length: 2\r\n\r\n";
    assert!(handshake.handle(head).unwrap().is_none());
    assert!(handshake.handle(b"n").unwrap().is_none());
    let Err(ClientHandshakeError::Refused(response)) = handshake.handle(b"o more") else {
        panic!("the refusal was expected");
    };
    assert_eq!(response.headers()["x"], "y");
    assert_eq!(response.body(), "no");
    assert!(handshake.handle(b"x").unwrap().is_none());
}

// covers WS-3-01, WS-3-05, WS-3-07, WS-3-08, WS-4.1-01, WB-01, WB-02
#[test]
fn each_uri_error_names_the_fault() {
    let cases = [
        ("http://h/", UriError::Scheme),
        ("ws:h", UriError::Scheme),
        ("ws://", UriError::NoHost),
        ("ws://bücher.example/", UriError::Host),
        ("ws://h:0/", UriError::Port),
        ("ws://u:p@h/", UriError::UserInfo),
        ("ws://h#f", UriError::Fragment),
        ("ws://h/a b", UriError::Byte { byte: b' ', at: 8 }),
        ("ws://h?\r\n", UriError::Byte { byte: b'\r', at: 7 }),
        ("ws://h/%4", UriError::Percent { at: 7 }),
    ];
    for (text, error) in cases {
        assert_eq!(WsUri::parse(text), Err(error), "{text}");
    }
}

// covers WS-3-04, WS-3-06, WS-3-09
#[test]
fn paths_are_kept_and_percent_encoded() {
    let cases = [
        ("ws://h/é?ü", "/%C3%A9?%C3%BC"),
        ("ws://h/a?", "/a"),
        ("ws://h/a?b?", "/a?b?"),
        ("ws://h/a??", "/a??"),
        ("ws://h/%2f", "/%2f"),
        ("ws://h/a/../b;c", "/a/../b;c"),
        ("ws://h/.well-known/coap", "/.well-known/coap"),
    ];
    for (text, name) in cases {
        assert_eq!(WsUri::parse(text).unwrap().resource_name(), name, "{text}");
    }
}

#[test]
fn values_cross_threads_and_errors_are_small() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<ClientHandshake>();
    check::<ClientRequest>();
    check::<Established>();
    check::<ClientHandshakeError>();
    assert!(size_of::<ClientHandshakeError>() <= 32);
    assert!(size_of::<RequestError>() <= 32);
}
