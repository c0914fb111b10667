//! The heads of the opening handshake, for people.

use http::Response;

use crate::escape;
use crate::stderr;

/// Shows the head of a request.
pub(super) fn request(head: &[u8]) {
    let head = String::from_utf8_lossy(head);
    for line in head.trim_end().split("\r\n") {
        stderr::say(format_args!("> {}", escape::line(line)));
    }
}

/// Shows the head of a response.
pub(super) fn response<T>(response: &Response<T>) {
    for line in lines(response) {
        stderr::say(format_args!("< {}", escape::line(&line)));
    }
}

fn lines<T>(response: &Response<T>) -> Vec<String> {
    let start = format!("{:?} {}", response.version(), response.status());
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        format!("{name}: {value}")
    });
    std::iter::once(start).chain(headers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_its_start_line_and_its_headers_in_order() {
        let response = Response::builder()
            .status(403)
            .header("Set-Cookie", "a=1")
            .header("Set-Cookie", "b=2")
            .body(())
            .unwrap();
        assert_eq!(
            lines(&response),
            [
                "HTTP/1.1 403 Forbidden",
                "set-cookie: a=1",
                "set-cookie: b=2"
            ]
        );
    }
}
