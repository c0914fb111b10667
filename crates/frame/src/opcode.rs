use core::fmt;

use crate::MessageKind;

/// What a frame is: the low four bits of its first byte.
///
/// Complete by definition: the other ten values are reserved and never get past
/// [`FrameHeader::parse`](crate::FrameHeader::parse).
///
/// Implements RFC 6455 §5.2 and §11.8.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OpCode {
    /// 0x0: goes on with the message that an earlier frame began.
    Continuation,
    /// 0x1: begins a text message.
    Text,
    /// 0x2: begins a binary message.
    Binary,
    /// 0x8: begins or answers the closing handshake.
    Close,
    /// 0x9: asks for a pong.
    Ping,
    /// 0xA: answers a ping, or comes unasked.
    Pong,
}

impl OpCode {
    /// The opcode for a value of four bits, or `None` for the reserved values 0x3–0x7 and 0xB–0xF.
    ///
    /// Higher bits count: `0x81` is not an opcode.
    #[inline]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// The value on the wire, in the low four bits.
    #[inline]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    /// True for close, ping and pong, which are never fragmented and carry at most 125 bytes.
    #[inline]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }

    /// The kind of message that a frame of this opcode begins, or `None` if it begins none.
    #[inline]
    pub const fn message_kind(self) -> Option<MessageKind> {
        match self {
            Self::Text => Some(MessageKind::Text),
            Self::Binary => Some(MessageKind::Binary),
            Self::Continuation | Self::Close | Self::Ping | Self::Pong => None,
        }
    }
}

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
        })
    }
}

impl From<MessageKind> for OpCode {
    #[inline]
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers WS-5.2-02
    #[test]
    fn sixteen_values_hold_six_opcodes() {
        let known: alloc::vec::Vec<u8> = (0..=255)
            .filter(|&bits| OpCode::from_bits(bits).is_some())
            .collect();
        assert_eq!(known, [0, 1, 2, 8, 9, 10]);
        for bits in known {
            assert_eq!(OpCode::from_bits(bits).map(OpCode::bits), Some(bits));
        }
    }
}
