use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

use crate::ResponseError;
use crate::headers::{self, encode_line};

/// Whether the body goes out behind the head. The length is written in both cases.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Body {
    Sent,
    /// The answer to HEAD (RFC 9110 §9.3.2).
    Omitted,
}

/// Encodes a response of the caller's.
pub(crate) fn encode(response: &Response<Bytes>, body: Body) -> Result<Bytes, ResponseError> {
    let status = response.status();
    if status.is_informational() {
        return Err(ResponseError::Interim { status });
    }
    if has_no_body(status) && !response.body().is_empty() {
        return Err(ResponseError::Body { status });
    }
    for name in response.headers().keys() {
        if [
            header::CONNECTION,
            header::TRAILER,
            header::TRANSFER_ENCODING,
        ]
        .contains(name)
            || name == "keep-alive"
        {
            let name = name.as_str().into();
            return Err(ResponseError::Reserved { name });
        }
    }
    let len = response.body().len();
    for line in headers::lines(response.headers(), &header::CONTENT_LENGTH) {
        if line != len.to_string().as_bytes() {
            return Err(ResponseError::ContentLength);
        }
    }
    Ok(write(status, response.headers(), response.body(), body))
}

/// Writes a response that ends the connection.
pub(crate) fn write(status: StatusCode, headers: &HeaderMap, body: &[u8], sent: Body) -> Bytes {
    let mut out = Vec::with_capacity(256_usize.saturating_add(body.len()));
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    // RFC 9112 §4: the reason phrase may be empty.
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        if name != header::CONTENT_LENGTH {
            encode_line(name.as_str(), value.as_bytes(), &mut out);
        }
    }
    let mut upgrade = headers.contains_key(header::UPGRADE);
    if status == StatusCode::UPGRADE_REQUIRED {
        // RFC 9110 §15.5.22 and RFC 6455 §4.2.2, item 4.
        if !upgrade {
            encode_line("Upgrade", b"websocket", &mut out);
            upgrade = true;
        }
        if !headers.contains_key(header::SEC_WEBSOCKET_VERSION) {
            encode_line("Sec-WebSocket-Version", b"13", &mut out);
        }
    }
    // RFC 9110 §7.8: whoever sends Upgrade also lists it in Connection.
    let connection: &[u8] = if upgrade { b"Upgrade, close" } else { b"close" };
    encode_line("Connection", connection, &mut out);
    // RFC 9110 §8.6: a 204 has no Content-Length; a 304's would be that of another response.
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        encode_line(
            "Content-Length",
            body.len().to_string().as_bytes(),
            &mut out,
        );
    }
    out.extend_from_slice(b"\r\n");
    if sent == Body::Sent {
        out.extend_from_slice(body);
    }
    out.into()
}

fn has_no_body(status: StatusCode) -> bool {
    [
        StatusCode::NO_CONTENT,
        StatusCode::RESET_CONTENT,
        StatusCode::NOT_MODIFIED,
    ]
    .contains(&status)
}
