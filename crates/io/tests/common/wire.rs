use bowline_io::Role;

/// A frame as the peer of an end with this role writes it, its length in the shortest form. The masking key is zero.
pub(crate) fn frame(receiver: Role, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    encode(receiver == Role::Server, first, payload.as_ref())
}

/// A frame as an end with this role writes it, if it does not mask or its keys are zero.
pub(crate) fn masked(sender: Role, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    encode(sender == Role::Client, first, payload.as_ref())
}

/// A Close frame as the peer of an end with this role writes it.
pub(crate) fn close_frame(receiver: Role, code: u16, reason: &str) -> Vec<u8> {
    let body = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    frame(receiver, CLOSE, body)
}

/// The first byte of a frame and its payload, unmasked.
pub(crate) type Frame = (u8, Vec<u8>);

/// The frames that `bytes` begin with, and what is left behind the last.
pub(crate) fn frames(mut bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((frame, rest)) = decode(bytes) {
        frames.push(frame);
        bytes = rest;
    }
    (frames, bytes)
}

/// As [`frames`], of bytes that hold no cut frame.
#[track_caller]
pub(crate) fn whole_frames(bytes: &[u8]) -> Vec<Frame> {
    let (frames, rest) = frames(bytes);
    assert!(rest.is_empty(), "half a frame: {rest:02x?}");
    frames
}

fn encode(masks: bool, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if masks { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(mask_bit | len as u8),
        len @ 126..=0xFFFF => {
            frame.push(mask_bit | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(mask_bit | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if masks {
        frame.extend_from_slice(&[0; 4]);
    }
    frame.extend_from_slice(payload);
    frame
}

fn decode(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (&[first, second], mut rest) = bytes.split_first_chunk::<2>()?;
    let len = match second & 0x7F {
        126 => {
            let (len, after) = rest.split_first_chunk::<2>()?;
            rest = after;
            usize::from(u16::from_be_bytes(*len))
        }
        127 => {
            let (len, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            usize::try_from(u64::from_be_bytes(*len)).ok()?
        }
        len => usize::from(len),
    };
    let mut key = [0; 4];
    if second & 0x80 != 0 {
        let (mask, after) = rest.split_first_chunk::<4>()?;
        key = *mask;
        rest = after;
    }
    let (payload, rest) = rest.split_at_checked(len)?;
    let payload = payload
        .iter()
        .zip(key.iter().cycle())
        .map(|(byte, key)| byte ^ key);
    Some(((first, payload.collect()), rest))
}

pub(crate) const CONT: u8 = 0x00;
pub(crate) const TEXT: u8 = 0x01;
pub(crate) const BINARY: u8 = 0x02;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;
pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV2: u8 = 0x20;
pub(crate) const RSV3: u8 = 0x10;
