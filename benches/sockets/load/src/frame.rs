use crate::Result;

/// The header of a frame (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    /// Length of the payload.
    pub(crate) len: u64,
    /// Length of the header itself, its masking key included.
    pub(crate) size: usize,
}

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;

/// The longest header.
pub(crate) const LONGEST: usize = 14;

impl Header {
    /// The header at the start of `bytes`, if all of it is there.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let &[first, second, ..] = bytes else {
            return Ok(None);
        };
        if first & 0x30 != 0 {
            return Err(format!("a frame with RSV2 or RSV3: {first:#04x}").into());
        }
        let masked = second & 0x80 != 0;
        let (len, before_key) = match second & 0x7f {
            126 => match bytes.get(2..4) {
                Some(len) => (u64::from(u16::from_be_bytes(len.try_into()?)), 4),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10) {
                Some(len) => (u64::from_be_bytes(len.try_into()?), 10),
                None => return Ok(None),
            },
            len => (u64::from(len), 2),
        };
        let size = before_key + if masked { 4 } else { 0 };
        if bytes.len() < size {
            return Ok(None);
        }
        Ok(Some(Header {
            fin: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            opcode: first & 0x0f,
            masked,
            len,
            size,
        }))
    }
}

/// Appends a whole message of a client to `wire`, in one frame.
pub(crate) fn encode(opcode: u8, rsv1: bool, key: [u8; 4], payload: &[u8], wire: &mut Vec<u8>) {
    wire.push(0x80 | if rsv1 { 0x40 } else { 0 } | opcode);
    match payload.len() {
        len @ 0..126 => wire.push(0x80 | len as u8),
        len @ 126..0x1_0000 => {
            wire.push(0x80 | 126);
            wire.extend((len as u16).to_be_bytes());
        }
        len => {
            wire.push(0x80 | 127);
            wire.extend((len as u64).to_be_bytes());
        }
    }
    wire.extend(key);
    wire.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_parsed_as_it_was_encoded_once_all_of_it_is_there() {
        for len in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            let mut wire = Vec::new();
            encode(BINARY, true, [1, 2, 3, 4], &vec![7; len], &mut wire);
            let size = wire.len() - len;
            let header = Header {
                fin: true,
                rsv1: true,
                opcode: BINARY,
                masked: true,
                len: len as u64,
                size,
            };
            assert_eq!(Header::parse(&wire).unwrap(), Some(header));
            for short in 0..size {
                assert_eq!(
                    Header::parse(&wire[..short]).unwrap(),
                    None,
                    "{len}, {short}"
                );
            }
        }
    }

    #[test]
    fn a_reserved_bit_is_an_error() {
        assert!(Header::parse(&[0x92, 0]).is_err());
    }
}
