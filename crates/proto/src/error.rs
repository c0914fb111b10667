use std::error::Error;
use std::fmt;

use bowline_extension::ExtensionError;
use bowline_frame::{CloseCode, CloseFrame, FrameError, Message, Utf8Error};

use crate::Reply;

/// How the peer broke the protocol or passed a limit. The connection has failed (RFC 6455 §7.1.7).
///
/// [`reply`](Self::reply) is what goes on the wire.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A rule of framing, UTF-8 included.
    Frame(FrameError),
    /// A message of more bytes than [`Config::max_message`](crate::Config::max_message).
    MessageTooBig {
        /// The limit in bytes.
        limit: u64,
    },
    /// A message of more frames than the larger of 16,384 and `max_message` ÷ 64.
    TooManyFragments {
        /// The limit in frames.
        limit: u64,
    },
    /// A message with more than 128 frames without payload in a row.
    TooManyEmptyFragments,
    /// Payload that a negotiated extension can't decode.
    Extension(ExtensionError),
}

impl ProtocolError {
    /// The code for the Close frame that answers the violation.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Frame(error) => error.close_code(),
            Self::MessageTooBig { .. }
            | Self::TooManyFragments { .. }
            | Self::TooManyEmptyFragments => CloseCode::MESSAGE_TOO_BIG,
            Self::Extension(error) => error.close_code(),
        }
    }

    /// What the violation obliges us to write: a Close frame that names it.
    pub fn reply(&self) -> Reply<'static> {
        Reply::Close(Some(CloseFrame::truncated(
            self.close_code(),
            &self.to_string(),
        )))
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::MessageTooBig { limit } => {
                write!(f, "message of more than {limit} bytes (max_message)")
            }
            Self::TooManyFragments { limit } => {
                write!(f, "message of more than {limit} frames (max_message / 64)")
            }
            Self::TooManyEmptyFragments => {
                write!(
                    f,
                    "message with more than {} empty frames in a row",
                    crate::config::MAX_EMPTY_FRAGMENTS
                )
            }
            Self::Extension(error) => error.fmt(f),
        }
    }
}

impl Error for ProtocolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Shown in our own words; what is behind it is the source.
            Self::Extension(error) => error.source(),
            Self::Frame(_)
            | Self::MessageTooBig { .. }
            | Self::TooManyFragments { .. }
            | Self::TooManyEmptyFragments => None,
        }
    }
}

impl From<FrameError> for ProtocolError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::MessageTooBig { limit } => Self::MessageTooBig { limit },
            error => Self::Frame(error),
        }
    }
}

impl From<Utf8Error> for ProtocolError {
    fn from(error: Utf8Error) -> Self {
        Self::Frame(error.into())
    }
}

impl From<ExtensionError> for ProtocolError {
    fn from(error: ExtensionError) -> Self {
        Self::Extension(error)
    }
}

/// Why something can't be sent. Our own doing, except that the connection may have been closed by the peer.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// A Close frame is queued or sent; nothing may follow it (RFC 6455 §5.5.1).
    Closed,
    /// A message sent in fragments isn't finished yet, and this is not its next fragment; or it is, but must not be
    /// compressed, and the message is.
    InsideMessage,
    /// A ping of more than 125 bytes (RFC 6455 §5.5).
    PingTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The negotiated extension can't encode the message. The connection is being closed with the
    /// error's code.
    Extension(ExtensionError),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection is closed"),
            Self::InsideMessage => f.write_str("a fragmented message is sent out of order"),
            Self::PingTooLong { len } => write!(f, "ping of {len} bytes is over 125"),
            Self::Extension(error) => error.fmt(f),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Extension(error) => error.source(),
            Self::Closed | Self::InsideMessage | Self::PingTooLong { .. } => None,
        }
    }
}

/// Why a message was not queued.
#[derive(Debug)]
#[non_exhaustive]
pub enum QueueError {
    /// More than [`Config::hard_mark`](crate::Config::hard_mark) bytes wait; the message comes back.
    Full(Message),
    /// It can't be sent at all.
    Send(SendError),
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("too much output waits (hard_mark)"),
            Self::Send(error) => error.fmt(f),
        }
    }
}

impl Error for QueueError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Full(_) => None,
            Self::Send(error) => error.source(),
        }
    }
}

impl From<SendError> for QueueError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}
