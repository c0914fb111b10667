#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod runtime;
mod stream;
mod timer;
mod tls;

pub use runtime::Tokio;
pub use stream::{Io, IoReader, IoWriter, Stream, StreamReader, StreamWriter};
pub use timer::Timer;

#[cfg(feature = "deflate")]
pub use bowline_deflate::PerMessageDeflate;

#[cfg(feature = "rustls-tls")]
pub use bowline_tls::{ClientTls, ServerTls, TlsError, rustls};

pub use bowline_io::{
    Arrival, Chunk, ClientHandshakeError, ClientRequest, CloseCode, CloseFrame, Compress, Config,
    Ended, EndedBy, Error, Event, Extension, ExtensionError, FrameError, HeadError, HeadLimits,
    Http, InvalidCloseCode, Keepalive, Memory, Message, MessageKind, MessageRef, Negotiate,
    Opening, Origin, OriginError, OriginPolicy, Parts, Prepared, ProtocolError, QueueError,
    ReasonTooLong, RefusalReason, Role, SendError, Text, Timeout, Token, Transport, Upgrading,
    UriError, Utf8Error, Volume, WsUri, bytes, corked, http,
};

/// An open connection; over TCP unless another transport is named. See [`bowline_io::WebSocket`].
pub type WebSocket<T = Stream> = bowline_io::WebSocket<T>;

/// The receiving half of a connection. See [`bowline_io::Receiver`].
pub type Receiver<T = Stream> = bowline_io::Receiver<T>;

/// The sending half of a connection. See [`bowline_io::Sender`].
pub type Sender<T = Stream> = bowline_io::Sender<T>;

/// Connects to servers. See [`bowline_io::Connector`].
pub type Connector = bowline_io::Connector<Tokio>;

/// Accepts clients. See [`bowline_io::Acceptor`].
pub type Acceptor = bowline_io::Acceptor<Tokio>;

/// A connected pair in memory with the default limits, client first, for tests of programs.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), bowline_tokio::Error> {
/// let (client, mut server) = bowline_tokio::pair();
/// client.send("hello").await?;
/// assert_eq!(server.recv().await?, Some("hello".into()));
/// # Ok(())
/// # }
/// ```
pub fn pair() -> (WebSocket<Memory<Timer>>, WebSocket<Memory<Timer>>) {
    bowline_io::pair(&Config::new(Role::Client), &Config::new(Role::Server))
}

/// The front page of the workspace; its programs are compiled here.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Workspace;
