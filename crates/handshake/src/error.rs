use std::error::Error;
use std::fmt;

use bowline_extension::{ConfirmError, ParseError};
use bytes::Bytes;
use http::{Response, StatusCode};

/// Why the bytes of a request or response head are no HTTP/1.1. The peer is at fault.
///
/// A server answers with [`RefusalReason::status`](crate::RefusalReason::status), a client closes the transport.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HeadError {
    /// The first bytes can't begin a head; perhaps TLS is spoken to a plain port or the other way round.
    NotHttp,
    /// A line ends with a line feed alone (RFC 9112 §2.2).
    BareLineFeed,
    /// A carriage return isn't followed by a line feed (RFC 9112 §2.2).
    BareCarriageReturn,
    /// The request or status line is malformed (RFC 9112 §3 and §4).
    StartLine,
    /// A line begins with white space: a folded header, or one before the first (RFC 9112 §2.2 and §5.2).
    FoldedLine,
    /// A header's name isn't a token followed by a colon (RFC 9112 §5.1).
    HeaderName,
    /// A header's value has a control byte (RFC 9110 §5.5).
    ControlByte {
        /// The byte.
        byte: u8,
    },
    /// The request or status line is longer than [`HeadLimits`](crate::HeadLimits) allows.
    StartLineTooLong {
        /// In bytes.
        limit: usize,
    },
    /// A header line is longer than [`HeadLimits`](crate::HeadLimits) allows.
    HeaderLineTooLong {
        /// In bytes.
        limit: usize,
    },
    /// The head is longer than [`HeadLimits`](crate::HeadLimits) allows.
    HeadTooLong {
        /// In bytes.
        limit: usize,
    },
    /// There are more header lines than [`HeadLimits`](crate::HeadLimits) allows.
    TooManyHeaders {
        /// In lines.
        limit: usize,
    },
}

/// Why a client's opening handshake failed. The transport is to be closed, nothing more is written.
///
/// The server is at fault except in [`Ended`](Self::Ended) and [`TimedOut`](Self::TimedOut), where nobody knows.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientHandshakeError {
    /// The server answered with another status than 101: RFC 6455 §4.1, item 1.
    ///
    /// The body is at most 64 KiB; a longer one, or one cut short by the end of the transport, is there as far as it
    /// came. Redirects and requests for credentials arrive here.
    Refused(Box<Response<Bytes>>),
    /// The answer isn't HTTP/1.1, or is more than is read.
    Head(HeadError),
    /// The 101 has a version below 1.1.
    Version,
    /// `Upgrade` isn't `websocket` alone: RFC 6455 §4.1, item 2.
    Upgrade,
    /// `Connection` has no element `Upgrade`: RFC 6455 §4.1, item 3.
    Connection,
    /// `Sec-WebSocket-Accept` is missing, repeated or doesn't answer our key: RFC 6455 §4.1, item 4.
    Accept,
    /// `Sec-WebSocket-Extensions` is malformed: RFC 6455 §9.1.
    Extensions(ParseError),
    /// The server answered with an extension that was not offered: RFC 6455 §4.1, item 5.
    UnofferedExtension {
        /// The extension's name.
        name: Box<str>,
    },
    /// The extension can't live with the server's parameters: RFC 6455 §9.1.
    Confirm(ConfirmError),
    /// `Sec-WebSocket-Protocol` isn't one of the subprotocols offered: RFC 6455 §4.1, item 6.
    Subprotocol,
    /// The server chose no subprotocol, and [one is required](crate::ClientRequest::require_subprotocol).
    NoSubprotocol,
    /// More interim (1xx) responses than are skipped.
    InterimResponses {
        /// How many are skipped.
        limit: usize,
    },
    /// The transport ended before the head did.
    Ended {
        /// How many bytes of the head had arrived.
        received: usize,
    },
    /// The deadline passed before the head was complete.
    TimedOut {
        /// How many bytes of the head had arrived.
        received: usize,
    },
}

/// Why a header can't be added to a request or an answer. The caller is at fault; nothing was added.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name isn't a token.
    Name,
    /// The value has a control byte, such as a line end.
    Value,
    /// The handshake writes this header itself, or it has no place in a handshake.
    Reserved {
        /// The header's name.
        name: Box<str>,
    },
    /// The header map is full: 32,768 headers.
    TooMany,
}

/// Why an `http::Request` can't be a client's request. The caller is at fault.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// The URI isn't one for WebSockets.
    Uri(UriError),
    /// The method isn't GET.
    Method,
    /// The version isn't HTTP/1.1.
    Version,
    /// A header can't be sent.
    Header(HeaderError),
}

/// Why an `http::Response` can't be written. The caller is at fault; nothing was written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResponseError {
    /// A 1xx status is no final answer.
    Interim {
        /// The status.
        status: StatusCode,
    },
    /// A 204, 205 or 304 has no body (RFC 9110 §6.4.1), but bytes were given.
    Body {
        /// The status.
        status: StatusCode,
    },
    /// `Content-Length` disagrees with the body.
    ContentLength,
    /// The header is this crate's to write: `Connection`, `Keep-Alive`, `Trailer` or `Transfer-Encoding`.
    Reserved {
        /// The header's name.
        name: Box<str>,
    },
}

/// Why a list of subprotocols can't be used. The caller is at fault: RFC 6455 §4.1, item 10.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SubprotocolError {
    /// The name isn't a token.
    Name {
        /// The name.
        name: Box<str>,
    },
    /// The name is there twice.
    Repeated {
        /// The name.
        name: Box<str>,
    },
    /// The name isn't among those that the client offered: RFC 6455 §4.2.2, item 5.5.
    Unoffered {
        /// The name.
        name: Box<str>,
    },
}

/// Why a text is no origin as a browser writes it: `scheme://host`, `scheme://host:port` or `null`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OriginError;

/// Why a text is no WebSocket URI (RFC 6455 §3). The caller is at fault; no connection was tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UriError {
    /// It doesn't begin with `ws://` or `wss://`.
    Scheme,
    /// There is no host.
    NoHost,
    /// The host is no name in ASCII, no IPv4 address and no IPv6 address in brackets.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
    /// There is a user name or password. Credentials belong into an `Authorization` header.
    UserInfo,
    /// There is a fragment. A `#` that belongs to the path or query is written `%23`.
    Fragment,
    /// A byte of path or query that a URI may not have; it must be percent-encoded.
    Byte {
        /// The byte.
        byte: u8,
        /// Where it is in the text, from 0.
        at: usize,
    },
    /// A percent sign isn't followed by two hexadecimal digits.
    Percent {
        /// Where it is in the text, from 0.
        at: usize,
    },
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("not HTTP/1.1"),
            Self::BareLineFeed => f.write_str("line feed without carriage return"),
            Self::BareCarriageReturn => f.write_str("carriage return without line feed"),
            Self::StartLine => f.write_str("malformed first line"),
            Self::FoldedLine => f.write_str("line begins with white space"),
            Self::HeaderName => f.write_str("header line without a name and a colon"),
            Self::ControlByte { byte } => write!(f, "control byte {byte:#04x} in a header"),
            Self::StartLineTooLong { limit } => {
                write!(f, "first line is longer than {limit} bytes")
            }
            Self::HeaderLineTooLong { limit } => {
                write!(f, "header line is longer than {limit} bytes")
            }
            Self::HeadTooLong { limit } => write!(f, "head is longer than {limit} bytes"),
            Self::TooManyHeaders { limit } => write!(f, "more than {limit} headers"),
        }
    }
}

impl fmt::Display for ClientHandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(response) => write!(f, "server answered {}", response.status()),
            Self::Head(_) => f.write_str("server's answer can't be read"),
            Self::Version => f.write_str("server switches protocols in HTTP/1.0"),
            Self::Upgrade => f.write_str("server doesn't upgrade to websocket"),
            Self::Connection => f.write_str("server's connection header doesn't say upgrade"),
            Self::Accept => f.write_str("server doesn't answer our key"),
            Self::Extensions(_) => f.write_str("server's extensions can't be read"),
            Self::UnofferedExtension { name } => {
                write!(f, "server uses the extension {name}, which was not offered")
            }
            Self::Confirm(_) => f.write_str("server's extension can't be used"),
            Self::Subprotocol => f.write_str("server's subprotocol was not offered"),
            Self::NoSubprotocol => f.write_str("server chose none of the subprotocols"),
            Self::InterimResponses { limit } => {
                write!(f, "server sent more than {limit} interim responses")
            }
            Self::Ended { received: 0 } => {
                f.write_str("server closed the connection without an answer")
            }
            Self::Ended { received } => write!(
                f,
                "server closed the connection after {received} bytes of its answer"
            ),
            Self::TimedOut { received: 0 } => f.write_str("server didn't answer in time"),
            Self::TimedOut { received } => write!(
                f,
                "server sent {received} bytes of its answer and not the rest in time"
            ),
        }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("header name is not a token"),
            Self::Value => f.write_str("header value has a control byte"),
            Self::Reserved { name } => write!(f, "header {name} is the handshake's own"),
            Self::TooMany => f.write_str("too many headers"),
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(_) => f.write_str("request's URI can't be used"),
            Self::Method => f.write_str("request's method is not GET"),
            Self::Version => f.write_str("request's version is not HTTP/1.1"),
            Self::Header(_) => f.write_str("request's header can't be sent"),
        }
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interim { status } => write!(f, "status {} is not final", status.as_u16()),
            Self::Body { status } => write!(f, "status {} has no body", status.as_u16()),
            Self::ContentLength => f.write_str("content-length disagrees with the body"),
            Self::Reserved { name } => write!(f, "header {name} is not the caller's to set"),
        }
    }
}

impl fmt::Display for SubprotocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name } => write!(f, "subprotocol {name:?} is not a token"),
            Self::Repeated { name } => write!(f, "subprotocol {name} is there twice"),
            Self::Unoffered { name } => write!(f, "subprotocol {name} was not offered"),
        }
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an origin of the form scheme://host[:port]")
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("URL doesn't begin with ws:// or wss://"),
            Self::NoHost => f.write_str("URL has no host"),
            Self::Host => f.write_str("URL's host is no ASCII name and no address"),
            Self::Port => f.write_str("URL's port is not a number from 1 to 65535"),
            Self::UserInfo => f.write_str("URL has a user name; use an authorization header"),
            Self::Fragment => f.write_str("URL has a fragment; write # as %23"),
            Self::Byte { byte, at } => {
                write!(f, "URL's byte {byte:#04x} at {at} must be percent-encoded")
            }
            Self::Percent { at } => {
                write!(f, "URL's % at {at} has no two hexadecimal digits behind it")
            }
        }
    }
}

impl Error for HeadError {}

impl Error for ClientHandshakeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Head(error) => Some(error),
            Self::Extensions(error) => Some(error),
            Self::Confirm(error) => Some(error),
            Self::Refused(_)
            | Self::Version
            | Self::Upgrade
            | Self::Connection
            | Self::Accept
            | Self::UnofferedExtension { .. }
            | Self::Subprotocol
            | Self::NoSubprotocol
            | Self::InterimResponses { .. }
            | Self::Ended { .. }
            | Self::TimedOut { .. } => None,
        }
    }
}

impl Error for HeaderError {}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Uri(error) => Some(error),
            Self::Header(error) => Some(error),
            Self::Method | Self::Version => None,
        }
    }
}

impl Error for ResponseError {}

impl Error for SubprotocolError {}

impl Error for OriginError {}

impl Error for UriError {}

impl From<HeaderError> for RequestError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<UriError> for RequestError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}
