//! `close.json`: close codes and the payloads of close frames.

use serde::Deserialize;

use super::Hex;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// First and last code of each range that may be on the wire.
    pub valid_ranges: Vec<(u16, u16)>,
    /// For each code from 0 to 5000 a `1` if it may be on the wire, else a `0`.
    pub code_valid_0_to_5000: String,
    /// The codes of the IANA registry.
    pub named_codes: Vec<NamedCode>,
    /// Payloads to parse.
    pub payloads: Vec<Payload>,
    /// What a browser's `close()` takes.
    pub browser_api: Vec<BrowserCode>,
    /// Reasons too long for a close frame.
    pub reason_truncation: Vec<Truncation>,
}

/// A registered close code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedCode {
    /// The code.
    pub code: u16,
    /// Its name in the registry.
    pub name: String,
    /// Whether it is accepted from the wire.
    pub on_wire: bool,
    /// Whether RFC 6455 §7.4.1 keeps it off the wire.
    pub never_on_wire_by_rfc: bool,
    /// Who sends it, in words.
    pub sender: String,
}

/// The payload of a close frame: a code and a reason, or a violation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// The case's name.
    pub id: String,
    /// The payload, unmasked.
    #[serde(rename = "payload_hex")]
    pub payload: Hex,
    /// Whether a receiver takes it.
    pub valid: bool,
    /// What the receiver learns; 1005 if the payload is empty. Absent if the payload is not valid.
    pub code: Option<u16>,
    /// The close reason. Absent if the payload is not valid.
    pub reason: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
    /// The close code of the answer. Absent if the payload is valid.
    pub expect_close: Option<u16>,
    /// The close codes to tolerate in the answer. Empty if the payload is valid.
    #[serde(default)]
    pub accept_close: Vec<u16>,
}

/// A code given to a browser's `close()`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrowserCode {
    /// The code.
    pub code: u16,
    /// Whether the browser takes it.
    pub browser_close_call_ok: bool,
}

/// A reason too long for a close frame, and what is left of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truncation {
    /// The reason as given.
    pub reason: String,
    /// Its longest beginning of at most 123 bytes that ends between characters.
    pub truncated: String,
    /// The length of `truncated` in bytes.
    pub truncated_len: usize,
}

/// Loads the file.
pub fn load() -> Close {
    super::parse(include_str!("../../vectors/close.json"))
}
