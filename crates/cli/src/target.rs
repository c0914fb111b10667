use bowline_tokio::{Connector, Error, PerMessageDeflate, WsUri};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::compression::Compression;
use crate::encryption::Connecting;
use crate::failure::Failure;

// A plain comment: clap would take the other kind for what a command does.
// Where a client connects to, and what it says and agrees on while it does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Target {
    /// Where to, such as ws://localhost:9001/chat or wss://example.com/.
    pub(crate) url: WsUri,

    /// Add a header to the request, such as `Authorization: Bearer 123`.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// Offer a subprotocol; the preferred one first.
    #[arg(long = "subprotocol", value_name = "NAME")]
    subprotocols: Vec<String>,

    #[command(flatten)]
    pub(crate) compression: Compression,

    #[command(flatten)]
    encryption: Connecting,
}

impl Target {
    /// A connector that says what the user wants said, and offers `extension`. Warns if the encryption is worth little.
    pub(crate) fn connector(
        &self,
        extension: Option<PerMessageDeflate>,
    ) -> Result<Connector, Failure> {
        let mut connector = Connector::new().subprotocols(&self.subprotocols);
        for (name, value) in &self.headers {
            connector = connector
                .header(name.clone(), value.clone())
                .map_err(|error| self.refused(&error))?;
        }
        if let Some(extension) = extension {
            connector = connector.extension(extension);
        }
        if self.url.is_secure() {
            connector = connector.tls(self.encryption.tls()?);
        }
        Ok(connector)
    }

    /// Why there is no connection, in one sentence.
    pub(crate) fn refused(&self, error: &Error) -> Failure {
        let what = format!("cannot connect to {}", self.url);
        match error {
            // It says by itself that nobody can be reached.
            Error::Connect(error) => Failure::of(what, error),
            Error::Refused(response) => {
                let status = response.status();
                let body = String::from_utf8_lossy(response.body());
                let first = body.lines().next().unwrap_or_default().trim();
                let reason: String = first.chars().take(REASON).collect();
                let separator = if reason.is_empty() { "" } else { ": " };
                let hint = match status {
                    status if status.is_redirection() => " (redirects are not followed)",
                    StatusCode::OK => " (that is a page, not a WebSocket)",
                    _ => "",
                };
                Failure::new(format!(
                    "{what}: the server refused with status {status}{hint}{separator}{reason}"
                ))
            }
            Error::Invalid(_) => Failure::of(what, error).usage(),
            error => Failure::of(what, error),
        }
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header has the form `Name: value`")?;
    let name = name.parse().map_err(|_| "the name is not a token")?;
    let value = value
        .trim_matches([' ', '\t'])
        .parse()
        .map_err(|_| "the value has a character that can't be sent")?;
    Ok((name, value))
}

/// Characters of a refusal's body that are shown.
const REASON: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_split_at_the_first_colon() {
        let (name, value) = header("X-Time: 12:30 ").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-time", &b"12:30"[..]));
        for bad in ["X-Time", ": 1", "X Time: 1", "X-Time: 1\r\nX-Other: 2"] {
            assert!(header(bad).is_err(), "{bad:?}");
        }
    }
}
