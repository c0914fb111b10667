//! `masking.json`: masking (RFC 6455 §5.3).

use serde::Deserialize;

use super::Hex;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// Whole payloads.
    pub vectors: Vec<Masked>,
    /// Payloads in pieces.
    pub split_payload: Vec<SplitPayload>,
}

/// A payload, masked and unmasked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masked {
    /// The case's name.
    pub id: String,
    /// The masking key.
    #[serde(rename = "key_hex")]
    pub key: Hex,
    /// The payload.
    #[serde(rename = "plain_hex")]
    pub plain: Hex,
    /// The payload, masked.
    #[serde(rename = "masked_hex")]
    pub masked: Hex,
}

/// A payload that is masked piece by piece.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitPayload {
    /// The masking key.
    #[serde(rename = "key_hex")]
    pub key: Hex,
    /// The payload.
    #[serde(rename = "plain_hex")]
    pub plain: Hex,
    /// The payload, masked.
    #[serde(rename = "masked_hex")]
    pub masked: Hex,
    /// Its pieces in order.
    pub pieces: Vec<Piece>,
}

/// A piece of a payload.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Where the piece begins, in bytes from the start of the payload.
    pub offset: usize,
    /// `offset` mod 4.
    pub key_phase: usize,
    /// The piece.
    #[serde(rename = "plain_hex")]
    pub plain: Hex,
    /// The piece, masked.
    #[serde(rename = "masked_hex")]
    pub masked: Hex,
    /// The key, rotated so that its first byte masks the piece's first byte.
    #[serde(rename = "rotated_key_hex")]
    pub rotated_key: Hex,
}

/// Loads the file.
pub fn load() -> Masking {
    super::parse(include_str!("../../vectors/masking.json"))
}
