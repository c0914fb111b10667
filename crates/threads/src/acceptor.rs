use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use bowline_frame::Role;
use bowline_handshake::{HttpRequest, Upgrade};
use bowline_shell::{Opened, Refused, ServerSettings, Terms, end, server_setters, upgrade_methods};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::dialogue::Dialogue;
use crate::{Carrier, Error, Sockets, Transport, WebSocket};

/// Accepts WebSocket connections on streams of a carrier. Cloning is cheap; the setters return a changed acceptor.
///
/// By default it lets in requests without an `Origin` and those from pages of its own host, speaks no subprotocol, and
/// gives a client 10 s to complete the opening handshake.
///
/// # Examples
///
/// Example: a server that echoes, on any carrier. Give each client a thread.
///
/// ```
/// # use bowline_threads::{Acceptor, Error, Sockets};
/// fn serve<S: Sockets>(acceptor: &Acceptor<S>, stream: S::Stream) -> Result<(), Error> {
///     acceptor.serve(stream, |ws| {
///         while let Some(message) = ws.recv()? {
///             ws.send(message)?;
///         }
///         Ok(())
///     })
/// }
/// ```
pub struct Acceptor<C: Carrier> {
    settings: Arc<ServerSettings<C::ServerTls>>,
}

impl<C: Carrier> Acceptor<C> {
    /// An acceptor with the defaults.
    pub fn new() -> Self {
        Self {
            settings: Arc::default(),
        }
    }

    server_setters!();

    /// Encrypts the streams that are accepted. Default: they are not encrypted.
    #[must_use]
    pub fn tls(self, tls: impl Into<C::ServerTls>) -> Self {
        let tls = tls.into();
        self.with(|settings| settings.tls = Some(tls))
    }

    fn with(mut self, change: impl FnOnce(&mut ServerSettings<C::ServerTls>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// As [`accept`](Self::accept), on any transport. It is taken as it is: what [`tls`](Self::tls) says is for streams
    /// of the carrier.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn accept_on<T: Transport>(&self, transport: T) -> Result<WebSocket<T>, Error> {
        self.open_on(transport)?.accept()
    }

    /// As [`open`](Self::open), on any transport.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn open_on<T: Transport>(&self, transport: T) -> Result<Opening<T>, Error> {
        self.open_by(self.settings.deadline(Instant::now()), transport)
    }

    fn open_by<T: Transport>(&self, deadline: Instant, transport: T) -> Result<Opening<T>, Error> {
        let mut dialogue = Dialogue::new(transport);
        let mut opening = self.settings.open();
        let read = dialogue.read(deadline, |read| opening.handle(read));
        let opened = match read.map_err(Error::from_transport)? {
            Some(opened) => opened,
            None => opening.handle_timeout(),
        };
        let terms = self.settings.terms(deadline);
        let stage = Stage { dialogue, terms };
        match opened {
            Opened::Upgrade(upgrade) => Ok(Opening::Upgrade(Upgrading { upgrade, stage })),
            Opened::Http(request) => Ok(Opening::Http(Http { request, stage })),
            Opened::Refused(refused) => Err(stage.refuse(refused)),
        }
    }
}

impl<S: Sockets> Acceptor<S> {
    /// Accepts a connection: makes the opening handshake on a stream.
    ///
    /// An ordinary HTTP request is answered with 426; [`open`](Self::open) leaves it to you.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if the request was refused: only when the answer is out and the client has ended the stream,
    /// or the close deadline has passed. [`Error::Tls`], [`Error::HandshakeTimeout`], [`Error::Incomplete`] or
    /// [`Error::Transport`].
    pub fn accept(&self, stream: impl Into<S::Stream>) -> Result<WebSocket<S::Stream>, Error> {
        self.open(stream)?.accept()
    }

    /// Reads a request and leaves the decision to the caller: a WebSocket can be accepted or refused, an ordinary HTTP
    /// request answered. That is how a port is shared.
    ///
    /// A request that breaks the rules is refused here.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn open(&self, stream: impl Into<S::Stream>) -> Result<Opening<S::Stream>, Error> {
        let deadline = self.settings.deadline(Instant::now());
        let mut stream = stream.into();
        if let Some(tls) = self.settings.tls.clone() {
            let encrypted =
                S::accept_encrypted(stream, tls, deadline).map_err(Error::from_encryption)?;
            stream = encrypted.ok_or_else(|| self.settings.timed_out())?;
        }
        self.open_by(deadline, stream)
    }

    /// Accepts a connection, runs `handler` on it, and closes it in order.
    ///
    /// When the handler returns, a connection that is still open is closed with 1000, or with 1011 if it returned an
    /// error, and the closing handshake is seen through; that holds too when another thread has closed it meanwhile.
    ///
    /// To see the request first, [`open`](Self::open) the stream and [`serve`](Upgrading::serve) the upgrade.
    ///
    /// # Errors
    ///
    /// What the handler gives; before it, as [`accept`](Self::accept); after it, as [`WebSocket::close`].
    pub fn serve<F, O, E>(&self, stream: impl Into<S::Stream>, handler: F) -> Result<O, E>
    where
        F: FnOnce(&mut WebSocket<S::Stream>) -> Result<O, E>,
        E: From<Error>,
    {
        serve(self.accept(stream)?, handler)
    }
}

/// What a client asked for.
#[derive(Debug)]
pub enum Opening<T: Transport> {
    /// A WebSocket; the request keeps all rules.
    Upgrade(Upgrading<T>),
    /// Something else over HTTP/1.1.
    Http(Http<T>),
}

impl<T: Transport> Opening<T> {
    /// Accepts a WebSocket, refuses everything else.
    fn accept(self) -> Result<WebSocket<T>, Error> {
        match self {
            Self::Upgrade(upgrade) => upgrade.accept(),
            Self::Http(http) => Err(http.stage.refuse(http.request.upgrade_required().into())),
        }
    }
}

/// A flawless request for a WebSocket that waits for an answer. Dropping it ends the stream without one.
#[derive(Debug)]
pub struct Upgrading<T: Transport> {
    upgrade: Box<Upgrade>,
    stage: Stage<T>,
}

impl<T: Transport> Upgrading<T> {
    upgrade_methods!();

    /// Accepts: writes the 101 and opens the connection.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] or [`Error::HandshakeTimeout`].
    pub fn accept(self) -> Result<WebSocket<T>, Error> {
        let Stage {
            mut dialogue,
            terms,
        } = self.stage;
        let accepted = self.upgrade.accept();
        let written = dialogue.write(&accepted.response, terms.deadline);
        let written = written.map_err(Error::from_transport)?;
        written.ok_or_else(|| terms.timed_out())?;
        Ok(WebSocket::open(
            Role::Server,
            dialogue,
            &terms.config,
            accepted.extension,
            accepted.leftover,
            accepted.subprotocol,
        ))
    }

    /// Accepts, runs `handler` on the connection, and closes it in order: see [`Acceptor::serve`].
    ///
    /// # Errors
    ///
    /// As [`Acceptor::serve`].
    ///
    /// # Examples
    ///
    /// Example: the path decides, and what is no WebSocket gets a page.
    ///
    /// ```
    /// # use bowline_threads::http::{Response, StatusCode};
    /// # use bowline_threads::{Acceptor, Error, Opening, Sockets};
    /// # fn example<S: Sockets>(acceptor: &Acceptor<S>, stream: S::Stream) -> Result<(), Error> {
    /// match acceptor.open(stream)? {
    ///     Opening::Upgrade(upgrade) if upgrade.request().uri().path() == "/echo" => {
    ///         upgrade.serve(|ws| {
    ///             while let Some(message) = ws.recv()? {
    ///                 ws.send(message)?;
    ///             }
    ///             Ok(())
    ///         })
    ///     }
    ///     Opening::Upgrade(upgrade) => {
    ///         let mut response = Response::new("there is only /echo\n".into());
    ///         *response.status_mut() = StatusCode::NOT_FOUND;
    ///         upgrade.refuse(response)
    ///     }
    ///     Opening::Http(request) => request.respond(Response::new("hello\n".into())),
    /// }
    /// # }
    /// ```
    pub fn serve<F, O, E>(self, handler: F) -> Result<O, E>
    where
        F: FnOnce(&mut WebSocket<T>) -> Result<O, E>,
        E: From<Error>,
    {
        serve(self.accept()?, handler)
    }

    /// Refuses with a response of the caller's, and ends the stream so that it arrives: returns when the client has
    /// ended the stream too, or the close deadline has passed.
    ///
    /// `Content-Length` and `Connection: close` are added. Writing may take as long as it makes progress; without any
    /// it fails after the close deadline.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the response can't be written as it is; [`Error::Transport`] if it was not written whole.
    pub fn refuse(self, response: Response<Bytes>) -> Result<(), Error> {
        let refusal = self.upgrade.refuse(&response).map_err(Error::invalid)?;
        let finished = self.stage.finish(refusal.response());
        finished.map_err(Error::from_transport)
    }
}

/// Runs `handler`, and sees to it that the connection ends in order.
fn serve<T, F, O, E>(mut websocket: WebSocket<T>, handler: F) -> Result<O, E>
where
    T: Transport,
    F: FnOnce(&mut WebSocket<T>) -> Result<O, E>,
    E: From<Error>,
{
    let outcome = handler(&mut websocket);
    let closed = websocket.close(end::served(&outcome));
    let output = outcome?;
    closed?;
    Ok(output)
}

/// An ordinary HTTP request. Dropping it ends the stream without an answer.
#[derive(Debug)]
pub struct Http<T: Transport> {
    request: Box<HttpRequest>,
    stage: Stage<T>,
}

impl<T: Transport> Http<T> {
    /// The request.
    pub fn request(&self) -> &Request<()> {
        &self.request.request
    }

    /// Answers, and ends the stream so that the answer arrives: returns when the client has ended the stream too, or
    /// the close deadline has passed.
    ///
    /// `Content-Length` and `Connection: close` are added; a HEAD request gets no body. Writing may take as long as it
    /// makes progress; without any it fails after the close deadline.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the response can't be written as it is; [`Error::Transport`] if it was not written whole.
    pub fn respond(self, response: Response<Bytes>) -> Result<(), Error> {
        let bytes = self.request.respond(&response).map_err(Error::invalid)?;
        let finished = self.stage.finish(&bytes);
        finished.map_err(Error::from_transport)
    }

    /// Hands the stream over to an HTTP server: the request, the bytes behind its head, and both halves.
    pub fn into_parts(self) -> (Request<()>, BytesMut, T::Reader, T::Writer) {
        let HttpRequest {
            request, leftover, ..
        } = *self.request;
        let Dialogue { reader, writer } = self.stage.dialogue;
        (request, leftover, reader, writer)
    }
}

/// The stream of a request, and how to go on with it.
struct Stage<T: Transport> {
    dialogue: Dialogue<T>,
    terms: Terms,
}

impl<T: Transport> Stage<T> {
    /// Refuses; gives the reason when the answer is out.
    fn refuse(self, refused: Refused) -> Error {
        let written = match refused.answer() {
            Some(answer) => self.finish(answer),
            None => {
                self.dialogue.abandon();
                Ok(())
            }
        };
        refused.into_error(written)
    }

    fn finish(self, response: &[u8]) -> io::Result<()> {
        self.dialogue.finish(response, &self.terms.config)
    }
}

impl<T: Transport> fmt::Debug for Stage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("deadline", &self.terms.deadline)
            .finish_non_exhaustive()
    }
}

impl<C: Carrier> Clone for Acceptor<C> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<C: Carrier> Default for Acceptor<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Carrier> fmt::Debug for Acceptor<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acceptor").field(&self.settings).finish()
    }
}
