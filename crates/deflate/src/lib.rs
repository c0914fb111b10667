#![doc = include_str!("../README.md")]
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

mod config;
mod decoder;
mod deflate;
mod encoder;
mod history;
mod params;
mod pool;

pub use config::PerMessageDeflate;
pub use deflate::Deflate;
