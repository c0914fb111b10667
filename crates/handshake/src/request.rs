use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use crate::authority::Authority;
use crate::head::Head;
use crate::headers::{Single, lines, single};
use crate::{HeadError, RefusalReason};

/// Reads a request out of a complete head, by the rules that hold for every request.
pub(crate) fn parse(head: Head) -> Result<Request<()>, RefusalReason> {
    let Head {
        start_line,
        mut headers,
    } = head;
    // RFC 9112 §3: three words, single spaces between them.
    let mut words = start_line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(RefusalReason::Head(HeadError::StartLine));
    };
    check_version(version)?;
    let method =
        Method::from_bytes(method).map_err(|_| RefusalReason::Head(HeadError::StartLine))?;
    // A tunnel is not for us to give, and its target has a form of its own.
    if method == Method::CONNECT {
        return Err(RefusalReason::Method);
    }
    let target = Target::parse(start_line.slice_ref(target), &method)?;
    let Single::Once(host) = single(&headers, &HOST) else {
        return Err(RefusalReason::Host);
    };
    host_of(host)?;
    // RFC 9112 §3.2.2: the host of an absolute target replaces the one received.
    if let Some(host) = target.host {
        headers.insert(HOST, host);
    }
    // RFC 9112 §6.3: a length that can't be trusted ends the connection, whatever is asked.
    body_length(&headers)?;

    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target.uri;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Whom the request is for. Never an error for a request that came out of [`parse`].
pub(crate) fn host(headers: &HeaderMap) -> Result<Authority<'_>, RefusalReason> {
    match single(headers, &HOST) {
        Single::Once(host) => host_of(host),
        Single::Absent | Single::Repeated => Err(RefusalReason::Host),
    }
}

/// Tells whether a body follows the head.
pub(crate) fn has_body(headers: &HeaderMap) -> Result<bool, RefusalReason> {
    body_length(headers).map(|length| length != BodyLength::Known(0))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum BodyLength {
    Known(u64),
    Chunked,
}

fn body_length(headers: &HeaderMap) -> Result<BodyLength, RefusalReason> {
    let coding = bowline_extension::list(lines(headers, &TRANSFER_ENCODING)).last();
    match (single(headers, &CONTENT_LENGTH), coding) {
        (Single::Absent, None) if headers.contains_key(TRANSFER_ENCODING) => {
            Err(RefusalReason::Body)
        }
        (Single::Absent, None) => Ok(BodyLength::Known(0)),
        (Single::Absent, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(BodyLength::Chunked)
        }
        (Single::Once(length), None) if !headers.contains_key(TRANSFER_ENCODING) => {
            parse_length(length)
                .map(BodyLength::Known)
                .ok_or(RefusalReason::Body)
        }
        _ => Err(RefusalReason::Body),
    }
}

/// Digits only: no sign, no list, nothing beyond 64 bits.
pub(crate) fn parse_length(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn check_version(version: &[u8]) -> Result<(), RefusalReason> {
    let &[
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        major @ b'0'..=b'9',
        b'.',
        minor @ b'0'..=b'9',
    ] = version
    else {
        return Err(RefusalReason::Head(HeadError::StartLine));
    };
    // RFC 9110 §2.5: a higher minor version is read as the highest one known.
    if major == b'1' && minor >= b'1' {
        return Ok(());
    }
    Err(RefusalReason::Version {
        major: major & 0x0f,
        minor: minor & 0x0f,
    })
}

fn host_of(value: &[u8]) -> Result<Authority<'_>, RefusalReason> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| Authority::parse(text).ok())
        .ok_or(RefusalReason::Host)
}

/// The request target, whatever its form: what comes after the host, and the host if it has one.
struct Target {
    uri: Uri,
    host: Option<HeaderValue>,
}

impl Target {
    fn parse(target: Bytes, method: &Method) -> Result<Self, RefusalReason> {
        // RFC 9112 §3.2: no form of target has a fragment.
        if target.contains(&b'#') {
            return Err(RefusalReason::Target);
        }
        if target.starts_with(b"/") {
            return Ok(Self {
                uri: path(target)?,
                host: None,
            });
        }
        if target == "*" && method == Method::OPTIONS {
            return Ok(Self {
                uri: Uri::from_static("*"),
                host: None,
            });
        }
        Self::absolute(&target)
    }

    fn absolute(target: &Bytes) -> Result<Self, RefusalReason> {
        let text = std::str::from_utf8(target).map_err(|_| RefusalReason::Target)?;
        let (scheme, rest) = text.split_once("://").ok_or(RefusalReason::Target)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(RefusalReason::Target);
        }
        let (authority, resource) = match rest.find(['/', '?']) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        Authority::parse(authority).map_err(|_| RefusalReason::Target)?;
        let host = HeaderValue::from_str(authority).map_err(|_| RefusalReason::Target)?;
        let uri = if resource.starts_with('/') {
            path(target.slice_ref(resource.as_bytes()))?
        } else {
            path(format!("/{resource}").into())?
        };
        Ok(Self {
            uri,
            host: Some(host),
        })
    }
}

fn path(path: Bytes) -> Result<Uri, RefusalReason> {
    PathAndQuery::from_maybe_shared(path)
        .map(Uri::from)
        .map_err(|_| RefusalReason::Target)
}
