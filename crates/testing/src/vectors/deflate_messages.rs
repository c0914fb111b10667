//! `deflate_messages.json`: payloads of permessage-deflate (RFC 7692).

use serde::Deserialize;

use super::Hex;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeflateMessages {
    /// What a sender removes from the end of a message and a receiver puts back.
    #[serde(rename = "tail_hex")]
    pub tail: Hex,
    /// The examples of RFC 7692 §7.2.3.
    pub rfc_examples: Vec<Example>,
    /// The first example in two frames.
    pub rfc_fragmented: Fragmented,
    /// The first example, cut in two frames at every index of its payload.
    pub hello_every_split: Vec<Split>,
    /// Unusual payloads that are legal.
    pub legal_variants: Vec<Message>,
    /// The messages of whole connections.
    pub sequences: Vec<Sequence>,
    /// Payloads that fail the connection.
    pub invalid: Vec<Invalid>,
    /// Payloads that grow beyond a limit.
    pub bombs: Vec<Bomb>,
}

/// An example of the RFC: one connection with one or two messages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The case's name.
    pub id: String,
    /// The section of RFC 7692.
    pub section: String,
    /// Whether the second message may refer to the first.
    pub context_takeover: bool,
    /// The messages in order.
    pub messages: Vec<ExampleMessage>,
    /// What the case shows.
    pub note: Option<String>,
}

/// A message of an example.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExampleMessage {
    /// The message.
    #[serde(rename = "plain_hex")]
    pub plain: Hex,
    /// The frame's payload.
    #[serde(rename = "compressed_hex")]
    pub compressed: Hex,
    /// The whole frame, unmasked.
    #[serde(rename = "frame_hex")]
    pub frame: Hex,
    /// The DEFLATE blocks as `kind:plain bytes`; `fin` before the kind sets BFINAL.
    pub blocks: Vec<String>,
    /// The longest back-reference in bytes.
    pub max_distance: usize,
}

/// A compressed message in several frames.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fragmented {
    /// The case's name.
    pub id: String,
    /// The frames, unmasked.
    #[serde(rename = "frames_hex")]
    pub frames: Vec<Hex>,
    /// The message.
    #[serde(rename = "plain_hex")]
    pub plain: Hex,
}

/// `Hello`, compressed, in two frames.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// How many bytes of the payload are in the first frame.
    pub at: usize,
    /// The frames, unmasked.
    #[serde(rename = "frames_hex")]
    pub frames: Vec<Hex>,
}

/// A legal message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The case's name.
    pub id: String,
    /// The message.
    #[serde(rename = "plain_hex")]
    pub plain: Hex,
    /// The frame's payload.
    #[serde(rename = "compressed_hex")]
    pub compressed: Hex,
    /// The DEFLATE blocks as `kind:plain bytes`; `fin` before the kind sets BFINAL.
    pub blocks: Vec<String>,
    /// The longest back-reference in bytes.
    pub max_distance: usize,
    /// What the case shows.
    pub note: String,
}

/// The messages of one connection in one direction.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// The case's name.
    pub id: String,
    /// The base-two logarithm of the window, 9 to 15.
    pub window_bits: u8,
    /// Whether a message may refer to those before it.
    pub context_takeover: bool,
    /// The messages in order.
    pub messages: Vec<SequenceMessage>,
}

/// A message of a sequence.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceMessage {
    /// The message.
    #[serde(rename = "plain_hex")]
    pub plain: Hex,
    /// The frame's payload.
    #[serde(rename = "compressed_hex")]
    pub compressed: Hex,
    /// The longest back-reference in bytes.
    pub max_distance: usize,
}

/// A payload that fails the connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invalid {
    /// The case's name.
    pub id: String,
    /// The frame's payload.
    #[serde(rename = "compressed_hex")]
    pub compressed: Hex,
    /// What is wrong with it.
    pub why: String,
    /// The close code of the answer.
    pub expect_close: u16,
    /// The close codes to tolerate in the answer.
    pub accept_close: Vec<u16>,
    /// The base-two logarithm of the agreed window.
    pub window_bits: u8,
    /// Whether a decoder that does not notice is to be tolerated.
    pub tolerant_decoder_may_accept: bool,
}

/// A small payload that becomes a large message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bomb {
    /// The case's name.
    pub id: String,
    /// The message's pattern, in words.
    pub plain: String,
    /// The message's length in bytes.
    pub plain_len: usize,
    /// The payload's length in bytes. Absent if the message comes in `frames`.
    pub compressed_len: Option<usize>,
    /// How many times longer the message is than its payload.
    pub ratio: Option<f64>,
    /// The payload. Absent if it is too long to spell out, or if the message comes in `frames`.
    #[serde(rename = "compressed_hex")]
    pub compressed: Option<Hex>,
    /// The largest message the receiver takes, in bytes.
    pub limit: usize,
    /// The close code of the answer.
    pub expect_close: u16,
    /// What the case shows.
    pub note: String,
    /// The frames, unmasked. Empty if the message comes as one payload.
    #[serde(default, rename = "frames_hex")]
    pub frames: Vec<Hex>,
}

/// Loads the file.
pub fn load() -> DeflateMessages {
    super::parse(include_str!("../../vectors/deflate_messages.json"))
}
