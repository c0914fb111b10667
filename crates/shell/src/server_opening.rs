use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_handshake::{HttpRequest, Refusal, ServerHandshake, ServerHead, Upgrade};
use bowline_proto::Config;
use bytes::Bytes;

use crate::{Error, ServerSettings};

/// The opening handshake of a server, up to what is to be decided.
///
/// Give it what is read; then do what the [`Opened`] says.
#[derive(Debug)]
pub struct ServerOpening {
    handshake: ServerHandshake,
    timeout: Duration,
}

/// What came of reading a request. Complete by definition.
#[derive(Debug)]
pub enum Opened {
    /// A flawless request for a WebSocket, to be accepted or refused.
    Upgrade(Box<Upgrade>),
    /// Something else over HTTP/1.1, to be answered.
    Http(Box<HttpRequest>),
    /// Nothing that could be accepted.
    Refused(Refused),
}

/// A request that comes to nothing.
#[derive(Debug)]
pub struct Refused {
    answer: Option<Bytes>,
    error: Error,
}

/// What a stream goes by between its request and the open connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// The limits and deadlines of the connection.
    pub config: Config,
    /// When the opening handshake must be done.
    pub deadline: Instant,
    timeout: Duration,
}

impl ServerOpening {
    /// Handles what was read; nothing is the end. `None`: more is needed, which it never is behind the end.
    pub fn handle(&mut self, read: &[u8]) -> Option<Opened> {
        if read.is_empty() {
            return Some(Opened::Refused(Refused {
                answer: None,
                error: Error::Incomplete,
            }));
        }
        Some(match self.handshake.handle(read)? {
            ServerHead::Upgrade(upgrade) => Opened::Upgrade(upgrade),
            ServerHead::Http(request) => Opened::Http(Box::new(request)),
            ServerHead::Refused(refusal) => Opened::Refused(refusal.into()),
        })
    }

    /// The deadline has passed.
    pub fn handle_timeout(self) -> Opened {
        // A client that has said nothing asked for no answer.
        let answer = (self.handshake.received() > 0)
            .then(|| self.handshake.handle_timeout().into_response());
        Opened::Refused(Refused {
            answer,
            error: timed_out(self.timeout),
        })
    }
}

impl Refused {
    /// What is to be written to the client before the stream is ended in order; `None`: it is dropped.
    pub fn answer(&self) -> Option<&[u8]> {
        self.answer.as_deref()
    }

    /// What the caller is told, when the answer is out or couldn't be written.
    pub fn into_error(self, written: io::Result<()>) -> Error {
        match (self.error, written) {
            (Error::Request(_), Err(failed)) => Error::from_transport(failed),
            (error, _) => error,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let error = Error::Request(Box::new(*refusal.reason()));
        Self {
            answer: Some(refusal.into_response()),
            error,
        }
    }
}

impl Terms {
    /// That the opening handshake was not done in time.
    pub const fn timed_out(&self) -> Error {
        timed_out(self.timeout)
    }
}

impl<T> ServerSettings<T> {
    /// Begins to wait for a request.
    pub fn open(&self) -> ServerOpening {
        ServerOpening {
            handshake: ServerHandshake::new(Arc::clone(&self.server)),
            timeout: self.timeout,
        }
    }

    /// What a stream goes by whose opening handshake must be done by `deadline`.
    pub fn terms(&self, deadline: Instant) -> Terms {
        Terms {
            config: self.config.clone(),
            deadline,
            timeout: self.timeout,
        }
    }
}

const fn timed_out(after: Duration) -> Error {
    Error::HandshakeTimeout { after }
}

/// What the request for a WebSocket says and how the answer may be changed.
///
/// The methods stand in an `impl` of a type with a field `upgrade` that holds an [`Upgrade`], directly or behind
/// something that derefs to it.
#[macro_export]
macro_rules! upgrade_methods {
    () => {
        /// The request. Its URI is path and query.
        pub fn request(&self) -> &$crate::macros::Request<()> {
            self.upgrade.request()
        }

        /// The subprotocols that the client offers, the one it prefers first.
        pub fn offered_subprotocols(&self) -> impl Iterator<Item = &str> {
            self.upgrade.offered_subprotocols()
        }

        /// The subprotocol that will be answered.
        pub fn subprotocol(&self) -> Option<&str> {
            self.upgrade.subprotocol()
        }

        /// Chooses another of the subprotocols that the client offers, or none.
        ///
        /// # Errors
        ///
        /// [`Error::Invalid`](bowline_shell::Error::Invalid) if the client doesn't offer it.
        pub fn set_subprotocol(&mut self, name: Option<&str>) -> Result<(), $crate::Error> {
            let set = self.upgrade.set_subprotocol(name);
            set.map_err($crate::Error::invalid)
        }

        /// Adds a header to the 101.
        ///
        /// # Errors
        ///
        /// [`Error::Invalid`](bowline_shell::Error::Invalid) if name or value can't be written, or if the handshake
        /// writes the header itself.
        pub fn header<N, V>(&mut self, name: N, value: V) -> Result<(), $crate::Error>
        where
            N: TryInto<$crate::macros::HeaderName>,
            V: TryInto<$crate::macros::HeaderValue>,
        {
            let added = self.upgrade.header(name, value);
            added.map_err($crate::Error::invalid)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> ServerOpening {
        ServerSettings::<()>::default().open()
    }

    /// The answer and the error.
    #[track_caller]
    fn refused(opened: Opened) -> (Option<Bytes>, Error) {
        match opened {
            Opened::Refused(refused) => (refused.answer.clone(), refused.into_error(Ok(()))),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_client_that_says_nothing_gets_no_answer() {
        let (answer, error) = refused(opening().handle_timeout());
        assert!(answer.is_none() && matches!(error, Error::HandshakeTimeout { .. }));

        let (answer, error) = refused(opening().handle(&[]).unwrap());
        assert!(answer.is_none() && matches!(error, Error::Incomplete));
    }

    #[test]
    fn half_a_request_is_answered_when_time_is_up() {
        let mut opening = opening();
        assert!(opening.handle(b"GET / HTTP/1.1\r\n").is_none());
        let (answer, error) = refused(opening.handle_timeout());
        assert!(answer.unwrap().starts_with(b"HTTP/1.1 408 "));
        assert!(matches!(error, Error::HandshakeTimeout { .. }));
    }

    #[test]
    fn a_refusal_that_could_not_be_written_is_a_failure_of_the_transport() {
        let refuse = || match opening().handle(b"GET / HTTP/1.1\nHost: a\n\n") {
            Some(Opened::Refused(refused)) => refused,
            other => panic!("{other:?}"),
        };
        let broken = || Err(io::ErrorKind::BrokenPipe.into());
        assert!(matches!(refuse().into_error(Ok(())), Error::Request(_)));
        assert!(matches!(refuse().into_error(broken()), Error::Transport(_)));

        let Opened::Refused(late) = opening().handle_timeout() else {
            panic!("not refused");
        };
        let error = late.into_error(broken());
        assert!(matches!(error, Error::HandshakeTimeout { .. }));
    }
}
