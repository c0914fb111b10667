use std::error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bowline_extension::Negotiate;
use bowline_frame::Role;
use bowline_handshake::{
    ClientHandshake, ClientHandshakeError, ClientRequest, Established, HeadLimits, Race,
};
use bowline_proto::{Config, Keepalive};
use http::Response;
use http::header::{HeaderName, HeaderValue};

use crate::dialogue::{Dialogue, FAR};
use crate::transport::until;
use crate::{Error, Runtime, Timer, Transport, WebSocket, random};

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
pub struct Connector<R> {
    settings: Arc<Settings>,
    runtime: PhantomData<fn() -> R>,
}

#[derive(Clone, Debug)]
struct Settings {
    subprotocols: Vec<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    extension: Option<Arc<dyn Negotiate>>,
    limits: Option<HeadLimits>,
    config: Config,
    timeout: Duration,
    on_request: Option<OnRequest>,
}

#[derive(Clone)]
struct OnRequest(Arc<Look>);

type Look = dyn Fn(&[u8]) + Send + Sync;

impl<R> Connector<R> {
    /// A connector with the defaults: no subprotocol, no `Origin`, 10 s to connect.
    pub fn new() -> Self {
        Self {
            settings: Arc::new(Settings {
                subprotocols: Vec::new(),
                headers: Vec::new(),
                extension: None,
                limits: None,
                config: Config::new(Role::Client),
                timeout: Duration::from_secs(10),
                on_request: None,
            }),
            runtime: PhantomData,
        }
    }

    /// Sets the subprotocols to offer, the preferred one first, in place of the request's. Default: none.
    ///
    /// They are checked when connecting.
    #[must_use]
    pub fn subprotocols<I>(self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let names = names.into_iter().map(Into::into).collect();
        self.with(|settings| settings.subprotocols = names)
    }

    /// Adds a header to the request, such as `Authorization`, `Cookie` or `Origin`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if name or value can't be written. That the handshake writes the header itself is found
    /// when connecting.
    pub fn header<N, V>(self, name: N, value: V) -> Result<Self, Error>
    where
        N: TryInto<HeaderName>,
        N::Error: Into<Box<dyn error::Error + Send + Sync>>,
        V: TryInto<HeaderValue>,
        V::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        let name = name.try_into().map_err(Error::invalid)?;
        let value = value.try_into().map_err(Error::invalid)?;
        Ok(self.with(|settings| settings.headers.push((name, value))))
    }

    /// Sets the extension to offer, in place of the request's. Default: none.
    #[must_use]
    pub fn extension(self, extension: impl Negotiate + 'static) -> Self {
        self.with(|settings| settings.extension = Some(Arc::new(extension)))
    }

    /// Sets how much of an answer is read. Default: what the request says, [`HeadLimits::default`] by default.
    #[must_use]
    pub fn head_limits(self, limits: HeadLimits) -> Self {
        self.with(|settings| settings.limits = Some(limits))
    }

    /// Sets how long connecting may take, from the name to the open connection. Default: 10 s.
    #[must_use]
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.timeout = timeout)
    }

    /// Sets the longest message taken, in bytes. Default: 64 MiB. See [`Config::max_message`].
    #[must_use]
    pub fn max_message(self, bytes: u64) -> Self {
        self.with(|settings| settings.config = settings.config.clone().max_message(bytes))
    }

    /// Sets when a silent server is asked and given up; `None` never. Default: 20 s and 20 s. See
    /// [`Config::keepalive`].
    #[must_use]
    pub fn keepalive(self, keepalive: Option<Keepalive>) -> Self {
        self.with(|settings| settings.config = settings.config.clone().keepalive(keepalive))
    }

    /// Sets all limits and deadlines of open connections, those included that were set one by one before. Begin with
    /// [`Config::new`] for a client.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        self.with(|settings| settings.config = config)
    }

    /// Calls `look` with the head of each request right before it is written. Default: nobody looks.
    ///
    /// It is for showing what goes out. The bytes hold cookies and credentials: keep them out of logs.
    #[must_use]
    pub fn on_request(self, look: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.on_request = Some(OnRequest(Arc::new(look))))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<R: Runtime> Connector<R> {
    /// Connects to a `ws` URI, given as text, as an `http::Request` or as a [`ClientRequest`]. What the target says
    /// and what the connector says go out together.
    ///
    /// Addresses of both families are tried side by side (RFC 8305), the request is sent, the answer checked.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] before anything is sent; [`Error::Connect`] if no address can be reached;
    /// [`Error::Refused`] with the server's response; [`Error::Handshake`] if its answer breaks the rules;
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
        let request = self.request(target)?;
        let (host, port) = (request.uri().host().to_owned(), request.uri().port());
        if request.uri().is_secure() {
            return Err(Error::invalid("wss needs TLS, which is not built in"));
        }
        let deadline = self.deadline::<Clock<R>>();
        let connecting = async { race::<R>(R::resolve(&host, port).await?).await };
        let stream = until::<Clock<R>, _>(deadline, connecting)
            .await
            .ok_or_else(|| self.timed_out())?
            .map_err(Error::Connect)?;
        self.shake_hands(stream, &request, deadline).await
    }
}

impl<R> Connector<R> {
    /// Makes the opening handshake on a transport that is connected already, whatever the runtime.
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
        let request = self.request(target)?;
        let deadline = self.deadline::<T::Timer>();
        self.shake_hands(transport, &request, deadline).await
    }

    fn request<Q>(&self, target: Q) -> Result<ClientRequest, Error>
    where
        Q: TryInto<ClientRequest>,
        Q::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        let settings = &*self.settings;
        let mut request = target.try_into().map_err(Error::invalid)?;
        if let Some(limits) = settings.limits {
            request = request.limits(limits);
        }
        if !settings.subprotocols.is_empty() {
            request = request
                .subprotocols(&settings.subprotocols)
                .map_err(Error::invalid)?;
        }
        if let Some(extension) = &settings.extension {
            request = request.extension(Arc::clone(extension));
        }
        for (name, value) in &settings.headers {
            request = request
                .header(name.clone(), value.clone())
                .map_err(Error::invalid)?;
        }
        Ok(request)
    }

    fn deadline<C: Timer>(&self) -> Instant {
        C::now() + self.settings.timeout.min(FAR)
    }

    fn timed_out(&self) -> Error {
        Error::HandshakeTimeout {
            after: self.settings.timeout,
        }
    }

    /// What the end of a handshake means, early or late.
    fn ended(&self, error: ClientHandshakeError) -> Error {
        match error {
            ClientHandshakeError::Ended { .. } => Error::Incomplete,
            ClientHandshakeError::TimedOut { .. } => self.timed_out(),
            error => error.into(),
        }
    }

    async fn shake_hands<T: Transport>(
        &self,
        transport: T,
        request: &ClientRequest,
        deadline: Instant,
    ) -> Result<(WebSocket<T>, Response<()>), Error> {
        let mut dialogue = Dialogue::new(transport);
        let mut handshake = ClientHandshake::new(request, random::nonce());
        if let Some(OnRequest(look)) = &self.settings.on_request {
            look(handshake.request());
        }
        let answered = until::<T::Timer, _>(deadline, async {
            dialogue.write(handshake.request()).await?;
            let answered = dialogue.read(|read| match read {
                [] => Some(Err(handshake.handle_eof())),
                read => handshake.handle(read).transpose(),
            });
            answered.await
        })
        .await;
        let Established {
            response,
            subprotocol,
            extension,
            leftover,
            ..
        } = match answered {
            Some(Ok(Ok(established))) => established,
            Some(Ok(Err(error))) => return Err(self.ended(error)),
            Some(Err(failed)) => {
                return Err(match handshake.handle_eof() {
                    // What has come of a refusal says more than how the transport ended.
                    refused @ ClientHandshakeError::Refused(_) => refused.into(),
                    _ => failed.into(),
                });
            }
            // So does a refusal whose body is not complete in time.
            None => return Err(self.ended(handshake.handle_timeout())),
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

type Clock<R> = <<R as Runtime>::Stream as Transport>::Timer;

/// Connects to the first address that answers.
async fn race<R: Runtime>(addresses: Vec<SocketAddr>) -> io::Result<R::Stream> {
    let mut race = Race::new(addresses);
    let mut attempts: Vec<(SocketAddr, Pin<Box<_>>)> = Vec::new();
    let mut timer: Option<Clock<R>> = None;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    poll_fn(move |cx| {
        loop {
            while let Some(address) = race.next(Clock::<R>::now()) {
                attempts.push((address, Box::pin(R::connect(address))));
                timer = None;
            }
            if timer.is_none() {
                timer = race.until().map(Clock::<R>::at);
            }
            let mut failed = false;
            let mut at = 0;
            while let Some((address, attempt)) = attempts.get_mut(at) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        failure = io::Error::new(error.kind(), format!("{address}: {error}"));
                        drop(attempts.swap_remove(at));
                        race.failed();
                        failed = true;
                    }
                    Poll::Pending => at += 1,
                }
            }
            if race.is_lost() {
                let nothing = io::Error::from(failure.kind());
                return Poll::Ready(Err(std::mem::replace(&mut failure, nothing)));
            }
            let due = match &mut timer {
                Some(running) => Pin::new(running).poll(cx).is_ready(),
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

impl fmt::Debug for OnRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRequest")
    }
}

impl<R> Clone for Connector<R> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            runtime: PhantomData,
        }
    }
}

impl<R> Default for Connector<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> fmt::Debug for Connector<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.settings).finish()
    }
}
