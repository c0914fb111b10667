use std::io::{self, IoSlice};
use std::mem;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use bowline_frame::{CloseFrame, Transmit};
use bowline_proto::{Config, Outbound, SendError, Timeout};
use bowline_shell::claim;
use bowline_shell::end::Failure;
use bytes::Buf;

use crate::sync::{self, AtomicBool, Condvar, Mutex, MutexGuard, Ordering};
use crate::{Error, TransportWrite};

/// The writing side of a connection, which the receiver and all senders share.
///
/// Its lock is held to queue and to count, never while the transport works. Whoever writes takes the transport's half
/// out of it, writes what all others have queued too, and puts it back in the same step that finds nothing left to it.
/// So whoever finds the half gone leaves what it has queued to the one who has it.
///
/// An extension works under the lock, since messages go out in the order in which they are encoded. Should it panic, so
/// does the thread that called it; the lock is not poisoned. What waits is whole, the connection is being closed with
/// 1011, and the other threads find it closed.
pub(crate) struct Shared<W> {
    out: Mutex<Out<W>>,
    /// Output has moved, or the half is back.
    moved: Condvar,
    /// The receiver has something to see to: bytes wait, a Close is queued, or a write failed.
    busy: AtomicBool,
    /// An extension wants to give back memory after a while.
    holding: AtomicBool,
    write_deadline: Option<Duration>,
    /// How long a write may take before its progress is counted.
    step: Duration,
}

/// What the lock guards.
pub(crate) struct Out<W> {
    pub(crate) outbound: Outbound,
    turn: Turn<W>,
    /// Senders that wait until output moves.
    waiting: usize,
    /// Position up to which output was left to whoever writes, by somebody who waits for other things now.
    left: u64,
    /// The transport may hold written bytes back.
    unflushed: bool,
    /// It failed while it did.
    cut: bool,
    /// The writing direction has ended.
    shut_down: bool,
    /// When the end of the connection moved, which the receiver was not told yet.
    ending: Option<Instant>,
    /// When the transport last got rid of bytes that it had held back, which the receiver was not told yet.
    drained: Option<Instant>,
    /// Why writing failed, once it did.
    failure: Option<Failure>,
}

/// Who writes.
enum Turn<W> {
    /// Nobody.
    Free(Writing<W>),
    /// A thread that has the half.
    Taken,
    /// Nobody any more.
    Over,
}

/// What only the thread that writes has.
struct Writing<W> {
    writer: W,
    /// Taken out of the transmit: what is written next.
    batch: Transmit,
    vectored: bool,
    /// What the transport has got rid of, by its count.
    drained: u64,
}

/// The lock.
pub(crate) struct Locked<'a, W> {
    shared: &'a Shared<W>,
    /// `None` only while this thread waits.
    out: Option<MutexGuard<'a, Out<W>>>,
}

impl<W: TransportWrite> Shared<W> {
    pub(crate) fn new(writer: W, mut outbound: Outbound, config: &Config) -> Self {
        let vectored = writer.is_vectored();
        outbound.transmit().set_vectored(vectored);
        let patience = config
            .write
            .map_or(config.close, |write| write.min(config.close));
        Self {
            out: Mutex::new(Out {
                outbound,
                turn: Turn::Free(Writing {
                    writer,
                    batch: Transmit::new(),
                    vectored,
                    drained: 0,
                }),
                waiting: 0,
                left: 0,
                unflushed: false,
                cut: false,
                shut_down: false,
                ending: None,
                drained: None,
                failure: None,
            }),
            moved: Condvar::new(),
            busy: AtomicBool::new(false),
            holding: AtomicBool::new(false),
            write_deadline: config.write,
            step: patience / 4,
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_, W> {
        Locked {
            shared: self,
            out: Some(sync::lock(&self.out)),
        }
    }

    /// True if the receiver should look at the writing side before it waits.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst) || self.holding.load(Ordering::SeqCst)
    }

    /// Waits until `goal` is reached or the connection is over, but not beyond `until`. Writes if nobody else does.
    pub(crate) fn wait<'a>(
        &'a self,
        mut out: Locked<'a, W>,
        until: Option<Instant>,
        goal: impl Fn(&Out<W>) -> bool,
    ) -> Locked<'a, W> {
        let mut waited = false;
        // Output may be left to whoever waits: the last of them leaves nothing behind.
        while !out.is_over() && !(goal(&out) && (!waited || !out.is_left())) {
            if out.is_free() {
                let mut last = None;
                out = self.drive(out, until, |out| goal(out) && out.may_leave(&mut last));
            } else {
                out.wait(until);
                waited = true;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
        }
        out
    }

    /// Waits until all that is queued now is written, but not beyond `until`: then it is left to a thread that writes, if
    /// there is one, or to the receiver.
    pub(crate) fn written_or_left(&self, mut out: Locked<'_, W>, until: Option<Instant>) {
        let mark = out.mark();
        let out = self.wait(out, until, |out| out.is_written(mark));
        if !out.is_written(mark) && !out.is_over() {
            drop(self.offer(out, Instant::now()));
        }
    }

    /// Writes what is queued now, as far as the transport takes it at once. A thread that writes already does that
    /// instead.
    ///
    /// It is for somebody who has other things to do, and leaves what others queue meanwhile to them.
    pub(crate) fn offer<'a>(&'a self, mut out: Locked<'a, W>, now: Instant) -> Locked<'a, W> {
        let (mark, mut last) = (out.mark(), None);
        self.leave(&mut out, mark);
        self.drive(out, Some(now), |out| {
            out.is_written(mark) && out.may_leave(&mut last)
        })
    }

    /// The same, for the receiver, which comes back soon if it finds that something still waits. So nobody who feeds
    /// without a pause keeps it from receiving.
    pub(crate) fn offer_receiving<'a>(
        &'a self,
        mut out: Locked<'a, W>,
        now: Instant,
    ) -> Locked<'a, W> {
        let mark = out.mark();
        self.leave(&mut out, mark);
        self.drive(out, Some(now), |out| out.is_written(mark))
    }

    /// Leaves output up to `mark` to a thread that writes, if there is one.
    fn leave(&self, out: &mut Locked<'_, W>, mark: u64) {
        if matches!(out.turn, Turn::Taken) {
            out.left = mark;
        }
    }

    /// Writes until nothing waits, unless another thread does. Stops when it `may_leave`, or when the transport has
    /// taken nothing `until` then.
    ///
    /// Without `until`, the connection fails when the write deadline passes without progress.
    fn drive<'a>(
        &'a self,
        mut out: Locked<'a, W>,
        until: Option<Instant>,
        mut may_leave: impl FnMut(&mut Out<W>) -> bool,
    ) -> Locked<'a, W> {
        let Some(mut writing) = out.take_turn() else {
            return out;
        };
        let mut since = None;
        loop {
            out.outbound.transmit().hand_out(&mut writing.batch);
            let all = writing.batch.is_empty() && !out.unflushed;
            if all || may_leave(&mut out) {
                writing.tidy(&mut out.outbound);
                out.turn = Turn::Free(writing);
                break;
            }
            let now = Instant::now();
            let since = since.get_or_insert(now);
            let step = now.checked_add(self.step);
            let (wrote, drained);
            (out, (wrote, drained)) = self.unlocked(out, &mut writing, |writing| {
                let wrote = writing.write(until.into_iter().chain(step).min());
                (wrote, writing.has_drained())
            });
            if out.is_over() {
                return self.give_up(out, writing, false);
            }
            if drained {
                *since = Instant::now();
                out.drained = Some(*since);
            }
            match wrote {
                Ok(Wrote::Bytes(count)) => {
                    out.outbound.transmit().wrote(count);
                    out.unflushed = true;
                    *since = Instant::now();
                    if out.outbound.is_closed() {
                        out.ending = Some(*since);
                    }
                    self.moved.notify_all();
                }
                Ok(Wrote::All) => out.unflushed = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let now = Instant::now();
                    if until.is_some_and(|until| now >= until) {
                        out.turn = Turn::Free(writing);
                        break;
                    }
                    if let Some(after) = self.write_deadline
                        && now.duration_since(*since) >= after
                    {
                        out.fail(Timeout::Write { after }.into());
                        return self.give_up(out, writing, true);
                    }
                }
                Err(error) => {
                    out.fail(Error::from_transport(error));
                    // The receiver waits for a peer that may be there no more.
                    return self.give_up(out, writing, true);
                }
            }
        }
        self.moved.notify_all();
        out
    }

    /// Lets the transport's half work without the lock. If it panics the connection fails, since nobody else would get
    /// its turn, and the receiver is woken.
    fn unlocked<'a, R>(
        &'a self,
        out: Locked<'a, W>,
        writing: &mut Writing<W>,
        work: impl FnOnce(&mut Writing<W>) -> R,
    ) -> (Locked<'a, W>, R) {
        drop(out);
        match catch_unwind(AssertUnwindSafe(|| work(writing))) {
            Ok(done) => (self.lock(), done),
            Err(panic) => {
                let mut out = self.lock();
                if !out.is_over() {
                    out.fail(claim::panicked().into());
                }
                drop(out);
                self.moved.notify_all();
                writing.writer.abort();
                resume_unwind(panic);
            }
        }
    }

    /// Drops the transport's half, which is no work for under the lock either; ends both directions first if it is to
    /// `abort`.
    fn give_up<'a>(
        &'a self,
        out: Locked<'a, W>,
        mut writing: Writing<W>,
        abort: bool,
    ) -> Locked<'a, W> {
        drop(out);
        self.moved.notify_all();
        if abort {
            writing.writer.abort();
        }
        drop(writing);
        self.lock()
    }

    /// Ends the writing direction of the transport; false if it is not to be had now.
    pub(crate) fn shutdown<'a>(&'a self, mut out: Locked<'a, W>) -> (Locked<'a, W>, bool) {
        if out.unflushed || !out.is_free() {
            let over = out.is_over();
            return (out, over);
        }
        let Some(mut writing) = out.take_turn() else {
            return (out, false);
        };
        let ended;
        (out, ended) = self.unlocked(out, &mut writing, |writing| writing.writer.shutdown());
        if out.is_over() {
            return (self.give_up(out, writing, false), true);
        }
        let done = match ended {
            Ok(()) => {
                out.shut_down = true;
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                out.fail(Error::from_transport(error));
                return (self.give_up(out, writing, false), true);
            }
        };
        out.turn = Turn::Free(writing);
        self.moved.notify_all();
        (out, done)
    }

    /// Ends the writing side: what waits is dropped, senders find the connection closed. True if a thread is writing.
    ///
    /// The end is offered to the transport once, since that of TLS is more than to be dropped.
    pub(crate) fn end(&self, mut out: Locked<'_, W>) -> bool {
        if let Some(failure) = &mut out.failure {
            failure.settle();
        }
        out.outbound.abandon();
        let turn = mem::replace(&mut out.turn, Turn::Over);
        let shut_down = out.shut_down;
        drop(out);
        self.moved.notify_all();
        match turn {
            Turn::Free(mut writing) => {
                if !shut_down {
                    let _ = writing.writer.shutdown();
                }
                false
            }
            Turn::Over => false,
            Turn::Taken => true,
        }
    }
}

impl<W: TransportWrite> Out<W> {
    fn take_turn(&mut self) -> Option<Writing<W>> {
        match mem::replace(&mut self.turn, Turn::Taken) {
            Turn::Free(writing) => Some(writing),
            turn => {
                self.turn = turn;
                None
            }
        }
    }

    pub(crate) const fn is_free(&self) -> bool {
        matches!(self.turn, Turn::Free(_))
    }

    /// True once the transport takes nothing more.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.turn, Turn::Over)
    }

    /// True if a message may be queued, or the attempt will say why not.
    pub(crate) const fn has_room(&self) -> bool {
        !self.outbound.is_over_soft_mark() || self.outbound.is_closed()
    }

    /// True if something waits for the transport.
    pub(crate) const fn is_waiting(&self) -> bool {
        !self.outbound.is_empty() || self.unflushed
    }

    /// Position in the stream of output behind what is queued now.
    pub(crate) fn mark(&mut self) -> u64 {
        let transmit = self.outbound.transmit();
        transmit.written() + transmit.len() as u64
    }

    /// True if somebody else sees to what waits: a sender that waits itself, or whoever writes next. Not left to them is
    /// what others have left to this thread, nor what is there when that is asked first, with its end noted in `last`: a
    /// receiver may be busy for long, or wait already and not hear of it.
    fn may_leave(&mut self, last: &mut Option<u64>) -> bool {
        let last = *last.get_or_insert_with(|| self.mark());
        self.waiting > 0 || self.is_written(last.max(self.left))
    }

    /// True if nobody else sees to what was left to whoever writes.
    const fn is_left(&self) -> bool {
        self.waiting == 0 && self.is_free() && !self.is_written(self.left)
    }

    /// True if output up to `mark` was handed to the transport.
    pub(crate) const fn is_written(&self, mark: u64) -> bool {
        let status = self.outbound.status();
        // What waits behind it pushes it on, and may never come to an end.
        status.written >= mark && (!self.unflushed && !self.cut || status.waiting)
    }

    /// Checks that sending is possible; a failure found earlier is given here, once.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.failure.as_mut().and_then(Failure::take_error) {
            Some(error) => Err(error),
            None if self.is_over() => Err(Error::Closed),
            None => Ok(()),
        }
    }

    /// Why writing failed, for the receiver, once. A sender who asks is told too, until the [end](Locked::end).
    pub(crate) fn take_cause(&mut self) -> Option<Error> {
        self.failure.as_mut()?.take_cause()
    }

    /// When the end of the connection moved last, for the receiver, once.
    pub(crate) const fn take_ending(&mut self) -> Option<Instant> {
        self.ending.take()
    }

    pub(crate) fn close(&mut self, close: &CloseFrame) {
        if self.outbound.close(Some(close)) {
            self.ending = Some(Instant::now());
        }
    }

    /// When the transport last got rid of bytes that it had held back, for the receiver, once.
    pub(crate) const fn take_drained(&mut self) -> Option<Instant> {
        self.drained.take()
    }

    /// Queues with `queue`. If the extension fails or panics, a Close is queued.
    pub(crate) fn queue<E>(
        &mut self,
        queue: impl FnOnce(&mut Outbound) -> Result<(), E>,
    ) -> thread::Result<Result<(), E>> {
        let was_closed = self.outbound.is_closed();
        let queued = catch_unwind(AssertUnwindSafe(|| queue(&mut self.outbound)));
        if self.outbound.is_closed() && !was_closed {
            self.ending = Some(Instant::now());
        }
        queued
    }

    fn fail(&mut self, error: Error) {
        self.turn = Turn::Over;
        self.cut = mem::take(&mut self.unflushed);
        self.outbound.abandon();
        self.failure = Some(Failure::new(error));
    }
}

impl<W: TransportWrite> Writing<W> {
    /// Writes a part of the batch, or flushes if it is empty.
    fn write(&mut self, until: Option<Instant>) -> io::Result<Wrote> {
        if self.batch.is_empty() {
            self.writer.flush(until)?;
            return Ok(Wrote::All);
        }
        let mut runs = [&[][..]; RUNS];
        let filled = if self.vectored {
            self.batch.slices(&mut runs)
        } else {
            self.batch.slices(&mut runs[..1])
        };
        let count = self
            .writer
            .write(&runs.map(IoSlice::new)[..filled], until)?;
        claim::taken(count, self.batch.len())?;
        self.batch.advance(count);
        Ok(Wrote::Bytes(count))
    }

    /// True if the transport has got rid of bytes that it had held back since this was asked last.
    fn has_drained(&mut self) -> bool {
        let before = mem::replace(&mut self.drained, self.writer.drained());
        before != self.drained
    }

    /// An idle connection owns no large buffer.
    fn tidy(&mut self, outbound: &mut Outbound) {
        for transmit in [&mut self.batch, outbound.transmit()] {
            if let Some(buffer) = transmit.take_buffer()
                && buffer.capacity() <= KEPT
            {
                transmit.lend(buffer);
            }
        }
    }
}

enum Wrote {
    Bytes(usize),
    /// And the transport holds nothing back.
    All,
}

impl<W> Locked<'_, W> {
    /// Waits until output has moved, or `until`.
    fn wait(&mut self, until: Option<Instant>) {
        self.waiting += 1;
        self.note();
        if let Some(out) = self.out.take() {
            let Shared {
                moved, out: mutex, ..
            } = self.shared;
            self.out = Some(sync::wait(moved, mutex, out, until));
        }
        self.waiting -= 1;
    }

    /// Notes whether the receiver has something to see to.
    fn note(&self) {
        let out = &**self;
        let busy = !out.outbound.is_empty()
            || out.outbound.is_closed()
            || out.unflushed
            || out.failure.as_ref().is_some_and(Failure::has_cause);
        self.shared.busy.store(busy, Ordering::SeqCst);
        let holding = out.outbound.is_holding();
        self.shared.holding.store(holding, Ordering::SeqCst);
    }
}

impl<W> Drop for Locked<'_, W> {
    fn drop(&mut self) {
        self.note();
    }
}

impl<W> Deref for Locked<'_, W> {
    type Target = Out<W>;

    fn deref(&self) -> &Out<W> {
        self.out.as_ref().expect("this thread doesn't wait")
    }
}

impl<W> DerefMut for Locked<'_, W> {
    fn deref_mut(&mut self) -> &mut Out<W> {
        self.out.as_mut().expect("this thread doesn't wait")
    }
}

/// True if a Close was queued that is to be written.
pub(crate) const fn closes(error: &SendError) -> bool {
    matches!(error, SendError::Extension(_))
}

/// Runs that go into one vectored write.
const RUNS: usize = 16;

/// Capacity of a buffer that an idle connection keeps, in bytes.
const KEPT: usize = 16 * 1024;
