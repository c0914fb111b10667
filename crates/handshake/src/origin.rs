use std::fmt;
use std::str::FromStr;

use http::HeaderMap;
use http::header::ORIGIN;

use crate::OriginError;
use crate::authority::{Authority, Host};
use crate::headers::{Single, single};

/// Whose pages may open a WebSocket here, by the `Origin` that browsers send.
///
/// Programs other than browsers send none, or whatever they like: this protects people whose browser is used against
/// them, it doesn't authenticate anyone. A request without `Origin` passes every policy. What doesn't pass is answered
/// 403.
///
/// Implements RFC 6455 §10.2.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Pages from the same host and port as the `Host` of the request. The default.
    ///
    /// The scheme isn't compared, because a proxy that ends TLS hides it; a port left out is that of the origin's scheme.
    /// On an address that only trusted people should reach, such as loopback, prefer a list: a page whose own name
    /// resolves to that address is of the same origin.
    #[default]
    SameOrigin,
    /// Pages from the same host and port, and from these origins.
    SameOriginOr(Vec<Origin>),
    /// Pages from these origins only. `null` is an origin like others.
    List(Vec<Origin>),
    /// All pages of all origins: for services that take nothing from the browser for granted, no cookie and no address.
    Any,
}

/// An origin as browsers write it: `https://example.com`, `http://localhost:8080` or `null`.
///
/// Equal whatever the case of scheme and host, and whether the default port of http, https, ws or wss is written or not.
///
/// Implements RFC 6454 §6.2.
///
/// # Examples
///
/// ```
/// use bowline_handshake::Origin;
///
/// let origin: Origin = "https://Example.com:443".parse()?;
/// assert_eq!(origin, "https://example.com".parse()?);
/// assert_ne!(origin, "http://example.com".parse()?);
/// assert!("https://example.com/".parse::<Origin>().is_err());
/// # Ok::<(), bowline_handshake::OriginError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin(Repr);

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Repr {
    Null,
    Tuple {
        scheme: String,
        /// With brackets if it is an IPv6 address.
        host: String,
        /// `None` if it is the scheme's default, or if the scheme has none.
        port: Option<u16>,
    },
}

impl OriginPolicy {
    /// Judges a request's `Origin`; `host` is what the request was sent to.
    pub(crate) fn allows(&self, headers: &HeaderMap, host: Authority<'_>) -> bool {
        if *self == Self::Any {
            return true;
        }
        let value = match single(headers, &ORIGIN) {
            Single::Absent => return true,
            Single::Once(value) => value,
            Single::Repeated => return false,
        };
        let Some(origin) = std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<Origin>().ok())
        else {
            return false;
        };
        match self {
            Self::SameOrigin => origin.is_at(host),
            Self::SameOriginOr(list) => list.contains(&origin) || origin.is_at(host),
            Self::List(list) => list.contains(&origin),
            Self::Any => true,
        }
    }
}

impl Origin {
    fn is_at(&self, host: Authority<'_>) -> bool {
        let Repr::Tuple {
            scheme,
            host: own_host,
            port,
        } = &self.0
        else {
            return false;
        };
        // Only pages that came over HTTP have a Host to be compared with.
        let Some(default) = default_port(scheme) else {
            return false;
        };
        Authority::parse(own_host).is_ok_and(|own| own.host.is_same(host.host))
            && port.unwrap_or(default) == host.port.unwrap_or(default)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Null => f.write_str("null"),
            Repr::Tuple {
                scheme,
                host,
                port: Some(port),
            } => write!(f, "{scheme}://{host}:{port}"),
            Repr::Tuple {
                scheme,
                host,
                port: None,
            } => write!(f, "{scheme}://{host}"),
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text == "null" {
            return Ok(Self(Repr::Null));
        }
        let (scheme, authority) = text.split_once("://").ok_or(OriginError)?;
        if !is_scheme(scheme) {
            return Err(OriginError);
        }
        let scheme = scheme.to_ascii_lowercase();
        let authority = Authority::parse(authority).map_err(|_| OriginError)?;
        let host = match authority.host {
            Host::Name(name) => name.to_ascii_lowercase(),
            Host::V6(address) => format!("[{address}]"),
        };
        let port = authority
            .port
            .filter(|port| default_port(&scheme) != Some(*port));
        Ok(Self(Repr::Tuple { scheme, host, port }))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn allows(policy: &OriginPolicy, origin: Option<&'static str>, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        policy.allows(&headers, Authority::parse(host).unwrap())
    }

    // covers WS-10.2-01
    #[test]
    fn same_origin_compares_host_and_port() {
        let cases = [
            ("http://example.com", "example.com", true),
            ("https://example.com", "example.com", true),
            ("https://EXAMPLE.com", "Example.com:443", true),
            ("http://example.com:80", "example.com", true),
            ("http://localhost:9001", "localhost:9001", true),
            ("http://[::1]:9001", "[0::1]:9001", true),
            ("http://example.com", "example.com:443", false),
            ("http://example.com:8080", "example.com", false),
            ("http://localhost:9001", "127.0.0.1:9001", false),
            ("https://example.com.evil.example", "example.com", false),
            (
                "https://evil.example/?https://example.com",
                "example.com",
                false,
            ),
            ("chrome-extension://example.com", "example.com", false),
            ("null", "null", false),
            ("", "example.com", false),
        ];
        for (origin, host, expected) in cases {
            let allowed = allows(&OriginPolicy::SameOrigin, Some(origin), host);
            assert_eq!(allowed, expected, "{origin} at {host}");
        }
    }

    // covers WS-10.2-01, WB-07
    #[test]
    fn null_is_an_origin_that_must_be_listed() {
        let list = |entry: &str| OriginPolicy::List(vec![entry.parse().unwrap()]);
        assert!(allows(&list("null"), Some("null"), "h"));
        assert!(!allows(&list("https://h"), Some("null"), "h"));
        assert!(!allows(&OriginPolicy::SameOrigin, Some("null"), "h"));
        assert!(allows(&OriginPolicy::Any, Some("null"), "h"));
    }

    // covers WS-10.2-01
    #[test]
    fn a_list_allows_no_more_than_it_names() {
        let list = vec!["https://ok.example".parse().unwrap()];
        let strict = OriginPolicy::List(list.clone());
        assert!(allows(&strict, Some("https://ok.example:443"), "h"));
        assert!(!allows(&strict, Some("http://ok.example"), "h"));
        assert!(!allows(&strict, Some("http://h"), "h"));
        assert!(allows(&strict, None, "h"));
        let wide = OriginPolicy::SameOriginOr(list);
        assert!(allows(&wide, Some("http://h"), "h"));
        assert!(allows(&wide, Some("https://ok.example"), "h"));
        assert!(!allows(&wide, Some("https://evil.example"), "h"));
    }

    #[test]
    fn any_takes_what_is_no_origin() {
        assert!(allows(&OriginPolicy::Any, Some("file://"), "h"));
        assert!(!allows(&OriginPolicy::SameOrigin, Some("file://"), "h"));
    }
}
