#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod sockets;
mod stream;
#[cfg(feature = "rustls-tls")]
mod tls;
#[cfg(not(feature = "rustls-tls"))]
#[path = "no_tls.rs"]
mod tls;

pub use sockets::Blocking;
pub use stream::{Stream, StreamReader, StreamWriter};

#[cfg(feature = "deflate")]
pub use bowline_deflate::PerMessageDeflate;

#[cfg(feature = "rustls-tls")]
pub use bowline_tls::{ClientTls, ServerTls, TlsError, rustls};

pub use bowline_threads::{
    Arrival, Chunk, ClientHandshakeError, ClientRequest, CloseCode, CloseFrame, Compress, Config,
    Ended, EndedBy, Error, Event, Extension, ExtensionError, FrameError, Halves, HalvesReader,
    HalvesWriter, HeadError, HeadLimits, InvalidCloseCode, Keepalive, Memory, MemoryReader,
    MemoryWriter, Message, MessageKind, MessageRef, Negotiate, Origin, OriginError, OriginPolicy,
    Prepared, ProtocolError, QueueError, ReasonTooLong, Received, RefusalReason, Role, SendError,
    Text, Timeout, Token, Transport, TransportRead, TransportWrite, UriError, Utf8Error, Volume,
    WsUri, bytes, http,
};

/// An open connection; over TCP unless another transport is named. See [`bowline_threads::WebSocket`].
pub type WebSocket<T = Stream> = bowline_threads::WebSocket<T>;

/// The receiving half of a connection. See [`bowline_threads::Receiver`].
pub type Receiver<T = Stream> = bowline_threads::Receiver<T>;

/// The sending half of a connection. See [`bowline_threads::Sender`].
pub type Sender<T = Stream> = bowline_threads::Sender<T>;

/// What a client asked for. See [`bowline_threads::Opening`].
pub type Opening<T = Stream> = bowline_threads::Opening<T>;

/// A request for a WebSocket that waits for an answer. See [`bowline_threads::Upgrading`].
pub type Upgrading<T = Stream> = bowline_threads::Upgrading<T>;

/// An ordinary HTTP request. See [`bowline_threads::Http`].
pub type Http<T = Stream> = bowline_threads::Http<T>;

/// Connects to servers. See [`bowline_threads::Connector`].
pub type Connector = bowline_threads::Connector<Blocking>;

/// Accepts clients. See [`bowline_threads::Acceptor`].
///
/// # Examples
///
/// Example: a server that echoes, with a thread for each client.
///
/// ```no_run
/// use std::net::TcpListener;
/// use std::thread;
///
/// use bowline_blocking::{Acceptor, Error, WebSocket};
///
/// fn echo(ws: &mut WebSocket) -> Result<(), Error> {
///     while let Some(message) = ws.recv()? {
///         ws.send(message)?;
///     }
///     Ok(())
/// }
///
/// let listener = TcpListener::bind("127.0.0.1:9001")?;
/// loop {
///     let (stream, _) = listener.accept()?;
///     thread::spawn(|| Acceptor::new().serve(stream, echo));
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), std::io::Error>(())
/// ```
pub type Acceptor = bowline_threads::Acceptor<Blocking>;

/// A connected pair in memory with the default limits, client first, for tests of programs.
///
/// # Examples
///
/// ```
/// let (client, mut server) = bowline_blocking::pair();
/// client.send("hello")?;
/// assert_eq!(server.recv()?, Some("hello".into()));
/// # Ok::<(), bowline_blocking::Error>(())
/// ```
pub fn pair() -> (WebSocket<Memory>, WebSocket<Memory>) {
    bowline_threads::pair(&Config::new(Role::Client), &Config::new(Role::Server))
}
