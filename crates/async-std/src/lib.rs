#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod runtime;
mod timer;

pub use runtime::{AsyncStd, Sockets};
pub use timer::Timer;

pub use bowline_futures::{StreamReader, StreamWriter};

#[cfg(feature = "deflate")]
pub use bowline_futures::PerMessageDeflate;

#[cfg(feature = "rustls-tls")]
pub use bowline_futures::{ClientTls, ServerTls, TlsError, rustls};

pub use bowline_io::{
    Arrival, Chunk, ClientHandshakeError, ClientRequest, CloseCode, CloseFrame, Compress, Config,
    Ended, EndedBy, Error, Event, Extension, ExtensionError, FrameError, HeadError, HeadLimits,
    Http, InvalidCloseCode, Keepalive, Memory, Message, MessageKind, MessageRef, Negotiate,
    Opening, Origin, OriginError, OriginPolicy, Parts, Prepared, ProtocolError, QueueError,
    ReasonTooLong, RefusalReason, Role, SendError, Text, Timeout, Token, Transport, Upgrading,
    UriError, Utf8Error, Volume, WsUri, bytes, corked, http,
};

/// A TCP stream of async-std as a transport, plain or encrypted. See [`bowline_futures::Stream`].
pub type Stream = bowline_futures::Stream<async_std::net::TcpStream, Sockets>;

/// Any stream with the traits of futures-io as a transport. See [`bowline_futures::Io`].
pub type Io<S> = bowline_futures::Io<S, Timer>;

/// Two values, one that reads and one that writes, as a transport. See [`bowline_futures::Halves`].
pub type Halves<R, W> = bowline_futures::Halves<R, W, Timer>;

/// An open connection; over TCP unless another transport is named. See [`bowline_io::WebSocket`].
pub type WebSocket<T = Stream> = bowline_io::WebSocket<T>;

/// The receiving half of a connection. See [`bowline_io::Receiver`].
pub type Receiver<T = Stream> = bowline_io::Receiver<T>;

/// The sending half of a connection. See [`bowline_io::Sender`].
pub type Sender<T = Stream> = bowline_io::Sender<T>;

/// Connects to servers. See [`bowline_io::Connector`].
pub type Connector = bowline_io::Connector<AsyncStd>;

/// Accepts clients. See [`bowline_io::Acceptor`].
pub type Acceptor = bowline_io::Acceptor<AsyncStd>;

/// A connected pair in memory with the default limits, client first, for tests of programs.
///
/// # Examples
///
/// ```
/// # async_std::task::block_on(async {
/// let (client, mut server) = bowline_async_std::pair();
/// client.send("hello").await?;
/// assert_eq!(server.recv().await?, Some("hello".into()));
/// # Ok::<(), bowline_async_std::Error>(())
/// # }).unwrap();
/// ```
pub fn pair() -> (WebSocket<Memory<Timer>>, WebSocket<Memory<Timer>>) {
    bowline_io::pair(&Config::new(Role::Client), &Config::new(Role::Server))
}
