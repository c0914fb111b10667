use core::ops::Range;

use crate::header::HeaderRules;
use crate::{FrameError, FrameHeader, Mask, MessageKind, OpCode, Role, Rsv};

/// Reads frames from borrowed runs of bytes and hands out their payload, unmasked in place, as it arrives.
///
/// It knows every rule of RFC 6455 §5 that a header can break: reserved bits and opcodes, masking
/// direction, minimal lengths, control frames, the order of fragments, and the message limit. A header
/// is judged whole before anything else happens, and wrong ones fail with the byte that makes them wrong.
///
/// It owns 14 bytes for a header that is cut and nothing else. Give it bytes as they come:
///
/// ```
/// use bowline_frame::{Decoder, OpCode, Role};
///
/// let mut decoder = Decoder::new(Role::Server);
/// let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let (piece, rest) = decoder.decode(&mut bytes)?;
/// let piece = piece.expect("the frame is whole");
/// assert_eq!((piece.header.opcode, &*piece.payload), (OpCode::Text, &b"Hello"[..]));
/// assert!(piece.first && piece.last && rest.is_empty());
/// # Ok::<(), bowline_frame::FrameError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    order: Order,
    head: [u8; FrameHeader::MAX_LEN],
    head_len: u8,
    frame: Option<Frame>,
}

/// The frame whose payload is arriving.
#[derive(Clone, Copy, Debug)]
struct Frame {
    header: FrameHeader,
    mask: Option<Mask>,
    left: u64,
}

/// What the connection knows that judges a header.
#[derive(Clone, Debug)]
struct Order {
    role: Role,
    claimed: Rsv,
    limit: u64,
    open: Option<Open>,
    /// The header at hand carries claimed bits.
    extended: bool,
}

/// The fragmented message that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The message carries claimed bits: its length says nothing about the message's.
    extended: bool,
    announced: u64,
}

/// A run of one frame's payload.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The header of the frame. Its mask has been taken off the payload.
    pub header: FrameHeader,
    /// The payload, unmasked; empty if the frame has none.
    pub payload: &'a mut [u8],
    /// The payload begins with this piece.
    pub first: bool,
    /// The payload ends with this piece.
    pub last: bool,
}

impl Decoder {
    /// A decoder for the end that has this role: a server takes masked frames only, a client unmasked
    /// ones only.
    ///
    /// No reserved bit is claimed and no message is too big until said otherwise.
    pub const fn new(role: Role) -> Self {
        Self {
            order: Order {
                role,
                claimed: Rsv::NONE,
                limit: u64::MAX,
                open: None,
                extended: false,
            },
            head: [0; FrameHeader::MAX_LEN],
            head_len: 0,
            frame: None,
        }
    }

    /// Says which reserved bits a negotiated extension uses. They may be set on the first frame of a
    /// message and nowhere else.
    pub const fn claim(&mut self, rsv: Rsv) {
        self.order.claimed = rsv;
    }

    /// Limits the payload of a message, in bytes, over all its frames; default: no limit.
    ///
    /// It is charged with the header, before any payload. A message that carries claimed bits is not
    /// charged: what comes out of the extension is.
    pub const fn limit(&mut self, bytes: u64) {
        self.order.limit = bytes;
    }

    /// Reads on. Gives the next piece of payload, if `input` reaches one, and the bytes behind it.
    ///
    /// With `None` the input is used up. Pieces of one frame have its header each.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol. The decoder must not be used any more.
    #[inline]
    pub fn decode<'a>(
        &mut self,
        input: &'a mut [u8],
    ) -> Result<(Option<Piece<'a>>, &'a mut [u8]), FrameError> {
        if self.frame.is_some() {
            return Ok(self.payload(input));
        }
        let rest = if self.head_len == 0 {
            match FrameHeader::parse_under(input, &mut self.order)? {
                Some((header, used)) => {
                    self.begin(header);
                    input.split_at_mut_checked(used).unwrap_or_default().1
                }
                None => {
                    self.head_len = input.len() as u8;
                    for (slot, &mut byte) in self.head.iter_mut().zip(input) {
                        *slot = byte;
                    }
                    return Ok((None, &mut []));
                }
            }
        } else {
            match self.resume_header(input)? {
                Some(rest) => rest,
                None => return Ok((None, &mut [])),
            }
        };
        Ok(self.payload(rest))
    }

    /// Reads the next frame if it is a message that lies whole at the start of `input`, carries no reserved bit
    /// and is no longer than 65,535 bytes: nearly all that comes, and the quick way to it.
    ///
    /// Gives what it carries and where in `input` its payload lies, unmasked; what is behind that is next. With `None`
    /// nothing was taken, and [`decode`](Self::decode) says what it is.
    // Inlined, or its result would go through memory, which takes longer than to find it.
    #[inline(always)]
    pub fn decode_message(&mut self, input: &mut [u8]) -> Option<(MessageKind, Range<usize>)> {
        if self.frame.is_some() || self.head_len != 0 || self.order.open.is_some() {
            return None;
        }
        let (&mut [first, second], rest) = input.split_first_chunk_mut()?;
        let kind = match first {
            TEXT => MessageKind::Text,
            BINARY => MessageKind::Binary,
            _ => return None,
        };
        let masks = self.order.role.peer().masks();
        // A bit that is wrong makes a length that none of these is.
        let (len, rest, start) = match second ^ if masks { MASKED } else { 0 } {
            len @ 0..=125 => (usize::from(len), rest, 2),
            126 => {
                let (&mut len, rest) = rest.split_first_chunk_mut()?;
                let len = u16::from_be_bytes(len);
                if len <= 125 {
                    return None;
                }
                (usize::from(len), rest, 4)
            }
            _ => return None,
        };
        if len as u64 > self.order.limit {
            return None;
        }
        if !masks {
            return (rest.len() >= len).then_some((kind, start..start + len));
        }
        let (&mut key, rest) = rest.split_first_chunk_mut()?;
        Mask::new(key).apply(rest.get_mut(..len)?);
        let start = start + key.len();
        Some((kind, start..start + len))
    }

    /// Bytes of payload that the current frame still lacks; 0 between frames.
    #[inline]
    pub fn missing(&self) -> u64 {
        self.frame.map_or(0, |frame| frame.left)
    }

    /// True between two frames: no byte of a header or payload waits for its rest.
    #[inline]
    pub const fn is_between_frames(&self) -> bool {
        self.frame.is_none() && self.head_len == 0
    }

    /// True while a fragmented message lacks its last frame.
    #[inline]
    pub const fn is_inside_message(&self) -> bool {
        self.order.open.is_some()
    }

    /// Goes on with a header that was cut; byte by byte, since it happens once per read at most.
    fn resume_header<'a>(
        &mut self,
        mut input: &'a mut [u8],
    ) -> Result<Option<&'a mut [u8]>, FrameError> {
        while let Some((&mut byte, rest)) = input.split_first_mut() {
            input = rest;
            if let Some(slot) = self.head.get_mut(usize::from(self.head_len)) {
                *slot = byte;
            }
            self.head_len += 1;
            let head = self
                .head
                .get(..usize::from(self.head_len))
                .unwrap_or_default();
            if let Some((header, _)) = FrameHeader::parse_under(head, &mut self.order)? {
                self.head_len = 0;
                self.begin(header);
                return Ok(Some(input));
            }
        }
        Ok(None)
    }

    #[inline]
    fn begin(&mut self, header: FrameHeader) {
        self.order.begin(&header);
        self.frame = Some(Frame {
            header,
            mask: header.mask,
            left: header.len,
        });
    }

    #[inline]
    fn payload<'a>(&mut self, input: &'a mut [u8]) -> (Option<Piece<'a>>, &'a mut [u8]) {
        let Some(frame) = &mut self.frame else {
            return (None, input);
        };
        // An empty piece would say nothing, unless it is the whole frame.
        if input.is_empty() && frame.left > 0 {
            return (None, input);
        }
        let len = usize::try_from(frame.left).map_or(input.len(), |left| left.min(input.len()));
        let (payload, rest) = input.split_at_mut_checked(len).unwrap_or_default();
        if let Some(mask) = &mut frame.mask {
            mask.apply(payload);
            *mask = mask.rotate(len);
        }
        let first = frame.left == frame.header.len;
        frame.left -= len as u64;
        let piece = Piece {
            header: frame.header,
            payload,
            first,
            last: frame.left == 0,
        };
        if piece.last {
            self.frame = None;
        }
        (Some(piece), rest)
    }
}

impl Order {
    /// Takes note of a header that broke no rule.
    #[inline]
    fn begin(&mut self, header: &FrameHeader) {
        if header.opcode.is_control() {
            return;
        }
        self.open = if header.fin {
            None
        } else {
            Some(match self.open {
                Some(open) => Open {
                    announced: open.announced.saturating_add(header.len),
                    ..open
                },
                None => Open {
                    extended: self.extended,
                    announced: header.len,
                },
            })
        };
    }
}

impl HeaderRules for Order {
    #[inline]
    fn first_byte(&mut self, rsv: Rsv, opcode: OpCode) -> Result<(), FrameError> {
        self.extended = !rsv.is_empty();
        if !rsv.is_empty() {
            // A claimed bit says something about a message, so it stands on the message's first frame.
            let begins = opcode.message_kind().is_some();
            if !begins || !self.claimed.contains(rsv) {
                return Err(FrameError::ReservedBits { rsv });
            }
        }
        match (opcode, self.open) {
            (OpCode::Continuation, None) => Err(FrameError::UnexpectedContinuation),
            (OpCode::Text | OpCode::Binary, Some(_)) => {
                Err(FrameError::ExpectedContinuation { opcode })
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn masked(&mut self, masked: bool) -> Result<(), FrameError> {
        let peer = self.role.peer();
        if masked == peer.masks() {
            Ok(())
        } else {
            Err(FrameError::Masking { peer })
        }
    }

    #[inline]
    fn len(&mut self, opcode: OpCode, len: u64) -> Result<(), FrameError> {
        if opcode.is_control() {
            return Ok(());
        }
        let (extended, announced) = match self.open {
            Some(open) => (open.extended, open.announced),
            None => (self.extended, 0),
        };
        let fits = announced
            .checked_add(len)
            .is_some_and(|total| total <= self.limit);
        if fits || extended {
            Ok(())
        } else {
            Err(FrameError::MessageTooBig { limit: self.limit })
        }
    }
}

/// The first byte of a text message in one frame.
const TEXT: u8 = 0x81;

/// The first byte of a binary message in one frame.
const BINARY: u8 = 0x82;

/// The bit of the second byte that says whether there is a masking key.
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn lens(decoder: &mut Decoder, mut bytes: Vec<u8>) -> Result<Vec<usize>, FrameError> {
        let mut input = &mut bytes[..];
        let mut lens = Vec::new();
        while let (Some(piece), rest) = decoder.decode(input)? {
            lens.push(piece.payload.len());
            input = rest;
        }
        Ok(lens)
    }

    // covers WS-10.4-01
    #[test]
    fn the_limit_is_charged_with_the_header() {
        for (len, fits) in [(9, true), (10, true), (11, false)] {
            let mut decoder = Decoder::new(Role::Client);
            decoder.limit(10);
            assert_eq!(
                lens(&mut decoder, [0x82, len].into()).is_ok(),
                fits,
                "length {len}"
            );
        }
        let mut decoder = Decoder::new(Role::Client);
        decoder.limit(10);
        let fragments = [&[0x02, 5, 0, 0, 0, 0, 0][..], &[0x00, 5, 0, 0, 0, 0, 0]].concat();
        assert_eq!(lens(&mut decoder, fragments), Ok([5, 5].into()));
        assert_eq!(
            lens(&mut decoder, [0x80, 1].into()),
            Err(FrameError::MessageTooBig { limit: 10 })
        );
    }

    // covers WS-5.2-08
    #[test]
    fn announced_lengths_never_wrap() {
        let mut decoder = Decoder::new(Role::Client);
        assert_eq!(lens(&mut decoder, [0x02, 1, 0].into()), Ok([1].into()));
        let huge = [&[0x00, 127][..], &(u64::MAX >> 1).to_be_bytes()].concat();
        assert_eq!(lens(&mut decoder, huge), Ok([].into()));
        assert_eq!(decoder.missing(), u64::MAX >> 1);
    }

    // covers WS-5.2-01
    #[test]
    fn claimed_bits_stand_on_first_frames_only() {
        let mut decoder = Decoder::new(Role::Client);
        decoder.claim(Rsv::RSV1);
        assert_eq!(lens(&mut decoder, [0x41, 0].into()), Ok([0].into()));
        for first in [0xC0, 0xC9, 0x51] {
            let mut decoder = Decoder::new(Role::Client);
            decoder.claim(Rsv::RSV1);
            assert_eq!(lens(&mut decoder, [0x01, 0].into()), Ok([0].into()));
            let error = lens(&mut decoder, [first].into()).unwrap_err();
            assert!(
                matches!(error, FrameError::ReservedBits { .. }),
                "{first:#x}"
            );
        }
    }

    /// Whatever the first bytes are, it takes what is whole, plain and short, as `decode` would, and leaves all else.
    #[test]
    fn the_quick_way_leads_where_the_other_one_does() {
        for role in [Role::Client, Role::Server] {
            for (first, second) in (0..=0xFFFF_u16).map(|both| ((both >> 8) as u8, both as u8)) {
                for more in [0, 4, 140] {
                    // Behind 126 stand a length of 125 or 126, and for a client the key.
                    for low in [125, 126] {
                        let mut bytes = alloc::vec![first, second, 0, low];
                        bytes.extend((0..more).map(|byte| byte as u8));
                        compare(role, bytes, 126);
                    }
                }
            }
        }
    }

    #[test]
    fn the_quick_way_knows_the_limit() {
        for (limit, takes) in [(9, false), (10, true), (11, true)] {
            let mut decoder = Decoder::new(Role::Client);
            decoder.limit(limit);
            let taken = decoder.decode_message(&mut [0x82, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            assert_eq!(taken.is_some(), takes, "{limit}");
        }
    }

    #[test]
    fn the_quick_way_is_closed_inside_a_frame_a_header_and_a_message() {
        for before in [&[0x82, 5, 0][..], &[0x82], &[0x02, 1, 0]] {
            let mut decoder = Decoder::new(Role::Client);
            assert!(lens(&mut decoder, before.into()).is_ok());
            assert_eq!(decoder.decode_message(&mut [0x82, 1, 0]), None);
        }
    }

    fn compare(role: Role, bytes: Vec<u8>, limit: u64) {
        let (mut quick, mut slow) = (Decoder::new(role), Decoder::new(role));
        quick.limit(limit);
        slow.limit(limit);
        let (mut given, mut input) = (bytes.clone(), bytes.clone());
        let taken = quick.decode_message(&mut given);
        let wanted = match slow.decode(&mut input) {
            Ok((Some(piece), rest)) => {
                let kind = piece.header.opcode.message_kind();
                let whole = piece.first && piece.last && piece.header.fin;
                kind.filter(|_| whole)
                    .map(|kind| (kind, piece.payload.to_vec(), rest.len()))
            }
            Ok((None, _)) | Err(_) => None,
        };
        match taken {
            Some((kind, range)) => {
                let rest = given.len() - range.end;
                let taken = (kind, given[range].to_vec(), rest);
                assert_eq!(Some(taken), wanted, "{role} {bytes:02x?}");
            }
            None => {
                assert_eq!(given, bytes, "{role}");
                assert_eq!(wanted, None, "{role} {bytes:02x?}");
            }
        }
        assert!(quick.is_between_frames() && !quick.is_inside_message());
    }
}
