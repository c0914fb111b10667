use std::sync::Arc;

use bowline_extension::{Extension, Offer, Token, contains_token};
use bytes::{Bytes, BytesMut};
use http::header::{self, CONNECTION, EXPECT, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use http::{Method, Request, Response};

use crate::headers::{self, Single, encode_line, lines, single};
use crate::key::is_key;
use crate::negotiate::Terms;
use crate::{
    HeaderError, Refusal, RefusalReason, ResponseError, ServerConfig, SubprotocolError, accept_key,
    request,
};

/// A flawless request to open a WebSocket, before the answer: the subprotocol is chosen, the extension negotiated, the
/// origin allowed.
///
/// [`accept`](Self::accept) or [`refuse`](Self::refuse) it.
///
/// Implements RFC 6455 §4.2.2.
///
/// # Examples
///
/// Example: let in whoever has a token.
///
/// ```
/// # use std::sync::Arc;
/// # use bowline_handshake::{ServerConfig, ServerHandshake, ServerHead};
/// # let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
/// # let Some(ServerHead::Upgrade(upgrade)) = handshake.handle(
/// #     b"GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
/// #       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
/// # ) else { panic!("not an upgrade") };
/// use bytes::Bytes;
///
/// let bytes = if upgrade.request().headers().contains_key("authorization") {
///     upgrade.accept().response
/// } else {
///     let response = http::Response::builder()
///         .status(401)
///         .header("www-authenticate", "Bearer")
///         .body(Bytes::from("a token, please\n"))?;
///     upgrade.refuse(&response)?.into_response()
/// };
/// assert!(bytes.starts_with(b"HTTP/1.1 401 Unauthorized\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Upgrade {
    config: Arc<ServerConfig>,
    request: Request<()>,
    accept: String,
    terms: Terms,
    headers: HeaderMap,
    leftover: BytesMut,
}

impl Upgrade {
    /// Judges a request that asks for a WebSocket over HTTP/1.1.
    pub(crate) fn new(
        config: Arc<ServerConfig>,
        request: Request<()>,
        leftover: BytesMut,
    ) -> Result<Self, RefusalReason> {
        let headers = request.headers();
        if request.method() != Method::GET {
            return Err(RefusalReason::Method);
        }
        if !contains_token(lines(headers, &UPGRADE), "websocket")
            || !contains_token(lines(headers, &CONNECTION), "upgrade")
        {
            return Err(RefusalReason::UpgradeRequired);
        }
        // What follows the head are frames. A body would make that a matter of opinion.
        if request::has_body(headers)? {
            return Err(RefusalReason::Body);
        }
        // RFC 9110 §7.8 would have a 100 before the 101. No client of WebSockets asks for it.
        if headers.contains_key(EXPECT) {
            return Err(RefusalReason::Expect);
        }
        let terms = Terms::of_request(&config, headers, request::host(headers)?)?;
        let accept = match single(headers, &header::SEC_WEBSOCKET_KEY) {
            Single::Once(key) if is_key(key) => accept_key(key),
            _ => return Err(RefusalReason::Key),
        };
        Ok(Self {
            config,
            request,
            accept,
            terms,
            headers: HeaderMap::new(),
            leftover,
        })
    }

    /// Returns the request. Its URI is path and query; the host of an absolute target is in the `Host` header.
    #[must_use]
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Returns the subprotocols that the client offers, the one it prefers first.
    pub fn offered_subprotocols(&self) -> impl Iterator<Item = &str> {
        self.terms.offered.iter().map(Token::as_str)
    }

    /// Returns the subprotocol that will be answered: the first of the server's that the client offers, or what
    /// [`set_subprotocol`](Self::set_subprotocol) has chosen since.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.terms.subprotocol.as_deref()
    }

    /// Chooses another of the client's subprotocols, whatever the server's configuration says, or none.
    ///
    /// # Errors
    ///
    /// [`SubprotocolError::Unoffered`] if the client doesn't offer `name`; the choice stays as it was.
    pub fn set_subprotocol(&mut self, name: Option<&str>) -> Result<(), SubprotocolError> {
        let Some(name) = name else {
            self.terms.subprotocol = None;
            return Ok(());
        };
        match self.terms.offered.iter().find(|offered| **offered == name) {
            Some(offered) => {
                self.terms.subprotocol = Some(offered.clone());
                Ok(())
            }
            None => Err(SubprotocolError::Unoffered { name: name.into() }),
        }
    }

    /// Returns the extension that will be answered, with its parameters.
    #[must_use]
    pub fn extension_answer(&self) -> Option<&Offer> {
        self.terms.extension.as_ref().map(|(answer, _)| answer)
    }

    /// Goes on without the extension.
    pub fn decline_extension(&mut self) {
        self.terms.extension = None;
    }

    /// Adds a header to the 101, behind those of the configuration.
    ///
    /// # Errors
    ///
    /// A [`HeaderError`] if name or value can't be written, or if the handshake writes the header itself.
    pub fn header<N, V>(&mut self, name: N, value: V) -> Result<(), HeaderError>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        headers::append(&mut self.headers, name, value)
    }

    /// Accepts: encodes the 101 and hands over everything that the open connection needs.
    #[must_use]
    pub fn accept(self) -> Accepted {
        let mut response = Vec::with_capacity(256);
        response.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        );
        let accept = self.accept.as_bytes();
        encode_line("Sec-WebSocket-Accept", accept, &mut response);
        if let Some(name) = &self.terms.subprotocol {
            encode_line("Sec-WebSocket-Protocol", name.as_bytes(), &mut response);
        }
        if let Some((answer, _)) = &self.terms.extension {
            let answer = answer.to_string();
            encode_line("Sec-WebSocket-Extensions", answer.as_bytes(), &mut response);
        }
        headers::encode(&self.config.headers, &mut response);
        headers::encode(&self.headers, &mut response);
        response.extend_from_slice(b"\r\n");
        Accepted {
            response: response.into(),
            request: self.request,
            subprotocol: self.terms.subprotocol,
            extension: self.terms.extension.map(|(_, extension)| extension),
            leftover: self.leftover,
        }
    }

    /// Refuses with a response of the caller's own: any final status, headers and body. See [`Refusal::new`].
    ///
    /// # Errors
    ///
    /// A [`ResponseError`] if the response can't be written as it is. The request is gone then; what is left is
    /// [`Refusal::new`] with another response.
    pub fn refuse(self, response: &Response<Bytes>) -> Result<Refusal, ResponseError> {
        Refusal::new(response)
    }
}

/// An accepted request: the connection is open as soon as [`response`](Self::response) is written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// The encoded 101. Write it before anything else.
    pub response: Bytes,
    /// The request that was accepted.
    pub request: Request<()>,
    /// The subprotocol that was answered.
    pub subprotocol: Option<Token>,
    /// The extension that was answered.
    pub extension: Option<Box<dyn Extension>>,
    /// What arrived behind the head: the first bytes of the first frame. A client should wait, but nothing is lost if it
    /// doesn't.
    pub leftover: BytesMut,
}

/// Tells whether a request means WebSockets: it wants to upgrade to them or has headers that nobody else sends.
///
/// Half of it is enough. Such a request is refused for what is missing; as ordinary HTTP it might get a 200, and a proxy
/// in between could take that for the beginning of a tunnel.
pub(crate) fn asks_for_websocket(headers: &HeaderMap) -> bool {
    contains_token(lines(headers, &UPGRADE), "websocket")
        || headers
            .keys()
            .any(|name| name.as_str().starts_with("sec-websocket-"))
}
