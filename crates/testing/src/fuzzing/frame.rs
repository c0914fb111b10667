//! Targets of the frame crate.

use bowline_frame::{
    CloseCode, CloseFrame, Decoder, FrameError, FrameHeader, OpCode, Role, Rsv, Text, Utf8Validator,
};
use bytes::{Bytes, BytesMut};

use super::agreed;
use crate::hex::assert_bytes_eq;

/// A header is read as the RFC's diagram says, from exactly the bytes it has, and written back the same.
pub fn header(input: &[u8]) {
    let parsed = FrameHeader::parse(input);
    // Until the byte that decides there is no answer, from there on it never changes.
    let mut decided = Ok(None);
    for end in 0..=input.len().min(20) {
        let now = FrameHeader::parse(&input[..end]);
        if decided == Ok(None) {
            if let Ok(Some((_, used))) = now {
                assert_eq!(used, end, "bytes that it didn't need");
            }
            decided = now;
        }
        assert_eq!(now, decided, "at {end}");
    }
    assert_eq!(parsed, decided);
    match parsed {
        Ok(Some((header, used))) => {
            assert!(header.len <= i64::MAX as u64);
            assert_bytes_eq(&header.encode(), &input[..used], header.len);
        }
        Ok(None) => assert!(input.len() < FrameHeader::MAX_LEN),
        Err(_) => {}
    }
    if let Some(&head) = input.first_chunk() {
        assert_eq!(parsed.is_ok(), is_legal(head), "{parsed:?}");
    }
}

/// RFC 6455 §5.2 and §5.5, read off the longest header there is.
fn is_legal(head: [u8; FrameHeader::MAX_LEN]) -> bool {
    let [first, second, long @ ..] = head;
    let len7 = second & 0x7F;
    let opcode_is_legal = match first & 0x0F {
        0..=2 => true,
        8 => first & 0x80 != 0 && len7 <= 125 && len7 != 1,
        9 | 10 => first & 0x80 != 0 && len7 <= 125,
        _ => false,
    };
    let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = long;
    let len_is_legal = match len7 {
        126 => u16::from_be_bytes([b0, b1]) > 125,
        127 => {
            let len = u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]);
            (0x1_0000..=i64::MAX as u64).contains(&len)
        }
        _ => true,
    };
    opcode_is_legal && len_is_legal
}

/// Frames come out of a stream the same however it is cut, within the limit, and make the same stream again.
///
/// The first byte of the input chooses the role, the claimed bits and the limit.
pub fn frames(input: &[u8]) {
    let Some((&setting, wire)) = input.split_first() else {
        return;
    };
    let role = if setting & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let limit = match setting & 2 {
        0 => u64::MAX,
        _ => 100,
    };
    let claimed = Rsv::from_bits(setting);
    let read = agreed(wire, |chunks| read_frames(role, claimed, limit, chunks));

    let mut again = Vec::new();
    let mut message = 0;
    let mut open = None;
    for (header, payload) in &read.frames {
        again.extend_from_slice(&header.encode());
        let at = again.len();
        again.extend_from_slice(payload);
        if let Some(mask) = header.mask {
            mask.apply(&mut again[at..]);
        }
        assert_eq!(header.mask.is_some(), role == Role::Server);
        assert!(claimed.contains(header.rsv));
        if header.opcode.is_control() {
            assert!(header.fin && header.len <= 125 && header.rsv.is_empty());
            continue;
        }
        // RFC 6455 §5.4: a message begins with text or binary, goes on with continuations.
        assert_eq!(
            header.opcode.message_kind().is_some(),
            open.is_none(),
            "{header:?}"
        );
        let extended = *open.get_or_insert(!header.rsv.is_empty());
        message += header.len;
        assert!(
            extended || message <= limit,
            "a message of {message} passed the limit"
        );
        if header.fin {
            open = None;
            message = 0;
        }
    }
    assert!(wire.starts_with(&again), "frames that were not sent");
    if read.end.is_ok_and(|end| end.between) {
        assert_eq!(again.len(), wire.len(), "bytes got lost");
    }
}

#[derive(Debug, PartialEq)]
struct Read {
    /// The whole ones.
    frames: Vec<(FrameHeader, Vec<u8>)>,
    /// Where the stream stands, or what is wrong with it.
    end: Result<End, FrameError>,
}

#[derive(Debug, PartialEq)]
struct End {
    between: bool,
    missing: u64,
}

fn read_frames(role: Role, claimed: Rsv, limit: u64, chunks: &[&[u8]]) -> Read {
    let mut decoder = Decoder::new(role);
    decoder.claim(claimed);
    decoder.limit(limit);
    let mut frames = Vec::new();
    let mut payload = Vec::new();
    for chunk in chunks {
        let mut chunk = chunk.to_vec();
        let mut input = &mut chunk[..];
        loop {
            match decoder.decode(input) {
                Ok((Some(piece), rest)) => {
                    input = rest;
                    assert!(
                        !piece.first || payload.is_empty(),
                        "a piece of the frame before"
                    );
                    payload.extend_from_slice(piece.payload);
                    let len = payload.len() as u64;
                    assert_eq!(piece.last, len == piece.header.len);
                    assert_eq!(decoder.missing(), piece.header.len - len);
                    if piece.last {
                        frames.push((piece.header, std::mem::take(&mut payload)));
                    }
                }
                Ok((None, rest)) => {
                    assert!(rest.is_empty(), "without a piece the input is used up");
                    break;
                }
                Err(violation) => {
                    return Read {
                        frames,
                        end: Err(violation),
                    };
                }
            }
        }
    }
    Read {
        frames,
        end: Ok(End {
            between: decoder.is_between_frames(),
            missing: decoder.missing(),
        }),
    }
}

/// A Close frame's payload is legal exactly if its code and reason are, and is written back the same.
pub fn close(input: &[u8]) {
    let parsed = CloseFrame::parse(input);
    let wanted = match input {
        [] => Ok(None),
        [_] => Err(FrameError::CloseTooShort),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            // RFC 6455 §7.4.1 and §7.4.2, with what IANA has added since.
            let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            match (may_be_sent, reason.len(), std::str::from_utf8(reason)) {
                (false, _, _) => Err(FrameError::CloseCode { code }),
                (true, 124.., _) => Err(FrameError::ControlTooLong {
                    opcode: OpCode::Close,
                }),
                (true, _, Err(_)) => Err(FrameError::CloseReason),
                (true, _, Ok(reason)) => Ok(Some((code, reason))),
            }
        }
    };
    let seen = parsed.as_ref().map(|close| {
        let close = close.as_ref();
        close.map(|close| (close.code().get(), close.reason()))
    });
    assert_eq!(seen, wanted.as_ref().map(|close| *close));
    if let Ok(Some(close)) = &parsed {
        let mut again = BytesMut::new();
        close.encode(&mut again);
        assert_bytes_eq(&again, input, "encoded again");
    }
    let reason = String::from_utf8_lossy(input);
    let cut = CloseFrame::truncated(CloseCode::NORMAL, &reason);
    assert!(cut.reason().len() <= CloseFrame::MAX_REASON && reason.starts_with(cut.reason()));
    assert!(reason.len() - cut.reason().len() < 4 || cut.reason().len() > 119);
}

/// Text is checked as the standard library does, up to the byte, however it is cut.
pub fn utf8(input: &[u8]) {
    #[derive(Debug, PartialEq)]
    enum Verdict {
        Text,
        Open(usize),
        Wrong { at: usize },
    }
    let seen = agreed(input, |chunks| {
        let mut text = Utf8Validator::new();
        let mut before = 0;
        for chunk in chunks {
            if let Err(error) = text.push(chunk) {
                return Verdict::Wrong {
                    at: before + error.at(),
                };
            }
            before += chunk.len();
        }
        match text.open_bytes() {
            0 => Verdict::Text,
            open => Verdict::Open(open),
        }
    });
    let wanted = match std::str::from_utf8(input) {
        Ok(_) => Verdict::Text,
        Err(error) => match (error.valid_up_to(), error.error_len()) {
            (valid, None) => Verdict::Open(input.len() - valid),
            // A byte that begins nothing is wrong itself; else the one that doesn't go on is.
            (valid, Some(len)) => Verdict::Wrong {
                at: match input[valid] {
                    0xC2..=0xF4 => valid + len,
                    _ => valid,
                },
            },
        },
    };
    assert_eq!(seen, wanted);
    let whole = Text::try_from(Bytes::copy_from_slice(input));
    assert_eq!(whole.is_ok(), wanted == Verdict::Text);
}
