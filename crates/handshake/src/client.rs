use std::sync::Arc;

use bowline_extension::{Extension, Negotiate, Offer, Token, contains_token};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{Response, StatusCode, Version, response};

use crate::body::BodyReader;
use crate::head::{Head, HeadReader, StartLine};
use crate::headers::{Single, lines, single};
use crate::key::encode_nonce;
use crate::{ClientHandshakeError, ClientRequest, HeadError, HeadLimits, accept_key, negotiate};

/// The client's opening handshake on one transport.
///
/// Write [`request`](Self::request), then nothing more. Give what the server sends to [`handle`](Self::handle) until it
/// returns an [`Established`] or an error; tell with [`handle_eof`](Self::handle_eof) that the transport has ended, or with
/// [`handle_timeout`](Self::handle_timeout) that the deadline has passed.
///
/// Implements RFC 6455 §4.1 over HTTP/1.1.
///
/// # Examples
///
/// ```
/// use bowline_handshake::{ClientHandshake, ClientRequest};
///
/// let request = ClientRequest::try_from("ws://localhost:9001/chat")?;
/// // 16 bytes that nobody can guess, new for every attempt.
/// let mut handshake = ClientHandshake::new(&request, *b"the sample nonce");
/// assert!(handshake.request().starts_with(b"GET /chat HTTP/1.1\r\nHost: localhost:9001\r\n"));
///
/// let established = handshake.handle(
///     b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05Hello",
/// )?;
/// assert_eq!(&established.expect("complete").leftover[..], b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ClientHandshake {
    request: Bytes,
    accept: String,
    subprotocols: Vec<Token>,
    subprotocol_required: bool,
    extension: Option<Arc<dyn Negotiate>>,
    offers: Vec<Offer>,
    limits: HeadLimits,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Head {
        reader: HeadReader,
        interim: usize,
    },
    /// The server refused; what it has to say about it is on its way.
    Body(Box<(response::Parts, BodyReader)>),
    Finished,
}

impl ClientHandshake {
    /// Encodes the request.
    ///
    /// `nonce` must be random, and new for every attempt: it keeps caches and the careless from answering.
    #[must_use]
    pub fn new(request: &ClientRequest, nonce: [u8; 16]) -> Self {
        let key = encode_nonce(nonce);
        let offers = request
            .extension
            .as_ref()
            .map(|extension| extension.offers())
            .unwrap_or_default();
        Self {
            request: request.encode(&key, &offers),
            accept: accept_key(key.as_bytes()),
            subprotocols: request.subprotocols.clone(),
            subprotocol_required: request.subprotocol_required,
            extension: request.extension.clone(),
            offers,
            limits: request.limits,
            phase: Phase::Head {
                reader: HeadReader::new(StartLine::Status, request.limits),
                interim: 0,
            },
        }
    }

    /// Returns the encoded request. Write it before anything else.
    #[must_use]
    pub fn request(&self) -> &Bytes {
        &self.request
    }

    /// Takes any run of bytes from the server, all of it.
    ///
    /// `None`: more is needed. Interim responses are skipped. Bytes behind a 101 are in [`Established::leftover`]. After
    /// an `Established` or an error the handshake is over, further input is ignored.
    ///
    /// # Errors
    ///
    /// A [`ClientHandshakeError`], as early as it is certain; [`Refused`](ClientHandshakeError::Refused) once its body
    /// is complete. Close the transport without writing anything.
    pub fn handle(
        &mut self,
        mut input: &[u8],
    ) -> Result<Option<Established>, ClientHandshakeError> {
        let result = self.advance(&mut input);
        if !matches!(result, Ok(None)) {
            self.phase = Phase::Finished;
        }
        result
    }

    /// Tells that the transport has ended. That completes a refusal whose body has no other end.
    pub fn handle_eof(&mut self) -> ClientHandshakeError {
        self.give_up(|received| ClientHandshakeError::Ended { received })
    }

    /// Tells that the deadline has passed. A refusal is reported with what has arrived of its body.
    pub fn handle_timeout(&mut self) -> ClientHandshakeError {
        self.give_up(|received| ClientHandshakeError::TimedOut { received })
    }

    fn give_up(
        &mut self,
        error: impl FnOnce(usize) -> ClientHandshakeError,
    ) -> ClientHandshakeError {
        match std::mem::replace(&mut self.phase, Phase::Finished) {
            Phase::Head { reader, .. } => error(reader.received()),
            Phase::Body(refusal) => refused(*refusal),
            Phase::Finished => error(0),
        }
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Established>, ClientHandshakeError> {
        loop {
            match &mut self.phase {
                Phase::Head { reader, interim } => {
                    let head = reader.read(input).map_err(ClientHandshakeError::Head)?;
                    let Some(head) = head else {
                        return Ok(None);
                    };
                    let interim = *interim;
                    let parts = parse(head).map_err(ClientHandshakeError::Head)?;
                    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
                        return self.establish(parts, input).map(Some);
                    }
                    self.phase = if parts.status.is_informational() {
                        // RFC 9110 §15.2: a client skips interim responses that it didn't expect.
                        if interim == MAX_INTERIM {
                            let limit = MAX_INTERIM;
                            return Err(ClientHandshakeError::InterimResponses { limit });
                        }
                        Phase::Head {
                            reader: HeadReader::new(StartLine::Status, self.limits),
                            interim: interim + 1,
                        }
                    } else {
                        let body = BodyReader::new(parts.status, &parts.headers);
                        Phase::Body(Box::new((parts, body)))
                    };
                }
                Phase::Body(refusal) => {
                    if !refusal.1.read(input) {
                        return Ok(None);
                    }
                    return Err(self.handle_eof());
                }
                Phase::Finished => return Ok(None),
            }
        }
    }

    /// RFC 6455 §4.1, the last list.
    fn establish(
        &self,
        parts: response::Parts,
        leftover: &[u8],
    ) -> Result<Established, ClientHandshakeError> {
        let headers = &parts.headers;
        if parts.version != Version::HTTP_11 {
            return Err(ClientHandshakeError::Version);
        }
        match single(headers, &UPGRADE) {
            Single::Once(value) if value.eq_ignore_ascii_case(b"websocket") => {}
            _ => return Err(ClientHandshakeError::Upgrade),
        }
        if !contains_token(lines(headers, &CONNECTION), "upgrade") {
            return Err(ClientHandshakeError::Connection);
        }
        match single(headers, &SEC_WEBSOCKET_ACCEPT) {
            Single::Once(value) if value == self.accept.as_bytes() => {}
            _ => return Err(ClientHandshakeError::Accept),
        }
        let subprotocol = negotiate::chosen_subprotocol(&self.subprotocols, headers)?;
        if subprotocol.is_none() && self.subprotocol_required {
            return Err(ClientHandshakeError::NoSubprotocol);
        }
        let extension =
            negotiate::confirmed_extension(self.extension.as_deref(), &self.offers, headers)?;
        Ok(Established {
            response: Response::from_parts(parts, ()),
            subprotocol,
            extension,
            leftover: BytesMut::from(leftover),
        })
    }
}

/// An open connection, as the client sees it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Established {
    /// The 101 with all its headers.
    pub response: Response<()>,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<Token>,
    /// The extension that is in use.
    pub extension: Option<Box<dyn Extension>>,
    /// What arrived behind the head: the first bytes of the first frame.
    pub leftover: BytesMut,
}

fn refused((parts, mut body): (response::Parts, BodyReader)) -> ClientHandshakeError {
    ClientHandshakeError::Refused(Box::new(Response::from_parts(parts, body.take())))
}

/// `HTTP/1.d ddd`, then nothing or a space and a reason that nobody reads (RFC 9112 §4).
fn parse(head: Head) -> Result<response::Parts, HeadError> {
    let (version, rest) = head
        .start_line
        .split_at_checked(b"HTTP/1.1 ".len())
        .ok_or(HeadError::StartLine)?;
    let (status, reason) = rest.split_first_chunk::<3>().ok_or(HeadError::StartLine)?;
    if !matches!(reason, [] | [b' ', ..]) {
        return Err(HeadError::StartLine);
    }
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = StatusCode::from_bytes(status).map_err(|_| HeadError::StartLine)?;
    parts.version = match version {
        b"HTTP/1.0 " => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    parts.headers = head.headers;
    Ok(parts)
}

/// Servers send one or two, proxies add one.
const MAX_INTERIM: usize = 16;
