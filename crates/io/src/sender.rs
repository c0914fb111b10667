use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_extension::Compress;
use bowline_frame::{CloseFrame, Message, MessageKind, MessageRef, Transmit};
use bowline_proto::{Outbound, Prepared, QueueError, SendError, Timeout, Volume};
use bytes::Bytes;

use crate::shared::{Locked, Shared};
use crate::{Error, PollWrite, Timer, Transport};

/// The sending half of a connection. Clones send on the same connection, each message whole.
///
/// # When a message is written
///
/// *Queued* means accepted: it is sent after all that was queued before, unless the connection fails.
/// *Written* means handed to the transport. [`send`](Self::send) returns when its message is written, or
/// earlier if somebody has promised to write it when the running task next waits, at the latest:
///
/// - a [`corked`](crate::corked) scope, right after the current poll of its future;
/// - the runtime, if it can ([`Timer::promise`]): on tokio in every spawned task, by a task that is woken to run after it.
///
/// So a reply never waits for what its handler waits for, and what is sent in one poll goes out in one write. A task
/// that computes for long, or blocks its thread, holds back what it has just sent, unless it calls `flush` before.
///
/// [`flush`](Self::flush) returns when all that was queued is written. End a program with
/// [`close`](crate::WebSocket::close) or `flush`, or what is queued may be lost; and a use of a runtime on one thread, or
/// what is queued waits until somebody drives that again. If a promised write fails, the next call says so.
///
/// # Cancellation
///
/// All its methods are cancel safe: a message whose future is dropped was either not queued at all, or is sent
/// whole.
///
/// # Backpressure
///
/// Above the soft mark of output (128 KiB by default) `send` and `feed` wait until the peer has read;
/// [`queue`](Self::queue) gives the message back above the hard mark (1 MiB).
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

    /// Sets what this sender wishes for its messages where compression was agreed on; [`Compress::Auto`] at
    /// first. Its clones take it over, other senders keep theirs.
    ///
    /// [`Compress::Never`] is the guard for secrets: where what an attacker chooses is compressed together with a
    /// secret, the size of the result tells of the secret. What is sent with `Never` is not compressed and leaves no
    /// trace in what is.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bowline_io::{Compress, Error, Transport, WebSocket};
    /// # async fn log_in<T: Transport>(ws: WebSocket<T>, token: &str) -> Result<(), Error> {
    /// let secret = ws.sender().with_compress(Compress::Never);
    /// secret.send(token).await?;
    /// ws.send("what the user typed").await
    /// # }
    /// ```
    #[must_use]
    pub const fn with_compress(mut self, compress: Compress) -> Self {
        self.compress = compress;
        self
    }

    /// Sends a message: waits for room, queues it, and waits until it is written, unless that is
    /// [promised](Self#when-a-message-is-written).
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after a Close or the end; [`Error::Transport`] or [`Error::Timeout`] if writing
    /// failed, here or earlier and nobody was told; [`Error::Send`].
    ///
    /// # Panics
    ///
    /// If the extension does. The connection is being closed with 1011 then, as when it fails: other senders find it
    /// closed, and the receiver sees the closing handshake through.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the message was not queued, or it will be sent whole.
    pub fn send(&self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        self.sending(queue(message.into()), true)
    }

    /// As [`send`](Self::send), for a message that is borrowed, such as one that
    /// [`recv_ref`](crate::WebSocket::recv_ref) lends. It is copied into the output; nothing is allocated below
    /// 4 KiB.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn send_ref(&self, message: MessageRef<'_>) -> impl Future<Output = Result<(), Error>> {
        self.sending(move |out| out.send_ref(message), true)
    }

    /// As [`send`](Self::send), for a message that goes to many connections: it is compressed by the first of those that
    /// compress alike, and the others send the same bytes.
    ///
    /// With context takeover this message refers to nothing before it, so share only what goes to several.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(
        &self,
        prepared: &mut Prepared,
    ) -> impl Future<Output = Result<(), Error>> {
        self.sending(move |out| out.send_prepared(prepared), true)
    }

    /// Sends the next fragment of a message that is sent in pieces; the first begins it, the one with `last`
    /// ends it. So a message may be larger than memory.
    ///
    /// Until it is ended, other messages fail; with clones, agree on who sends. The peer can read a fragment when it
    /// comes, also where compression was agreed on, which costs a few bytes for each.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Error::Send`] if a message of the other kind is open, or one that is compressed and
    /// this sender's wish is [`Compress::Never`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send), for the fragment.
    pub fn send_fragment(
        &self,
        kind: MessageKind,
        payload: impl Into<Bytes>,
        last: bool,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut payload = payload.into();
        self.sending(
            move |out| out.fragment(kind, std::mem::take(&mut payload), last),
            true,
        )
    }

    /// Waits for room and queues a message. It is written with the next [`flush`](Self::flush), by a scope
    /// that has promised it, by the receiver before it waits, or when the soft mark is reached. A runtime promises nothing
    /// for it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn feed(&self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        self.sending(queue(message.into()), false)
    }

    /// Queues a message without waiting, and writes what the transport takes now unless that is promised.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] gives the message back above the hard mark; [`QueueError::Send`] if nothing can be
    /// sent any more.
    pub fn queue(&self, message: impl Into<Message>) -> Result<(), QueueError> {
        let mut out = self.shared.lock();
        if out.is_over() {
            // Why is for somebody who can be told.
            return Err(QueueError::Send(SendError::Closed));
        }
        out.lend_buffer();
        out.compress(self.compress);
        let queued = out.queue(message.into());
        if let Err(QueueError::Send(SendError::Extension(_))) = queued {
            out.wake_all();
        }
        if !self.promise(&mut out, true) {
            // What is left is the receiver's to write; the transport wakes it.
            let _ = out.poll_drive(&mut Context::from_waker(std::task::Waker::noop()));
        }
        queued
    }

    /// Waits until all that was queued before is handed to the transport. It is written now, whoever has
    /// [promised](Self#when-a-message-is-written) to.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost; call it again to go on waiting.
    pub async fn flush(&self) -> Result<(), Error> {
        let mark = {
            let mut out = self.shared.lock();
            out.check()?;
            out.mark()
        };
        self.written(mark).await
    }

    /// Sends a ping with this payload, at most 125 bytes; the pong comes as an
    /// [`Event`](crate::Event) of the receiver.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Error::Send`] if the payload is too long.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn ping(&self, payload: impl AsRef<[u8]>) -> impl Future<Output = Result<(), Error>> {
        self.sending(move |out| out.ping(payload.as_ref()), true)
    }

    /// Sends a Close frame behind what is queued: the closing handshake begins.
    ///
    /// The receiver goes on until the peer has answered, and then gives `None`. Closing twice is no error; the
    /// first code stands.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), but [`Error::Closed`] only if the connection is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the Close was not queued, or it will be sent.
    pub async fn close(&self, close: impl Into<CloseFrame>) -> Result<(), Error> {
        let mark = {
            let mut out = self.shared.lock();
            queue_close(&mut out, &close.into());
            out.check()?;
            out.mark()
        };
        self.written(mark).await
    }

    /// What was compressed, or otherwise encoded by an extension, so far.
    pub fn volume(&self) -> Volume {
        self.shared.lock().volume()
    }

    /// True if nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed()
    }

    /// True if `other` sends on the same connection.
    pub fn same_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Queues a Close frame and lets the receiver see to it.
    pub(crate) fn start_close(&self, close: CloseFrame) {
        queue_close(&mut self.shared.lock(), &close);
    }

    /// Waits for room, queues, and waits until it is written if it is to be and nobody promised it.
    const fn sending<Q>(&self, queue: Q, write: bool) -> Sending<'_, T, Q>
    where
        Q: FnMut(&mut Outbound) -> Result<(), SendError>,
    {
        Sending {
            sender: self,
            queue,
            queued: false,
            write,
            mark: 0,
            patience: Patience::NONE,
        }
    }

    async fn written(&self, mark: u64) -> Result<(), Error> {
        let mut patience = Patience::<T::Timer>::NONE;
        poll_fn(|cx| {
            let mut out = self.shared.lock();
            self.poll_written(cx, &mut out, mark, &mut patience)
        })
        .await
    }

    fn poll_written(
        &self,
        cx: &mut Context<'_>,
        out: &mut Locked<'_, T::Writer>,
        mark: u64,
        patience: &mut Patience<T::Timer>,
    ) -> Poll<Result<(), Error>> {
        if out.is_written(mark) {
            return Poll::Ready(Ok(()));
        }
        out.check()?;
        if out.poll_drive(cx).is_ready() || out.is_written(mark) {
            return Poll::Ready(if out.is_written(mark) {
                Ok(())
            } else {
                out.check()
            });
        }
        patience.poll(cx, out, self.shared.write_deadline())
    }

    #[inline]
    fn promise(&self, out: &mut Locked<'_, T::Writer>, runtime: bool) -> bool {
        out.promise::<T::Timer>(runtime, || Arc::clone(&self.shared) as _)
    }

    #[cfg(feature = "futures")]
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut out = self.shared.lock();
        out.check()?;
        while out.is_over_soft_mark() && !out.is_closed() {
            if out.poll_drive(cx).is_pending() && out.is_over_soft_mark() {
                return Poll::Pending;
            }
            out.check()?;
        }
        Poll::Ready(Ok(()))
    }

    #[cfg(feature = "futures")]
    pub(crate) fn start(&self, message: Message) -> Result<(), Error> {
        let mut out = self.shared.lock();
        out.check()?;
        out.lend_buffer();
        out.compress(self.compress);
        let sent = out.send(message);
        if let Err(SendError::Extension(_)) = sent {
            out.wake_all();
        }
        Ok(sent?)
    }

    #[cfg(feature = "futures")]
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut out = self.shared.lock();
        out.check()?;
        std::task::ready!(out.poll_drive(cx));
        Poll::Ready(out.check())
    }
}

/// A message on its way. A type of its own, since an `async fn` would hold the message once per call on the way here:
/// most of what a handler takes that is sending.
struct Sending<'a, T: Transport, Q> {
    sender: &'a Sender<T>,
    /// Queues the message; called once. It isn't moved out of here, since that takes as long as to copy a small one.
    queue: Q,
    queued: bool,
    /// It is to be written, too.
    write: bool,
    /// The position behind it in the stream of output.
    mark: u64,
    patience: Patience<T::Timer>,
}

/// Nothing in it is pinned.
impl<T: Transport, Q> Unpin for Sending<'_, T, Q> {}

impl<T, Q> Future for Sending<'_, T, Q>
where
    T: Transport,
    Q: FnMut(&mut Outbound) -> Result<(), SendError>,
{
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let sender = this.sender;
        let mut out = sender.shared.lock();
        if this.queued {
            return sender.poll_written(cx, &mut out, this.mark, &mut this.patience);
        }
        out.check()?;
        while out.is_over_soft_mark() && !out.is_closed() {
            if out.poll_drive(cx).is_pending() && out.is_over_soft_mark() {
                return this
                    .patience
                    .poll(cx, &mut out, sender.shared.write_deadline());
            }
            out.check()?;
        }
        out.lend_buffer();
        out.compress(sender.compress);
        this.queued = true;
        if let Err(error) = (this.queue)(&mut out) {
            if matches!(error, SendError::Extension(_)) {
                // A Close is queued, which is the receiver's to see to.
                out.wake_all();
            }
            return Poll::Ready(Err(error.into()));
        }
        if out.is_over_soft_mark() {
            // The room is used up: not waiting here, the next one does.
            let _ = out.poll_drive(cx);
            out.check()?;
        }
        // Whoever feeds is to flush; only a scope writes it all the same, which costs nothing.
        if sender.promise(&mut out, this.write) || !this.write {
            return Poll::Ready(Ok(()));
        }
        this.mark = out.mark();
        sender.poll_written(cx, &mut out, this.mark, &mut this.patience)
    }
}

/// Queues a message: a small one is copied from where it is, a large one is handed over.
fn queue(mut message: Message) -> impl FnMut(&mut Outbound) -> Result<(), SendError> {
    move |out| {
        if message.len() < Transmit::COPY_BELOW {
            out.send_ref(message.as_ref())
        } else {
            out.send(std::mem::replace(
                &mut message,
                Message::Binary(Bytes::new()),
            ))
        }
    }
}

fn queue_close<W: PollWrite>(out: &mut Locked<'_, W>, close: &CloseFrame) {
    if !out.is_closed() {
        out.lend_buffer();
        out.close(Some(close));
        out.wake_all();
    }
}

/// The write deadline of a sender that waits: its own timer, since nobody may be receiving.
struct Patience<T> {
    timer: Option<T>,
    written: u64,
}

impl<T> Patience<T> {
    const NONE: Self = Self {
        timer: None,
        written: 0,
    };
}

impl<T: Timer> Patience<T> {
    /// Pending, unless no byte has moved for the write deadline: then the connection fails.
    fn poll<W: PollWrite>(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Locked<'_, W>,
        after: Option<std::time::Duration>,
    ) -> Poll<Result<(), Error>> {
        let Some((after, deadline)) =
            after.and_then(|after| Some((after, T::now().checked_add(after)?)))
        else {
            return Poll::Pending;
        };
        let written = out.status().written;
        let timer = match &mut self.timer {
            Some(timer) => {
                if self.written != written {
                    timer.reset(deadline);
                }
                timer
            }
            None => self.timer.insert(T::at(deadline)),
        };
        self.written = written;
        if Pin::new(timer).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let timeout = Timeout::Write { after };
        out.fail(timeout.into());
        Poll::Ready(out.check())
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
