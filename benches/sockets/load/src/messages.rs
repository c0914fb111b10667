use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::arguments::Kind;
use crate::{frame, json};

/// The messages that all connections send in turn, encoded in advance.
pub(crate) struct Messages {
    pub(crate) opcode: u8,
    /// The frames, one behind the other, from the first to the last.
    pub(crate) wire: Vec<u8>,
    /// Where each frame begins in `wire`, and where the last one ends.
    pub(crate) bounds: Vec<usize>,
    /// What a server sends back for each, before it is compressed.
    pub(crate) replies: Vec<Vec<u8>>,
}

impl Messages {
    /// Messages of `size` bytes; a `raw` server sends back what is masked.
    pub(crate) fn new(kind: Kind, size: usize, raw: bool) -> io::Result<Self> {
        let count = (TOTAL / size.max(1)).clamp(2, 256);
        let mut messages = Messages {
            opcode: match kind {
                Kind::Binary => frame::BINARY,
                Kind::Text | Kind::Deflate => frame::TEXT,
            },
            wire: Vec::new(),
            bounds: vec![0],
            replies: Vec::new(),
        };
        let mut random = Random(0x1234_5678);
        for seed in 0..count as u64 {
            let message = match kind {
                Kind::Binary => (0..size).map(|_| random.next() as u8).collect(),
                Kind::Text => text(size, &mut random).into_bytes(),
                Kind::Deflate => json::text(size, seed).into_bytes(),
            };
            messages.push(kind, random.key(), message, raw)?;
        }
        Ok(messages)
    }

    pub(crate) fn count(&self) -> usize {
        self.replies.len()
    }

    fn push(&mut self, kind: Kind, key: [u8; 4], message: Vec<u8>, raw: bool) -> io::Result<()> {
        let compressed = match kind {
            Kind::Deflate => Some(compressed(&message)?),
            Kind::Binary | Kind::Text => None,
        };
        let payload = compressed.as_ref().unwrap_or(&message);
        frame::encode(
            self.opcode,
            compressed.is_some(),
            key,
            payload,
            &mut self.wire,
        );
        let end = self.wire.len();
        self.bounds.push(end);
        self.replies.push(match raw {
            true => self.wire[end - payload.len()..].to_vec(),
            false => message,
        });
        Ok(())
    }
}

/// A message as RFC 7692 §7.2.1 has it, which refers to none before it.
fn compressed(message: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(message)?;
    // A sync flush; its last four bytes are left out on the wire.
    encoder.flush()?;
    let mut bytes = std::mem::take(encoder.get_mut());
    let tail = bytes.split_off(bytes.len() - 4);
    debug_assert_eq!(tail, [0, 0, 0xff, 0xff]);
    Ok(bytes)
}

/// Text of exactly this many bytes: Cyrillic, Chinese, emoji, and spaces between.
fn text(size: usize, random: &mut Random) -> String {
    let mut text = String::new();
    loop {
        let code = match random.next() % 8 {
            0 => u32::from(' '),
            1..=4 => 0x430 + random.next() % 32,
            5 | 6 => 0x4e00 + random.next() % 0x4000,
            _ => 0x1f600 + random.next() % 64,
        };
        let character = char::from_u32(code).expect("no surrogate is among them");
        if text.len() + character.len_utf8() > size {
            break;
        }
        text.push(character);
    }
    while text.len() < size {
        text.push('.');
    }
    text
}

/// The same numbers in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    fn key(&mut self) -> [u8; 4] {
        self.next().wrapping_mul(3).to_le_bytes()
    }
}

/// About how many bytes all messages have together.
const TOTAL: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_length_asked_for_and_is_mostly_no_ascii() {
        for size in [0, 1, 2, 3, 128, 1024, 65_537] {
            let text = text(size, &mut Random(1));
            assert_eq!(text.len(), size);
            assert!(size < 128 || text.chars().filter(|c| !c.is_ascii()).count() > size / 8);
        }
    }

    #[test]
    fn frames_stand_one_behind_the_other() {
        let messages = Messages::new(Kind::Binary, 128, false).unwrap();
        assert_eq!(messages.bounds.len(), messages.count() + 1);
        for (index, reply) in messages.replies.iter().enumerate() {
            let frame = &messages.wire[messages.bounds[index]..messages.bounds[index + 1]];
            let header = frame::Header::parse(frame).unwrap().unwrap();
            assert_eq!(header.len, 128);
            let key = &frame[header.size - 4..header.size];
            let plain: Vec<_> = frame[header.size..]
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key)
                .collect();
            assert_eq!(plain, *reply);
        }
    }

    #[test]
    fn a_raw_server_sends_back_what_is_masked() {
        let messages = Messages::new(Kind::Binary, 16, true).unwrap();
        assert_eq!(messages.wire[6..22], messages.replies[0]);
    }
}
