//! The frames of a stream, read without any of those that are compared.

/// A frame as it was sent.
#[derive(Debug)]
pub struct Frame {
    first: u8,
    /// What the header says.
    pub len: u64,
    /// The length takes more bytes than it needs.
    pub is_long_form: bool,
    /// Unmasked; shorter than `len` if the stream ends in it.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Reads a frame, and gives the bytes behind it; `None` if not all of the header is there.
    pub fn read(wire: &[u8]) -> Option<(Self, &[u8])> {
        let (&[first, second], rest) = wire.split_first_chunk()?;
        let (len, least, rest) = match second & 0x7F {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*len)), 126, rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), 1 << 16, rest)
            }
            len => (u64::from(len), 0, rest),
        };
        let (key, rest) = match second & 0x80 {
            0 => (&[0; 4], rest),
            _ => rest.split_first_chunk()?,
        };
        let here = usize::try_from(len).map_or(rest.len(), |len| len.min(rest.len()));
        let (payload, rest) = rest.split_at(here);
        let keys = key.iter().cycle();
        let frame = Self {
            first,
            len,
            is_long_form: len < least,
            payload: payload.iter().zip(keys).map(|(a, b)| a ^ b).collect(),
        };
        Some((frame, rest))
    }

    pub fn op_code(&self) -> u8 {
        self.first & 0x0F
    }

    pub fn is_fin(&self) -> bool {
        self.first & 0x80 != 0
    }

    pub fn is_control(&self) -> bool {
        self.op_code() >= 8
    }
}

/// All frames of a stream.
pub(crate) fn frames(mut wire: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((frame, rest)) = Frame::read(wire) {
        frames.push(frame);
        wire = rest;
    }
    frames
}
