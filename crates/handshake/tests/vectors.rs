//! The vectors of the opening handshake, each fed whole, byte by byte, at every 2-split and at random splits.

mod common;

use std::sync::Arc;

use bowline_extension::contains_token;
use bowline_handshake::{
    ClientHandshake, ClientHandshakeError, ClientRequest, OriginPolicy, ServerConfig,
    ServerHandshake, ServerHead, WsUri, accept_key,
};
use bowline_testing::feed::each_chunking;
use bowline_testing::hex::{assert_bytes_eq, encode};
use bowline_testing::vectors::handshake_request::{self, HandshakeRequest};
use bowline_testing::vectors::handshake_response::{self, HandshakeResponse, Outcome};
use bowline_testing::vectors::{self, accept_key as keys, subprotocol, token_list};
use bytes::{Bytes, BytesMut};
use common::{Idle, NONCE, Parsed, answer_with, ask, request_with, serve, upgrade};

/// Where the vectors leave a choice and ours is another: the case, our status, the reason.
const REQUESTS_ANSWERED_OTHERWISE: [(&str, u16, &str); 2] = [
    (
        "expect-100",
        417,
        "a 100 before the 101 would be a second response to wait for; no client of WebSockets asks for it",
    ),
    (
        "origin-absent-strict",
        101,
        "programs other than browsers send no Origin, or any: refusing its absence protects nobody",
    ),
];

/// Where the vectors leave the choice to the server: the case, our choice, the reason.
const SUBPROTOCOLS_CHOSEN_OTHERWISE: [(&str, &str, &str); 1] = [(
    "first-common",
    "superchat",
    "the server's order decides: it knows which of its subprotocols is the better one",
)];

// covers WS-4.2.2-09, WS-4.1-12, WS-4.1-22, WB-15
#[test]
fn accept_keys_are_computed() {
    for vector in keys::load().valid {
        assert_eq!(
            accept_key(vector.key.as_bytes()),
            vector.accept,
            "{}",
            vector.id
        );
        let request = request_with("").replace(common::KEY, &vector.key);
        let response = upgrade(ServerConfig::default(), &request).accept().response;
        let answered = Parsed::new(&response);
        assert_eq!(answered.all("sec-websocket-accept"), [vector.accept]);
    }
}

// covers WS-4.1-12
#[test]
fn a_client_sends_its_nonce_as_the_key() {
    for vector in keys::load().valid {
        // No encoder writes this one: its spare bits are set.
        if vector.id == "rfc6455-4.1-uncorrected" {
            continue;
        }
        let request = ClientRequest::try_from("ws://h/").unwrap();
        let nonce = <[u8; 16]>::try_from(&vector.nonce[..]).unwrap();
        let handshake = ClientHandshake::new(&request, nonce);
        let line = format!("\r\nSec-WebSocket-Key: {}\r\n", vector.key);
        let text = std::str::from_utf8(handshake.request()).unwrap();
        assert!(text.contains(&line), "{}: {text}", vector.id);
    }
}

// covers WS-4.2.1-06
#[test]
fn invalid_keys_are_refused() {
    let config = Arc::new(ServerConfig::default());
    for vector in keys::load().invalid_keys {
        let request = request_with("").replace(common::KEY, &vector.key);
        let Some((ServerHead::Refused(refusal), _)) = serve(&config, &[request.as_bytes()]) else {
            panic!("{}: a refusal was expected", vector.id);
        };
        assert_eq!(refusal.status(), vector.expect_status, "{}", vector.id);
    }
}

// covers WS-4.2.1-01, WS-4.2.1-02, WS-4.2.1-03, WS-4.2.1-04, WS-4.2.1-05, WS-4.2.1-06, WS-4.2.1-07,
// WS-4.2.2-03, WS-4.2.2-04, WS-4.2.2-05, WS-4.2.2-06, WS-4.2.2-07, WS-4.2.2-08, WS-4.2.2-10, WS-4.2.2-12,
// WS-4.2.2-13, WS-4.3-02, WS-4.4-01, WS-9-01, WS-9.1-01, WS-9.1-02, WS-10.2-01, WS-11.3-01, HTTP-01, HTTP-02,
// HTTP-03, HTTP-04, HTTP-05, HTTP-06, HTTP-07, HTTP-08, HTTP-09, HTTP-10, HTTP-11, HTTP-12, HTTP-13, HTTP-14,
// HTTP-18, HTTP-20, HTTP-21, HTTP-22, HTTP-23, HTTP-24, HTTP-26, HTTP-27, HTTP-30, HTTP-31, HTTP-32, HTTP-33,
// WS-4.2.1-09, WB-08, WB-34
#[test]
fn requests_are_answered() {
    let file = handshake_request::load();
    for vector in &file.vectors {
        let mut policy = OriginPolicy::Any;
        let allowed = vector
            .server_config_override
            .as_ref()
            .map(|config| &config.allowed_origins)
            .or(file.server_config.allowed_origins.as_ref());
        if let Some(allowed) = allowed {
            policy = OriginPolicy::List(allowed.iter().map(|it| it.parse().unwrap()).collect());
        }
        let config = ServerConfig::default()
            .subprotocols(&file.server_config.subprotocols)
            .unwrap()
            .origin(policy)
            .extension(Idle::new("permessage-deflate"));
        let config = Arc::new(config);
        each_chunking(&vector.raw, |chunks| {
            check_request(vector, &config, &file.server_config.paths, chunks);
        });
    }
}

fn check_request(
    vector: &HandshakeRequest,
    config: &Arc<ServerConfig>,
    paths: &[String],
    chunks: &[&[u8]],
) {
    let id = &vector.id;
    let (response, leftover) = answer(config, paths, chunks);
    let Some(response) = response else {
        assert_eq!(vector.expect_status, None, "{id}");
        assert!(vector.incomplete, "{id}");
        return;
    };
    let response = Parsed::new(&response);
    let otherwise = REQUESTS_ANSWERED_OTHERWISE
        .iter()
        .find(|(case, ..)| case == id);
    let expected = match otherwise {
        Some((_, status, _)) => Some(*status),
        None => vector.expect_status,
    };
    assert_eq!(Some(response.status), expected, "{id}: {response:?}");
    assert!(vector.accept_status.contains(&expected), "{id}");
    if response.status == 101 {
        let expected = vector.leftover.as_deref().unwrap_or_default();
        assert_bytes_eq(&leftover, expected, id);
    } else if vector.raw.starts_with(b"HEAD ") {
        // Its length is that of the body which GET would have got.
        assert_eq!(response.body, "", "{id}");
        assert_eq!(response.all("content-length").len(), 1, "{id}");
    } else {
        response.assert_final();
        assert!(!response.body.is_empty(), "{id}");
    }
    if otherwise.is_some() {
        return;
    }
    for (name, value) in &vector.expect_headers {
        let values = response.all(name);
        assert!(
            matches!(values[..], [own] if own.starts_with(value.as_str())),
            "{id}: {name} is {values:?}"
        );
    }
    for name in &vector.expect_absent {
        assert!(response.all(name).is_empty(), "{id}: {name}");
    }
}

/// Answers like a server that has nothing but WebSockets, at some paths; returns what belongs to the first frames, too.
fn answer(
    config: &Arc<ServerConfig>,
    paths: &[String],
    chunks: &[&[u8]],
) -> (Option<Bytes>, BytesMut) {
    let response = match serve(config, chunks) {
        None => return (None, BytesMut::new()),
        Some((ServerHead::Upgrade(upgrade), rest)) => {
            let target = upgrade.request().uri().to_string();
            if paths.contains(&target) {
                let mut accepted = upgrade.accept();
                accepted.leftover.extend_from_slice(&rest);
                return (Some(accepted.response), accepted.leftover);
            }
            let response = http::Response::builder().status(404);
            let response = response.body(Bytes::from("nothing here\n")).unwrap();
            upgrade.refuse(&response).unwrap().into_response()
        }
        Some((ServerHead::Http(http), _)) => http.upgrade_required().into_response(),
        Some((ServerHead::Refused(refusal), _)) => refusal.into_response(),
    };
    (Some(response), BytesMut::new())
}

// covers WS-4.2.2-13
#[test]
fn an_incomplete_request_times_out_with_408() {
    let file = handshake_request::load();
    let incomplete: Vec<_> = file.vectors.iter().filter(|it| it.incomplete).collect();
    assert!(!incomplete.is_empty());
    for vector in incomplete {
        let mut handshake = ServerHandshake::new(Arc::default());
        assert!(handshake.handle(&vector.raw).is_none());
        assert_eq!(handshake.received(), vector.raw.len());
        let refusal = handshake.handle_timeout();
        let response = Parsed::new(refusal.response());
        assert_eq!(response.status, 408);
        assert!(vector.accept_status.contains(&Some(408)));
        response.assert_final();
    }
}

#[test]
fn choices_of_ours_are_cases() {
    let requests = handshake_request::load();
    for (case, ..) in REQUESTS_ANSWERED_OTHERWISE {
        assert!(requests.vectors.iter().any(|it| it.id == case), "{case}");
    }
    let subprotocols = subprotocol::load();
    for (case, ..) in SUBPROTOCOLS_CHOSEN_OTHERWISE {
        assert!(subprotocols.iter().any(|it| it.id == case), "{case}");
    }
}

// covers WS-4.1-19, WS-4.1-20, WS-4.1-21, WS-4.1-22, WS-4.1-23, WS-4.1-24, WS-4.1-25, WS-4.1-26, WS-4.1-27,
// WS-4.1-28, WS-4.3-03, WS-4.4-02, WS-9.1-01, WS-11.3-01, HTTP-17, HTTP-18, HTTP-25, HTTP-26, WB-11, WB-13
#[test]
fn responses_are_judged() {
    for vector in handshake_response::load() {
        each_chunking(&vector.raw, |chunks| check_response(&vector, chunks));
    }
}

fn check_response(vector: &HandshakeResponse, chunks: &[&[u8]]) {
    let id = &vector.id;
    assert_eq!(vector.key, common::KEY, "{id}");
    let mut request = ClientRequest::try_from("ws://server.example.com/chat")
        .unwrap()
        .subprotocols(&vector.offered_subprotocols)
        .unwrap();
    if let Some(offered) = &vector.offered_extensions {
        request = request.extension(Idle::new(offered));
    }
    let mut handshake = ClientHandshake::new(&request, NONCE);
    let result = ask(&mut handshake, chunks);
    match (vector.outcome, result) {
        (Outcome::Open, Ok(established)) => {
            let chosen = established.subprotocol.as_deref();
            assert_eq!(chosen, vector.subprotocol.as_deref(), "{id}");
            let used = established.extension.is_some();
            assert_eq!(used, vector.extensions.is_some(), "{id}");
            let expected = vector.leftover.as_deref().unwrap_or_default();
            assert_bytes_eq(&established.leftover, expected, id);
        }
        (Outcome::HttpResponse, Err(ClientHandshakeError::Refused(response))) => {
            assert_eq!(Some(response.status().as_u16()), vector.status, "{id}");
            let body = match id.as_str() {
                "status-200-with-body" => "Hello",
                "status-400-chunked" => "bad",
                "status-403-close-delimited" => "no",
                _ => "",
            };
            assert_eq!(response.body(), body, "{id}");
        }
        (Outcome::Fail, Err(error)) => {
            // The answer itself is at fault, not the end of the transport behind it.
            assert!(
                !matches!(
                    error,
                    ClientHandshakeError::Refused(_) | ClientHandshakeError::Ended { .. }
                ),
                "{id}: {error:?}"
            );
        }
        (expected, result) => panic!("{id}: {expected:?} was expected: {result:?}"),
    }
}

// covers WS-4.2.1-04, WS-4.2.1-05, HTTP-14, HTTP-15
#[test]
fn lists_are_searched_for_tokens() {
    let config = Arc::new(ServerConfig::default());
    for vector in token_list::load() {
        let lines = vector.field_values.iter().map(String::as_bytes);
        let found = contains_token(lines, &vector.contains_token);
        assert_eq!(found, vector.expected, "{}", vector.id);

        let own_line = if vector.field == "Upgrade" {
            "Upgrade: websocket\r\n"
        } else {
            "Connection: Upgrade\r\n"
        };
        let lines = vector.field_values.iter();
        let lines: String = lines
            .map(|value| format!("{}: {value}\r\n", vector.field))
            .collect();
        let request = request_with("").replace(own_line, &lines);
        let status = match serve(&config, &[request.as_bytes()]) {
            Some((ServerHead::Upgrade(_), _)) => 101,
            Some((ServerHead::Refused(refusal), _)) => refusal.status().as_u16(),
            other => panic!("{}: {other:?}", vector.id),
        };
        let expected = if vector.expected { 101 } else { 426 };
        assert_eq!(status, expected, "{}", vector.id);
    }
}

// covers WS-4.1-20
#[test]
fn an_answer_upgrades_to_websocket_alone() {
    for vector in token_list::load() {
        if vector.field != "Upgrade" {
            continue;
        }
        let lines = vector.field_values.iter();
        let lines: String = lines.map(|value| format!("Upgrade: {value}\r\n")).collect();
        let answer = answer_with("").replace("Upgrade: websocket\r\n", &lines);
        let request = ClientRequest::try_from("ws://h/").unwrap();
        let result = ClientHandshake::new(&request, NONCE).handle(answer.as_bytes());
        let alone = vector.expected && !lines.contains(',') && vector.field_values.len() == 1;
        assert_eq!(result.is_ok(), alone, "{}: {result:?}", vector.id);
    }
}

// covers WS-4.2.2-06, WS-4.1-15, WB-10
#[test]
fn subprotocols_are_chosen() {
    for vector in subprotocol::load() {
        let config = ServerConfig::default()
            .subprotocols(&vector.server_supported)
            .unwrap();
        let lines = vector.field_values.iter();
        let lines: String = lines
            .map(|value| format!("Sec-WebSocket-Protocol: {value}\r\n"))
            .collect();
        let request = request_with(&lines);
        match serve(&Arc::new(config), &[request.as_bytes()]) {
            Some((ServerHead::Upgrade(upgrade), _)) => {
                assert!(vector.request_valid, "{}", vector.id);
                let otherwise = SUBPROTOCOLS_CHOSEN_OTHERWISE
                    .iter()
                    .find(|(case, ..)| *case == vector.id);
                let expected = match otherwise {
                    Some((_, ours, _)) => Some(*ours),
                    None => vector.chosen.as_deref(),
                };
                assert_eq!(upgrade.subprotocol(), expected, "{}", vector.id);
            }
            Some((ServerHead::Refused(refusal), _)) => {
                assert!(!vector.request_valid, "{}", vector.id);
                assert_eq!(refusal.status(), 400, "{}", vector.id);
            }
            other => panic!("{}: {other:?}", vector.id),
        }
    }
}

// covers WS-3-01, WS-3-02, WS-3-03, WS-3-04, WS-3-05, WS-3-06, WS-3-07, WS-3-08, WS-4.1-01, WS-4.1-09,
// WS-4.1-10
#[test]
fn uris_are_taken_apart() {
    for vector in vectors::uri::load() {
        let text = &vector.uri;
        let Ok(uri) = WsUri::parse(text) else {
            assert!(!vector.valid, "{text}");
            continue;
        };
        assert!(vector.valid, "{text}");
        assert_eq!(Some(uri.is_secure()), vector.secure, "{text}");
        assert_eq!(Some(uri.host()), vector.host.as_deref(), "{text}");
        assert_eq!(Some(uri.port()), vector.port, "{text}");
        let name = Some(uri.resource_name());
        assert_eq!(name, vector.resource_name.as_deref(), "{text}");
        assert_eq!(Some(uri.host_header()), vector.host_header, "{text}");
        assert_eq!(WsUri::parse(&uri.to_string()), Ok(uri.clone()), "{text}");

        let handshake = ClientHandshake::new(&ClientRequest::new(uri.clone()), NONCE);
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\n",
            uri.resource_name(),
            uri.host_header()
        );
        let start = &handshake.request()[..head.len()];
        assert_eq!(encode(start), encode(head.as_bytes()), "{text}");
    }
}
