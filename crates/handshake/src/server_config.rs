use std::sync::Arc;

use bowline_extension::{Negotiate, Token};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{HeadLimits, HeaderError, OriginPolicy, SubprotocolError, headers, negotiate};

/// How a server answers requests to open a WebSocket. One value serves all connections.
///
/// The default speaks no subprotocol and no extension, lets pages of the same origin in, and reads heads of up to 16 KiB.
///
/// # Examples
///
/// ```
/// use bowline_handshake::{OriginPolicy, ServerConfig};
///
/// let config = ServerConfig::default()
///     .subprotocols(["chat.v2", "chat"])?
///     .origin(OriginPolicy::List(vec!["https://chat.example".parse()?]))
///     .header("server", "harbour")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerConfig {
    pub(crate) subprotocols: Vec<Token>,
    pub(crate) origin: OriginPolicy,
    pub(crate) headers: HeaderMap,
    pub(crate) extension: Option<Arc<dyn Negotiate>>,
    pub(crate) limits: HeadLimits,
}

impl ServerConfig {
    /// Sets the subprotocols that the server speaks, the preferred one first. Default: none.
    ///
    /// The first that the client offers too is answered. A client that offers others only, or none, is let in without;
    /// whoever can't live with that refuses the upgrade.
    ///
    /// # Errors
    ///
    /// A [`SubprotocolError`] if a name isn't a token or is there twice.
    pub fn subprotocols<I>(mut self, names: I) -> Result<Self, SubprotocolError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.subprotocols = negotiate::subprotocols(names)?;
        Ok(self)
    }

    /// Sets whose pages may connect. Default: [`OriginPolicy::SameOrigin`].
    #[must_use]
    pub fn origin(mut self, policy: OriginPolicy) -> Self {
        self.origin = policy;
        self
    }

    /// Adds a header to every 101. A name that is there already is added once more.
    ///
    /// # Errors
    ///
    /// A [`HeaderError`] if name or value can't be written, or if the handshake writes the header itself.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, HeaderError>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        headers::append(&mut self.headers, name, value)?;
        Ok(self)
    }

    /// Sets the extension that is accepted when a client offers it. Default: none.
    #[must_use]
    pub fn extension(mut self, extension: Arc<dyn Negotiate>) -> Self {
        self.extension = Some(extension);
        self
    }

    /// Sets how much of a request is read. Default: [`HeadLimits::default`].
    #[must_use]
    pub fn limits(mut self, limits: HeadLimits) -> Self {
        self.limits = limits;
        self
    }
}
