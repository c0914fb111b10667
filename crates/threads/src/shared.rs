use std::io::{self, IoSlice};
use std::mem;
use std::ops::{Deref, DerefMut};
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
/// out of it, writes what all others have queued too, and puts it back in the same step that finds nothing left. So
/// whoever finds the half gone leaves what it has queued to the one who has it.
pub(crate) struct Shared<W> {
    out: Mutex<Out<W>>,
    /// Output has moved, or the half is back.
    moved: Condvar,
    /// The receiver has something to see to: bytes wait, a Close is queued, or a write failed.
    busy: AtomicBool,
    /// An extension wants to give back memory after a while.
    holding: AtomicBool,
    /// The receiver has looked at all that, and waits for input.
    reading: AtomicBool,
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
    /// The transport may hold written bytes back.
    unflushed: bool,
    /// The writing direction has ended.
    shut_down: bool,
    /// When the end of the connection moved, which the receiver was not told yet.
    ending: Option<Instant>,
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
                }),
                waiting: 0,
                unflushed: false,
                shut_down: false,
                ending: None,
                failure: None,
            }),
            moved: Condvar::new(),
            busy: AtomicBool::new(false),
            holding: AtomicBool::new(false),
            reading: AtomicBool::new(false),
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

    /// Says whether the receiver waits for input, and gives whether it should look at the writing side first.
    ///
    /// Either the receiver sees here that something was left to it, or whoever is about to leave something sees that
    /// nobody would look at it.
    pub(crate) fn set_reading(&self, reading: bool) -> bool {
        self.reading.store(reading, Ordering::SeqCst);
        self.busy.load(Ordering::SeqCst) || self.holding.load(Ordering::SeqCst)
    }

    /// Waits until `goal` is reached or the connection is over, but not beyond `until`. Writes if nobody else does.
    pub(crate) fn wait<'a>(
        &'a self,
        mut out: Locked<'a, W>,
        until: Option<Instant>,
        goal: impl Fn(&Out<W>) -> bool,
    ) -> Locked<'a, W> {
        while !goal(&out) && !out.is_over() {
            if out.is_free() {
                out = self.drive(out, until, &goal);
            } else {
                out.wait(until);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
        }
        out
    }

    /// Writes until nothing waits, unless another thread does. Stops when `goal` is reached and somebody else sees to
    /// the rest, or when the transport has taken nothing `until` then.
    ///
    /// Without `until`, the connection fails when the write deadline passes without progress.
    pub(crate) fn drive<'a>(
        &'a self,
        mut out: Locked<'a, W>,
        until: Option<Instant>,
        goal: impl Fn(&Out<W>) -> bool,
    ) -> Locked<'a, W> {
        let Some(mut writing) = out.take_turn() else {
            return out;
        };
        let (mut since, mut last) = (None, None);
        loop {
            out.outbound.transmit().hand_out(&mut writing.batch);
            let all = writing.batch.is_empty() && !out.unflushed;
            if all || goal(&out) && self.may_leave(&mut out, &mut last) {
                writing.tidy(&mut out.outbound);
                out.turn = Turn::Free(writing);
                break;
            }
            drop(out);
            let now = Instant::now();
            let since = since.get_or_insert(now);
            let panic = OnPanic(self);
            let step = now.checked_add(self.step);
            let wrote = writing.write(until.into_iter().chain(step).min());
            mem::forget(panic);
            out = self.lock();
            if out.is_over() {
                break;
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
                        writing.writer.abort();
                        break;
                    }
                }
                Err(error) => {
                    out.fail(error.into());
                    // The receiver waits for a peer that may be there no more.
                    writing.writer.abort();
                    break;
                }
            }
        }
        self.moved.notify_all();
        out
    }

    /// True if somebody else writes what is left: a sender that waits, or the receiver before it waits. What is there
    /// when that is asked first, with its end noted in `last`, isn't left to the receiver, which may be busy for long.
    fn may_leave(&self, out: &mut Out<W>, last: &mut Option<u64>) -> bool {
        self.busy.store(true, Ordering::SeqCst);
        let last = *last.get_or_insert_with(|| out.mark());
        out.waiting > 0 || out.is_written(last) && !self.reading.load(Ordering::SeqCst)
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

    /// True if output up to `mark` was handed to the transport.
    pub(crate) const fn is_written(&self, mark: u64) -> bool {
        let status = self.outbound.status();
        // What waits behind it pushes it on, and may never come to an end.
        status.written >= mark && (!self.unflushed || status.waiting)
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

    /// Queues with `queue`. If the extension fails, a Close is queued.
    pub(crate) fn queue<E>(
        &mut self,
        queue: impl FnOnce(&mut Outbound) -> Result<(), E>,
    ) -> Result<(), E> {
        let was_closed = self.outbound.is_closed();
        let queued = queue(&mut self.outbound);
        if self.outbound.is_closed() && !was_closed {
            self.ending = Some(Instant::now());
        }
        queued
    }

    /// Ends the writing direction of the transport; false if it is not to be had now.
    pub(crate) fn shutdown(&mut self) -> bool {
        match &mut self.turn {
            Turn::Free(writing) if !self.unflushed => match writing.writer.shutdown() {
                Ok(()) => {
                    self.shut_down = true;
                    true
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
                Err(error) => {
                    self.fail(error.into());
                    true
                }
            },
            Turn::Free(_) | Turn::Taken => false,
            Turn::Over => true,
        }
    }

    fn fail(&mut self, error: Error) {
        self.turn = Turn::Over;
        self.unflushed = false;
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

impl<W: TransportWrite> Locked<'_, W> {
    /// Ends the writing side: what waits is dropped, senders find the connection closed. True if a thread is writing.
    ///
    /// The end is offered to the transport once, since that of TLS is more than to be dropped.
    pub(crate) fn end(&mut self) -> bool {
        if let Some(failure) = &mut self.failure {
            failure.settle();
        }
        self.outbound.abandon();
        let turn = mem::replace(&mut self.turn, Turn::Over);
        self.shared.moved.notify_all();
        match turn {
            Turn::Free(mut writing) if !self.shut_down => {
                let _ = writing.writer.shutdown();
                false
            }
            Turn::Free(_) | Turn::Over => false,
            Turn::Taken => true,
        }
    }
}

impl<W> Locked<'_, W> {
    /// Waits until output has moved, or `until`.
    fn wait(&mut self, until: Option<Instant>) {
        self.waiting += 1;
        self.note();
        if let Some(out) = self.out.take() {
            self.out = Some(sync::wait(&self.shared.moved, out, until));
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

/// Fails the connection when a transport panics, since nobody else would get its turn.
struct OnPanic<'a, W: TransportWrite>(&'a Shared<W>);

impl<W: TransportWrite> Drop for OnPanic<'_, W> {
    fn drop(&mut self) {
        let panicked = io::Error::other("the transport panicked");
        self.0.lock().fail(panicked.into());
        self.0.moved.notify_all();
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
