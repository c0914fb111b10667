use std::error;
use std::fmt;
use std::io;
use std::time::Duration;

use bowline_frame::CloseCode;
use bowline_handshake::{ClientHandshakeError, RefusalReason};
use bowline_proto::{ProtocolError, SendError, Timeout};
use bytes::Bytes;
use http::Response;

/// Why a connection was not made, or did not end in order.
///
/// An orderly end is no error: receiving gives `None` then.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the protocol or passed a limit. It was told so with the error's close code.
    Protocol(Box<ProtocolError>),
    /// A deadline of the open connection passed.
    Timeout(Timeout),
    /// The transport failed: TCP was reset, a time of the operating system has passed. Not if its error is of the kind
    /// [`InvalidData`](io::ErrorKind::InvalidData), which is how streams of TLS say that they refuse: that is
    /// [`Tls`](Self::Tls), whatever the transport is.
    Transport(io::Error),
    /// No address of the server can be reached.
    Connect(io::Error),
    /// TLS refused: the peer's certificate is not to be trusted, it wants one of ours, there is no version or cipher
    /// that both speak, what came is no record of the peer's, or the peer says one of these of us. What fails below
    /// TLS, or ends, is told as where nothing is encrypted.
    Tls(io::Error),
    /// The peer ended the transport without a Close frame.
    Lost {
        /// How long our last ping had been waiting for an answer, if it was.
        pinged: Option<Duration>,
    },
    /// Nothing can be sent any more: the connection is closed or over. `ended` says how
    /// it ended.
    Closed,
    /// The message or ping can't be sent.
    Send(Box<SendError>),
    /// The server answered the opening handshake with another status than 101. Up to 64 KiB of the body
    /// are kept.
    Refused(Box<Response<Bytes>>),
    /// The server's answer breaks the rules of the opening handshake.
    Handshake(Box<ClientHandshakeError>),
    /// We refused the request of a client, who was told so.
    Request(Box<RefusalReason>),
    /// The peer ended the transport before the opening handshake was complete.
    Incomplete,
    /// The opening handshake was not complete in time.
    HandshakeTimeout {
        /// How long we waited.
        after: Duration,
    },
    /// What was to be connected to, or said, is not valid. Nothing was sent.
    Invalid(Box<dyn error::Error + Send + Sync>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A limit is ours; to pass it breaks no rule.
            Self::Protocol(error) if error.close_code() == CloseCode::MESSAGE_TOO_BIG => {
                f.write_str("the peer passed a limit")
            }
            Self::Protocol(_) => f.write_str("the peer broke the protocol"),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Transport(_) => f.write_str("the transport failed"),
            Self::Connect(_) => f.write_str("the server can't be reached"),
            Self::Tls(_) => f.write_str("encryption failed"),
            Self::Lost { pinged: None } => {
                f.write_str("the peer ended the transport without a Close frame")
            }
            Self::Lost {
                pinged: Some(after),
            } => write!(
                f,
                "the peer ended the transport without a Close frame, {after:.1?} after our ping"
            ),
            Self::Closed => f.write_str("the connection is closed"),
            Self::Send(error) => error.fmt(f),
            Self::Refused(response) => {
                write!(f, "the server refused with status {}", response.status())
            }
            Self::Handshake(_) => f.write_str("the server's answer is not a WebSocket handshake"),
            Self::Request(_) => f.write_str("the client's request was refused"),
            Self::Incomplete => {
                f.write_str("the peer ended the transport during the opening handshake")
            }
            Self::HandshakeTimeout { after } => {
                write!(f, "the opening handshake was not complete in {after:?}")
            }
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Protocol(error) => Some(error.as_ref()),
            Self::Transport(error) | Self::Connect(error) | Self::Tls(error) => Some(error),
            Self::Handshake(error) => Some(error.as_ref()),
            Self::Request(reason) => Some(reason.as_ref()),
            // Shown in their own words; what is behind them is the source.
            Self::Send(error) => error.source(),
            Self::Invalid(error) => error.source(),
            Self::Timeout(_)
            | Self::Lost { .. }
            | Self::Closed
            | Self::Refused(_)
            | Self::Incomplete
            | Self::HandshakeTimeout { .. } => None,
        }
    }
}

impl Error {
    /// What it means that a transport failed: TLS refused, which it says with [`InvalidData`](io::ErrorKind), or
    /// something below did.
    ///
    /// An error of any other origin is [`Transport`](Self::Transport) as it is.
    pub fn from_transport(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Tls(error),
            _ => Self::Transport(error),
        }
    }

    /// What it means that a stream could not be encrypted. That it ended meanwhile is
    /// [`Incomplete`](Self::Incomplete), as in the rest of the opening handshake.
    pub fn from_encryption(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Incomplete,
            // What we are to encrypt with, or for whom, is not good.
            io::ErrorKind::InvalidInput | io::ErrorKind::Other => Self::Tls(error),
            _ => Self::from_transport(error),
        }
    }

    /// Something that is not valid, found before anything was sent.
    pub fn invalid(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::Invalid(error.into())
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(Box::new(error))
    }
}

impl From<Timeout> for Error {
    fn from(timeout: Timeout) -> Self {
        Self::Timeout(timeout)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed => Self::Closed,
            error => Self::Send(Box::new(error)),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Transport(error)
    }
}

impl From<ClientHandshakeError> for Error {
    fn from(error: ClientHandshakeError) -> Self {
        match error {
            ClientHandshakeError::Refused(response) => Self::Refused(response),
            error => Self::Handshake(Box::new(error)),
        }
    }
}

/// A failure in the terms of `std::io`, for `main` and for `?` in functions that return it.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Transport(error) | Error::Connect(error) | Error::Tls(error) => error,
            error => Self::other(error),
        }
    }
}

// Every call of the hot path returns it.
const _: () = assert!(size_of::<Error>() <= 32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tls_refuses_is_told_from_what_fails_below() {
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        let record = || io::Error::new(io::ErrorKind::InvalidData, "bad record");
        for of in [Error::from_transport, Error::from_encryption] {
            assert!(matches!(of(reset()), Error::Transport(_)));
            assert!(matches!(of(record()), Error::Tls(_)));
        }
        let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(matches!(Error::from_transport(end()), Error::Transport(_)));
        assert!(matches!(Error::from_encryption(end()), Error::Incomplete));
        let config = io::Error::other("no cipher");
        assert!(matches!(Error::from_encryption(config), Error::Tls(_)));
        // A program's own.
        assert!(matches!(Error::from(record()), Error::Transport(_)));
    }
}
