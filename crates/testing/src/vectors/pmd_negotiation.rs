//! `pmd_negotiation.json`: agreeing on permessage-deflate (RFC 7692 §7.1).

use serde::Deserialize;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PmdNegotiation {
    /// Offers that a server answers.
    pub server_side: Vec<ServerSide>,
    /// Answers that a client judges.
    pub client_side: Vec<ClientSide>,
}

/// An offer and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSide {
    /// The case's name.
    pub id: String,
    /// The value of `Sec-WebSocket-Extensions` in the request.
    pub offer: String,
    /// What the server wants.
    pub server_config: ServerConfig,
    /// Whether it accepts.
    pub outcome: ServerOutcome,
    /// The element of the offer that is accepted, where the file tells.
    pub accepted_element: Option<String>,
    /// A right answer. Absent if the offer is declined.
    pub reference_response: Option<String>,
    /// Parameters that every right answer has.
    #[serde(default)]
    pub response_must_include: Vec<String>,
    /// Parameters that no right answer has.
    #[serde(default)]
    pub response_must_not_include: Vec<String>,
    /// What both ends then do. Absent if the offer is declined.
    pub agreed: Option<Agreed>,
    /// Why elements before the accepted one were passed over.
    #[serde(default)]
    pub skipped: Vec<String>,
    /// Why all elements were declined.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// What the case shows.
    pub note: Option<String>,
}

/// What the server wants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Whether the server forgets its window after each message.
    pub server_no_context_takeover: bool,
    /// Whether the client has to.
    pub client_no_context_takeover: bool,
    /// The most window bits the server uses.
    pub server_max_window_bits: u8,
    /// The most window bits the client may use, if it lets the server say.
    pub client_max_window_bits: u8,
    /// The fewest window bits the server's deflater can do.
    pub min_window_bits: u8,
}

/// What both ends do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// Whether the server forgets its window after each message.
    pub server_no_context_takeover: bool,
    /// Whether the client forgets its window after each message.
    pub client_no_context_takeover: bool,
    /// The window bits the server uses at most.
    pub server_max_window_bits: u8,
    /// The window bits the client uses at most.
    pub client_max_window_bits: u8,
}

/// How a server answers an offer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum ServerOutcome {
    /// It accepts an element.
    Accept,
    /// It leaves the header out of its response.
    Decline,
}

/// An answer that a client judges.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSide {
    /// The case's name.
    pub id: String,
    /// The value of `Sec-WebSocket-Extensions` in the request. Absent if it had none.
    pub offer: Option<String>,
    /// The values in the response, one per line of that name. Absent if it had none.
    pub response: Option<Vec<String>>,
    /// Whether the connection opens.
    pub outcome: ClientOutcome,
    /// Whether it then uses the extension. Absent if the connection fails.
    pub compression: Option<bool>,
    /// What both ends then do. Absent without the extension.
    pub agreed: Option<Agreed>,
    /// What is wrong with the answer.
    pub why: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
}

/// How a client judges an answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum ClientOutcome {
    /// The connection opens.
    Open,
    /// The opening handshake fails.
    Fail,
}

/// Loads the file.
pub fn load() -> PmdNegotiation {
    super::parse(include_str!("../../vectors/pmd_negotiation.json"))
}
