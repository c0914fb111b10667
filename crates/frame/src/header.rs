use core::fmt;
use core::ops::Deref;

use crate::{FrameError, Mask, OpCode, Rsv};

/// A frame header: 2 to 14 bytes on the wire.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-------+-+-------------+-------------------------------+
/// |F|R|R|R| opcode|M|    length   |   length, 16 or 64 bits       |
/// |I|S|S|S|  (4)  |A|     (7)     |   (if the 7 bits are 126/127) |
/// |N|V|V|V|       |S|             |                               |
/// | |1|2|3|       |K|             |   masking key, if MASK        |
/// +-+-+-+-+-------+-+-------------+-------------------------------+
/// ```
///
/// Implements RFC 6455 §5.2.
///
/// # Examples
///
/// ```
/// use bowline_frame::{FrameHeader, OpCode, Rsv};
///
/// let bytes = [0x82, 0x7e, 0x01, 0x00];
/// let (header, used) = FrameHeader::parse(&bytes)?.expect("a whole header");
/// assert_eq!((header.opcode, header.len, used), (OpCode::Binary, 256, 4));
/// assert_eq!(&*header.encode(), &bytes);
/// # Ok::<(), bowline_frame::FrameError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameHeader {
    /// The last frame of its message. Always set on control frames.
    pub fin: bool,
    /// The reserved bits.
    pub rsv: Rsv,
    /// What the frame is.
    pub opcode: OpCode,
    /// The masking key; present on frames from a client.
    pub mask: Option<Mask>,
    /// Payload length in bytes, header excluded: at most 2^63 − 1, at most 125 on control frames.
    pub len: u64,
}

impl FrameHeader {
    /// The longest header, in bytes.
    pub const MAX_LEN: usize = 14;

    /// Reads a header from the start of `bytes`; `None` while it is incomplete. With it comes the
    /// number of bytes it took: 2 to 14.
    ///
    /// Checks every rule that needs no connection to know. Masking direction, reserved bits and the
    /// order of fragments are the [`Decoder`](crate::Decoder)'s.
    ///
    /// # Errors
    ///
    /// As soon as the byte that makes the header wrong is there, even if others are missing:
    /// [`FrameError::ReservedOpCode`], [`ControlFragmented`](FrameError::ControlFragmented),
    /// [`ControlTooLong`](FrameError::ControlTooLong), [`NonMinimalLength`](FrameError::NonMinimalLength),
    /// [`LengthOverflow`](FrameError::LengthOverflow), [`CloseTooShort`](FrameError::CloseTooShort).
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        Self::parse_under(bytes, &mut Anything)
    }

    /// [`parse`](Self::parse), with more rules to ask as soon as a field is there.
    #[inline]
    pub(crate) fn parse_under(
        bytes: &[u8],
        rules: &mut impl HeaderRules,
    ) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let fin = first & FIN != 0;
        let rsv = Rsv::from_bits(first);
        let bits = first & 0x0F;
        let opcode = OpCode::from_bits(bits).ok_or(FrameError::ReservedOpCode { bits })?;
        if opcode.is_control() && !fin {
            return Err(FrameError::ControlFragmented { opcode });
        }
        rules.first_byte(rsv, opcode)?;

        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        let masked = second & MASKED != 0;
        rules.masked(masked)?;
        let len7 = second & 0x7F;
        if opcode.is_control() && len7 > 125 {
            return Err(FrameError::ControlTooLong { opcode });
        }
        if opcode == OpCode::Close && len7 == 1 {
            return Err(FrameError::CloseTooShort);
        }

        let (len, rest) = match len7 {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk::<2>() else {
                    return Ok(None);
                };
                match u16::from_be_bytes(*len) {
                    0..=125 => return Err(FrameError::NonMinimalLength),
                    len => (u64::from(len), rest),
                }
            }
            127 => {
                // The top byte decides the overflow, six zero bytes the non-minimal form.
                if rest.first().is_some_and(|&top| top & 0x80 != 0) {
                    return Err(FrameError::LengthOverflow);
                }
                if rest.starts_with(&[0; 6]) {
                    return Err(FrameError::NonMinimalLength);
                }
                let Some((len, rest)) = rest.split_first_chunk::<8>() else {
                    return Ok(None);
                };
                (u64::from_be_bytes(*len), rest)
            }
            len => (u64::from(len), rest),
        };
        rules.len(opcode, len)?;

        let (mask, rest) = if masked {
            let Some((key, rest)) = rest.split_first_chunk::<4>() else {
                return Ok(None);
            };
            (Some(Mask::new(*key)), rest)
        } else {
            (None, rest)
        };
        let header = Self {
            fin,
            rsv,
            opcode,
            mask,
            len,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Writes the header, with the length in its shortest form.
    ///
    /// The fields go on the wire as they are: that a control frame is short and has FIN, and that
    /// `len` is below 2^63, is the caller's to keep.
    #[inline]
    pub fn encode(&self) -> EncodedHeader {
        let mut header = EncodedHeader {
            bytes: [0; Self::MAX_LEN],
            len: 0,
        };
        self.write(|run| header.push(run));
        header
    }

    #[inline]
    pub(crate) const fn first_byte(&self) -> u8 {
        let fin = if self.fin { FIN } else { 0 };
        fin | self.rsv.bits() | self.opcode.bits()
    }

    /// Hands the bytes of the header to `out`, in one run or, with a mask, in two.
    #[inline]
    pub(crate) fn write(&self, mut out: impl FnMut(&[u8])) {
        let first = self.first_byte();
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        match self.len {
            len @ 0..=125 => out(&[first, masked | len as u8]),
            len @ 126..=0xFFFF => {
                let [a, b] = (len as u16).to_be_bytes();
                out(&[first, masked | 126, a, b]);
            }
            len => {
                let [a, b, c, d, e, f, g, h] = len.to_be_bytes();
                out(&[first, masked | 127, a, b, c, d, e, f, g, h]);
            }
        }
        if let Some(mask) = self.mask {
            out(&mask.bytes());
        }
    }
}

/// The bytes of a header: derefs to a slice of 2 to 14 bytes.
#[derive(Clone, Copy)]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

impl EncodedHeader {
    #[inline]
    fn push(&mut self, run: &[u8]) {
        let len = usize::from(self.len);
        // A header is never longer than MAX_LEN: 1 + 1 + 8 + 4.
        if let Some(slot) = self.bytes.get_mut(len..len + run.len()) {
            slot.copy_from_slice(run);
            self.len += run.len() as u8;
        }
    }
}

impl Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for EncodedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncodedHeader").field(&&**self).finish()
    }
}

/// Rules that a connection adds to those of a header, asked in the order of the bytes.
pub(crate) trait HeaderRules {
    fn first_byte(&mut self, rsv: Rsv, opcode: OpCode) -> Result<(), FrameError>;
    fn masked(&mut self, masked: bool) -> Result<(), FrameError>;
    fn len(&mut self, opcode: OpCode, len: u64) -> Result<(), FrameError>;
}

struct Anything;

impl HeaderRules for Anything {
    #[inline]
    fn first_byte(&mut self, _: Rsv, _: OpCode) -> Result<(), FrameError> {
        Ok(())
    }

    #[inline]
    fn masked(&mut self, _: bool) -> Result<(), FrameError> {
        Ok(())
    }

    #[inline]
    fn len(&mut self, _: OpCode, _: u64) -> Result<(), FrameError> {
        Ok(())
    }
}

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    // covers WS-5.2-03
    #[test]
    fn lengths_take_their_shortest_form() {
        for (len, bytes) in [
            (0, 2),
            (125, 2),
            (126, 4),
            (65_535, 4),
            (65_536, 10),
            (1 << 62, 10),
        ] {
            let header = FrameHeader {
                fin: true,
                rsv: Rsv::NONE,
                opcode: OpCode::Binary,
                mask: None,
                len,
            };
            let encoded = header.encode();
            assert_eq!(encoded.len(), bytes, "length {len}");
            assert_eq!(FrameHeader::parse(&encoded), Ok(Some((header, bytes))));
        }
    }

    // covers WS-5.2-03, WS-5.2-04
    #[test]
    fn a_wrong_length_fails_with_the_byte_that_decides() {
        for (bytes, at, error) in [
            (&[0x82, 126, 0, 125][..], 3, FrameError::NonMinimalLength),
            (
                &[0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255],
                7,
                FrameError::NonMinimalLength,
            ),
            (
                &[0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0],
                2,
                FrameError::LengthOverflow,
            ),
        ] {
            for cut in 0..bytes.len() {
                let wanted = if cut > at { Err(error) } else { Ok(None) };
                assert_eq!(
                    FrameHeader::parse(&bytes[..cut]),
                    wanted,
                    "{bytes:02x?} to {cut}"
                );
            }
        }
    }
}
