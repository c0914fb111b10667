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

mod authority;
mod body;
mod client;
mod client_request;
mod error;
mod head;
mod headers;
mod http_request;
mod key;
mod negotiate;
mod origin;
mod race;
mod refusal;
mod request;
mod response;
mod server;
mod server_config;
mod upgrade;
mod uri;

pub use client::{ClientHandshake, Established};
pub use client_request::ClientRequest;
pub use error::{
    ClientHandshakeError, HeadError, HeaderError, OriginError, RequestError, ResponseError,
    SubprotocolError, UriError,
};
pub use head::HeadLimits;
pub use http_request::HttpRequest;
pub use key::accept_key;
pub use origin::{Origin, OriginPolicy};
pub use race::Race;
pub use refusal::{Refusal, RefusalReason};
pub use server::{ServerHandshake, ServerHead};
pub use server_config::ServerConfig;
pub use upgrade::{Accepted, Upgrade};
pub use uri::WsUri;
