#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

extern crate alloc;

mod error;
mod extension;
mod offer;
mod outgoing;
mod token;

pub use error::{ConfirmError, ExtensionError, InvalidToken, ParseError};
pub use extension::{Decode, Encode, Extension, Negotiate, Progress};
pub use offer::{Offer, Param};
pub use outgoing::{Compress, Outgoing};
pub use token::{Token, contains_token, is_token, list};
