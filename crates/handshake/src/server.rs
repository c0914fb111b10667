use std::sync::Arc;

use bytes::BytesMut;

use crate::head::{Head, HeadReader, StartLine};
use crate::response::Body;
use crate::upgrade::asks_for_websocket;
use crate::{HttpRequest, Refusal, RefusalReason, ServerConfig, Upgrade, request};

/// The server's opening handshake on one transport: bytes in, one request out.
///
/// Give it what the peer sends with [`handle`](Self::handle) until a [`ServerHead`] comes out. The deadline is the caller's
/// to keep: when it passes, write what [`handle_timeout`](Self::handle_timeout) returns. When the peer closes before the
/// head is complete, there is nobody to answer; [`received`](Self::received) tells whether anything had come.
///
/// Holds the head and nothing else: memory follows the bytes that arrive, and [`HeadLimits`](crate::HeadLimits) bounds
/// them. Each byte is looked at once, however it is split.
///
/// Implements RFC 6455 §4.2 over HTTP/1.1.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bowline_handshake::{ServerConfig, ServerHandshake, ServerHead};
///
/// let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
/// assert!(handshake.handle(b"GET /chat HTTP/1.1\r\nHost: localhost\r\n").is_none());
/// let head = handshake.handle(
///     b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
///       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
/// );
/// let Some(ServerHead::Upgrade(upgrade)) = head else { panic!("not an upgrade") };
/// assert_eq!(upgrade.request().uri(), "/chat");
/// assert!(upgrade.accept().response.starts_with(b"HTTP/1.1 101 "));
/// ```
#[derive(Debug)]
pub struct ServerHandshake {
    config: Arc<ServerConfig>,
    reader: HeadReader,
    finished: bool,
}

impl ServerHandshake {
    /// Begins to wait for a request.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        let reader = HeadReader::new(StartLine::Request, config.limits);
        Self {
            config,
            reader,
            finished: false,
        }
    }

    /// Takes any run of bytes from the peer, all of it.
    ///
    /// `None`: more is needed. A line that breaks the grammar or a limit is refused with the byte that makes it certain; what
    /// the lines say is judged when the head is complete. Bytes behind the head are in the value returned. After a value was returned the handshake is over, further input is ignored.
    pub fn handle(&mut self, input: &[u8]) -> Option<ServerHead> {
        if self.finished {
            return None;
        }
        let mut rest = input;
        let head = self.reader.read(&mut rest).transpose()?;
        self.finished = true;
        // RFC 9110 §9.3.2: the answer to HEAD has no body, whatever it is.
        let body = match &head {
            Ok(head) if head.start_line.starts_with(b"HEAD ") => Body::Omitted,
            _ => Body::Sent,
        };
        let judged = head
            .map_err(RefusalReason::Head)
            .and_then(|head| self.judge(head, rest));
        Some(judged.unwrap_or_else(|reason| ServerHead::Refused(reason.refuse(body))))
    }

    /// Ends the handshake when its deadline has passed; returns the 408 to write.
    #[must_use]
    pub fn handle_timeout(self) -> Refusal {
        RefusalReason::TimedOut.refuse(Body::Sent)
    }

    /// Returns how many bytes of the head have arrived. 0 means that the peer has not said anything.
    #[must_use]
    pub fn received(&self) -> usize {
        self.reader.received()
    }

    fn judge(&self, head: Head, rest: &[u8]) -> Result<ServerHead, RefusalReason> {
        let request = request::parse(head)?;
        let leftover = BytesMut::from(rest);
        if asks_for_websocket(request.headers()) {
            Upgrade::new(Arc::clone(&self.config), request, leftover)
                .map(|upgrade| ServerHead::Upgrade(Box::new(upgrade)))
        } else {
            Ok(ServerHead::Http(HttpRequest { request, leftover }))
        }
    }
}

/// What a request turned out to be. Complete by definition.
#[derive(Debug)]
pub enum ServerHead {
    /// A flawless request to open a WebSocket, for the caller to decide.
    Upgrade(Box<Upgrade>),
    /// An ordinary request without a trace of WebSocket, for whoever serves HTTP on the same port.
    Http(HttpRequest),
    /// Neither. The answer is ready: write it and close.
    Refused(Refusal),
}
