//! `uri.json`: `ws` and `wss` URIs (RFC 6455 §3).

use serde::Deserialize;

/// A URI and its parts; the parts are absent if it is not valid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uri {
    /// The URI as given.
    pub uri: String,
    /// Whether a client takes it.
    pub valid: bool,
    /// Whether it asks for TLS.
    pub secure: Option<bool>,
    /// The host, an IPv6 address without brackets.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// Path and query.
    pub resource_name: Option<String>,
    /// The value of `Host`.
    pub host_header: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vectors: Vec<Uri>,
}

/// Loads the file.
pub fn load() -> Vec<Uri> {
    super::parse::<File>(include_str!("../../vectors/uri.json")).vectors
}
