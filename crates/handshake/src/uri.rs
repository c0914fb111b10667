use std::fmt;
use std::str::FromStr;

use crate::UriError;
use crate::authority::{Authority, AuthorityError, Host};

/// A `ws` or `wss` URI, taken apart and ready to be written into a request.
///
/// Scheme and host are in lower case. The path is as given: dot segments and percent-encoding stay, only what isn't ASCII
/// is percent-encoded. Nothing in it can break out of a request line.
///
/// Implements RFC 6455 §3.
///
/// # Examples
///
/// ```
/// use bowline_handshake::WsUri;
///
/// let uri: WsUri = "wss://Example.com:8443/chat?room=1".parse()?;
/// assert!(uri.is_secure());
/// assert_eq!((uri.host(), uri.port()), ("example.com", 8443));
/// assert_eq!(uri.resource_name(), "/chat?room=1");
/// assert_eq!(uri.host_header(), "example.com:8443");
/// # Ok::<(), bowline_handshake::UriError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct WsUri {
    secure: bool,
    /// An IPv6 address has no brackets here.
    host: String,
    port: u16,
    resource_name: String,
}

impl WsUri {
    /// Parses a URI.
    ///
    /// # Errors
    ///
    /// A [`UriError`] that says what is wrong with it. `http` and `https` aren't taken for `ws` and `wss`.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once("://").ok_or(UriError::Scheme)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(UriError::Scheme),
        };
        let (authority, resource) = match rest.find(['/', '?', '#']) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        // RFC 6455 §3 has no userinfo. It must not end up in Host either.
        if authority.contains('@') {
            return Err(UriError::UserInfo);
        }
        let authority = Authority::parse(authority)?;
        let port = match authority.port {
            Some(0) => return Err(UriError::Port),
            Some(port) => port,
            None => default_port(secure),
        };
        let host = match authority.host {
            Host::Name(name) => name.to_ascii_lowercase(),
            Host::V6(address) => address.to_string(),
        };
        let at = text.len().saturating_sub(resource.len());
        Ok(Self {
            secure,
            host,
            port,
            resource_name: resource_name(resource, at)?,
        })
    }

    /// Tells whether TLS is to be spoken: the scheme is `wss`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the host to connect to: a name in lower case or an address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port to connect to; by default 80, and 443 for `wss`. Never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns path and query as they stand in the request line. Begins with a slash.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        &self.resource_name
    }

    /// Returns the value of the `Host` header: the host, and the port unless it is the scheme's default.
    #[must_use]
    pub fn host_header(&self) -> String {
        let mut value = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port != default_port(self.secure) {
            value.push_str(&format!(":{}", self.port));
        }
        value
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Checks path and query; `at` is where they begin in the whole text.
fn resource_name(text: &str, at: usize) -> Result<String, UriError> {
    let mut name = String::with_capacity(text.len().saturating_add(1));
    if !text.starts_with('/') {
        name.push('/');
    }
    for (offset, byte) in text.bytes().enumerate() {
        let at = at.saturating_add(offset);
        match byte {
            b'#' => return Err(UriError::Fragment),
            b'%' if !is_percent_encoded(text.as_bytes(), offset) => {
                return Err(UriError::Percent { at });
            }
            b'%' => name.push('%'),
            // RFC 6455 §11.1: what isn't ASCII is encoded as UTF-8, then percent-encoded.
            0x80.. => name.push_str(&format!("%{byte:02X}")),
            _ if is_uri_byte(byte) => name.push(byte.into()),
            _ => return Err(UriError::Byte { byte, at }),
        }
    }
    // RFC 6455 §3: the question mark is there only if the query is not empty.
    if name.ends_with('?') && name.find('?') == name.len().checked_sub(1) {
        name.pop();
    }
    Ok(name)
}

fn is_percent_encoded(text: &[u8], percent: usize) -> bool {
    matches!(text.get(percent..), Some([_, high, low, ..])
        if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// RFC 3986 §3.3 and §3.4: unreserved, sub-delims and what path and query add.
const fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
                | b'?'
        )
}

/// Writes the canonical form: lower case, the default port left out.
impl fmt::Display for WsUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "wss://" } else { "ws://" })?;
        f.write_str(&self.host_header())?;
        f.write_str(&self.resource_name)
    }
}

impl FromStr for WsUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for WsUri {
    type Error = UriError;

    fn try_from(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl From<AuthorityError> for UriError {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::NoHost => Self::NoHost,
            AuthorityError::Host => Self::Host,
            AuthorityError::Port => Self::Port,
        }
    }
}
