//! `frame_invalid.json`: bytes that fail the connection.

use serde::Deserialize;

use super::{Hex, Level, Limits, Role};

/// Bytes that fail the connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvalidFrame {
    /// The case's name.
    pub id: String,
    /// Who reads the bytes.
    pub receiver: Role,
    /// One frame or several.
    #[serde(rename = "wire_hex")]
    pub wire: Hex,
    /// The extension agreed on.
    pub negotiated: Option<String>,
    /// The receiver's limits.
    pub limits: Option<Limits>,
    /// The rule that is broken.
    pub why: String,
    /// The index of the byte with which the violation is certain. Absent if only the payload shows it.
    pub earliest_error_index: Option<usize>,
    /// The close code of the answer.
    pub expect_close: u16,
    /// The close codes to tolerate in the answer.
    pub accept_close: Vec<u16>,
    /// How binding this is.
    pub level: Level,
    /// RFC and section, as in `6455-5.2`.
    #[serde(rename = "ref")]
    pub reference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vectors: Vec<InvalidFrame>,
}

/// Loads the file.
pub fn load() -> Vec<InvalidFrame> {
    super::parse::<File>(include_str!("../../vectors/frame_invalid.json")).vectors
}
