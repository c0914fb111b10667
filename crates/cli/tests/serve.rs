//! `bowline serve`.

mod common;

use std::io::Read as _;
use std::net::{Shutdown, TcpStream};

use bowline_tokio::{CloseCode, Connector, Ended, EndedBy, Error, Message, MessageKind, WebSocket};
use serde_json::{Value, json};

use common::{Server, bowline, run, said, within};

async fn connect(url: &str) -> WebSocket {
    Connector::new().connect(url).await.unwrap()
}

async fn connect_as(url: &str, header: &'static str, value: &str) -> Result<WebSocket, Error> {
    Connector::new().header(header, value)?.connect(url).await
}

/// A connection that gets what the page gets.
async fn page(url: &str) -> WebSocket {
    let connector = Connector::new().subprotocols(["bowline.page.v1"]);
    let ws = connector.connect(url).await.unwrap();
    assert_eq!(ws.subprotocol(), Some("bowline.page.v1"));
    ws
}

async fn envelope(ws: &mut WebSocket) -> Value {
    let message = within(ws.recv()).await.unwrap().unwrap();
    serde_json::from_str(message.as_text().unwrap()).unwrap()
}

async fn received(ws: &mut WebSocket) -> Message {
    within(ws.recv()).await.unwrap().unwrap()
}

async fn end(ws: &mut WebSocket) -> Ended {
    while within(ws.recv()).await.unwrap().is_some() {}
    ws.ended().unwrap().clone()
}

fn status(refused: Result<WebSocket, Error>) -> u16 {
    match refused {
        Err(Error::Refused(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_page_is_served_and_self_contained() {
    let server = Server::start(&[]);
    let answer = server.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let head = head.to_ascii_lowercase();
    for line in [
        "content-type: text/html; charset=utf-8",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; script-src 'nonce-",
    ] {
        assert!(head.contains(line), "{line}");
    }
    assert!(body.starts_with("<!doctype html>") && body.trim_end().ends_with("</html>"));
    assert!(!body.contains("//"), "the page refers to something outside");
    assert_ne!(
        answer,
        server.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    );
}

#[test]
fn head_has_no_body() {
    let server = Server::start(&[]);
    let answer = server.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[test]
fn other_requests_are_refused() {
    let server = Server::start(&[]);
    let cases = [
        ("GET /favicon.ico", "404", "\r\n\r\nnot found"),
        ("POST /x", "404", ""),
        ("POST /", "405", "\r\nallow: GET, HEAD\r\n"),
        ("GET /echo", "426", "\r\nUpgrade: websocket\r\n"),
        ("GET /chat", "426", "\r\nSec-WebSocket-Version: 13\r\n"),
    ];
    for (request, status, part) in cases {
        let answer = server.ask(&format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
        assert!(answer.contains(part), "{request}: {answer}");
    }
}

#[test]
fn on_loopback_other_hosts_are_refused() {
    let server = Server::start(&["--echo-any"]);
    let get = |host: &str, upgrade: &str| {
        let answer = server.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n{upgrade}\r\n"));
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for host in ["localhost", "a.localhost:80", "127.0.0.2", "[::1]:9001"] {
        assert_eq!(get(host, ""), "200", "{host}");
        assert_eq!(get(host, upgrade), "101", "{host}");
    }
    for host in ["example.com", "localhost.example.com:9001", "10.0.0.1"] {
        assert_eq!(get(host, ""), "403", "{host}");
        assert_eq!(get(host, upgrade), "403", "{host}");
        // A page of that name is of the same origin, and refused nevertheless.
        let own = format!("{upgrade}Origin: http://{host}\r\n");
        assert_eq!(get(host, &own), "403", "{host}");
    }
}

#[tokio::test]
async fn other_origins_must_be_named() {
    let url = |server: &Server| server.url("/echo");
    let strict = Server::start(&[]);
    let own = format!("http://{}", strict.address);
    connect_as(&url(&strict), "origin", &own).await.unwrap();
    for origin in ["https://example.com", "null"] {
        let refused = connect_as(&url(&strict), "origin", origin).await;
        assert_eq!(status(refused), 403, "{origin}");
    }

    let named = Server::start(&["--origin", "https://example.com", "--origin", "null"]);
    let own = format!("http://{}", named.address);
    for origin in ["https://example.com", "null", &own] {
        connect_as(&url(&named), "origin", origin).await.unwrap();
    }
    let refused = connect_as(&url(&named), "origin", "https://example.org").await;
    assert_eq!(status(refused), 403);

    let open = Server::start(&["--origin", "any"]);
    connect_as(&url(&open), "origin", "https://example.org")
        .await
        .unwrap();
}

#[tokio::test]
async fn echo_sends_text_and_binary_back() {
    let server = Server::start(&[]);
    let mut ws = connect(&server.url("/echo")).await;
    let messages = [
        Message::from("hello, Grüße, 世界"),
        Message::from(""),
        Message::from(vec![0, 1, 255]),
        Message::from(vec![7; 1_000_000]),
    ];
    for message in messages {
        ws.send(message.clone()).await.unwrap();
        assert_eq!(received(&mut ws).await, message);
    }
    ws.close(CloseCode::NORMAL).await.unwrap();
    assert!(ws.ended().unwrap().clean);
}

#[tokio::test]
async fn everybody_in_the_room_gets_every_message() {
    let server = Server::start(&[]);
    let mut one = connect(&server.url("/chat")).await;
    // Whoever has heard itself is in the room.
    one.send("first").await.unwrap();
    assert_eq!(received(&mut one).await, "first".into());
    let mut other = connect(&server.url("/chat")).await;
    other.send(vec![1, 2]).await.unwrap();
    for ws in [&mut one, &mut other] {
        assert_eq!(received(ws).await, vec![1, 2].into());
    }
    one.send("to you").await.unwrap();
    for ws in [&mut one, &mut other] {
        assert_eq!(received(ws).await, "to you".into());
    }
    other.close(CloseCode::NORMAL).await.unwrap();
    one.send("alone").await.unwrap();
    assert_eq!(received(&mut one).await, "alone".into());
}

#[tokio::test]
async fn a_page_is_told_what_was_seen_of_frames() {
    let server = Server::start(&[]);
    let mut ws = page(&server.url("/echo")).await;
    ws.send_fragment(MessageKind::Text, "hel", false)
        .await
        .unwrap();
    ws.send_fragment(MessageKind::Text, "lo", true)
        .await
        .unwrap();
    let seen = json!({
        "opcode": 1, "kind": "text", "frames": 2, "wireBytes": 5, "rsv": 0, "masked": true
    });
    let expected =
        json!({ "type": "message", "text": "hello", "cut": false, "bytes": 5, "seen": seen });
    assert_eq!(envelope(&mut ws).await, expected);
}

#[tokio::test]
async fn pages_and_others_share_the_room() {
    let server = Server::start(&[]);
    let mut page = page(&server.url("/chat")).await;
    let welcome = envelope(&mut page).await;
    assert_eq!(
        (&welcome["type"], &welcome["members"]),
        (&json!("welcome"), &json!(1))
    );
    assert_eq!(
        envelope(&mut page).await,
        json!({ "type": "members", "members": 1 })
    );
    let mut plain = connect(&server.url("/chat")).await;
    assert_eq!(
        envelope(&mut page).await,
        json!({ "type": "members", "members": 2 })
    );

    page.send("{}").await.unwrap();
    assert_eq!(received(&mut plain).await, "{}".into());
    let own = envelope(&mut page).await;
    assert_eq!(
        (&own["text"], &own["from"]),
        (&json!("{}"), &welcome["you"])
    );
    plain.send("hi").await.unwrap();
    let others = envelope(&mut page).await;
    assert_eq!(others["text"], "hi");
    assert_ne!(others["from"], welcome["you"]);

    plain.close(CloseCode::NORMAL).await.unwrap();
    assert_eq!(
        envelope(&mut page).await,
        json!({ "type": "members", "members": 1 })
    );
}

#[tokio::test]
async fn a_member_that_is_too_slow_is_dropped() {
    let server = Server::start(&[]);
    let mut slow = connect(&server.url("/chat")).await;
    slow.send("here").await.unwrap();
    assert_eq!(received(&mut slow).await, "here".into());

    let mut page = page(&server.url("/chat")).await;
    assert_eq!(envelope(&mut page).await["members"], 2);
    let long = "x".repeat(60 * 1024);
    let dropped = async {
        loop {
            page.send(long.as_str()).await.unwrap();
            loop {
                let envelope = envelope(&mut page).await;
                if envelope["type"] == "message" {
                    break;
                }
                if envelope["members"] == 1 {
                    return;
                }
            }
        }
    };
    within(dropped).await;
    // What was queued before still comes, and then the reason.
    let ended = end(&mut slow).await;
    assert_eq!((ended.code(), ended.by), (1013, EndedBy::Peer));
}

#[tokio::test]
async fn echo_any_echoes_on_other_paths() {
    let server = Server::start(&[]);
    for path in ["/", "/other"] {
        let refused = Connector::new().connect(server.url(path).as_str()).await;
        assert_eq!(status(refused), 404, "{path}");
    }
    let server = Server::start(&["--echo-any"]);
    for path in ["/", "/other?a=b"] {
        let mut ws = connect(&server.url(path)).await;
        ws.send(path).await.unwrap();
        assert_eq!(received(&mut ws).await, path.into());
    }
}

#[tokio::test]
async fn longer_messages_are_answered_with_1009() {
    let server = Server::start(&["--max-message", "1000"]);
    for path in ["/echo", "/chat"] {
        let mut ws = connect(&server.url(path)).await;
        for len in [999, 1000] {
            ws.send("x".repeat(len)).await.unwrap();
            assert_eq!(received(&mut ws).await.len(), len);
        }
        ws.send("x".repeat(1001)).await.unwrap();
        let ended = end(&mut ws).await;
        assert_eq!((ended.code(), ended.by), (1009, EndedBy::Peer));
        assert!(ended.reason().contains("max_message"), "{ended}");
    }
}

#[tokio::test]
async fn every_connection_is_logged() {
    let mut server = Server::start(&[]);
    let mut ws = connect(&server.url("/echo")).await;
    let opened = server.logged("opened");
    ws.send("hi").await.unwrap();
    received(&mut ws).await;
    ws.close(CloseCode::NORMAL).await.unwrap();
    let ended = server.logged("ended");
    let peer = opened.strip_suffix(" opened /echo").unwrap();
    let expected = format!("{peer} ended /echo: closed by the peer: 1000; 1 message");
    assert_eq!(ended, expected);
    // A peer can't write lines of its own into the log.
    server.ask("GET /%0a\u{7f} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let line = server.logged("127.0.0.1");
    assert!(!line.contains('\u{7f}'), "{line:?}");
}

#[test]
fn a_connection_without_a_byte_is_not_logged() {
    let mut server = Server::start(&[]);
    let mut silent = TcpStream::connect(server.address).unwrap();
    let peer = silent.local_addr().unwrap().to_string();
    silent.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    silent.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    // One that has begun to ask is.
    server.ask_bytes(b"GET");
    let line = server.logged("ended before its request did");
    assert!(!line.starts_with(&peer), "{line}");
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_closes_everything_with_1001() {
    let mut server = Server::start(&[]);
    let mut peers = Vec::new();
    for path in ["/echo", "/chat", "/chat"] {
        peers.push(connect(&server.url(path)).await);
        server.logged("opened");
    }
    let silent = TcpStream::connect(server.address).unwrap();
    server.interrupt();
    for ws in &mut peers {
        let ended = end(ws).await;
        assert_eq!(
            (ended.code(), ended.by, ended.clean),
            (1001, EndedBy::Peer, true)
        );
    }
    assert_eq!(server.ended().await.code(), Some(0));
    drop(silent);
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_ctrl_c_waits_for_nobody() {
    let mut server = Server::start(&[]);
    // It takes part and then answers nothing, not even the Close.
    let stuck = connect(&server.url("/echo")).await;
    server.logged("opened");
    server.interrupt();
    server.logged("closing 1 connection");
    server.interrupt();
    assert_eq!(server.ended().await.code(), Some(130));
    drop(stuck);
}

#[test]
fn wrong_arguments_are_refused() {
    for arguments in [
        &["serve", "--origin", "*"][..],
        &["serve", "--origin", "https://example.com/path"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--max-message", "-1"],
        &["serve", "now"],
        &["swim"],
    ] {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    let output = run(&["serve", "--listen", &address], b"");
    let (_, error, code) = said(&output);
    assert_eq!(code, Some(1));
    assert!(
        error.starts_with(&format!("bowline: cannot listen on {address}: ")),
        "{error}"
    );
}

#[test]
fn version_and_help_are_answers() {
    let version = concat!("bowline ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(said(&run(&["--version"], b"")), (version, "", Some(0)));
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["connect", "--help"],
    ] {
        let output = bowline(arguments).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty());
    }
}
