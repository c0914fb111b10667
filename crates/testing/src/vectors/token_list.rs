//! `token_list.json`: looking for a token in `Connection` or `Upgrade`.

use serde::Deserialize;

/// A header and whether it has a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenList {
    /// The case's name.
    pub id: String,
    /// The header's name.
    pub field: String,
    /// The values of the header, one per line of that name.
    pub field_values: Vec<String>,
    /// The token, in lower case; ASCII case does not count.
    pub contains_token: String,
    /// Whether the header has it.
    pub expected: bool,
    /// What the case shows.
    pub note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "note")]
    _note: String,
    vectors: Vec<TokenList>,
}

/// Loads the file.
pub fn load() -> Vec<TokenList> {
    super::parse::<File>(include_str!("../../vectors/token_list.json")).vectors
}
