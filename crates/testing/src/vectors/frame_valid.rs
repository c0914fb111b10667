//! `frame_valid.json`: frames to encode and to decode.

use serde::Deserialize;
use sha1::{Digest, Sha1};

use super::{Hex, Role};
use crate::{hex, payload};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameValid {
    /// The examples of RFC 6455 §5.7.
    pub rfc_examples: Vec<Example>,
    /// Whole frames.
    pub frames: Vec<Frame>,
    /// Headers whose payload is too long to have.
    pub header_only: Vec<Header>,
}

/// An example of the RFC. Masked ones use the key `37fa213d`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The case's name.
    pub id: String,
    /// The example in words.
    pub what: String,
    /// The opcode.
    pub opcode: u8,
    /// Whether the frame is the last of its message.
    pub fin: bool,
    /// Whether the payload is masked.
    pub masked: bool,
    /// The whole frame. Absent if only the header is given.
    #[serde(rename = "wire_hex")]
    pub wire: Option<Hex>,
    /// The payload, unmasked. Absent if only the header is given.
    #[serde(rename = "payload_hex")]
    pub payload: Option<Hex>,
    /// The header. Absent if the whole frame is given.
    #[serde(rename = "header_hex")]
    pub header: Option<Hex>,
    /// The payload's length in bytes. Absent if the whole frame is given.
    pub payload_len: Option<u64>,
}

/// A whole frame; its payload is named rather than spelled out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// The case's name.
    pub id: String,
    /// Who sends the frame.
    pub sender: Role,
    /// Whether the frame is the last of its message.
    pub fin: bool,
    /// The reserved bits as a number: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub rsv: u8,
    /// The opcode.
    pub opcode: u8,
    /// Whether the payload is masked.
    pub masked: bool,
    /// The masking key. Absent if the payload is not masked.
    #[serde(rename = "mask_key_hex")]
    pub mask_key: Option<Hex>,
    /// The payload, unmasked.
    pub payload: Pattern,
    /// The header, with the masking key.
    #[serde(rename = "header_hex")]
    pub header: Hex,
    /// The length of `header` in bytes.
    pub header_len: usize,
    /// The length of the whole frame in bytes.
    pub wire_len: usize,
    /// The first bytes of the payload as on the wire, at most 16.
    #[serde(rename = "wire_payload_first16_hex")]
    pub wire_payload_first16: Hex,
    /// The last bytes of the payload as on the wire, at most 4.
    #[serde(rename = "wire_payload_last4_hex")]
    pub wire_payload_last4: Hex,
    /// The SHA-1 of the payload as on the wire.
    pub wire_payload_sha1: Hex,
    /// The whole frame. Absent if the payload is longer than 64 bytes.
    #[serde(rename = "wire_hex")]
    pub wire: Option<Hex>,
    /// What the case shows.
    pub note: Option<String>,
}

/// A payload that is named rather than spelled out.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Pattern {
    /// [`payload::seq`].
    Seq {
        /// The length in bytes.
        len: usize,
    },
    /// [`payload::repeat`].
    Repeat {
        /// The byte, in hexadecimal.
        #[serde(deserialize_with = "hex_byte")]
        byte: u8,
        /// The length in bytes.
        len: usize,
    },
}

/// A header whose payload is too long to have. Masked ones use the key `37fa213d`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The case's name.
    pub id: String,
    /// The opcode.
    pub opcode: u8,
    /// Whether the frame is the last of its message.
    pub fin: bool,
    /// Whether the payload is masked.
    pub masked: bool,
    /// The payload's length in bytes, up to 2^63 - 1.
    #[serde(deserialize_with = "super::value::decimal")]
    pub payload_len: u64,
    /// The header, with the masking key.
    #[serde(rename = "header_hex")]
    pub header: Hex,
}

/// Loads the file.
pub fn load() -> FrameValid {
    super::parse(include_str!("../../vectors/frame_valid.json"))
}

impl Frame {
    /// Asserts that `wire` is this frame, byte by byte.
    ///
    /// # Panics
    ///
    /// If it is not.
    #[track_caller]
    pub fn assert_is(&self, wire: &[u8]) {
        assert_eq!(
            wire.len(),
            self.wire_len,
            "{}: length of the frame",
            self.id
        );
        let (header, payload) = wire.split_at(self.header_len);
        let (first, last) = (payload.len().min(16), payload.len().saturating_sub(4));
        hex::assert_bytes_eq(header, &self.header, format_args!("{}: header", self.id));
        hex::assert_bytes_eq(
            &payload[..first],
            &self.wire_payload_first16,
            format_args!("{}: first bytes", self.id),
        );
        hex::assert_bytes_eq(
            &payload[last..],
            &self.wire_payload_last4,
            format_args!("{}: last bytes", self.id),
        );
        let digest = Sha1::digest(payload);
        hex::assert_bytes_eq(
            &digest,
            &self.wire_payload_sha1,
            format_args!("{}: SHA-1 of the payload", self.id),
        );
        if let Some(expected) = &self.wire {
            hex::assert_bytes_eq(wire, expected, format_args!("{}: frame", self.id));
        }
    }
}

impl Pattern {
    /// Builds the payload.
    pub fn build(self) -> Vec<u8> {
        match self {
            Pattern::Seq { len } => payload::seq(len),
            Pattern::Repeat { byte, len } => payload::repeat(byte, len),
        }
    }
}

fn hex_byte<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let bytes = Hex::deserialize(deserializer)?;
    match *bytes {
        [byte] => Ok(byte),
        _ => Err(serde::de::Error::custom(format_args!(
            "not one byte: {bytes:?}"
        ))),
    }
}
