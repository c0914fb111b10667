use std::sync::Arc;

use bowline_extension::{Negotiate, Offer, Token};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Version};

use crate::headers::{self, encode_line};
use crate::{HeadLimits, HeaderError, RequestError, SubprotocolError, UriError, WsUri, negotiate};

/// What a client asks for: where, with which subprotocols, extension and headers. It can be used for any number of
/// attempts.
///
/// # Examples
///
/// ```
/// use bowline_handshake::ClientRequest;
///
/// let request = ClientRequest::try_from("wss://chat.example/room?id=1")?
///     .subprotocols(["chat.v2", "chat"])?
///     .header("authorization", "Bearer 123")?;
/// assert!(request.header("host", "elsewhere").is_err());
///
/// let url = format!("ws://{}/", "127.0.0.1:9001");
/// assert_eq!(ClientRequest::try_from(&url)?.uri(), ClientRequest::try_from(url)?.uri());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientRequest {
    pub(crate) uri: WsUri,
    pub(crate) headers: HeaderMap,
    pub(crate) subprotocols: Vec<Token>,
    pub(crate) subprotocol_required: bool,
    pub(crate) extension: Option<Arc<dyn Negotiate>>,
    pub(crate) limits: HeadLimits,
}

impl ClientRequest {
    /// Asks for `uri` and nothing else.
    #[must_use]
    pub fn new(uri: WsUri) -> Self {
        Self {
            uri,
            headers: HeaderMap::new(),
            subprotocols: Vec::new(),
            subprotocol_required: false,
            extension: None,
            limits: HeadLimits::default(),
        }
    }

    /// Sets the subprotocols to offer, the preferred one first. Default: none.
    ///
    /// A server may choose none of them; see [`require_subprotocol`](Self::require_subprotocol).
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

    /// Fails the handshake if the server chooses none of the subprotocols offered, as browsers do. RFC 6455 lets a client
    /// go on without, which is the default.
    #[must_use]
    pub fn require_subprotocol(mut self) -> Self {
        self.subprotocol_required = true;
        self
    }

    /// Sets the extension to offer. Default: none.
    #[must_use]
    pub fn extension(mut self, extension: Arc<dyn Negotiate>) -> Self {
        self.extension = Some(extension);
        self
    }

    /// Adds a header, such as `Authorization`, `Cookie` or `Origin`. A name that is there already is added once more.
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

    /// Sets how much of a response head is read. Default: [`HeadLimits::default`].
    #[must_use]
    pub fn limits(mut self, limits: HeadLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the URI.
    #[must_use]
    pub fn uri(&self) -> &WsUri {
        &self.uri
    }

    /// Encodes the request (RFC 6455 §4.1, the second list).
    pub(crate) fn encode(&self, key: &str, offers: &[Offer]) -> Bytes {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.uri.resource_name().as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        encode_line("Host", self.uri.host_header().as_bytes(), &mut out);
        encode_line("Upgrade", b"websocket", &mut out);
        encode_line("Connection", b"Upgrade", &mut out);
        encode_line("Sec-WebSocket-Key", key.as_bytes(), &mut out);
        encode_line("Sec-WebSocket-Version", b"13", &mut out);
        if !self.subprotocols.is_empty() {
            let list = join(self.subprotocols.iter());
            encode_line("Sec-WebSocket-Protocol", list.as_bytes(), &mut out);
        }
        if !offers.is_empty() {
            let list = join(offers.iter());
            encode_line("Sec-WebSocket-Extensions", list.as_bytes(), &mut out);
        }
        headers::encode(&self.headers, &mut out);
        out.extend_from_slice(b"\r\n");
        out.into()
    }
}

fn join(elements: impl Iterator<Item: ToString>) -> String {
    let elements: Vec<String> = elements.map(|element| element.to_string()).collect();
    elements.join(", ")
}

impl From<WsUri> for ClientRequest {
    fn from(uri: WsUri) -> Self {
        Self::new(uri)
    }
}

impl TryFrom<&str> for ClientRequest {
    type Error = UriError;

    fn try_from(uri: &str) -> Result<Self, UriError> {
        WsUri::parse(uri).map(Self::new)
    }
}

impl TryFrom<&String> for ClientRequest {
    type Error = UriError;

    fn try_from(uri: &String) -> Result<Self, UriError> {
        Self::try_from(uri.as_str())
    }
}

impl TryFrom<String> for ClientRequest {
    type Error = UriError;

    fn try_from(uri: String) -> Result<Self, UriError> {
        Self::try_from(uri.as_str())
    }
}

/// Takes URI and headers of a GET request whose URI is `ws` or `wss`.
impl TryFrom<Request<()>> for ClientRequest {
    type Error = RequestError;

    fn try_from(request: Request<()>) -> Result<Self, RequestError> {
        let (parts, ()) = request.into_parts();
        if parts.method != Method::GET {
            return Err(RequestError::Method);
        }
        if parts.version != Version::HTTP_11 {
            return Err(RequestError::Version);
        }
        let mut request = Self::new(WsUri::parse(&parts.uri.to_string())?);
        for (name, value) in &parts.headers {
            headers::append(&mut request.headers, name.clone(), value.clone())?;
        }
        Ok(request)
    }
}
