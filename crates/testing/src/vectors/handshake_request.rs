//! `handshake_request.json`: HTTP/1.1 requests to a server.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Hex, Latin1, Level};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandshakeRequests {
    /// How the server is configured unless a case says otherwise.
    pub server_config: ServerConfig,
    /// The `Sec-WebSocket-Key` of the valid requests.
    pub key: String,
    /// The `Sec-WebSocket-Accept` that answers it.
    pub accept: String,
    /// The requests.
    pub vectors: Vec<HandshakeRequest>,
}

/// How the server is configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// The request targets that exist.
    pub paths: Vec<String>,
    /// The subprotocols the server speaks.
    pub subprotocols: Vec<String>,
    /// The origins the server takes. Absent if it takes all.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether the server takes permessage-deflate.
    pub permessage_deflate: bool,
    /// The largest head in bytes.
    pub max_header_bytes: usize,
    /// The most header lines.
    pub max_header_count: usize,
    /// The longest request line in bytes.
    pub max_request_line: usize,
}

/// What a case changes in [`ServerConfig`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfigOverride {
    /// The origins the server takes.
    pub allowed_origins: Vec<String>,
}

/// A request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandshakeRequest {
    /// The case's name.
    pub id: String,
    /// What changes in the configuration.
    pub server_config_override: Option<ServerConfigOverride>,
    /// The bytes the server reads.
    pub raw: Latin1,
    /// The status of the answer. Absent if there is none yet.
    pub expect_status: Option<u16>,
    /// The statuses to tolerate; `None` for no answer.
    pub accept_status: Vec<Option<u16>>,
    /// Headers of the answer. A list has to begin with the elements named here.
    #[serde(default)]
    pub expect_headers: BTreeMap<String, String>,
    /// Headers the answer must not have.
    #[serde(default)]
    pub expect_absent: Vec<String>,
    /// The bytes behind the request, which belong to the first frames.
    #[serde(rename = "leftover_hex")]
    pub leftover: Option<Hex>,
    /// Whether the request ends before its empty line.
    #[serde(default)]
    pub incomplete: bool,
    /// How binding this is; MUST if absent.
    pub level: Option<Level>,
    /// RFC and section, as in `6455-4.2.1`.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What is wrong with the request.
    pub why: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
}

/// Loads the file.
pub fn load() -> HandshakeRequests {
    super::parse(include_str!("../../vectors/handshake_request.json"))
}
