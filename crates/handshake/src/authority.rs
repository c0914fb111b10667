use core::net::Ipv6Addr;

/// `host [":" port]`, as it stands in `Host`, `Origin`, request targets and URIs.
///
/// A host name consists of letters, digits, `-`, `.`, `_` and `~`. RFC 3986 allows more, but no resolver knows such names,
/// and a comma or a percent sign in a `Host` is a trick.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Authority<'a> {
    pub(crate) host: Host<'a>,
    pub(crate) port: Option<u16>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Host<'a> {
    /// A name or an IPv4 address.
    Name(&'a str),
    V6(Ipv6Addr),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AuthorityError {
    NoHost,
    Host,
    Port,
}

impl<'a> Authority<'a> {
    /// An empty port is no port (RFC 9110 §4.2.1).
    pub(crate) fn parse(text: &'a str) -> Result<Self, AuthorityError> {
        let (host, rest) = if let Some(text) = text.strip_prefix('[') {
            let (address, rest) = text.split_once(']').ok_or(AuthorityError::Host)?;
            let address = address.parse().map_err(|_| AuthorityError::Host)?;
            (Host::V6(address), rest)
        } else {
            let (name, rest) = match text.find(':') {
                Some(colon) => text.split_at(colon),
                None => (text, ""),
            };
            if name.is_empty() {
                return Err(AuthorityError::NoHost);
            }
            if !name.bytes().all(is_name_byte) {
                return Err(AuthorityError::Host);
            }
            (Host::Name(name), rest)
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if rest.is_empty() => None,
            None => return Err(AuthorityError::Host),
        };
        Ok(Self { host, port })
    }
}

impl Host<'_> {
    /// Names compare without regard to case (RFC 3986 §3.2.2).
    pub(crate) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (Self::V6(a), Self::V6(b)) => a == b,
            (Self::Name(_), Self::V6(_)) | (Self::V6(_), Self::Name(_)) => false,
        }
    }
}

fn parse_port(digits: &str) -> Result<Option<u16>, AuthorityError> {
    match digits.as_bytes() {
        [] => Ok(None),
        bytes if bytes.iter().all(u8::is_ascii_digit) => {
            digits.parse().map(Some).map_err(|_| AuthorityError::Port)
        }
        _ => Err(AuthorityError::Port),
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_and_port() {
        let parsed = Authority::parse("Example.com:8080").unwrap();
        assert_eq!(parsed.port, Some(8080));
        assert!(parsed.host.is_same(Host::Name("example.COM")));
        assert_eq!(Authority::parse("h:").unwrap().port, None);
    }

    #[test]
    fn addresses_compare_by_value() {
        let long = Authority::parse("[0:0:0:0:0:0:0:1]:80").unwrap();
        let short = Authority::parse("[::1]").unwrap();
        assert!(long.host.is_same(short.host));
        assert!(!short.host.is_same(Host::Name("::1")));
    }

    #[test]
    fn refuses_what_is_no_authority() {
        let cases = [
            ("", AuthorityError::NoHost),
            (":80", AuthorityError::NoHost),
            ("a b", AuthorityError::Host),
            ("a,b", AuthorityError::Host),
            ("a%62", AuthorityError::Host),
            ("u@h", AuthorityError::Host),
            ("[::1", AuthorityError::Host),
            ("[]", AuthorityError::Host),
            ("[::1]x", AuthorityError::Host),
            ("[1.2.3.4]", AuthorityError::Host),
            ("h:+1", AuthorityError::Port),
            ("h:65536", AuthorityError::Port),
            ("h:1:2", AuthorityError::Port),
        ];
        for (text, error) in cases {
            assert_eq!(Authority::parse(text), Err(error), "{text}");
        }
    }
}
