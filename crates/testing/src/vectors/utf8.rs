//! `utf8.json`: validating UTF-8 as it arrives.

use serde::Deserialize;

use super::Hex;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Utf8 {
    /// RFC 3629 §4 as a table.
    pub well_formed_table: Vec<WellFormed>,
    /// The strings.
    pub vectors: Vec<Text>,
}

/// The well-formed sequences that begin alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WellFormed {
    /// The first byte or the range of it, in upper-case hexadecimal.
    pub first: String,
    /// The range of each byte behind it.
    pub rest: Vec<String>,
}

/// A string of bytes that is or is not UTF-8.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The case's name.
    pub id: String,
    /// The bytes.
    #[serde(rename = "hex")]
    pub bytes: Hex,
    /// What kind of case it is, in words.
    pub category: String,
    /// Whether the bytes are UTF-8.
    pub valid: bool,
    /// The index of the first byte that no valid string could have there. Absent if there is no such byte.
    pub fail_index: Option<usize>,
    /// Whether the bytes fail only because they end too early.
    pub incomplete_tail: bool,
    /// How many bytes are then missing.
    pub missing_bytes: u8,
    /// The characters, as in `U+03BA`. Absent if the bytes are not UTF-8 or too many.
    pub codepoints: Option<Vec<String>>,
    /// What a validator knows at each index; may be empty.
    #[serde(default)]
    pub splits: Vec<Split>,
}

/// What a validator knows after a part of the bytes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The length of the part.
    pub at: usize,
    /// Whether a valid string can begin like that.
    pub first_ok: bool,
    /// How many bytes are missing to end the last character.
    pub pending: u8,
}

/// Loads the file.
pub fn load() -> Utf8 {
    super::parse(include_str!("../../vectors/utf8.json"))
}
