//! `handshake_response.json`: HTTP/1.1 responses to a client.

use serde::Deserialize;

use super::{Hex, Latin1, Level};

/// A response and what the client makes of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandshakeResponse {
    /// The case's name.
    pub id: String,
    /// The `Sec-WebSocket-Key` of the request.
    pub key: String,
    /// The subprotocols of the request.
    pub offered_subprotocols: Vec<String>,
    /// The `Sec-WebSocket-Extensions` of the request. Absent if it had none.
    pub offered_extensions: Option<String>,
    /// The bytes the client reads.
    pub raw: Latin1,
    /// How the opening handshake ends.
    pub outcome: Outcome,
    /// Other outcomes to tolerate.
    #[serde(default)]
    pub accept_outcome: Vec<Outcome>,
    /// The status, if the outcome is [`Outcome::HttpResponse`].
    pub status: Option<u16>,
    /// The subprotocol in use.
    pub subprotocol: Option<String>,
    /// The `Sec-WebSocket-Extensions` of the response.
    pub extensions: Option<String>,
    /// The bytes behind the response, which belong to the first frames.
    #[serde(rename = "leftover_hex")]
    pub leftover: Option<Hex>,
    /// How binding this is; MUST if absent.
    pub level: Option<Level>,
    /// RFC and section, as in `6455-4.1`.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What is wrong with the response.
    pub why: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
}

/// How an opening handshake ends.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The connection is open.
    Open,
    /// The response broke a rule.
    Fail,
    /// The server answered with an ordinary response.
    HttpResponse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vectors: Vec<HandshakeResponse>,
}

/// Loads the file.
pub fn load() -> Vec<HandshakeResponse> {
    super::parse::<File>(include_str!("../../vectors/handshake_response.json")).vectors
}
