#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod attempts;
mod carrier;
pub mod claim;
mod client;
mod client_opening;
mod connection;
pub mod end;
mod error;
mod random;
mod server;
mod server_opening;
pub mod take;

pub use attempts::Attempts;
pub use carrier::{Carrier, NoTls};
pub use client::ClientSettings;
pub use client_opening::ClientOpening;
pub use connection::connection;
pub use error::Error;
pub use random::{fill, nonce};
pub use server::ServerSettings;
pub use server_opening::{Opened, Refused, ServerOpening, Terms};
pub use take::{Chunk, Event};

#[doc(hidden)]
pub mod macros {
    //! What the setters name, so that they can be used where nothing of it is imported.
    pub use bowline_extension::Negotiate;
    pub use bowline_handshake::{HeadLimits, OriginPolicy, ServerConfig};
    pub use bowline_proto::{Config, Keepalive};
    pub use http::Request;
    pub use http::header::{HeaderName, HeaderValue};
}

/// A deadline that is as good as none: far enough, and no overflow of any clock.
pub const FAR: std::time::Duration = std::time::Duration::from_secs(60 * 60 * 24 * 365);
