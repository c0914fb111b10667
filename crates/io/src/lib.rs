#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod acceptor;
mod buffers;
#[cfg(all(test, loom))]
mod concurrency;
mod connector;
mod cork;
mod dialogue;
mod flusher;
#[cfg(feature = "futures")]
mod futures;
mod memory;
mod receiver;
mod runtime;
mod sender;
mod shared;
mod sync;
mod transport;
mod websocket;

pub use acceptor::{Acceptor, Http, Opening, Upgrading};
pub use connector::Connector;
pub use cork::corked;
pub use flusher::{Flusher, Flushing, Queued};
pub use memory::{Memory, MemoryReader, MemoryWriter, pair};
pub use receiver::Receiver;
pub use runtime::Runtime;
pub use sender::Sender;
pub use transport::{PollRead, PollWrite, Timer, Transport};
pub use websocket::{Parts, WebSocket};

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
