//! `extension_header.json`: parsing `Sec-WebSocket-Extensions` (RFC 6455 §9.1).

use serde::Deserialize;

/// A header and what it says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionHeader {
    /// The case's name.
    pub id: String,
    /// The values of the header, one per line of that name.
    pub field_values: Vec<String>,
    /// Whether they fit the grammar.
    pub valid: bool,
    /// The extensions in order, repeated ones kept. Empty if the header is not valid.
    #[serde(default)]
    pub parsed: Vec<Extension>,
    /// What is wrong with the header. Absent if it is valid.
    pub error: Option<String>,
    /// What the case shows.
    pub note: Option<String>,
}

/// One extension of a header.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The extension's name as written.
    pub name: String,
    /// The parameters in order, repeated ones kept.
    pub params: Vec<Param>,
}

/// A parameter of an extension.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// The parameter's name as written.
    pub name: String,
    /// The value, unquoted. Absent if the parameter has none.
    pub value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "grammar")]
    _grammar: String,
    vectors: Vec<ExtensionHeader>,
}

/// Loads the file.
pub fn load() -> Vec<ExtensionHeader> {
    super::parse::<File>(include_str!("../../vectors/extension_header.json")).vectors
}
