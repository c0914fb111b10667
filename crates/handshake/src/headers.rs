use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::HeaderError;

/// Adds a header of the user to a request or an answer of ours.
pub(crate) fn append<N, V>(headers: &mut HeaderMap, name: N, value: V) -> Result<(), HeaderError>
where
    N: TryInto<HeaderName>,
    V: TryInto<HeaderValue>,
{
    let name = name.try_into().map_err(|_| HeaderError::Name)?;
    let value = value.try_into().map_err(|_| HeaderError::Value)?;
    if is_reserved(&name) {
        return Err(HeaderError::Reserved {
            name: name.as_str().into(),
        });
    }
    headers
        .try_append(name, value)
        .map(drop)
        .map_err(|_| HeaderError::TooMany)
}

/// Appends `name: value` lines to an encoded head.
pub(crate) fn encode(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        encode_line(name.as_str(), value.as_bytes(), out);
    }
}

pub(crate) fn encode_line(name: &str, value: &[u8], out: &mut Vec<u8>) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The values of a header, line by line.
pub(crate) fn lines<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
}

/// The value of a header that may be there once.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Single<&'a [u8]> {
    let mut lines = lines(headers, name);
    match (lines.next(), lines.next()) {
        (None, _) => Single::Absent,
        (Some(value), None) => Single::Once(value),
        (Some(_), Some(_)) => Single::Repeated,
    }
}

pub(crate) enum Single<T> {
    Absent,
    Once(T),
    Repeated,
}

/// What the handshake writes itself, and what would put a body or a second handshake into it.
fn is_reserved(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ]
    .contains(name)
        || ["keep-alive", "proxy-connection"].contains(&name.as_str())
        || name.as_str().starts_with("sec-websocket-")
}
