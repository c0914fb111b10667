use core::error::Error;
use core::fmt;

use bytes::{BufMut, BytesMut};

use crate::{FrameError, OpCode, Text, utf8};

/// A close code that may stand in a Close frame.
///
/// 1005, 1006 and 1015 describe what an end saw when there was no code on the wire; they cannot be
/// built. The codes a peer may send are 1000–1003, 1007–1014 and 3000–4999.
///
/// Implements RFC 6455 §7.4.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: done.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server shuts down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of message that this end does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: text that is not UTF-8, or data that does not inflate.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: refused by a rule of the application.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: over a limit.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: a client needed an extension that the server did not accept.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: something went wrong inside.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts; the client may come back.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overloaded; the client may try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got no valid answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// A code of the caller's choice, such as 3000–3999 (registered) or 4000–4999 (private use).
    ///
    /// # Errors
    ///
    /// [`InvalidCloseCode`] unless the code may be on the wire.
    pub const fn new(code: u16) -> Result<Self, InvalidCloseCode> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            _ => Err(InvalidCloseCode { code }),
        }
    }

    /// The number.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code)
    }
}

/// A number that must not be in a Close frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InvalidCloseCode {
    /// The number.
    pub code: u16,
}

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "close code {} must not be on the wire", self.code)
    }
}

impl Error for InvalidCloseCode {}

/// The body of a Close frame that has one: a code, and a reason of at most 123 bytes.
///
/// The reason is for logs; RFC 6455 §5.5.1 says not to show it to end users.
///
/// # Examples
///
/// ```
/// use bowline_frame::{CloseCode, CloseFrame};
///
/// let close = CloseFrame::new(CloseCode::GOING_AWAY, "back in a minute")?;
/// assert_eq!(close.to_string(), "1001 (back in a minute)");
/// # Ok::<(), bowline_frame::ReasonTooLong>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CloseFrame {
    code: CloseCode,
    reason: Text,
}

impl CloseFrame {
    /// The longest reason, in bytes of UTF-8.
    pub const MAX_REASON: usize = 123;

    /// A close frame with this code and reason; the reason may be empty.
    ///
    /// # Errors
    ///
    /// [`ReasonTooLong`] above [`MAX_REASON`](Self::MAX_REASON) bytes; [`truncated`](Self::truncated)
    /// cuts instead.
    pub fn new(code: CloseCode, reason: impl Into<Text>) -> Result<Self, ReasonTooLong> {
        let reason = reason.into();
        if reason.len() > Self::MAX_REASON {
            return Err(ReasonTooLong { len: reason.len() });
        }
        Ok(Self { code, reason })
    }

    /// A close frame whose reason is cut to at most 123 bytes, between two code points.
    pub fn truncated(code: CloseCode, reason: &str) -> Self {
        let mut end = reason.len().min(Self::MAX_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            code,
            reason: reason.get(..end).unwrap_or_default().into(),
        }
    }

    /// Reads the payload of a Close frame; `None` if it is empty, which is legal.
    ///
    /// # Errors
    ///
    /// [`FrameError::CloseTooShort`] for one byte, [`FrameError::CloseCode`] for a code that must not
    /// be on the wire, [`FrameError::ControlTooLong`] for a reason of more than 123 bytes,
    /// [`FrameError::CloseReason`] for one that is not UTF-8.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, FrameError> {
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            return if payload.is_empty() {
                Ok(None)
            } else {
                Err(FrameError::CloseTooShort)
            };
        };
        let code = CloseCode::new(u16::from_be_bytes(*code))
            .map_err(|InvalidCloseCode { code }| FrameError::CloseCode { code })?;
        if reason.len() > Self::MAX_REASON {
            return Err(FrameError::ControlTooLong {
                opcode: OpCode::Close,
            });
        }
        let reason = utf8::to_str(reason).map_err(|_| FrameError::CloseReason)?;
        Ok(Some(Self {
            code,
            reason: reason.into(),
        }))
    }

    /// Appends the payload of the Close frame to `out`: 2 to 125 bytes.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u16(self.code.get());
        out.extend_from_slice(self.reason.as_bytes());
    }

    /// Why the connection is closed, as a number.
    #[inline]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// Why the connection is closed, in words; often empty.
    #[inline]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.code, f)?;
        if self.reason.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.reason.escape_debug())
    }
}

/// A close frame without a reason.
impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self {
            code,
            reason: Text::default(),
        }
    }
}

/// A close reason of more than 123 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReasonTooLong {
    /// Its length in bytes.
    pub len: usize,
}

impl fmt::Display for ReasonTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "close reason of {} bytes is over {}",
            self.len,
            CloseFrame::MAX_REASON
        )
    }
}

impl Error for ReasonTooLong {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    // covers WS-5.5.1-02
    #[test]
    fn a_reason_fits_or_is_refused() {
        let reason = "r".repeat(124);
        for (len, fits) in [(122, true), (123, true), (124, false)] {
            assert_eq!(
                CloseFrame::new(CloseCode::NORMAL, &reason[..len]).is_ok(),
                fits
            );
        }
        assert_eq!(
            CloseFrame::truncated(CloseCode::NORMAL, &reason)
                .reason()
                .len(),
            123
        );
    }

    #[test]
    fn shows_a_reason_on_one_line() {
        let close = CloseFrame::truncated(CloseCode::GOING_AWAY, "a\nb\u{1b}[2J");
        assert_eq!(close.to_string(), "1001 (a\\nb\\u{1b}[2J)");
        assert_eq!(CloseFrame::from(CloseCode::NORMAL).to_string(), "1000");
    }
}
