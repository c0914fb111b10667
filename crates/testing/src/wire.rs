//! Frames as bytes, written and read by code of their own, not by what is tested.
//!
//! A frame is given by its first byte, such as `TEXT | FIN`, and its payload. Its length is written in the shortest
//! form. A client's frame is masked with a key of zeros, so that its payload can be seen in the bytes.

use bowline_frame::Role;

use crate::hex::Shown;

/// A frame's first byte and its payload, unmasked.
pub type Frame = (u8, Vec<u8>);

/// Encodes a frame for an end with this role, as its peer writes it.
///
/// # Examples
///
/// ```
/// use bowline_frame::Role;
/// use bowline_testing::wire::{FIN, TEXT, frame, frame_from};
///
/// assert_eq!(frame(Role::Client, TEXT | FIN, "hi"), b"\x81\x02hi");
/// assert_eq!(frame(Role::Server, TEXT | FIN, "hi"), b"\x81\x82\0\0\0\0hi");
/// assert_eq!(frame_from(Role::Client, TEXT | FIN, "hi"), b"\x81\x82\0\0\0\0hi");
/// ```
pub fn frame(receiver: Role, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = head(receiver, first, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

/// Encodes a frame as an end with this role writes it.
pub fn frame_from(sender: Role, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(sender.peer(), first, payload)
}

/// Encodes a Close frame for an end with this role.
pub fn close_frame(receiver: Role, code: u16, reason: &str) -> Vec<u8> {
    let body = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    frame(receiver, CLOSE, body)
}

/// Encodes the header alone of a frame for an end with this role, masking key included. It may announce any length.
pub fn head(receiver: Role, first: u8, len: u64) -> Vec<u8> {
    let masked = receiver == Role::Server;
    let mask_bit = if masked { MASKED } else { 0 };
    let mut head = vec![first];
    match len {
        0..=125 => head.push(mask_bit | len as u8),
        126..=0xFFFF => {
            head.push(mask_bit | 126);
            head.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            head.push(mask_bit | 127);
            head.extend_from_slice(&len.to_be_bytes());
        }
    }
    if masked {
        head.extend_from_slice(&[0; 4]);
    }
    head
}

/// Decodes the frames that `bytes` begin with; also gives what is left behind the last.
pub fn frames(mut bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((frame, rest)) = decode(bytes) {
        frames.push(frame);
        bytes = rest;
    }
    (frames, bytes)
}

/// Decodes as [`frames`] does, of bytes that hold whole frames.
///
/// # Panics
///
/// If the last frame is cut.
#[track_caller]
pub fn whole_frames(bytes: &[u8]) -> Vec<Frame> {
    let (frames, rest) = frames(bytes);
    assert!(rest.is_empty(), "half a frame: {}", Shown(rest));
    frames
}

/// Decodes the first frame; also gives what is behind it.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (&[first, second], mut rest) = bytes.split_first_chunk::<2>()?;
    let len = match second & !MASKED {
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
    if second & MASKED != 0 {
        let (mask, after) = rest.split_first_chunk::<4>()?;
        key = *mask;
        rest = after;
    }
    let (payload, rest) = rest.split_at_checked(len)?;
    let mut payload = payload.to_vec();
    // Four bytes at a time: tests read megabytes without optimisation.
    let (words, last) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in last.iter_mut().zip(key) {
        *byte ^= key;
    }
    Some(((first, payload), rest))
}

/// The first byte of a fragment that is not the first.
pub const CONT: u8 = 0x00;
/// The first byte of a text message's first fragment.
pub const TEXT: u8 = 0x01;
/// The first byte of a binary message's first fragment.
pub const BINARY: u8 = 0x02;
/// The first byte of a Close frame, which is always the last of its message.
pub const CLOSE: u8 = 0x88;
/// The first byte of a Ping frame, likewise.
pub const PING: u8 = 0x89;
/// The first byte of a Pong frame, likewise.
pub const PONG: u8 = 0x8A;
/// The bit of a message's last frame.
pub const FIN: u8 = 0x80;
/// The first reserved bit, which only an extension may set.
pub const RSV1: u8 = 0x40;
/// The second reserved bit, likewise.
pub const RSV2: u8 = 0x20;
/// The third reserved bit, likewise.
pub const RSV3: u8 = 0x10;

/// The bit of the second byte that says a masking key follows.
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::assert_bytes_eq;
    use crate::payload;

    #[test]
    fn each_form_of_length_is_written_where_it_is_the_shortest() {
        for (len, server, client) in [
            (0, &[0x82, 0][..], &[0x82, 0x80][..]),
            (125, &[0x82, 125], &[0x82, 0xFD]),
            (126, &[0x82, 126, 0, 126], &[0x82, 0xFE, 0, 126]),
            (0xFFFF, &[0x82, 126, 0xFF, 0xFF], &[0x82, 0xFE, 0xFF, 0xFF]),
            (
                0x1_0000,
                &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0],
                &[0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0],
            ),
        ] {
            let payload = payload::seq(len);
            let (from_server, from_client) = (
                frame_from(Role::Server, FIN | BINARY, &payload),
                frame_from(Role::Client, FIN | BINARY, &payload),
            );
            assert_bytes_eq(&from_server, &[server, &payload].concat(), len);
            assert_bytes_eq(&from_client, &[client, &[0; 4], &payload].concat(), len);
            let both = [from_server, from_client].concat();
            assert_eq!(whole_frames(&both), vec![(FIN | BINARY, payload); 2]);
        }
    }

    #[test]
    fn payloads_are_unmasked() {
        // The masked "Hello" of RFC 6455 §5.7.
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(whole_frames(masked), [(TEXT | FIN, b"Hello".to_vec())]);
    }

    #[test]
    fn a_cut_frame_is_left_over_wherever_it_is_cut() {
        let first = close_frame(Role::Client, 1000, "bye");
        for receiver in [Role::Client, Role::Server] {
            for len in [1, 126, 0x1_0000] {
                let second = frame(receiver, PING, payload::seq(len));
                for cut in (0..second.len()).take(20).chain([second.len() - 1]) {
                    let wire = [&first, &second[..cut]].concat();
                    let (frames, rest) = frames(&wire);
                    assert_eq!(frames, [(CLOSE, b"\x03\xe8bye".to_vec())]);
                    assert_bytes_eq(rest, &second[..cut], format_args!("{len}, {cut}"));
                }
            }
        }
    }
}
