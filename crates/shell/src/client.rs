use std::error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_extension::Negotiate;
use bowline_frame::Role;
use bowline_handshake::{ClientRequest, HeadLimits};
use bowline_proto::Config;
use http::header::{HeaderName, HeaderValue};

use crate::{Error, FAR};

/// What a connector was told. `T` is what it encrypts with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientSettings<T> {
    /// The subprotocols to offer, the preferred one first; none leaves the request's.
    pub subprotocols: Vec<String>,
    /// Headers to add to the request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The extension to offer, in place of the request's.
    pub extension: Option<Arc<dyn Negotiate>>,
    /// How much of an answer is read, in place of what the request says.
    pub limits: Option<HeadLimits>,
    /// The limits and deadlines of open connections.
    pub config: Config,
    /// How long connecting may take.
    pub timeout: Duration,
    /// What `wss` is encrypted with, in place of the default.
    pub tls: Option<T>,
    look: Option<Look>,
}

#[derive(Clone)]
struct Look(Arc<LookAt>);

type LookAt = dyn Fn(&[u8]) + Send + Sync;

/// No subprotocol, no `Origin`, 10 s to connect.
impl<T> Default for ClientSettings<T> {
    fn default() -> Self {
        Self {
            subprotocols: Vec::new(),
            headers: Vec::new(),
            extension: None,
            limits: None,
            config: Config::new(Role::Client),
            timeout: Duration::from_secs(10),
            tls: None,
            look: None,
        }
    }
}

impl<T> ClientSettings<T> {
    /// The request for `target`: what that says and what the settings say.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if they can't go together.
    pub fn request<Q>(&self, target: Q) -> Result<ClientRequest, Error>
    where
        Q: TryInto<ClientRequest>,
        Q::Error: Into<Box<dyn error::Error + Send + Sync>>,
    {
        let mut request = target.try_into().map_err(Error::invalid)?;
        if let Some(limits) = self.limits {
            request = request.limits(limits);
        }
        if !self.subprotocols.is_empty() {
            request = request
                .subprotocols(&self.subprotocols)
                .map_err(Error::invalid)?;
        }
        if let Some(extension) = &self.extension {
            request = request.extension(Arc::clone(extension));
        }
        for (name, value) in &self.headers {
            request = request
                .header(name.clone(), value.clone())
                .map_err(Error::invalid)?;
        }
        Ok(request)
    }

    /// When connecting must be done, if it begins now.
    pub fn deadline(&self, now: Instant) -> Instant {
        now + self.timeout.min(FAR)
    }

    /// That it was not done by then.
    pub const fn timed_out(&self) -> Error {
        Error::HandshakeTimeout {
            after: self.timeout,
        }
    }

    /// Sets who looks at the head of each request.
    pub fn on_request(&mut self, look: impl Fn(&[u8]) + Send + Sync + 'static) {
        self.look = Some(Look(Arc::new(look)));
    }

    /// Shows the head of a request that is about to be written.
    pub fn show(&self, head: &[u8]) {
        if let Some(Look(look)) = &self.look {
            look(head);
        }
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// The setters of a connector.
///
/// They stand in an `impl` of a type with a method `with(self, impl FnOnce(&mut ClientSettings<_>)) -> Self`, and
/// return the changed connector.
#[macro_export]
macro_rules! client_setters {
    () => {
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
        /// [`Error::Invalid`](bowline_shell::Error::Invalid) if name or value can't be written. That the handshake
        /// writes the header itself is found when connecting.
        pub fn header<N, V>(self, name: N, value: V) -> Result<Self, $crate::Error>
        where
            N: TryInto<$crate::macros::HeaderName>,
            N::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
            V: TryInto<$crate::macros::HeaderValue>,
            V::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        {
            let name = name.try_into().map_err($crate::Error::invalid)?;
            let value = value.try_into().map_err($crate::Error::invalid)?;
            Ok(self.with(|settings| settings.headers.push((name, value))))
        }

        /// Sets the extension to offer, in place of the request's. Default: none.
        #[must_use]
        pub fn extension(self, extension: impl $crate::macros::Negotiate + 'static) -> Self {
            self.with(|settings| settings.extension = Some(std::sync::Arc::new(extension)))
        }

        /// Sets how much of an answer is read. Default: what the request says,
        /// [`HeadLimits::default`](bowline_handshake::HeadLimits::default) by default.
        #[must_use]
        pub fn head_limits(self, limits: $crate::macros::HeadLimits) -> Self {
            self.with(|settings| settings.limits = Some(limits))
        }

        /// Sets how long connecting may take, from the name to the open connection, TLS included. Default: 10 s.
        #[must_use]
        pub fn handshake_timeout(self, timeout: std::time::Duration) -> Self {
            self.with(|settings| settings.timeout = timeout)
        }

        /// Sets the longest message taken, in bytes. Default: 64 MiB. See
        /// [`Config::max_message`](bowline_proto::Config::max_message).
        #[must_use]
        pub fn max_message(self, bytes: u64) -> Self {
            self.with(|settings| settings.config = settings.config.clone().max_message(bytes))
        }

        /// Sets when a silent server is asked and given up; `None` never. Default: 20 s and 20 s. See
        /// [`Config::keepalive`](bowline_proto::Config::keepalive).
        #[must_use]
        pub fn keepalive(self, keepalive: Option<$crate::macros::Keepalive>) -> Self {
            self.with(|settings| settings.config = settings.config.clone().keepalive(keepalive))
        }

        /// Sets all limits and deadlines of open connections, those included that were set one by one before. Begin
        /// with [`Config::new`](bowline_proto::Config::new) for a client.
        #[must_use]
        pub fn config(self, config: $crate::macros::Config) -> Self {
            self.with(|settings| settings.config = config)
        }

        /// Calls `look` with the head of each request right before it is written. Default: nobody looks.
        ///
        /// It is for showing what goes out. The bytes hold cookies and credentials: keep them out of logs.
        #[must_use]
        pub fn on_request(self, look: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
            self.with(|settings| settings.on_request(look))
        }
    };
}
