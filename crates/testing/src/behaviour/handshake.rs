//! The opening handshake: what is agreed on, what is refused, and what is behind the head.

use std::io::{self, ErrorKind};
use std::sync::mpsc;

use bowline_frame::Role;
use bowline_io::{ClientHandshakeError, Error, RefusalReason};
use bytes::Bytes;
use http::{Response, StatusCode};

use super::bench::{Bench, listen};
use super::carrier::{Carrier, SOON};
use super::peer::Peer;
use super::run::topic;
use crate::head::{REQUEST, replaced};
use crate::hex::Shown;
use crate::payload;
use crate::wire::{BINARY, FIN, PING, PONG, TEXT, close_frame, frame};

topic!(handshake;
    both: [
        a_frame_may_be_in_one_write_with_the_head,
        many_frames_may_be_in_one_write_with_the_head,
        a_part_of_a_frame_may_be_in_one_write_with_the_head,
        a_close_may_be_in_one_write_with_the_head,
        a_head_may_come_byte_by_byte,
        a_subprotocol_is_agreed_on,
        a_subprotocol_that_only_one_end_knows_is_not_agreed_on,
        headers_go_out_with_the_head,
        a_peer_that_says_nothing_is_left,
        a_peer_that_does_not_even_encrypt_is_left,
        a_peer_that_stops_inside_of_its_head_is_left,
        a_peer_that_ends_before_its_head_makes_it_incomplete,
    ];
    server: [
        an_ordinary_request_is_answered_with_426,
        another_version_is_answered_with_426,
        a_foreign_origin_is_answered_with_403,
        a_broken_request_is_answered_with_400,
        half_a_request_is_answered_with_408,
        an_ordinary_request_gets_the_answer_of_the_program,
        a_websocket_gets_the_refusal_of_the_program,
        a_websocket_that_the_program_takes_is_open,
        a_refusal_is_reported_when_the_client_has_ended,
        the_server_prefers_its_own_order_of_subprotocols,
    ];
    client: [
        the_url_makes_the_request,
        a_refusal_comes_with_its_body,
        a_redirect_is_left_to_the_program,
        an_interim_answer_is_passed_over,
        an_answer_with_a_wrong_accept_is_refused,
        an_answer_with_a_subprotocol_nobody_asked_for_is_refused,
        a_port_where_nobody_listens_is_no_connection,
        a_url_of_another_scheme_is_invalid,
    ]
);

fn a_frame_may_be_in_one_write_with_the_head<C: Carrier>(bench: &Bench<C>) {
    let behind = frame(bench.role, TEXT | FIN, "early");
    let (mut ws, peer) = bench.open_beside(&bench.settings(), "", &behind);
    ws.expect("early");
    bench.part(&mut ws, peer);
}

fn many_frames_may_be_in_one_write_with_the_head<C: Carrier>(bench: &Bench<C>) {
    let mut behind: Vec<u8> = (0..200)
        .flat_map(|number| frame(bench.role, TEXT | FIN, number.to_string()))
        .collect();
    behind.extend(frame(bench.role, PING, "early"));
    behind.extend(frame(bench.role, BINARY | FIN, payload::seq(20_000)));
    let (mut ws, mut peer) = bench.open_beside(&bench.settings(), "", &behind);
    for number in 0..200 {
        ws.expect(number.to_string());
    }
    ws.expect(payload::seq(20_000));
    peer.expect(PONG, "early");
    bench.part(&mut ws, peer);
}

fn a_part_of_a_frame_may_be_in_one_write_with_the_head<C: Carrier>(bench: &Bench<C>) {
    let wire = frame(bench.role, BINARY | FIN, payload::seq(1000));
    for cut in [1, 2, 3, 5, 9, 500, wire.len() - 1] {
        let (behind, rest) = wire.split_at(cut);
        let (mut ws, mut peer) = bench.open_beside(&bench.settings(), "", behind);
        peer.write(rest);
        ws.expect(payload::seq(1000));
        bench.part(&mut ws, peer);
    }
}

fn a_close_may_be_in_one_write_with_the_head<C: Carrier>(bench: &Bench<C>) {
    let behind = close_frame(bench.role, 1000, "");
    let (mut ws, mut peer) = bench.open_beside(&bench.settings(), "", &behind);
    let peer = bench.beside(move || {
        peer.expect_close(1000);
        peer.part();
    });
    ws.expect_ended(bowline_proto::EndedBy::Peer, 1000);
    peer.join();
}

fn a_head_may_come_byte_by_byte<C: Carrier>(bench: &Bench<C>) {
    let role = bench.role;
    let (ws, peer) = bench.attempt(&bench.settings(), move |peer| {
        let behind = frame(role, TEXT | FIN, "early");
        peer.dripping = true;
        peer.open_in(300);
        peer.write(&behind);
        peer.answered();
    });
    let mut ws = opened(ws);
    ws.expect("early");
    bench.part(&mut ws, peer);
}

fn a_subprotocol_is_agreed_on<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.subprotocols = vec!["chat.v2", "chat.v1"];
    let lines = match bench.role {
        Role::Server => "Sec-WebSocket-Protocol: chat.v0, chat.v1\r\n",
        Role::Client => "Sec-WebSocket-Protocol: chat.v1\r\n",
    };
    let (mut ws, peer) = bench.open_beside(&settings, lines, b"");
    assert_eq!(ws.subprotocol().as_deref(), Some("chat.v1"));
    let said = match bench.role {
        Role::Server => "chat.v1",
        Role::Client => "chat.v2, chat.v1",
    };
    assert_eq!(peer.value("Sec-WebSocket-Protocol"), said);
    bench.part(&mut ws, peer);
}

fn a_subprotocol_that_only_one_end_knows_is_not_agreed_on<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.subprotocols = vec!["chat.v1"];
    let lines = match bench.role {
        Role::Server => "Sec-WebSocket-Protocol: other\r\n",
        Role::Client => "",
    };
    let (mut ws, peer) = bench.open_beside(&settings, lines, b"");
    assert_eq!(ws.subprotocol(), None);
    bench.part(&mut ws, peer);
}

fn headers_go_out_with_the_head<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.headers = vec![("X-One", "1"), ("X-Two", "two words")];
    let (mut ws, peer) = bench.open_with(&settings);
    assert_eq!(peer.value("X-One"), "1");
    assert_eq!(peer.value("X-Two"), "two words");
    bench.part(&mut ws, peer);
}

fn a_peer_that_says_nothing_is_left<C: Carrier>(bench: &Bench<C>) {
    left(bench, |peer| {
        peer.try_encrypt()?;
        let heard = peer.try_rest()?;
        // A client asks first.
        let is_request = heard.starts_with(b"GET /chat?a=b HTTP/1.1\r\n");
        assert!(is_request || heard.is_empty(), "{}", Shown(&heard));
        Ok(())
    });
}

fn a_peer_that_does_not_even_encrypt_is_left<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.handshake_timeout = SOON;
    let (ws, _) = bench.attempt_unencrypted(&settings, |peer| drop(peer.rest_of_tcp()));
    match ws.map(drop) {
        Err(Error::HandshakeTimeout { after }) => assert_eq!(after, SOON),
        other => panic!("{other:?}"),
    }
}

fn a_peer_that_stops_inside_of_its_head_is_left<C: Carrier>(bench: &Bench<C>) {
    left(bench, |peer| {
        peer.try_encrypt()?;
        peer.try_write(&half_a_head(peer))?;
        peer.try_rest()?;
        if peer.tested() == Role::Server {
            // It waits for this, so that its answer arrives.
            peer.end();
        }
        Ok(())
    });
}

fn a_peer_that_ends_before_its_head_makes_it_incomplete<C: Carrier>(bench: &Bench<C>) {
    for half in [false, true] {
        let (ws, _) = bench.attempt(&bench.settings(), move |peer| {
            if half {
                peer.write(&half_a_head(peer));
            }
            peer.end();
            peer.rest();
        });
        match ws.map(drop) {
            Err(Error::Incomplete) => {}
            other => panic!("{half}: {other:?}"),
        }
    }
}

/// The opening handshake is given up at its deadline, while the peer does this. A peer that is too late for the deadline,
/// since the machine is busy, gets another.
#[track_caller]
fn left<C: Carrier>(bench: &Bench<C>, act: fn(&mut Peer) -> io::Result<()>) -> Peer {
    let mut late = None;
    for deadline in [SOON, 10 * SOON, 100 * SOON] {
        let mut settings = bench.settings();
        settings.handshake_timeout = deadline;
        let (sender, acted) = mpsc::channel();
        let (ws, peer) = bench.attempt_unencrypted(&settings, move |peer| {
            sender.send(act(peer)).expect("the case goes on");
        });
        match ws.map(drop) {
            Err(Error::HandshakeTimeout { after }) => assert_eq!(after, deadline),
            other => panic!("{other:?}"),
        }
        match acted.recv().expect("the peer has acted") {
            Ok(()) => return peer,
            Err(error) => late = Some(error),
        }
    }
    panic!("the peer is never in time: {late:?}");
}

fn half_a_head(peer: &Peer) -> Vec<u8> {
    match peer.tested() {
        Role::Server => REQUEST[..50].to_vec(),
        Role::Client => b"HTTP/1.1 101 Switching Protocols\r\nUpg".to_vec(),
    }
}

fn an_ordinary_request_is_answered_with_426<C: Carrier>(bench: &Bench<C>) {
    let request = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let (head, reason) = refused(bench, request.to_vec());
    assert_eq!(reason, RefusalReason::UpgradeRequired);
    assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
    assert!(head.contains("\r\nUpgrade: websocket\r\n"), "{head}");
}

fn another_version_is_answered_with_426<C: Carrier>(bench: &Bench<C>) {
    let request = replaced(REQUEST, "Version: 13", "Version: 12");
    let (head, reason) = refused(bench, request);
    assert_eq!(reason, RefusalReason::UnsupportedVersion { version: 12 });
    assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
    assert!(head.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{head}");
}

fn a_foreign_origin_is_answered_with_403<C: Carrier>(bench: &Bench<C>) {
    let request = crate::head::with_header(REQUEST, "Origin: https://evil.example\r\n");
    let (head, reason) = refused(bench, request);
    assert_eq!(reason, RefusalReason::Origin);
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
}

fn a_broken_request_is_answered_with_400<C: Carrier>(bench: &Bench<C>) {
    for (from, to) in [
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
        ("Host: example.com\r\n", ""),
        ("\r\nUpgrade", "\nUpgrade"),
    ] {
        let (head, _) = refused(bench, replaced(REQUEST, from, to));
        assert!(head.starts_with("HTTP/1.1 400 "), "{from:?}: {head}");
    }
}

fn half_a_request_is_answered_with_408<C: Carrier>(bench: &Bench<C>) {
    let peer = left(bench, |peer| {
        peer.try_encrypt()?;
        peer.try_write(&REQUEST[..50])?;
        let rest = peer.try_rest()?;
        if rest.is_empty() {
            // The server is left before it has read anything.
            return Err(ErrorKind::TimedOut.into());
        }
        peer.head = String::from_utf8_lossy(&rest).into_owned();
        peer.end();
        Ok(())
    });
    assert!(peer.head.starts_with("HTTP/1.1 408 "), "{}", peer.head);
}

fn an_ordinary_request_gets_the_answer_of_the_program<C: Carrier>(bench: &Bench<C>) {
    let request = b"GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n".to_vec();
    let (opened, response) = answered(bench, request, &|request, is_websocket| {
        assert!(!is_websocket);
        assert_eq!(request.uri(), "/page");
        Some(Response::new(Bytes::from("the page")))
    });
    assert!(!opened);
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("\r\nContent-Length: 8\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nthe page"), "{response}");
}

fn a_websocket_gets_the_refusal_of_the_program<C: Carrier>(bench: &Bench<C>) {
    let (opened, response) = answered(bench, REQUEST.to_vec(), &|request, is_websocket| {
        assert!(is_websocket);
        assert_eq!(request.uri(), "/chat");
        let mut response = Response::new(Bytes::from("not here"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        Some(response)
    });
    assert!(!opened);
    assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    assert!(response.ends_with("\r\n\r\nnot here"), "{response}");
}

fn a_websocket_that_the_program_takes_is_open<C: Carrier>(bench: &Bench<C>) {
    let (stream, peer) = bench.dialled(|peer| {
        peer.ask("", b"");
        peer.opened();
        peer.send(TEXT | FIN, "hello");
    });
    let settings = bench.settings();
    let opened = bench
        .calls
        .during(|| C::open(&settings, stream, &|_, _| None));
    let mut ws = bench.whole(opened.expect("opened").expect("a connection"));
    ws.expect("hello");
    bench.join_and_part(&mut ws, peer);
}

fn a_refusal_is_reported_when_the_client_has_ended<C: Carrier>(bench: &Bench<C>) {
    let request = replaced(REQUEST, "Version: 13", "Version: 14");
    let (ended, is_ended) = mpsc::channel();
    let (ws, _) = bench.attempt(&bench.settings(), move |peer| {
        peer.write(&request);
        peer.take_head();
        peer.rest();
        ended.send(()).expect("the case goes on");
        peer.end();
    });
    match ws.map(drop) {
        Err(Error::Request(_)) => {}
        other => panic!("{other:?}"),
    }
    is_ended.try_recv().expect("the client has ended before");
}

fn the_url_makes_the_request<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, peer) = bench.open();
    assert!(
        peer.head
            .starts_with("GET /chat?a=b HTTP/1.1\r\nHost: 127.0.0.1:"),
        "{}",
        peer.head
    );
    assert_eq!(peer.value("Upgrade"), "websocket");
    assert_eq!(peer.value("Connection"), "Upgrade");
    assert_eq!(peer.value("Sec-WebSocket-Version"), "13");
    assert_eq!(peer.value("Sec-WebSocket-Key").len(), 24);
    assert_eq!(peer.value("Sec-WebSocket-Extensions"), "");
    bench.part(&mut ws, peer);
}

fn a_refusal_comes_with_its_body<C: Carrier>(bench: &Bench<C>) {
    let (ws, _) = bench.attempt(&bench.settings(), |peer| {
        peer.take_head();
        peer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nX-Why: age\r\n\r\ntoo old");
    });
    match ws.map(drop) {
        Err(Error::Refused(response)) => {
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            assert_eq!(response.headers()["X-Why"], "age");
            assert_eq!(response.body(), "too old");
        }
        other => panic!("{other:?}"),
    }
}

fn a_redirect_is_left_to_the_program<C: Carrier>(bench: &Bench<C>) {
    let (ws, _) = bench.attempt(&bench.settings(), |peer| {
        peer.take_head();
        peer.write(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
    });
    match ws.map(drop) {
        Err(Error::Refused(response)) => {
            assert_eq!(response.status(), StatusCode::FOUND);
            assert_eq!(response.headers()["Location"], "/other");
        }
        other => panic!("{other:?}"),
    }
}

fn an_interim_answer_is_passed_over<C: Carrier>(bench: &Bench<C>) {
    let (ws, peer) = bench.attempt(&bench.settings(), |peer| {
        peer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n");
        peer.let_in("", b"");
    });
    let mut ws = opened(ws);
    bench.part(&mut ws, peer);
}

fn the_server_prefers_its_own_order_of_subprotocols<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.subprotocols = vec!["chat.v2", "chat.v1"];
    let lines = "Sec-WebSocket-Protocol: chat.v1\r\nSec-WebSocket-Protocol: chat.v2\r\n";
    let (mut ws, peer) = bench.open_beside(&settings, lines, b"");
    assert_eq!(ws.subprotocol().as_deref(), Some("chat.v2"));
    assert_eq!(peer.value("Sec-WebSocket-Protocol"), "chat.v2");
    bench.part(&mut ws, peer);
}

fn an_answer_with_a_wrong_accept_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.attempt(&bench.settings(), |peer| {
        peer.take_head();
        peer.write(&replaced(
            crate::head::ANSWER,
            "{accept}",
            crate::head::ACCEPT,
        ));
    });
    match ws.map(drop) {
        Err(Error::Handshake(error)) => {
            assert!(matches!(*error, ClientHandshakeError::Accept), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    peer.expect_end();
}

fn an_answer_with_a_subprotocol_nobody_asked_for_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.attempt(&bench.settings(), |peer| {
        peer.let_in("Sec-WebSocket-Protocol: chat\r\n", b"");
    });
    match ws.map(drop) {
        Err(Error::Handshake(_)) => {}
        other => panic!("{other:?}"),
    }
    peer.expect_end();
}

fn a_port_where_nobody_listens_is_no_connection<C: Carrier>(bench: &Bench<C>) {
    let (listener, address) = listen();
    drop(listener);
    let url = bench.url(address);
    let settings = bench.settings();
    match bench.calls.during(|| C::connect(&settings, &url)).map(drop) {
        Err(Error::Connect(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
        other => panic!("{other:?}"),
    }
}

fn a_url_of_another_scheme_is_invalid<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings();
    for url in [
        "http://127.0.0.1/",
        "ws:///",
        "wss://127.0.0.1/#fragment",
        "",
    ] {
        match bench.calls.during(|| C::connect(&settings, url)).map(drop) {
            Err(Error::Invalid(_)) => {}
            other => panic!("{url}: {other:?}"),
        }
    }
}

/// What a request that must be refused is answered with.
#[track_caller]
fn refused<C: Carrier>(bench: &Bench<C>, request: Vec<u8>) -> (String, RefusalReason) {
    let (ws, peer) = bench.attempt(&bench.settings(), move |peer| {
        peer.write(&request);
        peer.take_head();
        peer.rest();
        peer.end();
    });
    match ws.map(drop) {
        Err(Error::Request(reason)) => (peer.head, *reason),
        other => panic!("{other:?}"),
    }
}

/// What a request is answered with by a program that decides itself, and whether there is a connection then.
fn answered<C: Carrier>(
    bench: &Bench<C>,
    request: Vec<u8>,
    answer: &super::carrier::Answer<'_>,
) -> (bool, String) {
    let (sender, response) = mpsc::channel();
    let (stream, peer) = bench.dialled(move |peer| {
        peer.write(&request);
        sender.send(peer.rest()).expect("the case goes on");
        peer.end();
    });
    let settings = bench.settings();
    let opened = bench.calls.during(|| C::open(&settings, stream, answer));
    let opened = opened.expect("an answer").is_some();
    drop(peer.join());
    let response = response.recv().expect("a response");
    (opened, String::from_utf8(response).expect("text"))
}

#[track_caller]
pub(super) fn opened<W>(attempted: Result<W, Error>) -> W {
    match attempted {
        Ok(ws) => ws,
        Err(error) => panic!("not opened: {error:?}"),
    }
}
