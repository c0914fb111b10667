//! `frame_sequences.json`: several frames and the events they cause.

use serde::Deserialize;

use super::{Hex, Limits, Role};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSequences {
    /// The masking key of every masked frame.
    #[serde(rename = "mask_key_hex")]
    pub mask_key: Hex,
    /// The sequences.
    pub vectors: Vec<FrameSequence>,
}

/// Frames in order, and what their receiver makes of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSequence {
    /// The case's name.
    pub id: String,
    /// Who reads the frames.
    pub receiver: Role,
    /// The frames.
    #[serde(rename = "frames_hex")]
    pub frames: Vec<Hex>,
    /// The frames joined.
    #[serde(rename = "wire_hex")]
    pub wire: Hex,
    /// What the receiver reports, in order.
    pub expect_events: Vec<Event>,
    /// The frames that reading obliges the receiver to write, in order. Absent if the vector says nothing of them.
    #[serde(rename = "expect_payload_of_replies")]
    pub expect_replies: Option<Vec<Reply>>,
    /// The close code with which the connection fails. Absent if it does not.
    pub expect_close: Option<u16>,
    /// The receiver's limits.
    pub limits: Option<Limits>,
    /// The extension agreed on.
    pub negotiated: Option<String>,
    /// RFC and section, as in `6455-5.4`.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
}

/// What a receiver reports.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "lowercase", tag = "type")]
pub enum Event {
    /// A text message.
    Text {
        /// The message.
        data: String,
    },
    /// A binary message.
    Binary {
        /// The message.
        #[serde(rename = "data_hex")]
        data: Hex,
    },
    /// A ping.
    Ping {
        /// The ping's payload.
        #[serde(rename = "data_hex")]
        data: Hex,
    },
    /// A pong.
    Pong {
        /// The pong's payload.
        #[serde(rename = "data_hex")]
        data: Hex,
    },
    /// A close frame.
    Close {
        /// The close code; 1005 if the frame had none.
        code: u16,
        /// The close reason; empty if the frame had none.
        reason: String,
    },
}

/// A frame that reading obliges the receiver to write.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The opcode, 8 or 10.
    pub opcode: u8,
    /// The payload, unmasked.
    #[serde(rename = "payload_hex")]
    pub payload: Hex,
}

/// Loads the file.
pub fn load() -> FrameSequences {
    super::parse(include_str!("../../vectors/frame_sequences.json"))
}
