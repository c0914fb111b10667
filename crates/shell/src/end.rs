//! How a connection ends, and what each who asks is told.

use std::io;
use std::time::Duration;

use bowline_frame::CloseCode;
use bowline_proto::Timeout;

use crate::Error;

/// Why writing failed, for the two who ask: a sender and the receiver. Each is told once.
#[derive(Debug)]
pub struct Failure {
    error: Option<Error>,
    cause: Option<Error>,
}

impl Failure {
    /// Writing failed, and nobody was told yet.
    pub fn new(error: Error) -> Self {
        let cause = match &error {
            Error::Transport(error) => Some(Error::Transport(copy(error))),
            Error::Tls(error) => Some(Error::Tls(copy(error))),
            Error::Timeout(timeout) => Some(Error::Timeout(*timeout)),
            _ => None,
        };
        Self {
            error: Some(error),
            cause,
        }
    }

    /// What the first sender who asks is told.
    pub const fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// What the receiver is told.
    pub const fn take_cause(&mut self) -> Option<Error> {
        self.cause.take()
    }

    /// True if the receiver was not told yet.
    pub const fn has_cause(&self) -> bool {
        self.cause.is_some()
    }

    /// The receiver has said how the connection ended: senders find it closed.
    pub fn settle(&mut self) {
        self.error = None;
    }
}

/// What can be told of a failure a second time.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// What receiving gives when the connection is over: nothing wrong if the end was orderly.
///
/// `error` is why the connection failed, `peer_closed` whether the peer's Close has come, and `pinged` how long our
/// last ping had been waiting for an answer.
///
/// # Errors
///
/// `error`, or [`Error::Lost`] if neither it nor a Close says why the connection ended.
pub fn outcome(
    error: Option<Error>,
    peer_closed: bool,
    pinged: Option<Duration>,
) -> Result<(), Error> {
    match error {
        // RFC 6455 §1.4: after its Close the peer takes nothing from us, and its transport may fail.
        Some(Error::Timeout(Timeout::Close { .. }) | Error::Transport(_) | Error::Tls(_))
            if peer_closed =>
        {
            Ok(())
        }
        Some(error) => Err(error),
        None if peer_closed => Ok(()),
        None => Err(Error::Lost { pinged }),
    }
}

/// What the Close says of a connection whose receiver is dropped: 1001, or 1011 in a panic.
pub fn dropped() -> CloseCode {
    if std::thread::panicking() {
        CloseCode::INTERNAL_ERROR
    } else {
        CloseCode::GOING_AWAY
    }
}

/// What the Close says of a connection whose handler has returned: 1000, or 1011 with an error.
pub const fn served<O, E>(outcome: &Result<O, E>) -> CloseCode {
    match outcome {
        Ok(_) => CloseCode::NORMAL,
        Err(_) => CloseCode::INTERNAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset() -> Error {
        io::Error::from(io::ErrorKind::ConnectionReset).into()
    }

    #[test]
    fn a_failure_is_told_once_to_a_sender_and_once_to_the_receiver() {
        let mut failure = Failure::new(reset());
        assert!(failure.has_cause());
        for told in [failure.take_error(), failure.take_cause()] {
            let Some(Error::Transport(error)) = told else {
                panic!("{told:?}");
            };
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        assert!(failure.take_error().is_none());
        assert!(failure.take_cause().is_none());
    }

    #[test]
    fn what_tls_refused_is_told_twice() {
        let record = io::Error::new(io::ErrorKind::InvalidData, "bad record");
        let mut failure = Failure::new(Error::from_transport(record));
        for told in [failure.take_error(), failure.take_cause()] {
            let Some(Error::Tls(error)) = told else {
                panic!("{told:?}");
            };
            assert_eq!(error.to_string(), "bad record");
        }
    }

    #[test]
    fn a_code_of_the_operating_system_is_told_twice() {
        let mut failure = Failure::new(io::Error::from_raw_os_error(32).into());
        let Some(Error::Transport(cause)) = failure.take_cause() else {
            panic!("no cause");
        };
        assert_eq!(cause.raw_os_error(), Some(32));
    }

    #[test]
    fn a_sender_who_asks_after_the_end_is_told_nothing() {
        let mut failure = Failure::new(reset());
        failure.settle();
        assert!(failure.take_error().is_none());
    }

    #[test]
    fn behind_the_peers_close_the_transport_may_fail() {
        let late = || {
            Error::from(Timeout::Close {
                after: Duration::ZERO,
            })
        };
        let record = || Error::from_transport(io::ErrorKind::InvalidData.into());
        for error in [None, Some(reset()), Some(late()), Some(record())] {
            assert!(outcome(error, true, None).is_ok());
        }
        assert!(matches!(
            outcome(Some(record()), false, None),
            Err(Error::Tls(_))
        ));
        assert!(matches!(
            outcome(Some(reset()), false, None),
            Err(Error::Transport(_))
        ));
        assert!(matches!(
            outcome(Some(late()), false, None),
            Err(Error::Timeout(Timeout::Close { .. }))
        ));
    }

    #[test]
    fn an_end_that_nothing_explains_is_a_loss() {
        let pinged = Some(Duration::from_secs(3));
        let lost = outcome(None, false, pinged);
        assert!(matches!(lost, Err(Error::Lost { pinged: told }) if told == pinged));
    }
}
