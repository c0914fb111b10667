//! Answers to ordinary HTTP requests.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

/// The page, with a `Content-Security-Policy` that allows its own script and style, connections to this server, and
/// nothing else.
///
/// # Errors
///
/// Fails if the system has no randomness.
pub(super) fn page() -> Result<Response<Bytes>, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    let nonce: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self' ws: wss:; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let mut response = response(StatusCode::OK, PAGE.replace(NONCE, &nonce));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        CONTENT_SECURITY_POLICY,
        policy.parse().expect("the policy is visible ASCII"),
    );
    Ok(response)
}

pub(super) fn not_found() -> Response<Bytes> {
    response(
        StatusCode::NOT_FOUND,
        "not found; try / or, with a WebSocket, /echo or /chat\n",
    )
}

pub(super) fn method_not_allowed() -> Response<Bytes> {
    let mut response = response(
        StatusCode::METHOD_NOT_ALLOWED,
        "the page can only be read\n",
    );
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

pub(super) fn upgrade_required() -> Response<Bytes> {
    response(
        StatusCode::UPGRADE_REQUIRED,
        "here is a WebSocket; the page is at /\n",
    )
}

pub(super) fn not_loopback() -> Response<Bytes> {
    response(
        StatusCode::FORBIDDEN,
        "this server is for its own machine: call it localhost or 127.0.0.1\n",
    )
}

pub(super) fn failed() -> Response<Bytes> {
    response(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the page can't be made now\n",
    )
}

/// A plain text that nothing may keep, guess the type of, or run.
fn response(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_TYPE, "text/plain; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

const PAGE: &str = include_str!("page.html");

/// Stands in the page for the policy's nonce.
const NONCE: &str = "{nonce}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for outside in ["//", "@import", "url(", "src="] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
    }

    #[test]
    fn the_page_writes_text_and_never_markup() {
        for markup in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval",
        ] {
            assert!(!PAGE.contains(markup), "{markup}");
        }
    }

    #[test]
    fn only_this_answers_script_and_style_run() {
        let (one, other) = (page().unwrap(), page().unwrap());
        assert_ne!(one.body(), other.body());
        let policy = one.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let (_, rest) = policy.split_once("'nonce-").unwrap();
        let (nonce, _) = rest.split_once('\'').unwrap();
        let body = std::str::from_utf8(one.body()).unwrap();
        assert_eq!(nonce.len(), 32);
        assert_eq!(body.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert_eq!(
            body.matches("<script").count() + body.matches("<style").count(),
            2
        );
        assert!(!body.contains(NONCE) && !body.contains("style="));
    }
}
