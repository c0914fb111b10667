use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_extension::Compress;
use bowline_frame::{CloseFrame, Message, MessageKind, MessageRef};
use bowline_proto::{Outbound, Prepared, QueueError, SendError, Volume};
use bytes::Bytes;

use crate::shared::{Locked, Shared, closes};
use crate::{Error, Transport};

/// The sending half of a connection. Clones send on the same connection, each message whole, from any thread.
///
/// # When a message is written
///
/// *Queued* means accepted: it is sent after all that was queued before, unless the connection fails. *Written* means
/// handed to the transport. [`send`](Self::send) returns when its message is written. [`feed`](Self::feed) only queues:
/// what it left is written by the next call that writes, or by the receiver before it waits. A receiver that waits
/// already doesn't hear of it; [`flush`](Self::flush) makes sure. End a program with
/// [`close`](crate::WebSocket::close) or `flush`, or what is queued may be lost.
///
/// One thread writes at a time, and it writes what the others have queued meanwhile.
///
/// # Backpressure
///
/// Above the soft mark of output (128 KiB by default) `send` and `feed` wait until the peer has read, up to the write
/// deadline; [`queue`](Self::queue) gives the message back above the hard mark (1 MiB).
pub struct Sender<T: Transport> {
    shared: Arc<Shared<T::Writer>>,
    compress: Compress,
}

impl<T: Transport> Sender<T> {
    pub(crate) const fn new(shared: Arc<Shared<T::Writer>>) -> Self {
        Self {
            shared,
            compress: Compress::Auto,
        }
    }

    /// Sets what this sender wishes for its messages where compression was agreed on; [`Compress::Auto`] at first. Its
    /// clones take it over, other senders keep theirs.
    ///
    /// [`Compress::Never`] is the guard for secrets: where what an attacker chooses is compressed together with a
    /// secret, the size of the result tells of the secret. What is sent with `Never` is not compressed and leaves no
    /// trace in what is.
    #[must_use]
    pub const fn with_compress(mut self, compress: Compress) -> Self {
        self.compress = compress;
        self
    }

    /// Sends a message: waits for room, queues it, and waits until it is written.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after a Close or the end; [`Error::Transport`] or [`Error::Timeout`] if writing failed, here
    /// or earlier and nobody was told; [`Error::Send`].
    ///
    /// # Panics
    ///
    /// If the extension does. The connection is being closed with 1011 then, as when it fails: other senders find it
    /// closed, and the receiver sees the closing handshake through.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.sending(true, |out| out.send(message))
    }

    /// As [`send`](Self::send), but waits for room no longer than `timeout`. A message that was queued by then is sent,
    /// even if not all of it is written when the time is up; as after [`feed`](Self::feed).
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] gives the message back: there was no room. [`QueueError::Send`] if nothing can be sent any
    /// more.
    pub fn send_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), QueueError> {
        let until = Instant::now().checked_add(timeout);
        let out = self.shared.lock();
        let mut out = self.shared.wait(out, until, |out| out.has_room());
        if !out.has_room() && !out.is_over() {
            return Err(QueueError::Full(message.into()));
        }
        let queued;
        (out, queued) = self.queue_on(out, message.into(), Outbound::send);
        queued?;
        self.shared.written_or_left(out, until);
        Ok(())
    }

    /// As [`send`](Self::send), for a message that is borrowed, such as one that
    /// [`recv_ref`](crate::WebSocket::recv_ref) lends. It is copied into the output.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_ref(&self, message: MessageRef<'_>) -> Result<(), Error> {
        self.sending(true, |out| out.send_ref(message))
    }

    /// As [`send`](Self::send), for a message that goes to many connections: it is compressed by the first of those that
    /// compress alike, and the others send the same bytes.
    ///
    /// With context takeover this message refers to nothing before it, so share only what goes to several.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&self, prepared: &mut Prepared) -> Result<(), Error> {
        self.sending(true, |out| out.send_prepared(prepared))
    }

    /// Sends the next fragment of a message that is sent in pieces; the first begins it, the one with `last` ends it.
    /// So a message may be larger than memory.
    ///
    /// Until it is ended, other messages fail; with clones, agree on who sends. The peer can read a fragment when it
    /// comes, also where compression was agreed on, which costs a few bytes for each.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Error::Send`] if a message of the other kind is open, or one that is compressed and
    /// this sender's wish is [`Compress::Never`].
    pub fn send_fragment(
        &self,
        kind: MessageKind,
        payload: impl Into<Bytes>,
        last: bool,
    ) -> Result<(), Error> {
        let payload = payload.into();
        self.sending(true, |out| out.fragment(kind, payload, last))
    }

    /// Waits for room and queues a message. It is written with the next [`flush`](Self::flush) or other call that
    /// writes, by the receiver before it waits, or when the soft mark is reached.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.sending(false, |out| out.send(message))
    }

    /// Queues a message without waiting for room, and writes what the transport takes now. The rest is written as after
    /// [`feed`](Self::feed).
    ///
    /// A socket that takes nothing may need a moment to say so: a millisecond, the shortest wait that it can be told, or
    /// what the operating system makes of that.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] gives the message back above the hard mark; [`QueueError::Send`] if nothing can be sent any
    /// more.
    pub fn queue(&self, message: impl Into<Message>) -> Result<(), QueueError> {
        let out = self.shared.lock();
        let (out, queued) = self.queue_on(out, message.into(), Outbound::queue);
        drop(self.shared.offer(out, Instant::now()));
        queued
    }

    /// Waits until all that was queued before is handed to the transport.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn flush(&self) -> Result<(), Error> {
        let mut out = self.shared.lock();
        out.check()?;
        self.written(out)
    }

    /// Sends a ping with this payload, at most 125 bytes; the pong comes as an [`Event`](crate::Event) of the receiver.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Error::Send`] if the payload is too long.
    pub fn ping(&self, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        self.sending(true, |out| out.ping(payload.as_ref()))
    }

    /// Sends a Close frame behind what is queued: the closing handshake begins.
    ///
    /// The receiver goes on until the peer has answered, and then gives `None`. Closing twice is no error; the first
    /// code stands.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), but [`Error::Closed`] only if the connection is over.
    pub fn close(&self, close: impl Into<CloseFrame>) -> Result<(), Error> {
        let mut out = self.shared.lock();
        out.close(&close.into());
        out.check()?;
        self.written(out)
    }

    /// What was compressed, or otherwise encoded by an extension, so far.
    pub fn volume(&self) -> Volume {
        self.shared.lock().outbound.volume()
    }

    /// True if nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().outbound.is_closed()
    }

    /// True if `other` sends on the same connection.
    pub fn same_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Queues a Close frame and lets the receiver see to it.
    pub(crate) fn start_close(&self, close: &CloseFrame) {
        self.shared.lock().close(close);
    }

    /// Waits for room, queues, and waits until it is written if it is to be.
    fn sending(
        &self,
        write: bool,
        queue: impl FnOnce(&mut Outbound) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let mut out = self.shared.lock();
        out = self.shared.wait(out, None, |out| out.has_room());
        out.check()?;
        let queued;
        (out, queued) = self.put(out, queue);
        match queued {
            Ok(()) if write => self.written(out),
            Ok(()) => {
                if out.outbound.is_over_soft_mark() {
                    // The room is used up: not waiting here, the next one does.
                    out = self.shared.offer(out, Instant::now());
                    out.check()?;
                }
                Ok(())
            }
            Err(error) => {
                if closes(&error) {
                    self.written(out)?;
                }
                Err(error.into())
            }
        }
    }

    /// Queues on a connection that isn't over. Why it is over is for somebody who can be told.
    fn queue_on<'a, E: From<SendError>>(
        &'a self,
        out: Locked<'a, T::Writer>,
        message: Message,
        queue: fn(&mut Outbound, Message) -> Result<(), E>,
    ) -> (Locked<'a, T::Writer>, Result<(), E>) {
        if out.is_over() {
            return (out, Err(SendError::Closed.into()));
        }
        self.put(out, |outbound| queue(outbound, message))
    }

    /// Queues. A Close that is queued because the extension panicked is offered to the transport before the panic goes
    /// on: a receiver that waits would not hear of it.
    fn put<'a, E>(
        &'a self,
        mut out: Locked<'a, T::Writer>,
        queue: impl FnOnce(&mut Outbound) -> Result<(), E>,
    ) -> (Locked<'a, T::Writer>, Result<(), E>) {
        out.outbound.compress(self.compress);
        match out.queue(queue) {
            Ok(queued) => (out, queued),
            Err(panic) => {
                drop(self.shared.offer(out, Instant::now()));
                resume_unwind(panic);
            }
        }
    }

    /// Waits until all that is queued now is written.
    fn written(&self, mut out: Locked<'_, T::Writer>) -> Result<(), Error> {
        let mark = out.mark();
        let mut out = self.shared.wait(out, None, |out| out.is_written(mark));
        if out.is_written(mark) {
            return Ok(());
        }
        out.check()
    }
}

impl<T: Transport> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            compress: self.compress,
        }
    }
}

impl<T: Transport> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
