//! Targets of the handshake crate.

use std::sync::Arc;

use bowline_extension::{Token, is_token};
use bowline_handshake::{
    ClientHandshake, ClientHandshakeError, ClientRequest, Established, HeadLimits, RefusalReason,
    ServerConfig, ServerHandshake, ServerHead, WsUri, accept_key,
};
use http::{HeaderMap, Method, Request, Uri};

use super::agreed;
use crate::extension::RunLength;

/// A request head ends the same however it is cut, within the limits; an accepted one reads as itself when written
/// again, and whatever is answered is an answer to our own client.
pub fn request_head(input: &[u8]) {
    for limits in [HeadLimits::default(), small()] {
        let seen = agreed(input, |chunks| serve(&server(limits), chunks));
        match &seen {
            Outcome::Waiting { received } => {
                assert!(*received <= input.len() && *received <= limits.max_head);
            }
            Outcome::Refused { reason, response } => {
                let status = reason.status().expect("the server's own decision").as_u16();
                assert!((400..600).contains(&status));
                assert_eq!(status_of(response), status, "{reason:?}");
            }
            Outcome::Http { request, leftover } => check_request(&seen, request, leftover, input),
            Outcome::Upgrade {
                request,
                response,
                leftover,
            } => {
                check_request(&seen, request, leftover, input);
                let key = request.headers["sec-websocket-key"].as_bytes();
                let accept = format!("\r\nSec-WebSocket-Accept: {}\r\n", accept_key(key));
                let response = std::str::from_utf8(response).expect("we write ASCII");
                assert!(response.starts_with("HTTP/1.1 101 ") && response.contains(&accept));
            }
        }
        if let Outcome::Http { request, leftover }
        | Outcome::Upgrade {
            request, leftover, ..
        } = &seen
        {
            assert!(input.len() - leftover.len() <= limits.max_head);
            assert!(request.headers.len() <= limits.max_headers);
        }
    }
}

/// What our server makes of the first head in some bytes.
#[derive(Debug, PartialEq)]
enum Outcome {
    Waiting {
        received: usize,
    },
    Upgrade {
        request: Asked,
        response: Vec<u8>,
        leftover: Vec<u8>,
    },
    Http {
        request: Asked,
        leftover: Vec<u8>,
    },
    Refused {
        reason: RefusalReason,
        response: Vec<u8>,
    },
}

#[derive(Debug, PartialEq)]
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Asked {
    fn new(request: &Request<()>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.uri).into_bytes();
        encode_headers(&self.headers, &mut head);
        head
    }
}

fn encode_headers(headers: &HeaderMap, head: &mut Vec<u8>) {
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
}

fn check_request(seen: &Outcome, request: &Asked, leftover: &[u8], input: &[u8]) {
    assert!(input.ends_with(leftover), "bytes that were not sent");
    let mut again = request.encode();
    again.extend_from_slice(leftover);
    assert_eq!(&serve(&server(roomy()), &[&again]), seen, "written again");
}

fn server(limits: HeadLimits) -> Arc<ServerConfig> {
    let config = ServerConfig::default()
        .subprotocols(SPOKEN)
        .expect("tokens, each once")
        .extension(Arc::new(RunLength::new(100)))
        .limits(limits);
    Arc::new(config)
}

fn serve(config: &Arc<ServerConfig>, chunks: &[&[u8]]) -> Outcome {
    let mut handshake = ServerHandshake::new(Arc::clone(config));
    let mut chunks = chunks.iter();
    let Some(head) = chunks.find_map(|chunk| handshake.handle(chunk)) else {
        return Outcome::Waiting {
            received: handshake.received(),
        };
    };
    let behind = chunks.as_slice().concat();
    match head {
        ServerHead::Upgrade(upgrade) => {
            let request = Asked::new(upgrade.request());
            let accepted = upgrade.accept();
            Outcome::Upgrade {
                request,
                response: accepted.response.to_vec(),
                leftover: [&accepted.leftover[..], &behind].concat(),
            }
        }
        ServerHead::Http(http) => Outcome::Http {
            request: Asked::new(&http.request),
            leftover: [&http.leftover[..], &behind].concat(),
        },
        ServerHead::Refused(refusal) => Outcome::Refused {
            reason: *refusal.reason(),
            response: refusal.into_response().to_vec(),
        },
    }
}

/// The status of a refusal, as our own client reads it.
fn status_of(response: &[u8]) -> u16 {
    match ask(&ClientRequest::new(uri("ws://localhost/")), &[response]) {
        Err(ClientHandshakeError::Refused(response)) => response.status().as_u16(),
        other => panic!("a refusal that our client takes for {other:?}"),
    }
}

/// A response head ends the same however it is cut; an accepted one answers our key and our offers, and reads as itself
/// when written again.
pub fn response_head(input: &[u8]) {
    for limits in [HeadLimits::default(), small()] {
        let request = ClientRequest::new(uri("ws://localhost/chat"))
            .subprotocols(SPOKEN)
            .expect("tokens, each once")
            .extension(Arc::new(RunLength::new(100)))
            .limits(limits);
        // Neither the extension nor the error can be compared; both can be shown.
        let seen = agreed(input, |chunks| match ask(&request, chunks) {
            Ok(Established {
                response,
                subprotocol,
                extension,
                leftover,
                ..
            }) => Ok((
                response.headers().clone(),
                subprotocol,
                extension.is_some(),
                leftover.to_vec(),
            )),
            Err(ClientHandshakeError::Refused(response)) => {
                assert!(response.status().as_u16() >= 200 && response.status() != 101);
                assert!(response.body().len() <= MAX_BODY);
                Err(format!("{response:?}"))
            }
            Err(error) => Err(format!("{error:?}")),
        });
        let Ok((headers, subprotocol, extension, leftover)) = seen else {
            continue;
        };
        assert!(input.ends_with(&leftover), "bytes that were not sent");
        assert!(headers.len() <= limits.max_headers);
        assert_eq!(headers["sec-websocket-accept"], ACCEPT);
        assert!(
            headers["upgrade"]
                .as_bytes()
                .eq_ignore_ascii_case(b"websocket")
        );
        assert_eq!(extension, headers.contains_key("sec-websocket-extensions"));
        assert!(subprotocol.is_none_or(|name| SPOKEN.contains(&name.as_str())));
        let mut again = b"HTTP/1.1 101 \r\n".to_vec();
        encode_headers(&headers, &mut again);
        let again = ask(&request.limits(roomy()), &[&again]).expect("accepted before");
        assert_eq!(again.response.headers(), &headers);
    }
}

/// What our client makes of an answer behind which the transport ends.
fn ask(request: &ClientRequest, chunks: &[&[u8]]) -> Result<Established, ClientHandshakeError> {
    let mut handshake = ClientHandshake::new(request, NONCE);
    let mut chunks = chunks.iter();
    while let Some(chunk) = chunks.next() {
        if let Some(mut established) = handshake.handle(chunk)? {
            let behind = chunks.as_slice().concat();
            established.leftover.extend_from_slice(&behind);
            return Ok(established);
        }
    }
    Err(handshake.handle_eof())
}

/// `Sec-WebSocket-Protocol`, one line of the input for each line of the header.
///
/// A server lets in exactly lists of different tokens, and answers with the first of its own that is among them; a client
/// that offers the same agrees.
pub fn subprotocols(input: &[u8]) {
    let mut request = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_vec();
    let mut names = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        request.extend_from_slice(b"Sec-WebSocket-Protocol: ");
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
        names.extend(line.split(|byte| *byte == b',').map(trim));
    }
    request.extend_from_slice(b"\r\n");
    names.retain(|name| !name.is_empty());
    let mut different = names.clone();
    different.sort_unstable();
    different.dedup();
    let is_legal = (1..=64).contains(&names.len())
        && names.iter().all(|name| is_token(name))
        && different.len() == names.len();

    let config = server(roomy());
    let answer = ServerHandshake::new(Arc::clone(&config)).handle(&request);
    let Some(ServerHead::Upgrade(upgrade)) = answer else {
        assert!(!is_legal, "{answer:?}");
        return;
    };
    assert!(is_legal, "{:?}", upgrade.request());
    assert!(
        upgrade
            .offered_subprotocols()
            .map(str::as_bytes)
            .eq(names.iter().copied())
    );
    let wanted = SPOKEN.iter().find(|own| names.contains(&own.as_bytes()));
    assert_eq!(upgrade.subprotocol(), wanted.copied());

    let offered: Vec<_> = upgrade.offered_subprotocols().collect();
    let client = ClientRequest::new(uri("ws://localhost/"))
        .subprotocols(offered)
        .expect("different tokens");
    let request = ClientHandshake::new(&client, NONCE).request().clone();
    let Some(ServerHead::Upgrade(upgrade)) = ServerHandshake::new(config).handle(&request) else {
        panic!("our client's request is refused");
    };
    let established = ask(&client, &[&upgrade.accept().response]).expect("our server's answer");
    let agreed = established.subprotocol.as_ref().map(Token::as_str);
    assert_eq!(agreed, wanted.copied());
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// A URL is read or refused; its canonical form reads as itself, and our server understands the request for it.
pub fn url(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(parsed) = WsUri::parse(&text) else {
        return;
    };
    assert_eq!(uri(&parsed.to_string()), parsed);
    assert!(!parsed.host().is_empty() && parsed.port() != 0);
    assert_eq!(parsed.host(), parsed.host().to_ascii_lowercase());
    let resource = parsed.resource_name();
    assert!(resource.starts_with('/') && !resource.contains('#'));
    assert!(resource.bytes().all(|byte| byte.is_ascii_graphic()));

    let client = ClientRequest::new(parsed.clone());
    let request = ClientHandshake::new(&client, NONCE).request().clone();
    let Outcome::Upgrade { request, .. } = serve(&server(roomy()), &[&request]) else {
        panic!("our server doesn't understand {parsed}");
    };
    assert_eq!(request.uri.to_string(), resource);
    assert_eq!(request.headers["host"], parsed.host_header());
}

#[track_caller]
fn uri(text: &str) -> WsUri {
    WsUri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The subprotocols of both ends, the preferred one first.
const SPOKEN: [&str; 3] = ["chat.v2", "b", "a"];

/// The key and the answer of RFC 6455 §1.3.
const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Limits that a small input reaches.
fn small() -> HeadLimits {
    limits(300, 60, 8)
}

/// Limits that no input reaches.
fn roomy() -> HeadLimits {
    limits(1 << 24, 1 << 24, 20_000)
}

fn limits(head: usize, line: usize, headers: usize) -> HeadLimits {
    HeadLimits::default()
        .max_head(head)
        .max_line(line)
        .max_headers(headers)
}

/// What a client keeps of a refusal, in bytes.
const MAX_BODY: usize = 64 * 1024;
