//! `extended_connect.json`: WebSocket requests over HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220).
//!
//! The server has announced that it takes extended CONNECT.

use serde::Deserialize;

/// A request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtendedConnect {
    /// The case's name.
    pub id: String,
    /// The HTTP version.
    pub version: Version,
    /// Names and values of the fields in order, pseudo-fields first.
    pub request_fields: Vec<(String, String)>,
    /// The status of the answer. Absent if the stream is reset instead.
    pub expect_status: Option<u16>,
    /// The name of the error the stream is reset with. Absent if a response is sent.
    pub expect_stream_error: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
}

/// An HTTP version with streams.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// HTTP/2.
    H2,
    /// HTTP/3.
    H3,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "note")]
    _note: String,
    vectors: Vec<ExtendedConnect>,
}

/// Loads the file.
pub fn load() -> Vec<ExtendedConnect> {
    super::parse::<File>(include_str!("../../vectors/extended_connect.json")).vectors
}
