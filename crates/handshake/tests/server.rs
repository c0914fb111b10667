//! The server's machine: what it makes of a request, and how the caller decides.

mod common;

use std::sync::Arc;

use bowline_handshake::{
    Accepted, HeaderError, HttpRequest, OriginPolicy, Refusal, RefusalReason, ResponseError,
    ServerConfig, ServerHandshake, ServerHead, SubprotocolError, Upgrade,
};
use bytes::Bytes;
use common::{Idle, Parsed, request_with, serve, upgrade};
use http::Response;

fn head_of(request: &str) -> ServerHead {
    let (head, _) = serve(&Arc::default(), &[request.as_bytes()]).expect("a complete head");
    head
}

fn http(request: &str) -> HttpRequest {
    match head_of(request) {
        ServerHead::Http(http) => http,
        other => panic!("an ordinary request was expected: {other:?}"),
    }
}

fn reason(request: &str) -> RefusalReason {
    match head_of(request) {
        ServerHead::Refused(refusal) => *refusal.reason(),
        other => panic!("a refusal was expected: {other:?}"),
    }
}

// covers WS-4.2.2-08
#[test]
fn the_101_is_written_byte_for_byte() {
    let config = ServerConfig::default()
        .subprotocols(["chat"])
        .unwrap()
        .extension(Idle::new("permessage-deflate"))
        .header("server", "harbour")
        .unwrap();
    let request = request_with(
        "Sec-WebSocket-Protocol: x, chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
    );
    let mut upgrade = upgrade(config, &request);
    upgrade.header("x-trace", "7").unwrap();
    let accepted = upgrade.accept();
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\nserver: harbour\r\nx-trace: 7\r\n\r\n";
    assert_eq!(std::str::from_utf8(&accepted.response).unwrap(), expected);
    assert_eq!(accepted.subprotocol.as_deref(), Some("chat"));
    assert!(accepted.extension.is_some());
    assert_eq!(accepted.request.uri(), "/chat");
}

// covers WS-4.2.2-06
#[test]
fn the_caller_chooses_among_what_is_offered() {
    let config = ServerConfig::default().subprotocols(["a", "b"]).unwrap();
    let request = request_with("Sec-WebSocket-Protocol: c, b\r\n");
    let mut upgrade = upgrade(config, &request);
    assert!(upgrade.offered_subprotocols().eq(["c", "b"]));
    assert_eq!(upgrade.subprotocol(), Some("b"));
    upgrade.set_subprotocol(Some("c")).unwrap();
    let error = upgrade.set_subprotocol(Some("a")).unwrap_err();
    assert_eq!(error, SubprotocolError::Unoffered { name: "a".into() });
    assert_eq!(upgrade.subprotocol(), Some("c"));
    upgrade.set_subprotocol(None).unwrap();
    let response = upgrade.accept().response;
    assert!(
        Parsed::new(&response)
            .all("sec-websocket-protocol")
            .is_empty()
    );
}

#[test]
fn an_extension_can_be_declined() {
    let config = ServerConfig::default().extension(Idle::new("permessage-deflate"));
    let request = request_with("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let mut upgrade = upgrade(config, &request);
    let answer = upgrade.extension_answer().unwrap().to_string();
    assert_eq!(answer, "permessage-deflate");
    upgrade.decline_extension();
    let accepted = upgrade.accept();
    assert!(accepted.extension.is_none());
    let response = Parsed::new(&accepted.response);
    assert!(response.all("sec-websocket-extensions").is_empty());
}

// covers HTTP-35, HTTP-37, WS-4.1-17
#[test]
fn nobody_writes_the_handshakes_headers_or_a_line_end() {
    let mut upgrade = upgrade(ServerConfig::default(), &request_with(""));
    for name in [
        "Connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "Sec-WebSocket-Accept",
        "sec-websocket-extensions",
        "sec-websocket-made-up",
        "te",
        "trailer",
        "transfer-encoding",
        "UPGRADE",
    ] {
        let expected = HeaderError::Reserved {
            name: name.to_ascii_lowercase().into(),
        };
        assert_eq!(upgrade.header(name, "x"), Err(expected.clone()));
        assert_eq!(
            ServerConfig::default().header(name, "x").unwrap_err(),
            expected
        );
    }
    assert_eq!(upgrade.header("a b", "x"), Err(HeaderError::Name));
    assert_eq!(upgrade.header("a:", "x"), Err(HeaderError::Name));
    assert_eq!(upgrade.header("", "x"), Err(HeaderError::Name));
    for value in ["a\r\nb: c", "a\n", "\r", "a\0"] {
        assert_eq!(upgrade.header("x", value), Err(HeaderError::Value));
    }
    upgrade.header("set-cookie", "a=b").unwrap();
    upgrade.header("set-cookie", "c=d").unwrap();
    let response = upgrade.accept().response;
    assert_eq!(Parsed::new(&response).all("set-cookie"), ["a=b", "c=d"]);
}

#[test]
fn subprotocols_of_the_configuration_are_checked() {
    let config = ServerConfig::default;
    assert_eq!(
        config().subprotocols(["a", "a b"]).unwrap_err(),
        SubprotocolError::Name { name: "a b".into() }
    );
    assert_eq!(
        config().subprotocols(["a", "b", "a"]).unwrap_err(),
        SubprotocolError::Repeated { name: "a".into() }
    );
}

// covers WS-4.2.2-02, WS-10.5-01, HTTP-27, HTTP-33
#[test]
fn the_caller_refuses_with_any_response() {
    let response = Response::builder()
        .status(401)
        .header("www-authenticate", "Basic realm=\"x\"")
        .header("content-length", "3")
        .body(Bytes::from("no\n"))
        .unwrap();
    let refusal = upgrade(ServerConfig::default(), &request_with(""))
        .refuse(&response)
        .unwrap();
    assert_eq!(*refusal.reason(), RefusalReason::Application);
    assert_eq!(refusal.status(), 401);
    let text = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"\r\n\
        Connection: close\r\nContent-Length: 3\r\n\r\nno\n";
    assert_eq!(std::str::from_utf8(refusal.response()).unwrap(), text);
}

// covers HTTP-23
#[test]
fn an_upgrade_response_of_the_callers_is_completed() {
    let response = Response::builder().status(426).body(Bytes::new()).unwrap();
    let refusal = Refusal::new(&response).unwrap();
    let parsed = Parsed::new(refusal.response());
    assert_eq!(parsed.all("upgrade"), ["websocket"]);
    assert_eq!(parsed.all("connection"), ["Upgrade, close"]);
    assert_eq!(parsed.all("sec-websocket-version"), ["13"]);

    let response = Response::builder()
        .status(426)
        .header("upgrade", "h2c")
        .header("sec-websocket-version", "13, 7")
        .body(Bytes::new())
        .unwrap();
    let refusal = Refusal::new(&response).unwrap();
    let parsed = Parsed::new(refusal.response());
    assert_eq!(parsed.all("upgrade"), ["h2c"]);
    assert_eq!(parsed.all("connection"), ["Upgrade, close"]);
    assert_eq!(parsed.all("sec-websocket-version"), ["13, 7"]);
}

// covers HTTP-26, HTTP-37
#[test]
fn a_response_that_cannot_be_written_is_an_error() {
    let build = |status: u16, name: &'static str, body: &'static str| {
        let response = Response::builder().status(status).header(name, "5");
        Refusal::new(&response.body(Bytes::from(body)).unwrap())
    };
    for status in [100, 101, 103] {
        let error = build(status, "x", "").unwrap_err();
        assert!(matches!(error, ResponseError::Interim { .. }), "{error:?}");
    }
    for status in [204, 205, 304] {
        let error = build(status, "x", "a").unwrap_err();
        assert!(matches!(error, ResponseError::Body { .. }), "{error:?}");
        assert!(build(status, "x", "").is_ok());
    }
    for name in ["connection", "keep-alive", "trailer", "transfer-encoding"] {
        let error = build(400, name, "").unwrap_err();
        assert_eq!(error, ResponseError::Reserved { name: name.into() });
    }
    assert!(build(400, "content-length", "hello").is_ok());
    let error = build(400, "content-length", "hell").unwrap_err();
    assert_eq!(error, ResponseError::ContentLength);
}

#[test]
fn a_response_without_a_body_has_no_length() {
    let response = Response::builder().status(204).body(Bytes::new()).unwrap();
    let refusal = Refusal::new(&response).unwrap();
    assert!(
        Parsed::new(refusal.response())
            .all("content-length")
            .is_empty()
    );
}

// covers HTTP-32
#[test]
fn an_ordinary_request_comes_back_with_its_body() {
    let request = "POST /form?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    let http = http(request);
    assert_eq!(http.request.method(), "POST");
    assert_eq!(http.request.uri(), "/form?x=1");
    assert_eq!(http.request.headers()["content-length"], "5");
    assert_eq!(&http.leftover[..], b"hello");
    let response = http.respond(&Response::new(Bytes::from("done"))).unwrap();
    let parsed = Parsed::new(&response);
    parsed.assert_final();
    assert_eq!((parsed.status, parsed.body.as_str()), (200, "done"));
}

// covers HTTP-36
#[test]
fn a_pipelined_upgrade_waits_for_the_answer_to_the_request_before_it() {
    let upgrade = request_with("");
    let http = http(&format!("GET / HTTP/1.1\r\nHost: h\r\n\r\n{upgrade}frame"));
    assert_eq!(&http.leftover[..], format!("{upgrade}frame").as_bytes());
    let next = serve(&Arc::default(), &[&http.leftover]);
    let Some((ServerHead::Upgrade(upgrade), _)) = next else {
        panic!("an upgrade was expected: {next:?}");
    };
    assert_eq!(&upgrade.accept().leftover[..], b"frame");
}

// covers HTTP-23
#[test]
fn requests_without_a_trace_of_websocket_are_ordinary() {
    for request in [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        "DELETE /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let http = http(request);
        let refusal = http.upgrade_required();
        assert_eq!(refusal.status(), 426);
        let parsed = Parsed::new(refusal.response());
        parsed.assert_final();
        assert_eq!(parsed.all("upgrade"), ["websocket"]);
    }
}

// covers WS-4.2.1-01, WS-4.2.1-04, WS-4.2.1-05
#[test]
fn half_a_request_for_websocket_is_not_ordinary() {
    for lines in [
        "Upgrade: websocket\r\n",
        "Sec-WebSocket-Key: x\r\n",
        "Sec-WebSocket-Version: 13\r\n",
        "Sec-WebSocket-Protocol: chat\r\n",
        "Sec-WebSocket-Key1: x\r\n",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        assert_eq!(reason(&request), RefusalReason::UpgradeRequired, "{lines}");
    }
}

#[test]
fn a_refused_head_request_gets_no_body() {
    for (request, status) in [
        ("HEAD / HTTP/1.1\r\n\r\n", "400"),
        (
            "HEAD / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "405",
        ),
    ] {
        let mut handshake = ServerHandshake::new(Arc::default());
        let Some(ServerHead::Refused(refusal)) = handshake.handle(request.as_bytes()) else {
            panic!("not refused: {request}");
        };
        assert_eq!(refusal.status().as_str(), status);
        assert!(refusal.response().ends_with(b"\r\n\r\n"), "{request}");
    }
}

#[test]
fn head_gets_the_length_and_no_body() {
    let http = http("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    let response = http.respond(&Response::new(Bytes::from("hello"))).unwrap();
    let parsed = Parsed::new(&response);
    assert_eq!(parsed.all("content-length"), ["5"]);
    assert!(parsed.body.is_empty());
    let refusal = http.upgrade_required();
    assert!(refusal.response().ends_with(b"\r\n\r\n"));
}

// covers HTTP-07
#[test]
fn an_absolute_target_replaces_the_host() {
    let requests = [
        ("http://h.example/a?b", "/a?b"),
        ("HTTPS://h.example/", "/"),
        ("http://h.example", "/"),
        ("http://h.example?b", "/?b"),
    ];
    for (target, path) in requests {
        let request = format!("GET {target} HTTP/1.1\r\nHost: other\r\n\r\n");
        let http = http(&request);
        assert_eq!(http.request.uri(), path, "{target}");
        assert_eq!(http.request.headers()["host"], "h.example", "{target}");
    }
    for target in [
        "ftp://h/",
        "http:/h/",
        "http://",
        "http://u@h/",
        "http://h/#",
        "h/",
        "*",
        "/a#",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(reason(&request), RefusalReason::Target, "{target}");
    }
}

// covers WS-10.2-01
#[test]
fn the_origin_is_compared_with_the_host_of_an_absolute_target() {
    let request = request_with("Origin: http://h.example\r\n")
        .replace("GET /chat", "GET http://h.example/chat");
    assert!(matches!(head_of(&request), ServerHead::Upgrade(_)));
    let request = request_with("Origin: http://server.example.com\r\n")
        .replace("GET /chat", "GET http://h.example/chat");
    assert_eq!(reason(&request), RefusalReason::Origin);
}

// covers WS-4.2.2-03, WS-10.2-01, WS-4.2.1-08, WB-07
#[test]
fn the_default_policy_is_same_origin() {
    for (lines, allowed) in [
        ("", true),
        ("Origin: https://server.example.com\r\n", true),
        ("Origin: https://server.example.com:444\r\n", false),
        ("Origin: https://evil.example\r\n", false),
        ("Origin: null\r\n", false),
        ("Origin: \r\n", false),
    ] {
        let head = head_of(&request_with(lines));
        assert_eq!(matches!(head, ServerHead::Upgrade(_)), allowed, "{lines}");
    }
    let any = Arc::new(ServerConfig::default().origin(OriginPolicy::Any));
    let request = request_with("Origin: null\r\n");
    let (head, _) = serve(&any, &[request.as_bytes()]).unwrap();
    assert!(matches!(head, ServerHead::Upgrade(_)));
}

// covers HTTP-31
#[test]
fn a_length_that_cannot_be_trusted_ends_every_request() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: \r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: \r\n",
        "Transfer-Encoding: \r\nContent-Length: 0\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        assert_eq!(reason(&request), RefusalReason::Body, "{lines}");
        assert_eq!(reason(&request_with(lines)), RefusalReason::Body, "{lines}");
    }
}

// covers HTTP-07, WS-4.2.1-02
#[test]
fn a_tunnel_is_not_given() {
    let request = "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n";
    assert_eq!(reason(request), RefusalReason::Method);
}

// covers WS-4.2.1-02, HTTP-21
#[test]
fn versions_of_http_other_than_1_1_are_named() {
    for (version, status) in [("1.0", 400), ("0.9", 505), ("2.0", 505), ("3.0", 505)] {
        let request = format!("GET / HTTP/{version}\r\nHost: h\r\n\r\n");
        let reason = reason(&request);
        assert_eq!(reason.status().unwrap(), status, "{version}");
        assert!(reason.to_string().contains(version), "{reason}");
    }
}

// covers WS-4.4-01
#[test]
fn refusals_over_the_version_name_ours() {
    for (version, status) in [("8", 426), ("x", 400)] {
        let request = request_with("").replace("Version: 13", &format!("Version: {version}"));
        let ServerHead::Refused(refusal) = head_of(&request) else {
            panic!("a refusal was expected");
        };
        assert_eq!(refusal.status(), status);
        let parsed = Parsed::new(refusal.response());
        assert_eq!(parsed.all("sec-websocket-version"), ["13"]);
        parsed.assert_final();
    }
}

#[test]
fn a_finished_handshake_takes_nothing_more() {
    let mut handshake = ServerHandshake::new(Arc::default());
    assert_eq!(handshake.received(), 0);
    assert!(handshake.handle(b"").is_none());
    assert!(handshake.handle(b"\x16").is_some());
    let request = request_with("");
    assert!(handshake.handle(request.as_bytes()).is_none());
}

#[test]
fn values_cross_threads_and_errors_are_small() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<ServerHandshake>();
    check::<ServerHead>();
    check::<Upgrade>();
    check::<Accepted>();
    check::<ServerConfig>();
    assert!(size_of::<RefusalReason>() <= 32);
    assert!(size_of::<HeaderError>() <= 32);
    assert!(size_of::<ResponseError>() <= 32);
    assert!(size_of::<SubprotocolError>() <= 32);
}
