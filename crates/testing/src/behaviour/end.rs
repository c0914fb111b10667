//! The tested end of a connection. Each call notes where it is made; most panic unless what was expected comes.

use bowline_extension::Compress;
use bowline_frame::{CloseCode, CloseFrame, Message, MessageKind};
use bowline_io::Error;
use bowline_proto::{Arrival, Ended, EndedBy, Prepared, QueueError};
use bytes::Bytes;

use super::bench::Calls;
use super::carrier::{Carrier, Receives, Sends, Socket};
use super::{Chunk, Event};
use crate::hex::assert_bytes_eq;

/// What receives: a whole connection, or its receiving half.
pub(super) struct Receiving<R> {
    end: R,
    calls: Calls,
}

/// What sends.
#[derive(Clone)]
pub(super) struct Sending<S> {
    end: S,
    calls: Calls,
}

/// A whole connection of a carrier.
pub(super) type Whole<C> = Receiving<<C as Carrier>::Socket>;

impl<R: Receives> Receiving<R> {
    pub(super) fn new(end: R, calls: Calls) -> Self {
        Self { end, calls }
    }

    #[track_caller]
    pub(super) fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.calls.during(|| self.end.recv())
    }

    #[track_caller]
    pub(super) fn recv_ref(&mut self) -> Result<Option<Message>, Error> {
        self.calls.during(|| self.end.recv_ref())
    }

    #[track_caller]
    pub(super) fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>> {
        self.calls.during(|| self.end.give_up_recv(polls))
    }

    /// Receives a message.
    #[track_caller]
    pub(super) fn message(&mut self) -> Message {
        match self.recv() {
            Ok(Some(message)) => message,
            Ok(None) => panic!("the end and no message: {:?}", self.end.ended()),
            Err(error) => panic!("no message: {error:?}"),
        }
    }

    /// Receives a message, which must be this one.
    #[track_caller]
    pub(super) fn expect(&mut self, message: impl Into<Message>) {
        same(&self.message(), &message.into());
    }

    /// Receives a message, ping or pong.
    #[track_caller]
    pub(super) fn event(&mut self) -> Event {
        match self.calls.during(|| self.end.recv_event()) {
            Ok(Some(event)) => event,
            Ok(None) => panic!("the end and no event: {:?}", self.end.ended()),
            Err(error) => panic!("no event: {error:?}"),
        }
    }

    /// Receives a run of a message.
    #[track_caller]
    pub(super) fn chunk(&mut self) -> Chunk {
        match self.calls.during(|| self.end.recv_chunk()) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => panic!("the end and no chunk: {:?}", self.end.ended()),
            Err(error) => panic!("no chunk: {error:?}"),
        }
    }

    /// Receives the orderly end, and nothing for ever after it.
    #[track_caller]
    pub(super) fn expect_end(&mut self) -> Ended {
        match self.recv() {
            Ok(None) => {}
            Ok(Some(message)) => panic!("a message and no end: {message:?}"),
            Err(error) => panic!("no orderly end: {error:?}"),
        }
        assert_eq!(self.recv().expect("an error comes once"), None);
        self.ended()
    }

    /// Receives the orderly end of a connection that was ended so and with this code.
    #[track_caller]
    pub(super) fn expect_ended(&mut self, by: EndedBy, code: u16) {
        let ended = self.expect_end();
        assert_eq!((ended.by, ended.code(), ended.clean), (by, code, true));
    }

    /// Receives an error, and the end for ever after it.
    #[track_caller]
    pub(super) fn error(&mut self) -> Error {
        let error = match self.recv() {
            Err(error) => error,
            Ok(received) => panic!("no error: {received:?}"),
        };
        assert_eq!(self.recv().expect("an error comes once"), None);
        error
    }

    /// How the connection ended.
    #[track_caller]
    pub(super) fn ended(&self) -> Ended {
        self.end.ended().expect("the connection is over")
    }

    pub(super) fn is_open(&self) -> bool {
        self.end.ended().is_none()
    }

    pub(super) fn arrival(&self) -> Arrival {
        self.end.arrival()
    }
}

impl<S: Socket> Receiving<S> {
    pub(super) fn sender(&self) -> Sending<S::Sender> {
        Sending {
            end: self.end.sender(),
            calls: self.calls.clone(),
        }
    }

    pub(super) fn split(self) -> (Receiving<S::Receiver>, Sending<S::Sender>) {
        let (receiver, sender) = self.end.split();
        let calls = self.calls.clone();
        let receiver = Receiving::new(receiver, self.calls);
        (receiver, Sending { end: sender, calls })
    }

    pub(super) fn subprotocol(&self) -> Option<String> {
        self.end.subprotocol()
    }

    /// Sends a message.
    #[track_caller]
    pub(super) fn send(&self, message: impl Into<Message>) {
        self.sender().send(message);
    }

    #[track_caller]
    pub(super) fn close(&mut self, code: u16) -> Result<(), Error> {
        self.calls.during(|| self.end.close(close_frame(code)))
    }

    #[track_caller]
    pub(super) fn close_with(&mut self, close: CloseFrame) -> Result<(), Error> {
        self.calls.during(|| self.end.close(close))
    }

    #[track_caller]
    pub(super) fn give_up_close(&mut self, code: u16, polls: u32) -> Option<Result<(), Error>> {
        let close = close_frame(code);
        self.calls.during(|| self.end.give_up_close(close, polls))
    }
}

impl<S: Sends> Sending<S> {
    pub(super) fn with_compress(self, compress: Compress) -> Self {
        Self {
            end: self.end.with_compress(compress),
            calls: self.calls,
        }
    }

    /// Sends a message that goes to many.
    #[track_caller]
    pub(super) fn send_prepared(&self, message: &mut Prepared) {
        done(self.calls.during(|| self.end.send_prepared(message)));
    }

    /// Sends a message.
    #[track_caller]
    pub(super) fn send(&self, message: impl Into<Message>) {
        done(self.try_send(message));
    }

    #[track_caller]
    pub(super) fn try_send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.calls.during(|| self.end.send(message.into()))
    }

    #[track_caller]
    pub(super) fn send_ref(&self, message: &Message) {
        done(self.calls.during(|| self.end.send_ref(message)));
    }

    /// Sends a fragment.
    #[track_caller]
    pub(super) fn fragment(&self, kind: MessageKind, payload: impl AsRef<[u8]>, last: bool) {
        done(self.try_fragment(kind, payload, last));
    }

    #[track_caller]
    pub(super) fn try_fragment(
        &self,
        kind: MessageKind,
        payload: impl AsRef<[u8]>,
        last: bool,
    ) -> Result<(), Error> {
        let payload = Bytes::copy_from_slice(payload.as_ref());
        self.calls
            .during(|| self.end.send_fragment(kind, payload, last))
    }

    /// Feeds a message.
    #[track_caller]
    pub(super) fn feed(&self, message: impl Into<Message>) {
        done(self.calls.during(|| self.end.feed(message.into())));
    }

    #[track_caller]
    pub(super) fn queue(&self, message: impl Into<Message>) -> Result<(), QueueError> {
        self.calls.during(|| self.end.queue(message.into()))
    }

    #[track_caller]
    pub(super) fn flush(&self) {
        done(self.calls.during(|| self.end.flush()));
    }

    #[track_caller]
    pub(super) fn ping(&self, payload: impl AsRef<[u8]>) {
        done(self.try_ping(payload));
    }

    #[track_caller]
    pub(super) fn try_ping(&self, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        self.calls.during(|| self.end.ping(payload.as_ref()))
    }

    #[track_caller]
    pub(super) fn close(&self, code: u16) {
        done(self.try_close(code));
    }

    #[track_caller]
    pub(super) fn try_close(&self, code: u16) -> Result<(), Error> {
        self.calls.during(|| self.end.close(close_frame(code)))
    }

    #[track_caller]
    pub(super) fn give_up_send(
        &self,
        message: impl Into<Message>,
        polls: u32,
    ) -> Option<Result<(), Error>> {
        let message = message.into();
        self.calls.during(|| self.end.give_up_send(message, polls))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.end.is_closed()
    }
}

/// Asserts that two messages are the same, and shows where not.
#[track_caller]
pub(super) fn same(actual: &Message, expected: &Message) {
    assert_eq!(actual.kind(), expected.kind());
    assert_bytes_eq(actual.as_bytes(), expected.as_bytes(), "message");
}

#[track_caller]
fn done(result: Result<(), Error>) {
    if let Err(error) = result {
        panic!("{error:?}");
    }
}

fn close_frame(code: u16) -> CloseFrame {
    CloseCode::try_from(code).expect("a code").into()
}
