//! `subprotocol.json`: choosing a subprotocol (RFC 6455 §4.2.2).

use serde::Deserialize;

/// An offer of subprotocols and the choice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subprotocol {
    /// The case's name.
    pub id: String,
    /// The values of `Sec-WebSocket-Protocol`, one per line of that name.
    pub field_values: Vec<String>,
    /// What the server speaks, best first.
    #[serde(rename = "server_supported_in_preference_order")]
    pub server_supported: Vec<String>,
    /// Whether the offer fits the grammar.
    pub request_valid: bool,
    /// The subprotocol chosen by the client's order. Absent if there is none in common.
    pub chosen: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vectors: Vec<Subprotocol>,
}

/// Loads the file.
pub fn load() -> Vec<Subprotocol> {
    super::parse::<File>(include_str!("../../vectors/subprotocol.json")).vectors
}
