//! `accept_key.json`: the computation of `Sec-WebSocket-Accept`.

use serde::Deserialize;

use super::Hex;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptKey {
    /// What RFC 6455 §1.3 appends to the key.
    pub guid: String,
    /// Keys and their answers.
    pub valid: Vec<ValidKey>,
    /// Keys that a server refuses.
    pub invalid_keys: Vec<InvalidKey>,
}

/// A key with its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidKey {
    /// The case's name.
    pub id: String,
    /// The value of `Sec-WebSocket-Key` as sent.
    pub key: String,
    /// The 16 bytes that `key` encodes.
    #[serde(rename = "nonce_hex")]
    pub nonce: Hex,
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: String,
    /// What the case shows; may be empty.
    pub note: String,
}

/// A key that a server refuses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvalidKey {
    /// The case's name.
    pub id: String,
    /// The value of `Sec-WebSocket-Key` as sent.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
    /// The HTTP status of the refusal.
    pub expect_status: u16,
}

/// Loads the file.
pub fn load() -> AcceptKey {
    super::parse(include_str!("../../vectors/accept_key.json"))
}
