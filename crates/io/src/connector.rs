use std::error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bowline_frame::Role;
use bowline_handshake::{ClientRequest, Established};
use bowline_shell::{Attempts, ClientSettings, client_setters};
use http::Response;

use crate::dialogue::Dialogue;
use crate::runtime::Clock;
use crate::transport::until;
use crate::{Carrier, Error, Runtime, Timer, Transport, WebSocket};

/// Connects to WebSocket servers over streams of a runtime. Cloning is cheap; the setters return a changed
/// connector.
///
/// # Examples
///
/// ```
/// # use bowline_io::{CloseCode, Connector, Error, Runtime};
/// async fn hello<R: Runtime>() -> Result<(), Error> {
///     let mut ws = Connector::<R>::new().connect("ws://127.0.0.1:9001/echo").await?;
///     ws.send("hello").await?;
///     println!("{:?}", ws.recv().await?);
///     ws.close(CloseCode::NORMAL).await
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

    /// Sets what `wss` is encrypted with. Default: what the carrier says, in most cases TLS that trusts the
    /// certificate authorities known to browsers.
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

impl<R: Runtime> Connector<R> {
    /// Connects to a `ws` or `wss` URI, given as text, as an `http::Request` or as a [`ClientRequest`]. What the target says
    /// and what the connector says go out together.
    ///
    /// Addresses of both families are tried side by side (RFC 8305), the stream is encrypted for `wss`, the request is
    /// sent, the answer checked.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] before anything is sent; [`Error::Connect`] if no address can be reached;
    /// [`Error::Tls`]; [`Error::Refused`] with the server's response; [`Error::Handshake`] if its answer breaks the rules;
    /// [`Error::Incomplete`] if there was none; [`Error::HandshakeTimeout`] or [`Error::Transport`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, so is the connection.
    pub async fn connect<Q>(&self, target: Q) -> Result<WebSocket<R::Stream>, Error>
    where
        Q: TryInto<ClientRequest>,
        Q::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        Ok(self.connect_with_response(target).await?.0)
    }

    /// As [`connect`](Self::connect), with the server's answer.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with_response<Q>(
        &self,
        target: Q,
    ) -> Result<(WebSocket<R::Stream>, Response<()>), Error>
    where
        Q: TryInto<ClientRequest>,
        Q::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        let settings = &*self.settings;
        let request = settings.request(target)?;
        let (host, port) = (request.uri().host(), request.uri().port());
        let tls = settings.encryption(&request, R::default_tls)?;
        let deadline = settings.deadline(Clock::<R>::now());
        let connecting = async {
            let addresses = R::resolve(host, port).await.map_err(Error::Connect)?;
            let stream = race::<R>(addresses).await.map_err(Error::Connect)?;
            match tls {
                None => Ok(stream),
                Some(tls) => R::encrypt(stream, host, tls)
                    .await
                    .map_err(Error::from_encryption),
            }
        };
        let stream = until::<Clock<R>, _>(deadline, connecting)
            .await
            .ok_or_else(|| settings.timed_out())??;
        self.shake_hands(stream, &request, deadline).await
    }
}

impl<C: Carrier> Connector<C> {
    /// Makes the opening handshake on a transport that is connected already, whatever the runtime. For `wss` it must
    /// be encrypted already too.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), without [`Error::Connect`].
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_on<T, Q>(
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
        let deadline = self.settings.deadline(T::Timer::now());
        self.shake_hands(transport, &request, deadline).await
    }

    async fn shake_hands<T: Transport>(
        &self,
        transport: T,
        request: &ClientRequest,
        deadline: Instant,
    ) -> Result<(WebSocket<T>, Response<()>), Error> {
        let mut dialogue = Dialogue::new(transport);
        let mut opening = self.settings.open(request);
        let answered = until::<T::Timer, _>(deadline, async {
            dialogue.write(opening.request()).await?;
            dialogue.read(|read| opening.handle(read)).await
        })
        .await;
        let outcome = match answered {
            Some(Ok(outcome)) => outcome,
            Some(Err(failed)) => return Err(opening.handle_failure(failed)),
            None => Err(opening.handle_timeout()),
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
        let websocket = WebSocket::open(
            Role::Client,
            dialogue,
            &self.settings.config,
            extension,
            leftover,
            subprotocol,
        );
        Ok((websocket, response))
    }
}

/// Connects to the first address that answers.
async fn race<R: Runtime>(addresses: Vec<SocketAddr>) -> io::Result<R::Stream> {
    let mut attempts = Attempts::new(addresses);
    let mut running: Vec<(SocketAddr, Pin<Box<_>>)> = Vec::new();
    let mut timer: Option<Clock<R>> = None;
    poll_fn(move |cx| {
        loop {
            while let Some(address) = attempts.next(Clock::<R>::now()) {
                running.push((address, Box::pin(R::connect(address))));
                timer = None;
            }
            if timer.is_none() {
                timer = attempts.until().map(Clock::<R>::at);
            }
            let mut failed = false;
            let mut at = 0;
            while let Some((address, attempt)) = running.get_mut(at) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        attempts.failed(*address, &error);
                        drop(running.swap_remove(at));
                        failed = true;
                    }
                    Poll::Pending => at += 1,
                }
            }
            if let Some(failure) = attempts.lost() {
                return Poll::Ready(Err(failure));
            }
            let due = match &mut timer {
                Some(timer) => Pin::new(timer).poll(cx).is_ready(),
                None => false,
            };
            if due {
                timer = None;
            }
            if !due && !failed {
                return Poll::Pending;
            }
        }
    })
    .await
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
