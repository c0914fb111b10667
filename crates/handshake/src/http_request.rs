use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};

use crate::response::{self, Body};
use crate::{Refusal, RefusalReason, ResponseError};

/// An ordinary HTTP/1.1 request on the port: it has neither an `Upgrade` to websocket nor any `Sec-WebSocket-…` header.
///
/// The syntax is checked like that of every request, and `Host` is there once. The caller answers it, with
/// [`respond`](Self::respond) or with an HTTP stack of its own, and closes the transport.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bowline_handshake::{ServerConfig, ServerHandshake, ServerHead};
/// use bytes::Bytes;
///
/// let mut handshake = ServerHandshake::new(Arc::new(ServerConfig::default()));
/// let head = handshake.handle(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
/// let Some(ServerHead::Http(http)) = head else { panic!("not HTTP") };
/// let bytes = match http.request.uri().path() {
///     "/" => http.respond(&http::Response::new(Bytes::from("hello")))?,
///     _ => http.upgrade_required().into_response(),
/// };
/// assert!(bytes.ends_with(b"\r\nContent-Length: 5\r\n\r\nhello"));
/// # Ok::<(), bowline_handshake::ResponseError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The request. Its URI is path and query; the host of an absolute target is in the `Host` header.
    pub request: Request<()>,
    /// What arrived behind the head: some of the body, if the request has one.
    pub leftover: BytesMut,
}

impl HttpRequest {
    /// Encodes an answer to write, with `Content-Length` and `Connection: close`. A HEAD request gets no body.
    ///
    /// # Errors
    ///
    /// A [`ResponseError`] if the response can't be written as it is.
    pub fn respond(&self, response: &Response<Bytes>) -> Result<Bytes, ResponseError> {
        response::encode(response, self.body())
    }

    /// Refuses the request with 426, for a caller that serves nothing but WebSockets.
    #[must_use]
    pub fn upgrade_required(&self) -> Refusal {
        RefusalReason::UpgradeRequired.refuse(self.body())
    }

    fn body(&self) -> Body {
        if self.request.method() == Method::HEAD {
            Body::Omitted
        } else {
            Body::Sent
        }
    }
}
