use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bowline_frame::Role;
use bowline_handshake::{HttpRequest, Upgrade};
use bowline_shell::{Opened, Refused, ServerSettings, Terms, end, server_setters, upgrade_methods};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::cork::corked_pinned;
use crate::dialogue::Dialogue;
use crate::runtime::Clock;
use crate::transport::until;
use crate::{Carrier, Error, Runtime, Timer, Transport, WebSocket};

/// Accepts WebSocket connections on streams of a runtime. Cloning is cheap; the setters return a changed acceptor.
///
/// By default it lets in requests without an `Origin` and those from pages of its own host, speaks no
/// subprotocol, and gives a client 10 s to complete the opening handshake.
///
/// # Examples
///
/// Example: a server that echoes, on any runtime.
///
/// ```
/// # use bowline_io::{Acceptor, Error, Runtime};
/// async fn serve<R: Runtime>(acceptor: Acceptor<R>, stream: R::Stream) -> Result<(), Error> {
///     acceptor
///         .serve(stream, async |ws| {
///             while let Some(message) = ws.recv().await? {
///                 ws.send(message).await?;
///             }
///             Ok(())
///         })
///         .await
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
}

impl<C: Carrier> Acceptor<C> {
    /// As [`accept`](Self::accept), on any transport, whatever the runtime. It is taken as it is: what
    /// [`tls`](Self::tls) says is for streams of the runtime.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    ///
    /// As [`accept`](Self::accept).
    pub async fn accept_on<T: Transport>(&self, transport: T) -> Result<WebSocket<T>, Error> {
        self.open_on(transport).await?.accept().await
    }

    /// As [`open`](Self::open), on any transport, whatever the runtime.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    ///
    /// As [`accept`](Self::accept).
    pub async fn open_on<T: Transport>(&self, transport: T) -> Result<Opening<T>, Error> {
        self.open_by(self.settings.deadline(T::Timer::now()), transport)
            .await
    }

    async fn open_by<T: Transport>(
        &self,
        deadline: Instant,
        transport: T,
    ) -> Result<Opening<T>, Error> {
        let mut dialogue = Dialogue::new(transport);
        let mut opening = self.settings.open();
        let reading = dialogue.read(|read| opening.handle(read));
        let opened = match until::<T::Timer, _>(deadline, reading).await {
            Some(opened) => opened.map_err(Error::from_transport)?,
            None => opening.handle_timeout(),
        };
        let terms = self.settings.terms(deadline);
        let stage = Stage { dialogue, terms };
        match opened {
            Opened::Upgrade(upgrade) => Ok(Opening::Upgrade(Upgrading { upgrade, stage })),
            Opened::Http(request) => Ok(Opening::Http(Http { request, stage })),
            Opened::Refused(refused) => Err(stage.refuse(refused).await),
        }
    }
}

impl<R: Runtime> Acceptor<R> {
    /// Accepts a connection: makes the opening handshake on a stream.
    ///
    /// An ordinary HTTP request is answered with 426; [`open`](Self::open) leaves it to you.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] if the request was refused: only when the answer is out and the client has ended the
    /// stream, or the close deadline has passed. [`Error::Tls`], [`Error::HandshakeTimeout`], [`Error::Incomplete`] or
    /// [`Error::Transport`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, so is the stream.
    pub async fn accept(
        &self,
        stream: impl Into<R::Stream>,
    ) -> Result<WebSocket<R::Stream>, Error> {
        self.open(stream).await?.accept().await
    }

    /// Reads a request and leaves the decision to the caller: a WebSocket can be accepted or refused, an
    /// ordinary HTTP request answered. That is how a port is shared.
    ///
    /// A request that breaks the rules is refused here.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    ///
    /// As [`accept`](Self::accept).
    pub async fn open(&self, stream: impl Into<R::Stream>) -> Result<Opening<R::Stream>, Error> {
        let settings = &*self.settings;
        let stream = stream.into();
        let deadline = settings.deadline(Clock::<R>::now());
        let Some(tls) = settings.tls.clone() else {
            return self.open_by(deadline, stream).await;
        };
        let stream = until::<Clock<R>, _>(deadline, R::accept_encrypted(stream, tls))
            .await
            .ok_or_else(|| settings.timed_out())?
            .map_err(Error::from_encryption)?;
        self.open_by(deadline, stream).await
    }

    /// Accepts a connection, runs `handler` on it, and closes it in order.
    ///
    /// The handler is [corked](crate::corked): what it sends while handling one batch of input goes out in one write. When it
    /// returns, a connection that is still open is closed with 1000, or with 1011 if it returned an error, and the
    /// closing handshake is seen through; that holds too when another task has closed it meanwhile.
    ///
    /// To see the request first, [`open`](Self::open) the stream and [`serve`](Upgrading::serve) the upgrade.
    ///
    /// # Errors
    ///
    /// What the handler gives; before it, as [`accept`](Self::accept); after it, as
    /// [`WebSocket::close`](WebSocket::close).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, so is the connection.
    pub fn serve<F, O, E>(
        &self,
        stream: impl Into<R::Stream>,
        handler: F,
    ) -> impl Future<Output = Result<O, E>>
    where
        F: AsyncFnOnce(&mut WebSocket<R::Stream>) -> Result<O, E>,
        E: From<Error>,
    {
        // In a box that goes when the connection is open: else each open one would hold the room of its handshake, and
        // of its stream twice.
        let accepting = Box::pin(self.accept(stream));
        async move {
            let mut websocket = accepting.await?;
            serve(&mut websocket, handler).await
        }
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
    async fn accept(self) -> Result<WebSocket<T>, Error> {
        match self {
            Self::Upgrade(upgrade) => upgrade.accept().await,
            Self::Http(http) => http.require_upgrade().await,
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
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, so is the stream.
    pub async fn accept(self) -> Result<WebSocket<T>, Error> {
        let Stage {
            mut dialogue,
            terms,
        } = self.stage;
        let accepted = self.upgrade.accept();
        let written =
            until::<T::Timer, _>(terms.deadline, dialogue.write(&accepted.response)).await;
        let written = written.ok_or_else(|| terms.timed_out())?;
        written.map_err(Error::from_transport)?;
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
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, so is the connection.
    ///
    /// # Examples
    ///
    /// Example: the path decides, and what is no WebSocket gets a page.
    ///
    /// ```
    /// # use bowline_io::{Acceptor, Error, Opening, Runtime};
    /// # use http::{Response, StatusCode};
    /// # async fn example<R: Runtime>(acceptor: Acceptor<R>, stream: R::Stream) -> Result<(), Error> {
    /// match acceptor.open(stream).await? {
    ///     Opening::Upgrade(upgrade) if upgrade.request().uri().path() == "/echo" => {
    ///         upgrade
    ///             .serve(async |ws| {
    ///                 while let Some(message) = ws.recv().await? {
    ///                     ws.send(message).await?;
    ///                 }
    ///                 Ok(())
    ///             })
    ///             .await
    ///     }
    ///     Opening::Upgrade(upgrade) => {
    ///         let mut response = Response::new("there is only /echo\n".into());
    ///         *response.status_mut() = StatusCode::NOT_FOUND;
    ///         upgrade.refuse(response).await
    ///     }
    ///     Opening::Http(request) => request.respond(Response::new("hello\n".into())).await,
    /// }
    /// # }
    /// ```
    pub fn serve<F, O, E>(self, handler: F) -> impl Future<Output = Result<O, E>>
    where
        F: AsyncFnOnce(&mut WebSocket<T>) -> Result<O, E>,
        E: From<Error>,
    {
        let accepting = Box::pin(self.accept());
        async move {
            let mut websocket = accepting.await?;
            serve(&mut websocket, handler).await
        }
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
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, so is the stream.
    pub async fn refuse(self, response: Response<Bytes>) -> Result<(), Error> {
        let refusal = self.upgrade.refuse(&response).map_err(Error::invalid)?;
        let finished = self.stage.finish(refusal.response()).await;
        finished.map_err(Error::from_transport)
    }
}

/// Runs `handler`, and sees to it that the connection ends in order.
async fn serve<T, F, O, E>(websocket: &mut WebSocket<T>, handler: F) -> Result<O, E>
where
    T: Transport,
    F: AsyncFnOnce(&mut WebSocket<T>) -> Result<O, E>,
    E: From<Error>,
{
    let outcome = {
        // Pinned where it is made, it needs no box of its own.
        let handler = pin!(handler(websocket));
        corked_pinned(handler).await
    };
    let closed = websocket.close(end::served(&outcome)).await;
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
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, so is the stream.
    pub async fn respond(self, response: Response<Bytes>) -> Result<(), Error> {
        let bytes = self.request.respond(&response).map_err(Error::invalid)?;
        let finished = self.stage.finish(&bytes).await;
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

    /// Answers 426: here are only WebSockets.
    async fn require_upgrade<O>(self) -> Result<O, Error> {
        let refusal = self.request.upgrade_required();
        Err(self.stage.refuse(refusal.into()).await)
    }
}

/// The stream of a request, and how to go on with it.
struct Stage<T: Transport> {
    dialogue: Dialogue<T>,
    terms: Terms,
}

impl<T: Transport> Stage<T> {
    /// Refuses; gives the reason when the answer is out.
    async fn refuse(self, refused: Refused) -> Error {
        let written = match refused.answer() {
            Some(answer) => self.finish(answer).await,
            None => {
                self.dialogue.abandon();
                Ok(())
            }
        };
        refused.into_error(written)
    }

    async fn finish(self, response: &[u8]) -> io::Result<()> {
        self.dialogue.finish(response, &self.terms.config).await
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
