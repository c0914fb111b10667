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
mod connection;
mod deadlines;
mod ended;
mod error;
mod event;
mod inbound;
mod outbound;
mod partial;
mod prepared;
mod spent;
mod volume;

pub use config::{Config, Keepalive};
pub use connection::Connection;
pub use deadlines::{Deadlines, Timeout, Wants};
pub use ended::{Ended, EndedBy};
pub use error::{ProtocolError, QueueError, SendError};
pub use event::{Arrival, ChunkRef, EventRef, Reply};
pub use inbound::Inbound;
pub use outbound::{Outbound, OutboundStatus};
pub use prepared::Prepared;
pub use volume::Volume;
