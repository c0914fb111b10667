//! The protocol vectors as typed values: one module per file of `vectors/`, each with a `load`.
//!
//! The fields have the names they have in the files, less `_hex`: what is hexadecimal there is bytes here. The
//! `README.md` beside the files is the reference. A field that the types do not know, and a value that does not fit,
//! panics in `load`: a vector nobody reads would prove nothing.
//!
//! The files are part of the test program, and the text is parsed on each `load`.

pub mod accept_key;
pub mod close;
pub mod deflate_messages;
pub mod extended_connect;
pub mod extension_header;
pub mod frame_invalid;
pub mod frame_sequences;
pub mod frame_valid;
pub mod handshake_request;
pub mod handshake_response;
pub mod masking;
pub mod pmd_negotiation;
pub mod proxy;
pub mod subprotocol;
pub mod token_list;
pub mod uri;
pub mod utf8;

mod value;

pub use value::{Hex, Latin1, Level, Limits, Role};

use serde::de::DeserializeOwned;

#[track_caller]
fn parse<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("malformed vector file: {error}"))
}
