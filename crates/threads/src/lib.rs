#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod acceptor;
#[cfg(all(test, loom))]
mod concurrency;
mod connector;
mod dialogue;
mod memory;
mod receiver;
mod sender;
mod shared;
mod sockets;
mod sync;
mod transport;
mod websocket;

pub use acceptor::{Acceptor, Http, Opening, Upgrading};
pub use connector::Connector;
pub use memory::{Memory, MemoryReader, MemoryWriter, pair};
pub use receiver::{Received, Receiver};
pub use sender::Sender;
pub use sockets::Sockets;
pub use transport::{Halves, HalvesReader, HalvesWriter, Transport, TransportRead, TransportWrite};
pub use websocket::WebSocket;

// What users of this crate need from those below, and the types of others that are in its signatures.
pub use bowline_extension::{Compress, Extension, ExtensionError, Negotiate, Token};
pub use bowline_frame::{
    CloseCode, CloseFrame, FrameError, InvalidCloseCode, Message, MessageKind, MessageRef,
    ReasonTooLong, Role, Text, Utf8Error,
};
pub use bowline_handshake::{
    ClientHandshakeError, ClientRequest, HeadError, HeadLimits, Origin, OriginError, OriginPolicy,
    RefusalReason, UriError, WsUri,
};
pub use bowline_proto::{
    Arrival, Config, Ended, EndedBy, Keepalive, Prepared, ProtocolError, QueueError, SendError,
    Timeout, Volume,
};
pub use bowline_shell::{Carrier, Chunk, Error, Event, NoTls};
pub use {bytes, http};
