use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_frame::Role;
use bowline_handshake::ServerConfig;
use bowline_proto::Config;

use crate::{Error, FAR};

/// What an acceptor was told. `T` is what it encrypts with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerSettings<T> {
    /// What the opening handshake goes by.
    pub server: Arc<ServerConfig>,
    /// The limits and deadlines of open connections.
    pub config: Config,
    /// How long the opening handshake may take.
    pub timeout: Duration,
    /// What streams are encrypted with; `None`: they are not.
    pub tls: Option<T>,
}

/// Pages of the own host only, no subprotocol, 10 s for the opening handshake.
impl<T> Default for ServerSettings<T> {
    fn default() -> Self {
        Self {
            server: Arc::new(ServerConfig::default()),
            config: Config::new(Role::Server),
            timeout: Duration::from_secs(10),
            tls: None,
        }
    }
}

impl<T> ServerSettings<T> {
    /// When the opening handshake must be done, if it begins now.
    pub fn deadline(&self, now: Instant) -> Instant {
        now + self.timeout.min(FAR)
    }

    /// That it was not done by then.
    pub const fn timed_out(&self) -> Error {
        Error::HandshakeTimeout {
            after: self.timeout,
        }
    }

    /// Changes what the opening handshake goes by.
    pub fn change(&mut self, change: impl FnOnce(ServerConfig) -> ServerConfig) {
        self.server = Arc::new(change(ServerConfig::clone(&self.server)));
    }
}

/// The setters of an acceptor.
///
/// They stand in an `impl` of a type with a field `settings` that holds [`ServerSettings`], directly or behind
/// something that derefs to them, and a method `with(self, impl FnOnce(&mut ServerSettings<_>)) -> Self`. They
/// return the changed acceptor.
#[macro_export]
macro_rules! server_setters {
    () => {
        /// Sets the subprotocols that are spoken, the preferred one first; the first that the client offers too is
        /// chosen. Default: none.
        ///
        /// # Errors
        ///
        /// [`Error::Invalid`](bowline_shell::Error::Invalid) if a name isn't a token or is there twice.
        pub fn subprotocols<I>(self, names: I) -> Result<Self, $crate::Error>
        where
            I: IntoIterator,
            I::Item: AsRef<str>,
        {
            let server = $crate::macros::ServerConfig::clone(&self.settings.server)
                .subprotocols(names)
                .map_err($crate::Error::invalid)?;
            Ok(self.with(|settings| settings.change(|_| server)))
        }

        /// Sets whose pages may connect. Default:
        /// [`OriginPolicy::SameOrigin`](bowline_handshake::OriginPolicy::SameOrigin).
        #[must_use]
        pub fn origin(self, policy: $crate::macros::OriginPolicy) -> Self {
            self.with(|settings| settings.change(|server| server.origin(policy)))
        }

        /// Adds a header to every 101.
        ///
        /// # Errors
        ///
        /// [`Error::Invalid`](bowline_shell::Error::Invalid) if name or value can't be written, or if the handshake
        /// writes the header itself.
        pub fn header<N, V>(self, name: N, value: V) -> Result<Self, $crate::Error>
        where
            N: TryInto<$crate::macros::HeaderName>,
            V: TryInto<$crate::macros::HeaderValue>,
        {
            let server = $crate::macros::ServerConfig::clone(&self.settings.server)
                .header(name, value)
                .map_err($crate::Error::invalid)?;
            Ok(self.with(|settings| settings.change(|_| server)))
        }

        /// Sets the extension that is accepted when a client offers it. Default: none.
        #[must_use]
        pub fn extension(self, extension: impl $crate::macros::Negotiate + 'static) -> Self {
            let extension = std::sync::Arc::new(extension);
            self.with(|settings| settings.change(|server| server.extension(extension)))
        }

        /// Sets how much of a request is read. Default:
        /// [`HeadLimits::default`](bowline_handshake::HeadLimits::default).
        #[must_use]
        pub fn head_limits(self, limits: $crate::macros::HeadLimits) -> Self {
            self.with(|settings| settings.change(|server| server.limits(limits)))
        }

        /// Sets how long the opening handshake may take, TLS included, from the stream to our answer on the wire.
        /// Default: 10 s.
        #[must_use]
        pub fn handshake_timeout(self, timeout: std::time::Duration) -> Self {
            self.with(|settings| settings.timeout = timeout)
        }

        /// Sets the longest message taken, in bytes. Default: 16 MiB. See
        /// [`Config::max_message`](bowline_proto::Config::max_message).
        #[must_use]
        pub fn max_message(self, bytes: u64) -> Self {
            self.with(|settings| settings.config = settings.config.clone().max_message(bytes))
        }

        /// Sets when silent peers are asked and given up; `None` never. Default: 20 s and 20 s. See
        /// [`Config::keepalive`](bowline_proto::Config::keepalive).
        #[must_use]
        pub fn keepalive(self, keepalive: Option<$crate::macros::Keepalive>) -> Self {
            self.with(|settings| settings.config = settings.config.clone().keepalive(keepalive))
        }

        /// Sets all limits and deadlines of open connections, those included that were set one by one before. Begin
        /// with [`Config::new`](bowline_proto::Config::new) for a server.
        #[must_use]
        pub fn config(self, config: $crate::macros::Config) -> Self {
            self.with(|settings| settings.config = config)
        }
    };
}
