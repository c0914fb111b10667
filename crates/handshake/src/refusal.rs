use std::error::Error;
use std::fmt;

use bowline_extension::ParseError;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::response::{self, Body};
use crate::{HeadError, ResponseError};

/// A complete HTTP response that ends the opening handshake. Write it, then close the transport.
///
/// It says `Connection: close`, so that nobody takes what follows for a tunnel or for another request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    response: Bytes,
    status: StatusCode,
    reason: RefusalReason,
}

impl Refusal {
    /// Encodes a response of the caller's own, with any final status, headers and body.
    ///
    /// `Content-Length` and `Connection` are written for you. Upgrade responses (426) get `Upgrade` and
    /// `Sec-WebSocket-Version` too, unless they have them.
    ///
    /// # Errors
    ///
    /// A [`ResponseError`] if the response can't be written as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowline_handshake::Refusal;
    /// use bytes::Bytes;
    ///
    /// let response = http::Response::builder().status(404).body(Bytes::from("no such room"));
    /// let refusal = Refusal::new(&response?)?;
    /// assert!(refusal.response().starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(response: &Response<Bytes>) -> Result<Self, ResponseError> {
        Ok(Self {
            response: response::encode(response, Body::Sent)?,
            status: response.status(),
            reason: RefusalReason::Application,
        })
    }

    /// Returns the bytes to write.
    #[must_use]
    pub fn response(&self) -> &Bytes {
        &self.response
    }

    /// Gives the bytes to write.
    #[must_use]
    pub fn into_response(self) -> Bytes {
        self.response
    }

    /// Returns the status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns why the request was refused.
    #[must_use]
    pub fn reason(&self) -> &RefusalReason {
        &self.reason
    }
}

/// Why a server refuses a request. The peer is at fault, except with [`Application`](Self::Application).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The caller decided so.
    Application,
    /// What arrived isn't HTTP/1.1, or is more than is read: 400, 414 or 431.
    Head(HeadError),
    /// The version isn't one that can upgrade: 400 for HTTP/1.0 (RFC 9110 §7.8), 505 for others than HTTP/1.
    Version {
        /// The first digit.
        major: u8,
        /// The second digit.
        minor: u8,
    },
    /// The request target is neither a path nor an http or https URI: 400 (RFC 9112 §3.2).
    Target,
    /// `Host` is missing, repeated or malformed: 400 (RFC 9112 §3.2).
    Host,
    /// `Content-Length` or `Transfer-Encoding` is malformed or contradictory, or announces a body on a request to
    /// upgrade, where nobody could tell it from frames: 400 (RFC 9112 §6.3).
    Body,
    /// The method can't open a WebSocket: 405 (RFC 6455 §4.2.1, item 1).
    Method,
    /// `Upgrade` doesn't name websocket, or `Connection` doesn't name upgrade: 426 (RFC 6455 §4.2.1, items 3 and 4).
    UpgradeRequired,
    /// `Expect` would need an interim response before the 101: 417 (RFC 9110 §7.8).
    Expect,
    /// `Sec-WebSocket-Version` is missing, repeated or malformed: 400 (RFC 6455 §4.2.1, item 6).
    ProtocolVersion,
    /// `Sec-WebSocket-Version` isn't 13: 426 (RFC 6455 §4.2.2, item 4).
    UnsupportedVersion {
        /// The version asked for.
        version: u8,
    },
    /// `Sec-WebSocket-Key` is missing, repeated or isn't base64 of 16 bytes: 400 (RFC 6455 §4.2.1, item 5).
    Key,
    /// `Sec-WebSocket-Protocol` has no element, a repeated one, one that isn't a token, or more than 64 of them: 400
    /// (RFC 6455 §4.1, item 10).
    Subprotocols,
    /// `Sec-WebSocket-Extensions` is malformed: 400 (RFC 6455 §9.1).
    Extensions(ParseError),
    /// The policy doesn't allow the `Origin`: 403 (RFC 6455 §10.2).
    Origin,
    /// The request wasn't complete before the deadline: 408 (RFC 9110 §15.5.9).
    TimedOut,
}

impl RefusalReason {
    /// Returns the status that this reason is answered with; `None` for the caller's own decision.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        Some(match self {
            Self::Application => return None,
            Self::Head(HeadError::StartLineTooLong { .. }) => StatusCode::URI_TOO_LONG,
            Self::Head(
                HeadError::HeaderLineTooLong { .. }
                | HeadError::HeadTooLong { .. }
                | HeadError::TooManyHeaders { .. },
            ) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version { major, .. } if *major != 1 => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Head(_)
            | Self::Version { .. }
            | Self::Target
            | Self::Host
            | Self::Body
            | Self::ProtocolVersion
            | Self::Key
            | Self::Subprotocols
            | Self::Extensions(_) => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::UpgradeRequired | Self::UnsupportedVersion { .. } => StatusCode::UPGRADE_REQUIRED,
            Self::Expect => StatusCode::EXPECTATION_FAILED,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
        })
    }

    /// Encodes the response: a line of text, and the headers that its status asks for.
    pub(crate) fn refuse(self, body_sent: Body) -> Refusal {
        // Only `Application` has no status, and it has a constructor of its own.
        let status = self.status().unwrap_or(StatusCode::BAD_REQUEST);
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        match self {
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
            }
            // RFC 6455 §4.2.2, item 4: the answer names the version that is supported.
            Self::ProtocolVersion => {
                headers.insert(
                    header::SEC_WEBSOCKET_VERSION,
                    HeaderValue::from_static("13"),
                );
            }
            _ => {}
        }
        let body = format!("{self}\n");
        Refusal {
            response: response::write(status, &headers, body.as_bytes(), body_sent),
            status,
            reason: self,
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application => f.write_str("refused by the application"),
            Self::Head(error) => write!(f, "{error}"),
            Self::Version { major, minor } => {
                write!(f, "HTTP/{major}.{minor} is not supported, HTTP/1.1 is")
            }
            Self::Target => f.write_str("malformed request target"),
            Self::Host => f.write_str("host header is missing, repeated or malformed"),
            Self::Body => f.write_str("request has a malformed length or a body it must not have"),
            Self::Method => f.write_str("method is not GET"),
            Self::UpgradeRequired => {
                f.write_str("this is a WebSocket endpoint; upgrade to websocket is required")
            }
            Self::Expect => f.write_str("no expectation can be met"),
            Self::ProtocolVersion => {
                f.write_str("sec-websocket-version header is missing, repeated or malformed")
            }
            Self::UnsupportedVersion { version } => {
                write!(f, "WebSocket version {version} is not supported, 13 is")
            }
            Self::Key => f.write_str("sec-websocket-key header is missing, repeated or malformed"),
            Self::Subprotocols => f.write_str("malformed sec-websocket-protocol header"),
            Self::Extensions(error) => {
                write!(f, "malformed sec-websocket-extensions header: {error}")
            }
            Self::Origin => f.write_str("origin is not allowed"),
            Self::TimedOut => f.write_str("request was not complete in time"),
        }
    }
}

/// An error in its own right for shells that report it. The head's or grammar's error is part of the text, because the
/// text is also what the peer is shown.
impl Error for RefusalReason {}
