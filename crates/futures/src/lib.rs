#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod halves;
mod network;
mod stream;
mod tls;

pub use halves::{Halves, Io, ReadHalf, WriteHalf};
pub use network::{Network, Over};
pub use stream::{Stream, StreamReader, StreamWriter};

#[cfg(feature = "deflate")]
pub use bowline_deflate::PerMessageDeflate;

#[cfg(feature = "rustls-tls")]
pub use bowline_tls::{ClientTls, ServerTls, TlsError, rustls};

pub use bowline_io::{
    Arrival, Chunk, ClientHandshakeError, ClientRequest, CloseCode, CloseFrame, Compress, Config,
    Ended, EndedBy, Error, Event, Extension, ExtensionError, FrameError, HeadError, HeadLimits,
    Http, InvalidCloseCode, Keepalive, Memory, Message, MessageKind, MessageRef, Negotiate,
    Opening, Origin, OriginError, OriginPolicy, Parts, Prepared, ProtocolError, QueueError,
    ReasonTooLong, Receiver, RefusalReason, Role, SendError, Sender, Text, Timeout, Timer, Token,
    Transport, Upgrading, UriError, Utf8Error, Volume, WebSocket, WsUri, bytes, corked, http,
};

/// No runtime in particular: streams and timers are the caller's.
#[derive(Clone, Copy, Debug)]
pub struct AnyRuntime;

/// Streams come as they are, encrypted or not.
impl bowline_io::Carrier for AnyRuntime {
    type ClientTls = bowline_io::NoTls;
    type ServerTls = bowline_io::NoTls;
}

/// Makes the opening handshake on streams that are connected already, with
/// [`connect_on`](bowline_io::Connector::connect_on). See [`bowline_io::Connector`].
pub type Connector = bowline_io::Connector<AnyRuntime>;

/// Makes the opening handshake on streams that were accepted already, with
/// [`accept_on`](bowline_io::Acceptor::accept_on). See [`bowline_io::Acceptor`].
pub type Acceptor = bowline_io::Acceptor<AnyRuntime>;
