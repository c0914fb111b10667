mod driver;
mod foresight;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_extension::Token;
use bowline_frame::{Message, MessageRef, Role};
use bowline_proto::{Arrival, Config, Deadlines, Ended, EventRef, Inbound, OutboundStatus, Volume};
use bowline_shell::end;
use bowline_shell::take::{self, Place};
use bytes::BytesMut;

use crate::buffers::Block;
use crate::shared::Shared;
use crate::{Chunk, Error, Event, Parts, Transport};
use driver::{Armed, Run};
use foresight::Foresight;

/// The receiving half of a connection, and its driver.
///
/// Whoever awaits one of its methods moves everything that needs no decision: pongs and close replies,
/// output that is queued, keepalive, and every deadline. A connection on which nobody receives does none of
/// that. Dropping the receiver ends the connection: what is queued, and a Close with code 1001 (1011 in a panic),
/// is offered to the transport once.
///
/// # Cancellation
///
/// All its methods are cancel safe: if another branch of a `select!` wins, no message was taken.
pub struct Receiver<T: Transport> {
    /// `None` once the connection is over.
    reader: Option<T::Reader>,
    shared: Arc<Shared<T::Writer>>,
    inbound: Inbound,
    deadlines: Deadlines,
    timer: Option<Armed<T::Timer>>,
    block: Option<Block>,
    /// Why the connection fails, until the caller is told.
    error: Option<Box<Error>>,
    over: Option<Box<Ended>>,
    run: Run,
    handing: Handing,
    /// The peer has filled a block: more is read at once, until a message is read into its own buffer.
    wide: bool,
    foresight: Foresight,
}

/// How messages are handed out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Handing {
    Owned,
    /// Where they lie, as a rule.
    Lent,
    Chunks,
}

impl<T: Transport> Receiver<T> {
    pub(crate) fn new(
        reader: T::Reader,
        shared: Arc<Shared<T::Writer>>,
        inbound: Inbound,
        deadlines: Deadlines,
        block: Option<Block>,
        error: Option<Error>,
    ) -> Self {
        Self {
            reader: Some(reader),
            shared,
            inbound,
            deadlines,
            timer: None,
            block,
            error: error.map(Box::new),
            over: None,
            run: Run::default(),
            handing: Handing::Owned,
            wide: false,
            foresight: Foresight::NONE,
        }
    }

    /// Receives the next message; `None` after an orderly end.
    ///
    /// Pings are answered and pongs are taken on the way. An error or `None` comes only when our Close frame
    /// is out and the transport has ended, or the close deadline has passed: a caller who drops the socket
    /// then loses nothing. After it, `None` for ever.
    ///
    /// A message costs one copy and one allocation up to 16 KiB; a larger one is read into its own buffer.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`], [`Error::Timeout`], [`Error::Transport`] or [`Error::Lost`]; once.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch wins, no message was taken.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        Recv(self)
    }

    /// Receives the next message without taking it: it is lent until the next call, with neither copy nor
    /// allocation if it came in one frame and one read.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch wins, no message was taken.
    pub async fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>, Error> {
        let place = self.find().await?;
        Ok(place.and_then(|place| self.lend(place)))
    }

    /// Finds the message that [`lend`](Self::lend) lends.
    pub(crate) fn find(&mut self) -> impl Future<Output = Result<Option<Place>, Error>> {
        poll_fn(|cx| self.poll_ref(cx))
    }

    #[inline]
    pub(crate) fn lend(&self, place: Place) -> Option<MessageRef<'_>> {
        let block = self.block.as_ref();
        place.lend(
            |range| block.map_or(&[], |block| block.used(range)),
            block.and_then(Block::lent),
        )
    }

    /// Receives the next message, ping or pong; `None` after an orderly end. Pings have been answered.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch wins, no event was taken.
    pub async fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        poll_fn(|cx| self.poll_owned(cx, take::event)).await
    }

    /// Receives the next run of a message as it arrives; `None` after an orderly end.
    ///
    /// So a message may be larger than memory: its length is not limited. A message that
    /// [`recv`](Self::recv) has begun to put together comes whole, as one chunk.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch wins, no chunk was taken.
    pub async fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        poll_fn(|cx| {
            self.handing = Handing::Chunks;
            let chunk = self.poll_owned(cx, take::chunk);
            self.handing = Handing::Owned;
            chunk
        })
        .await
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

    /// Takes the receiver apart; `None` if the connection is over.
    pub(crate) fn into_parts(mut self, subprotocol: Option<Token>) -> Option<Parts<T>> {
        let unread = match &mut self.block {
            Some(block) => BytesMut::from(&*block.unused()),
            None => BytesMut::new(),
        };
        let reader = self.reader.take()?;
        let (writer, outbound, unflushed, shut_down) = self.shared.lock().take()?;
        // What is left has nothing to offer the transport.
        let ended = self
            .deadlines
            .ended(&self.inbound, OutboundStatus::default());
        self.over = Some(Box::new(ended));
        let spent = Config::new(Role::Server);
        Some(Parts {
            reader,
            writer,
            unread,
            inbound: std::mem::replace(&mut self.inbound, Inbound::new(Role::Server, &spent, None)),
            outbound,
            deadlines: std::mem::replace(&mut self.deadlines, Deadlines::new(Role::Server, &spent)),
            write_deadline: self.shared.write_deadline(),
            subprotocol,
            unflushed,
            shut_down,
            error: self.error.take().map(|error| *error),
        })
    }

    #[inline(always)]
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        if let Some(message) = self.take_message(|message, _| message.to_owned()) {
            self.give_back_block();
            return Poll::Ready(Ok(Some(message)));
        }
        self.poll_message(cx)
    }

    #[inline(never)]
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.poll_owned(cx, take::message)
    }

    /// Receives until `take` takes an event, of which it keeps nothing borrowed.
    fn poll_owned<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(EventRef<'_>) -> Option<R>,
    ) -> Poll<Result<Option<R>, Error>> {
        let received = self.poll_next(cx, |event, _| take(event));
        if received.is_ready() {
            self.give_back_block();
        }
        received
    }

    fn poll_ref(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Place>, Error>> {
        if let Some(block) = &mut self.block {
            block.lend(None);
        }
        let mut lent = None;
        let found = self
            .take_message(|message, end| take::place(EventRef::Message(message), end, &mut lent));
        if let Some(place) = found {
            return Poll::Ready(Ok(place));
        }
        self.handing = Handing::Lent;
        let place = self.poll_next(cx, |event, end| take::place(event, end, &mut lent));
        self.handing = Handing::Owned;
        if lent.is_some() {
            self.block.get_or_insert_with(Block::take).lend(lent);
        }
        place
    }
}

/// A message to come. A type of its own, and inlined, so that the message is moved once on its way to whoever awaits
/// it: a move right after it was made takes as long as all that was done to find it.
struct Recv<'a, T: Transport>(&'a mut Receiver<T>);

impl<T: Transport> Future for Recv<'_, T> {
    type Output = Result<Option<Message>, Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_recv(cx)
    }
}

/// Ends the connection. What is queued, and a Close frame if there was none, is offered to the transport once.
impl<T: Transport> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.over.is_none() {
            let mut out = self.shared.lock();
            out.lend_buffer();
            out.close(Some(&end::dropped().into()));
            let _ = out.poll_drive(&mut Context::from_waker(std::task::Waker::noop()));
            out.end();
        }
        self.give_back();
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
