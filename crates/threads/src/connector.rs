use std::error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Instant;

use bowline_frame::Role;
use bowline_handshake::{ClientRequest, Established, Race};
use bowline_shell::{Attempts, ClientSettings, client_setters};
use http::Response;

use crate::dialogue::Dialogue;
use crate::{Carrier, Error, Sockets, Transport, WebSocket};

/// Connects to WebSocket servers over streams of a carrier. Cloning is cheap; the setters return a changed connector.
///
/// # Examples
///
/// ```
/// # use bowline_threads::{CloseCode, Connector, Error, Sockets};
/// fn hello<S: Sockets>() -> Result<(), Error> {
///     let mut ws = Connector::<S>::new().connect("ws://127.0.0.1:9001/echo")?;
///     ws.send("hello")?;
///     println!("{:?}", ws.recv()?);
///     ws.close(CloseCode::NORMAL)
/// }
/// ```
pub struct Connector<C: Carrier> {
    settings: Arc<ClientSettings<C::ClientTls>>,
}

impl<C: Carrier> Connector<C> {
    /// A connector with the defaults: no subprotocol, no `Origin`, 10 s to connect.
    pub fn new() -> Self {
        Self {
            settings: Arc::default(),
        }
    }

    client_setters!();

    /// Sets what `wss` is encrypted with. Default: what the carrier says, in most cases TLS that trusts the certificate
    /// authorities known to browsers.
    #[must_use]
    pub fn tls(self, tls: impl Into<C::ClientTls>) -> Self {
        let tls = tls.into();
        self.with(|settings| settings.tls = Some(tls))
    }

    fn with(mut self, change: impl FnOnce(&mut ClientSettings<C::ClientTls>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S: Sockets> Connector<S> {
    /// Connects to a `ws` or `wss` URI, given as text, as an `http::Request` or as a [`ClientRequest`]. What the target says and
    /// what the connector says go out together.
    ///
    /// Addresses of both families are tried side by side (RFC 8305), each in a thread that ends with its attempt; the
    /// stream is encrypted for `wss`, the request is sent, the answer checked.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] before anything is sent; [`Error::Connect`] if no address can be reached;
    /// [`Error::Tls`]; [`Error::Refused`] with the server's response; [`Error::Handshake`] if its answer breaks the rules;
    /// [`Error::Incomplete`] if there was none; [`Error::HandshakeTimeout`] or [`Error::Transport`].
    pub fn connect<Q>(&self, target: Q) -> Result<WebSocket<S::Stream>, Error>
    where
        Q: TryInto<ClientRequest>,
        Q::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        Ok(self.connect_with_response(target)?.0)
    }

    /// As [`connect`](Self::connect), with the server's answer.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_with_response<Q>(
        &self,
        target: Q,
    ) -> Result<(WebSocket<S::Stream>, Response<()>), Error>
    where
        Q: TryInto<ClientRequest>,
        Q::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        let settings = &*self.settings;
        let request = settings.request(target)?;
        let (host, port) = (request.uri().host(), request.uri().port());
        let tls = settings.encryption(&request, S::default_tls)?;
        let deadline = settings.deadline(Instant::now());
        let connected = race::<S>(host.to_owned(), port, deadline).map_err(Error::Connect)?;
        let mut stream = connected.ok_or_else(|| settings.timed_out())?;
        if let Some(tls) = tls {
            let encrypted =
                S::encrypt(stream, host, tls, deadline).map_err(Error::from_encryption)?;
            stream = encrypted.ok_or_else(|| settings.timed_out())?;
        }
        self.shake_hands(stream, &request, deadline)
    }
}

impl<C: Carrier> Connector<C> {
    /// Makes the opening handshake on a transport that is connected already. For `wss` it must be encrypted already too.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), without [`Error::Connect`].
    pub fn connect_on<T, Q>(
        &self,
        transport: T,
        target: Q,
    ) -> Result<(WebSocket<T>, Response<()>), Error>
    where
        T: Transport,
        Q: TryInto<ClientRequest>,
        Q::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        let request = self.settings.request(target)?;
        let deadline = self.settings.deadline(Instant::now());
        self.shake_hands(transport, &request, deadline)
    }

    fn shake_hands<T: Transport>(
        &self,
        transport: T,
        request: &ClientRequest,
        deadline: Instant,
    ) -> Result<(WebSocket<T>, Response<()>), Error> {
        let mut dialogue = Dialogue::new(transport);
        let mut opening = self.settings.open(request);
        let answered = match dialogue.write(opening.request(), deadline) {
            Ok(Some(())) => dialogue.read(deadline, |read| opening.handle(read)),
            Ok(None) => Ok(None),
            Err(failed) => Err(failed),
        };
        let outcome = match answered {
            Ok(Some(outcome)) => outcome,
            Ok(None) => Err(opening.handle_timeout()),
            Err(failed) => return Err(opening.handle_failure(failed)),
        };
        let Established {
            response,
            subprotocol,
            extension,
            leftover,
            ..
        } = match outcome {
            Ok(established) => established,
            Err(error) => {
                dialogue.abandon();
                return Err(error);
            }
        };
        let config = &self.settings.config;
        let role = Role::Client;
        let websocket = WebSocket::open(role, dialogue, config, extension, leftover, subprotocol);
        Ok((websocket, response))
    }
}

/// Connects to the first address of a name that answers; `None` if none has by `deadline`.
///
/// Neither the resolver nor a socket that connects can be told to stop. They have threads of their own.
fn race<S: Sockets>(host: String, port: u16, deadline: Instant) -> io::Result<Option<S::Stream>> {
    let left = || deadline.saturating_duration_since(Instant::now());
    let (sender, resolved) = mpsc::channel();
    in_thread(sender, move || S::resolve(&host, port))?;
    let mut attempts = match resolved.recv_timeout(left()) {
        Ok(addresses) => Attempts::new(done(addresses)?),
        Err(_) => return Ok(None),
    };
    let (sender, connected) = mpsc::channel();
    loop {
        if let Some(failure) = attempts.lost() {
            return Err(failure);
        }
        while let Some(address) = attempts.next(Instant::now()) {
            // When our time is up we say so, before the attempt does.
            let timeout = left() + Race::DELAY;
            in_thread(sender.clone(), move || {
                S::connect(address, timeout).map_err(|error| (address, error))
            })?;
        }
        let until = attempts
            .until()
            .map_or(deadline, |until| until.min(deadline));
        let outcome = connected.recv_timeout(until.saturating_duration_since(Instant::now()));
        match outcome.map(done) {
            Ok(Ok(stream)) => return Ok(Some(stream)),
            Ok(Err((address, error))) => attempts.failed(address, &error),
            Err(_) if left().is_zero() => return Ok(None),
            Err(_) => {}
        }
    }
}

/// Does `work` in a thread of its own, which gives the outcome to whoever still wants it.
fn in_thread<R: Send + 'static>(
    outcome: Sender<thread::Result<R>>,
    work: impl FnOnce() -> R + Send + 'static,
) -> io::Result<()> {
    let named = thread::Builder::new().name("bowline-connect".to_owned());
    named.spawn(move || drop(outcome.send(catch_unwind(AssertUnwindSafe(work)))))?;
    Ok(())
}

/// What came of work in another thread. A panic there goes on here, as if it had been done in this one.
fn done<R>(outcome: thread::Result<R>) -> R {
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

impl<C: Carrier> Clone for Connector<C> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<C: Carrier> Default for Connector<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Carrier> fmt::Debug for Connector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.settings).finish()
    }
}
