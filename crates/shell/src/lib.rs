#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod claim;
mod client;
mod connection;
pub mod end;
mod error;
mod random;
mod server;
pub mod take;

pub use client::ClientSettings;
pub use connection::connection;
pub use error::Error;
pub use random::{fill, nonce};
pub use server::ServerSettings;
pub use take::{Chunk, Event};

#[doc(hidden)]
pub mod macros {
    //! What the setters name, so that they can be used where nothing of it is imported.
    pub use bowline_extension::Negotiate;
    pub use bowline_handshake::{HeadLimits, OriginPolicy, ServerConfig};
    pub use bowline_proto::{Config, Keepalive};
    pub use http::header::{HeaderName, HeaderValue};
}

/// A deadline that is as good as none: far enough, and no overflow of any clock.
pub const FAR: std::time::Duration = std::time::Duration::from_secs(60 * 60 * 24 * 365);
