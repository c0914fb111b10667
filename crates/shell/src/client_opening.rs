use std::io;
use std::time::Duration;

use bowline_handshake::{ClientHandshake, ClientHandshakeError, ClientRequest, Established};

use crate::{ClientSettings, Error, nonce};

/// The opening handshake of a client, and what its end means to the caller.
///
/// Write the [request](Self::request), then give it what is read. An error from it is all that comes of the attempt.
#[derive(Debug)]
pub struct ClientOpening {
    handshake: ClientHandshake,
    timeout: Duration,
}

impl ClientOpening {
    /// The encoded request.
    pub fn request(&self) -> &[u8] {
        self.handshake.request()
    }

    /// Handles what was read; nothing is the end. `None`: more is needed, which it never is behind the end.
    pub fn handle(&mut self, read: &[u8]) -> Option<Result<Established, Error>> {
        let answered = match read {
            [] => Err(self.handshake.handle_eof()),
            read => self.handshake.handle(read).transpose()?,
        };
        Some(answered.map_err(|error| self.ended(error)))
    }

    /// The deadline has passed. What has come of a refusal says more than that.
    pub fn handle_timeout(&mut self) -> Error {
        let error = self.handshake.handle_timeout();
        self.ended(error)
    }

    /// The transport has failed. What has come of a refusal says more than how.
    pub fn handle_failure(&mut self, failed: io::Error) -> Error {
        match self.handshake.handle_eof() {
            refused @ ClientHandshakeError::Refused(_) => refused.into(),
            _ => Error::from_transport(failed),
        }
    }

    /// What the end of the handshake means, early or late.
    fn ended(&self, error: ClientHandshakeError) -> Error {
        match error {
            ClientHandshakeError::Ended { .. } => Error::Incomplete,
            ClientHandshakeError::TimedOut { .. } => Error::HandshakeTimeout {
                after: self.timeout,
            },
            error => error.into(),
        }
    }
}

impl<T: Clone> ClientSettings<T> {
    /// Begins the opening handshake, on a stream to the server of `request`. Whoever wanted to look at requests has
    /// seen this one then.
    pub fn open(&self, request: &ClientRequest) -> ClientOpening {
        let handshake = ClientHandshake::new(request, nonce());
        self.show(handshake.request());
        ClientOpening {
            handshake,
            timeout: self.timeout,
        }
    }

    /// What the stream to the server of `request` is encrypted with; `None` if it isn't. `default` is what the carrier
    /// encrypts with if nothing was set.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it must be encrypted and there is nothing to do it with.
    pub fn encryption(
        &self,
        request: &ClientRequest,
        default: impl FnOnce() -> Option<T>,
    ) -> Result<Option<T>, Error> {
        if !request.uri().is_secure() {
            return Ok(None);
        }
        match self.tls.clone().or_else(default) {
            None => Err(Error::invalid(
                "wss needs TLS, which is not built in or was not set",
            )),
            tls => Ok(tls),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handshake that has read `read`.
    fn opening(read: &[u8]) -> ClientOpening {
        let settings = ClientSettings::<()>::default();
        let request = settings.request("ws://localhost/").unwrap();
        let mut opening = settings.open(&request);
        assert!(opening.handle(read).is_none());
        opening
    }

    fn reset() -> io::Error {
        io::ErrorKind::ConnectionReset.into()
    }

    #[test]
    fn an_answer_that_stops_is_incomplete_or_late_or_broken() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\n";
        let ended = opening(head).handle(&[]).unwrap();
        assert!(matches!(ended, Err(Error::Incomplete)));
        let late = opening(head).handle_timeout();
        assert!(matches!(late, Error::HandshakeTimeout { .. }));
        let broken = opening(head).handle_failure(reset());
        assert!(matches!(broken, Error::Transport(_)));
    }

    #[test]
    fn a_refusal_that_stops_is_told_with_what_came() {
        let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nhalf";
        let errors = [
            opening(refusal).handle(&[]).unwrap().unwrap_err(),
            opening(refusal).handle_timeout(),
            opening(refusal).handle_failure(reset()),
        ];
        for error in errors {
            match error {
                Error::Refused(response) => assert_eq!(response.body()[..], *b"half"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn encryption_is_what_was_set_or_else_the_default() {
        let settings = ClientSettings::<u8>::default();
        let request = |uri: &str| settings.request(uri).unwrap();
        let (plain, secure) = (request("ws://a/"), request("wss://a/"));
        assert_eq!(settings.encryption(&plain, || Some(1)).unwrap(), None);
        assert_eq!(settings.encryption(&secure, || Some(1)).unwrap(), Some(1));
        let missing = settings.encryption(&secure, || None);
        assert!(matches!(missing, Err(Error::Invalid(_))));

        let mut settings = settings.clone();
        settings.tls = Some(2);
        assert_eq!(settings.encryption(&secure, || Some(1)).unwrap(), Some(2));
    }
}
