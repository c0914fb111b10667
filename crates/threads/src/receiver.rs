mod driver;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_frame::{Message, MessageRef};
use bowline_proto::{Arrival, Config, Deadlines, Ended, EventRef, Inbound, Volume};
use bowline_shell::{end, take};
use bytes::BytesMut;

use crate::shared::Shared;
use crate::{Chunk, Error, Event, Transport};
use driver::{Block, Next};

/// The receiving half of a connection, and its driver.
///
/// Whoever calls one of its methods moves everything that needs no decision: pongs and close replies, output that is
/// queued, keepalive, and every deadline. A connection on which nobody receives does none of that. It never waits for
/// a sender: while one writes, it writes what the receiver has queued, too.
///
/// Dropping the receiver ends the connection: what is queued, and a Close with code 1001 (1011 in a panic), is offered
/// to the transport once.
pub struct Receiver<T: Transport> {
    /// `None` once the connection is over.
    reader: Option<T::Reader>,
    shared: Arc<Shared<T::Writer>>,
    inbound: Inbound,
    deadlines: Deadlines,
    block: Block,
    /// Why the connection fails, until the caller is told.
    error: Option<Error>,
    over: Option<Box<Ended>>,
    /// What `recv_ref` lends.
    lent: Option<Message>,
    chunked: bool,
    /// The longest wait without a look at the writing side.
    tick: Duration,
    /// The next wait while the transport takes no output.
    retry: Duration,
}

/// What came of [`Receiver::recv_timeout`]. Complete by definition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Received {
    /// A message.
    Message(Message),
    /// Nothing in time. The connection is as it was; receive again.
    Nothing,
    /// The end, in order.
    End,
}

impl<T: Transport> Receiver<T> {
    pub(crate) fn new(
        reader: T::Reader,
        shared: Arc<Shared<T::Writer>>,
        inbound: Inbound,
        deadlines: Deadlines,
        config: &Config,
        unread: BytesMut,
    ) -> Self {
        Self {
            reader: Some(reader),
            shared,
            inbound,
            deadlines,
            block: Block::holding(unread),
            error: None,
            over: None,
            lent: None,
            chunked: false,
            tick: config.close,
            retry: driver::RETRY,
        }
    }

    /// Receives the next message; `None` after an orderly end.
    ///
    /// Pings are answered and pongs are taken on the way. An error or `None` comes only when our Close frame is out and
    /// the transport has ended, or the close deadline has passed: a caller who drops the socket then loses nothing.
    /// After it, `None` for ever.
    ///
    /// A message costs one copy and one allocation up to 16 KiB; a larger one is read into its own buffer.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`], [`Error::Timeout`], [`Error::Transport`] or [`Error::Lost`]; once.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        match self.take_message() {
            Some(message) => Ok(Some(message)),
            None => self.owned(take::message),
        }
    }

    /// As [`recv`](Self::recv), but waits no longer than `timeout` for the message. Nothing is lost when it passes, not
    /// even half a message.
    ///
    /// With a timeout of zero it takes what has arrived.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Received, Error> {
        let until = Instant::now().checked_add(timeout);
        Ok(match self.next(until, |event, _| take::message(event))? {
            Next::Taken(message) => Received::Message(message),
            Next::Nothing => Received::Nothing,
            Next::End => Received::End,
        })
    }

    /// Receives the next message without taking it: it is lent until the next call, with neither copy nor allocation
    /// if it came in one frame and one read.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>, Error> {
        self.lent = None;
        let mut lent = None;
        let place = self.next(None, |event, end| take::place(event, end, &mut lent));
        self.lent = lent;
        Ok(match place? {
            Next::Taken(place) => place.lend(|range| self.block.bytes(range), self.lent.as_ref()),
            Next::Nothing | Next::End => None,
        })
    }

    /// Receives the next message, ping or pong; `None` after an orderly end. Pings are answered before the receiver
    /// waits next.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        self.owned(take::event)
    }

    /// Receives the next run of a message as it arrives; `None` after an orderly end.
    ///
    /// So a message may be larger than memory: its length is not limited. A message that [`recv`](Self::recv) has begun
    /// to put together comes whole, as one chunk.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        self.chunked = true;
        let chunk = self.owned(take::chunk);
        self.chunked = false;
        chunk
    }

    /// How the connection ended; `None` while it is open.
    pub fn ended(&self) -> Option<&Ended> {
        self.over.as_deref()
    }

    /// How the last message came over the wire.
    pub const fn arrival(&self) -> Arrival {
        self.inbound.arrival()
    }

    /// What was decompressed, or otherwise decoded by an extension, so far.
    pub const fn volume(&self) -> Volume {
        self.inbound.volume()
    }

    /// Receives until `take` takes an event, of which it keeps nothing borrowed.
    fn owned<R>(
        &mut self,
        mut take: impl FnMut(EventRef<'_>) -> Option<R>,
    ) -> Result<Option<R>, Error> {
        Ok(match self.next(None, |event, _| take(event))? {
            Next::Taken(taken) => Some(taken),
            Next::Nothing | Next::End => None,
        })
    }
}

/// Ends the connection. What is queued, and a Close frame if there was none, is offered to the transport once.
impl<T: Transport> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.over.is_some() {
            return;
        }
        let mut out = self.shared.lock();
        out.close(&end::dropped().into());
        let out = self.shared.offer_receiving(out, Instant::now());
        driver::let_go(&mut self.reader, &self.shared, out);
    }
}

impl<T: Transport> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("inbound", &self.inbound)
            .field("ended", &self.over)
            .finish_non_exhaustive()
    }
}
