use std::net::TcpStream;
use std::time::Duration;

use bowline_deflate::PerMessageDeflate;
use bowline_extension::Compress;
use bowline_frame::{CloseFrame, Message, MessageKind, Role};
use bowline_handshake::HeadLimits;
use bowline_io::{Chunk, Error, Event};
use bowline_proto::{Arrival, Config, Ended, Prepared, QueueError};
use bowline_tls::{ClientTls, ServerTls};
use bytes::Bytes;
use http::{Request, Response};

use super::wire::{Security, Trust};

/// A carrier, as the suite sees it: every call blocks until it is done.
///
/// One that is asynchronous implements [`Runtime`](super::Runtime) instead, and joins as
/// [`Async`](super::Async)`<Runtime>`. One over bowline-threads joins as [`Threads`](super::Threads)`<Sockets>`.
///
/// # Differences
///
/// Every case runs on every carrier. What carriers can't do alike is here, and nowhere else:
///
/// | what | asynchronous | blocking |
/// |---|---|---|
/// | a call that is [given up](Receives::give_up_recv) after *n* polls | the future is dropped after *n* polls | a call that takes a timeout (`recv_timeout`, `send_timeout`) gives up after *n* milliseconds, any other is made whole |
///
/// What only some carriers can do has no case here, and tests of its own:
///
/// | what | asynchronous | blocking | tested in |
/// |---|---|---|---|
/// | a connection is taken apart and put together (`into_parts`, `from_parts`) | yes | no: a thread may be writing | io, `tests/parts.rs` |
/// | a wait of the caller's own | the runtime's timer, around any call | `recv_timeout`, `send_timeout` | blocking, `tests/threads.rs`; threads, `tests/left.rs` |
/// | what `send` queues is written after the running poll, in one write | in a `corked` scope, such as `serve`; on tokio in a spawned task | no: `send` returns when it is written | io, `tests/cork.rs`, `tests/flusher.rs`; tokio, `tests/flusher.rs` |
/// | a Close of another task or thread begins the close deadline of a receiver that waits | at once, it is woken | at its next look, from when the Close was queued | blocking, `tests/threads.rs` |
/// | a transport that panics while it writes | the task that polled it panics, others ask it again; in a flusher the connection fails | the connection fails for all threads | io, `tests/ending.rs`; threads, `tests/panics.rs` |
/// | `Stream` and `Sink` | with a feature of io | no | io, `tests/stream_sink.rs` |
/// | addresses of a name are tried side by side | in one task | each in a thread | io, `tests/connect.rs`; threads, `tests/connect.rs` |
#[doc = include_str!("cases.md")]
pub trait Carrier: 'static {
    /// A whole connection.
    type Socket: Socket;

    /// Connects to a URL.
    ///
    /// # Errors
    ///
    /// What the carrier's connector gives.
    fn connect(settings: &Settings, url: &str) -> Result<(Self::Socket, Response<()>), Error>;

    /// Accepts a connection.
    ///
    /// # Errors
    ///
    /// What the carrier's acceptor gives.
    fn accept(settings: &Settings, stream: TcpStream) -> Result<Self::Socket, Error>;

    /// Reads a request and gives it to `answer`, with true if it asks for a WebSocket. A WebSocket without an answer is
    /// accepted, any other request answered with it.
    ///
    /// # Errors
    ///
    /// What the carrier's acceptor gives.
    fn open(
        settings: &Settings,
        stream: TcpStream,
        answer: &Answer<'_>,
    ) -> Result<Option<Self::Socket>, Error>;

    /// Serves a connection with a handler that sends back so many messages and then returns `outcome`.
    ///
    /// # Errors
    ///
    /// `outcome`, or what serving gives.
    fn serve(
        settings: &Settings,
        stream: TcpStream,
        messages: usize,
        outcome: Result<(), Error>,
    ) -> Result<(), Error>;
}

/// What a server says to a request.
pub type Answer<'a> = dyn Fn(&Request<()>, bool) -> Option<Response<Bytes>> + 'a;

/// What receives: a whole connection, or its receiving half. The methods are those of the carrier.
pub trait Receives: Send + 'static {
    /// Receives a message.
    ///
    /// # Errors
    ///
    /// As the carrier's, like all of these.
    fn recv(&mut self) -> Result<Option<Message>, Error>;

    /// Receives a message that is lent, and copies it.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    fn recv_ref(&mut self) -> Result<Option<Message>, Error>;

    /// Receives a message, ping or pong.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    fn recv_event(&mut self) -> Result<Option<Event>, Error>;

    /// Receives a run of a message.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error>;

    /// Begins to receive, and gives up after `polls` polls, with `None`.
    fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>>;

    /// How the connection ended.
    fn ended(&self) -> Option<Ended>;

    /// How the last message came.
    fn arrival(&self) -> Arrival;
}

/// A whole connection.
pub trait Socket: Receives + Sized {
    /// The receiving half.
    type Receiver: Receives;
    /// The sending half.
    type Sender: Sends;

    /// A sender on this connection.
    fn sender(&self) -> Self::Sender;

    /// Splits the connection.
    fn split(self) -> (Self::Receiver, Self::Sender);

    /// Closes the connection and waits for the end.
    ///
    /// # Errors
    ///
    /// As the carrier's.
    fn close(&mut self, close: CloseFrame) -> Result<(), Error>;

    /// Begins to close, and gives up after `polls` polls, with `None`.
    fn give_up_close(&mut self, close: CloseFrame, polls: u32) -> Option<Result<(), Error>>;

    /// The subprotocol that was agreed on.
    fn subprotocol(&self) -> Option<String>;
}

/// What sends; clones send on the same connection. The methods are those of the carrier.
pub trait Sends: Clone + Send + Sync + 'static {
    /// Sets the wish for the messages of this sender.
    #[must_use]
    fn with_compress(self, compress: Compress) -> Self;

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// As the carrier's, like all of these.
    fn send(&self, message: Message) -> Result<(), Error>;

    /// Sends a message that is borrowed.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn send_ref(&self, message: &Message) -> Result<(), Error>;

    /// Sends a message that goes to many.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn send_prepared(&self, message: &mut Prepared) -> Result<(), Error>;

    /// Sends a fragment.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn send_fragment(&self, kind: MessageKind, payload: Bytes, last: bool) -> Result<(), Error>;

    /// Waits for room and queues a message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn feed(&self, message: Message) -> Result<(), Error>;

    /// Queues a message without waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn queue(&self, message: Message) -> Result<(), QueueError>;

    /// Writes all that is queued.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn flush(&self) -> Result<(), Error>;

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn ping(&self, payload: &[u8]) -> Result<(), Error>;

    /// Sends a Close frame.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn close(&self, close: CloseFrame) -> Result<(), Error>;

    /// Begins to send, and gives up after `polls` polls, with `None`.
    fn give_up_send(&self, message: Message, polls: u32) -> Option<Result<(), Error>>;

    /// True if nothing can be sent any more.
    fn is_closed(&self) -> bool;
}

/// How a connector or an acceptor is set up. What is `None` or empty stays at the carrier's default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Limits and deadlines.
    pub config: Config,
    /// How long the opening handshake may take.
    pub handshake_timeout: Duration,
    /// How much of a head is read.
    pub head_limits: Option<HeadLimits>,
    /// The subprotocols that are offered or spoken.
    pub subprotocols: Vec<&'static str>,
    /// Headers of the request or of the 101.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Compression.
    pub deflate: Option<PerMessageDeflate>,
    /// What a client encrypts with. The URL says whether it does.
    pub client_tls: Option<ClientTls>,
    /// What a server encrypts with.
    pub server_tls: Option<ServerTls>,
}

/// Sets up a connector of either shell.
macro_rules! set_up_connector {
    ($connector:expr, $settings:expr) => {{
        let settings: &Settings = $settings;
        let mut connector = $connector
            .config(settings.config.clone())
            .handshake_timeout(settings.handshake_timeout)
            .subprotocols(settings.subprotocols.iter().copied());
        for &(name, value) in &settings.headers {
            connector = connector.header(name, value)?;
        }
        if let Some(limits) = settings.head_limits {
            connector = connector.head_limits(limits);
        }
        if let Some(deflate) = &settings.deflate {
            connector = connector.extension(deflate.clone());
        }
        if let Some(tls) = &settings.client_tls {
            connector = connector.tls(tls.clone());
        }
        connector
    }};
}

/// Sets up an acceptor of either shell.
macro_rules! set_up_acceptor {
    ($acceptor:expr, $settings:expr) => {{
        let settings: &Settings = $settings;
        let mut acceptor = $acceptor
            .config(settings.config.clone())
            .handshake_timeout(settings.handshake_timeout)
            .subprotocols(&settings.subprotocols)?;
        for &(name, value) in &settings.headers {
            acceptor = acceptor.header(name, value)?;
        }
        if let Some(limits) = settings.head_limits {
            acceptor = acceptor.head_limits(limits);
        }
        if let Some(deflate) = &settings.deflate {
            acceptor = acceptor.extension(deflate.clone());
        }
        if let Some(tls) = &settings.server_tls {
            acceptor = acceptor.tls(tls.clone());
        }
        acceptor
    }};
}

pub(super) use {set_up_acceptor, set_up_connector};

impl Settings {
    /// Deadlines that no case comes near on a busy machine, no keepalive, and all else as it is by default.
    pub(super) fn new(role: Role, security: Security, trust: &Trust) -> Self {
        let (client, server) = match (security, role) {
            (Security::Plain, _) => (None, None),
            (Security::Tls, Role::Client) => (Some(trust.client.clone()), None),
            (Security::Tls, Role::Server) => (None, Some(trust.server.clone())),
        };
        Self {
            config: Config::new(role)
                .keepalive(None)
                .close(LATE)
                .write(Some(LATE)),
            handshake_timeout: LATE,
            head_limits: None,
            subprotocols: Vec::new(),
            headers: Vec::new(),
            deflate: None,
            client_tls: client,
            server_tls: server,
        }
    }

    /// Changes limits or deadlines.
    pub(super) fn config(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        self.config = change(self.config);
        self
    }
}

/// A deadline that is to pass: short for the test, long for a machine.
pub(super) const SOON: Duration = Duration::from_millis(100);

/// A deadline that must not pass.
pub(super) const LATE: Duration = Duration::from_secs(120);
