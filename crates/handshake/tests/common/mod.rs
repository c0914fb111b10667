//! What the tests of the machines share: drivers, a look at responses, an extension that only negotiates.

// Each test program uses its own part of this.
#![allow(dead_code)]

use std::sync::Arc;

use bowline_extension::{
    ConfirmError, Decode, Encode, Extension, ExtensionError, Negotiate, Offer, Outgoing, Progress,
};
use bowline_frame::{MessageKind, Rsv};
use bowline_handshake::{
    ClientHandshake, ClientHandshakeError, Established, ServerConfig, ServerHandshake, ServerHead,
    Upgrade,
};
use bytes::BytesMut;

pub(crate) const NONCE: [u8; 16] = *b"the sample nonce";
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A flawless request with more header lines behind the usual ones.
pub(crate) fn request_with(lines: &str) -> String {
    format!(
        "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// A flawless answer with more header lines behind the usual ones.
pub(crate) fn answer_with(lines: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n{lines}\r\n"
    )
}

/// Feeds a server; also returns the chunks behind the one that ends the head.
pub(crate) fn serve(config: &Arc<ServerConfig>, chunks: &[&[u8]]) -> Option<(ServerHead, Vec<u8>)> {
    let mut handshake = ServerHandshake::new(Arc::clone(config));
    let mut chunks = chunks.iter();
    let head = chunks.find_map(|chunk| handshake.handle(chunk))?;
    Some((head, chunks.as_slice().concat()))
}

/// Feeds a server that is expected to find a request to upgrade.
pub(crate) fn upgrade(config: ServerConfig, request: &str) -> Box<Upgrade> {
    match serve(&Arc::new(config), &[request.as_bytes()]) {
        Some((ServerHead::Upgrade(upgrade), _)) => upgrade,
        other => panic!("an upgrade was expected: {other:?}"),
    }
}

/// Feeds a client, and ends the transport if the answer hasn't ended by itself.
pub(crate) fn ask(
    handshake: &mut ClientHandshake,
    chunks: &[&[u8]],
) -> Result<Established, ClientHandshakeError> {
    let mut chunks = chunks.iter();
    let mut established = loop {
        let Some(chunk) = chunks.next() else {
            return Err(handshake.handle_eof());
        };
        if let Some(established) = handshake.handle(chunk)? {
            break established;
        }
    };
    chunks.for_each(|chunk| established.leftover.extend_from_slice(chunk));
    Ok(established)
}

/// A response as text, taken apart.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Parsed {
    pub(crate) fn new(response: &[u8]) -> Self {
        let text = std::str::from_utf8(response).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap();
        assert!(status_line.starts_with("HTTP/1.1 "), "{status_line}");
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        Self {
            status: status_line[9..12].parse().unwrap(),
            headers,
            body: body.to_owned(),
        }
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Asserts what every answer but a 101 has to have.
    pub(crate) fn assert_final(&self) {
        let [connection] = self.all("connection")[..] else {
            panic!("one Connection was expected: {self:?}");
        };
        assert!(connection.ends_with("close"), "{self:?}");
        assert_eq!(self.all("content-length"), [self.body.len().to_string()]);
        assert!(self.all("transfer-encoding").is_empty());
    }
}

/// Negotiates `permessage-deflate` by the names of its parameters and then does nothing.
#[derive(Clone, Debug)]
pub(crate) struct Idle {
    pub(crate) offers: Vec<Offer>,
}

impl Idle {
    pub(crate) fn new(header: &str) -> Arc<Self> {
        let offers = Offer::parse_header([header.as_bytes()]).unwrap();
        Arc::new(Self { offers })
    }
}

fn is_known(offer: &Offer) -> bool {
    const PARAMS: [&str; 4] = [
        "client_max_window_bits",
        "server_max_window_bits",
        "client_no_context_takeover",
        "server_no_context_takeover",
    ];
    offer.name() == "permessage-deflate"
        && offer
            .params()
            .iter()
            .all(|param| PARAMS.contains(&param.name()))
}

impl Negotiate for Idle {
    fn offers(&self) -> Vec<Offer> {
        self.offers.clone()
    }

    fn accept(&self, offers: &[Offer]) -> Option<(Offer, Box<dyn Extension>)> {
        let offer = offers.iter().find(|offer| is_known(offer))?;
        let name = offer.name().try_into().unwrap();
        Some((Offer::new(name), Box::new(Nothing)))
    }

    fn confirm(&self, answer: &[Offer]) -> Result<Box<dyn Extension>, ConfirmError> {
        match answer {
            [answer] if is_known(answer) => Ok(Box::new(Nothing)),
            _ => Err(ConfirmError::new("not what was offered")),
        }
    }
}

struct Nothing;

impl Extension for Nothing {
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
        (Box::new(Nothing), Box::new(Nothing))
    }
}

impl Encode for Nothing {
    fn begin(&mut self, _message: &Outgoing) -> Option<Rsv> {
        None
    }

    fn encode(
        &mut self,
        _input: &mut &[u8],
        _last: bool,
        _out: &mut BytesMut,
        _room: usize,
    ) -> Result<Progress, ExtensionError> {
        unreachable!("every message is sent as it is")
    }
}

impl Decode for Nothing {
    fn claims(&self) -> Rsv {
        Rsv::RSV1
    }

    fn begin(&mut self, _kind: MessageKind, _rsv: Rsv) -> Result<bool, ExtensionError> {
        Ok(false)
    }

    fn decode(
        &mut self,
        _input: &mut &[u8],
        _last: bool,
        _out: &mut BytesMut,
        _room: usize,
    ) -> Result<Progress, ExtensionError> {
        unreachable!("every message passes untouched")
    }
}
