use core::error::Error;
use core::fmt;

use crate::{CloseCode, OpCode, Role, Rsv, Utf8Error};

/// How the peer broke the rules of framing. The connection cannot go on.
///
/// Small and `Copy`; [`close_code`](Self::close_code) says what goes on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FrameError {
    /// A reserved opcode: 0x3–0x7 or 0xB–0xF (RFC 6455 §5.2).
    ReservedOpCode {
        /// The four bits.
        bits: u8,
    },
    /// Reserved bits that no negotiated extension claims for this frame (RFC 6455 §5.2).
    ReservedBits {
        /// The bits that nobody claims.
        rsv: Rsv,
    },
    /// A control frame without FIN (RFC 6455 §5.5).
    ControlFragmented {
        /// Close, ping or pong.
        opcode: OpCode,
    },
    /// A control frame of more than 125 bytes (RFC 6455 §5.5).
    ControlTooLong {
        /// Close, ping or pong.
        opcode: OpCode,
    },
    /// A length that fits a shorter form (RFC 6455 §5.2).
    NonMinimalLength,
    /// A 64-bit length whose top bit is set (RFC 6455 §5.2).
    LengthOverflow,
    /// A client that does not mask, or a server that does (RFC 6455 §5.1).
    Masking {
        /// The role of the peer who broke the rule.
        peer: Role,
    },
    /// A continuation frame while no message is open (RFC 6455 §5.4).
    UnexpectedContinuation,
    /// A text or binary frame while a fragmented message is open (RFC 6455 §5.4).
    ExpectedContinuation {
        /// Text or binary.
        opcode: OpCode,
    },
    /// A message whose announced frames add up to more than the limit (RFC 6455 §10.4).
    MessageTooBig {
        /// The limit in bytes.
        limit: u64,
    },
    /// A Close frame of one byte (RFC 6455 §5.5.1).
    CloseTooShort,
    /// A close code that must not be on the wire (RFC 6455 §7.4).
    CloseCode {
        /// The number.
        code: u16,
    },
    /// A close reason that is not UTF-8 (RFC 6455 §5.5.1).
    CloseReason,
    /// A text message that is not UTF-8 (RFC 6455 §8.1).
    Utf8,
}

impl FrameError {
    /// The code for the Close frame that answers the violation.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::ReservedOpCode { .. }
            | Self::ReservedBits { .. }
            | Self::ControlFragmented { .. }
            | Self::ControlTooLong { .. }
            | Self::NonMinimalLength
            | Self::LengthOverflow
            | Self::Masking { .. }
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation { .. }
            | Self::CloseTooShort
            | Self::CloseCode { .. } => CloseCode::PROTOCOL_ERROR,
            Self::CloseReason | Self::Utf8 => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedOpCode { bits } => write!(f, "reserved opcode {bits:#x}"),
            Self::ReservedBits { rsv } => write!(f, "reserved bits {rsv} without an extension"),
            Self::ControlFragmented { opcode } => write!(f, "fragmented {opcode} frame"),
            Self::ControlTooLong { opcode } => write!(f, "{opcode} frame of more than 125 bytes"),
            Self::NonMinimalLength => f.write_str("payload length not in its shortest form"),
            Self::LengthOverflow => f.write_str("payload length above 2^63 - 1"),
            Self::Masking { peer: Role::Client } => f.write_str("unmasked frame from a client"),
            Self::Masking { peer: Role::Server } => f.write_str("masked frame from a server"),
            Self::UnexpectedContinuation => {
                f.write_str("continuation frame while no message is open")
            }
            Self::ExpectedContinuation { opcode } => {
                write!(f, "{opcode} frame inside a fragmented message")
            }
            Self::MessageTooBig { limit } => {
                write!(f, "message of more than {limit} bytes")
            }
            Self::CloseTooShort => f.write_str("close frame of one byte"),
            Self::CloseCode { code } => write!(f, "close code {code} must not be on the wire"),
            Self::CloseReason => f.write_str("close reason is not UTF-8"),
            Self::Utf8 => f.write_str("text message is not UTF-8"),
        }
    }
}

impl Error for FrameError {}

impl From<Utf8Error> for FrameError {
    fn from(_: Utf8Error) -> Self {
        Self::Utf8
    }
}
