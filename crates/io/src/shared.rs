use std::io::{self, IoSlice};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use bowline_proto::{Config, Outbound, OutboundStatus};
use bowline_shell::claim;
use bowline_shell::end::Failure;
use bytes::Buf;

use crate::cork::{self, Flush, ScopeId};
use crate::flusher::{Again, Deferred};
use crate::sync::{AtomicBool, Mutex, MutexGuard};
use crate::{Error, PollWrite, Queued, Timer, buffers};

/// The writing side of a connection, which the receiver and all senders share.
pub(crate) struct Shared<W> {
    /// The receiver has something to see to: bytes wait, a Close is queued, or a write failed.
    busy: AtomicBool,
    /// An extension wants to give back memory after a while, and the receiver knows.
    holding: AtomicBool,
    waiters: Arc<Waiters>,
    /// What the transport wakes. One for all, since a transport keeps one waker.
    waker: Waker,
    /// The write deadline in nanoseconds, in half the memory of a duration; the largest number for none.
    write: u64,
    out: Mutex<Out<W>>,
}

/// What the lock guards.
pub(crate) struct Out<W> {
    /// `None` once the connection is over.
    pub(crate) writer: Option<W>,
    pub(crate) outbound: Outbound,
    /// The transport may hold written bytes back.
    unflushed: bool,
    /// The writing direction has ended.
    shut_down: bool,
    /// The transport took no more, and the receiver knows.
    stuck: bool,
    /// The scope or flusher that has promised to write.
    listed: ScopeId,
    deferred: Deferred,
    /// Why writing failed, once it did.
    failure: Option<Box<Failure>>,
    vectored: bool,
}

/// The lock, held for one poll.
pub(crate) struct Locked<'a, W: PollWrite> {
    shared: &'a Shared<W>,
    out: MutexGuard<'a, Out<W>>,
}

impl<W: PollWrite> Shared<W> {
    pub(crate) fn new(
        writer: W,
        mut outbound: Outbound,
        unflushed: bool,
        shut_down: bool,
        write: Option<Duration>,
    ) -> Self {
        let vectored = writer.is_write_vectored();
        outbound.transmit().set_vectored(vectored);
        let waiters = Arc::new(Waiters::default());
        let shared = Self {
            busy: AtomicBool::new(false),
            holding: AtomicBool::new(false),
            waker: Waker::from(Arc::clone(&waiters)),
            waiters,
            write: write
                .and_then(|write| u64::try_from(write.as_nanos()).ok())
                .unwrap_or(u64::MAX),
            out: Mutex::new(Out {
                writer: Some(writer),
                outbound,
                unflushed,
                shut_down,
                stuck: false,
                listed: 0,
                deferred: Deferred::default(),
                failure: None,
                vectored,
            }),
        };
        // Parts of an earlier socket may have bytes waiting.
        drop(shared.lock());
        shared
    }

    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, W> {
        // A panic while the lock was held is a transport's or an extension's. What the lock guards is still whole, and
        // after an extension's it is being closed.
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { shared: self, out }
    }

    /// How long output may wait without a byte being taken.
    pub(crate) fn write_deadline(&self) -> Option<Duration> {
        (self.write != u64::MAX).then(|| Duration::from_nanos(self.write))
    }

    /// True if the receiver should look at the writing side.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// True if the deadlines depend on the writing side.
    #[inline]
    pub(crate) fn is_timed(&self) -> bool {
        self.is_busy() || self.holding.load(Ordering::Acquire)
    }

    /// Keeps the waker of the receiver, who drives what nobody else waits for. True if it was kept already; else with the
    /// one before it, which must not be dropped while a lock is held: it may be all that holds a task.
    #[inline]
    pub(crate) fn set_driver(&self, waker: &Waker) -> (bool, Option<Waker>) {
        self.waiters.set_driver(waker)
    }
}

impl<W: PollWrite> Locked<'_, W> {
    /// Lends a pooled buffer before something is queued.
    #[inline]
    pub(crate) fn lend_buffer(&mut self) {
        if !self.out.outbound.has_buffer() {
            self.out.outbound.transmit().lend(buffers::take_output());
        }
    }

    /// Writes until everything is written and flushed, or the transport takes no more.
    ///
    /// A failure is kept for whoever asks next; the answer is ready then as well. When the transport takes
    /// no more the receiver is woken: it is the one who stays.
    #[inline(never)]
    pub(crate) fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let knew = self.out.stuck;
        let driven = self.poll_drive_receiving(cx);
        self.tell_if_stuck(knew);
        driven
    }

    fn tell_if_stuck(&self, knew: bool) {
        if self.out.stuck && !knew {
            self.announce();
            self.shared.waiters.wake_driver();
        }
    }

    /// As [`poll_drive`](Self::poll_drive), for the receiver itself.
    #[inline(never)]
    pub(crate) fn poll_drive_receiving(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_drive_for(Some(cx.waker()), |waiters| waiters.add(cx.waker()))
    }

    /// As [`poll_drive`](Self::poll_drive), for a task, or `None` for a flusher. `wait` keeps its waker.
    fn poll_drive_for(&mut self, mover: Option<&Waker>, wait: impl FnOnce(&Waiters)) -> Poll<()> {
        self.out.deferred.clear();
        let before = self.out.outbound.transmit().written();
        let lived = self.out.writer.is_some();
        let mut inner = Context::from_waker(&self.shared.waker);
        let mut driven = self.out.drive(&mut inner);
        if driven.is_pending() {
            // Registered only now, so that a write that succeeds costs no registration; what has
            // happened since is not missed, because the transport is asked again.
            wait(&self.shared.waiters);
            driven = self.out.drive(&mut inner);
        }
        self.out.stuck = driven.is_pending();
        let listed = self.out.listed;
        if driven.is_ready()
            && listed != 0
            && listed == cork::scope()
            && cork::take_back(self.shared)
        {
            self.out.listed = 0;
        }
        if lived && self.out.writer.is_none() {
            self.wake_all();
        } else if self.out.outbound.transmit().written() != before || driven.is_ready() {
            self.shared.waiters.progress(mover, driven.is_pending());
        }
        driven
    }

    /// Shuts the writing direction down, after what waits.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.waiters.add(cx.waker());
        let mut inner = Context::from_waker(&self.shared.waker);
        match &mut self.out.writer {
            Some(writer) => match writer.poll_shutdown(&mut inner) {
                Poll::Ready(Err(error)) => {
                    self.out.fail(Error::from_transport(error));
                    Poll::Ready(())
                }
                Poll::Ready(Ok(())) => {
                    self.out.shut_down = true;
                    Poll::Ready(())
                }
                Poll::Pending => Poll::Pending,
            },
            None => Poll::Ready(()),
        }
    }

    /// Takes the writing side away; senders find the connection closed. What was promised is offered to the transport
    /// once.
    pub(crate) fn take(&mut self) -> Option<(W, Outbound, bool, bool)> {
        if self.out.listed != 0 {
            let _ = self.poll_drive(&mut Context::from_waker(Waker::noop()));
        }
        let writer = self.out.writer.take()?;
        let unflushed = std::mem::take(&mut self.out.unflushed);
        let config = Config::new(self.out.outbound.role());
        let outbound = std::mem::replace(&mut self.out.outbound, Outbound::server(&config, None));
        self.end();
        Some((writer, outbound, unflushed, self.out.shut_down))
    }

    /// Ends the writing side: what waits is dropped, senders are told. The end is offered to the transport once, since
    /// that of TLS is more than to be dropped.
    pub(crate) fn end(&mut self) {
        if let Some(mut writer) = self.out.writer.take()
            && !self.out.shut_down
        {
            let _ = writer.poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
        self.out.outbound.abandon();
        self.wake_all();
    }

    /// Wakes everybody: there is something new to see to.
    pub(crate) fn wake_all(&self) {
        self.announce();
        self.shared.waiters.wake_all();
    }

    /// Lets a receiver that is woken now wait for the lock. It would else find nothing to see to, since that is noted
    /// when the lock is given back, and go on waiting.
    fn announce(&self) {
        self.shared.busy.store(true, Ordering::Release);
    }

    /// Checks that sending is possible; a failure found earlier is given here, once.
    #[inline]
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        if let Some(failure) = &mut self.out.failure
            && let Some(error) = failure.take_error()
        {
            return Err(error);
        }
        if self.is_over() {
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// True once the transport takes nothing more.
    pub(crate) fn is_over(&self) -> bool {
        self.out.writer.is_none()
    }

    /// Why writing failed, for the receiver, once. A sender who asks is told too, until the
    /// [end](Self::finish).
    pub(crate) fn take_cause(&mut self) -> Option<Error> {
        self.out.failure.as_mut()?.take_cause()
    }

    /// Ends the writing side after the receiver has said how: senders find the connection closed.
    pub(crate) fn finish(&mut self) {
        if let Some(failure) = &mut self.out.failure {
            failure.settle();
        }
        self.end();
    }

    pub(crate) fn status(&self) -> OutboundStatus {
        self.out.outbound.status()
    }

    /// Position in the stream of output behind what is queued now.
    #[inline]
    pub(crate) fn mark(&mut self) -> u64 {
        let transmit = self.out.outbound.transmit();
        transmit.written() + transmit.len() as u64
    }

    /// True if output up to `mark` was handed to the transport.
    #[inline]
    pub(crate) fn is_written(&mut self, mark: u64) -> bool {
        let out = &mut *self.out;
        let transmit = out.outbound.transmit();
        // What waits behind it pushes it on, and may never come to an end.
        transmit.written() >= mark && (!out.unflushed || !transmit.is_empty())
    }

    /// Has somebody promised to write after this poll? A scope is asked to, or else the runtime, if `runtime` says so.
    #[inline(always)]
    pub(crate) fn promise<S: Timer>(
        &mut self,
        runtime: bool,
        writer: impl Fn() -> Arc<dyn Flush>,
    ) -> bool {
        let scope = cork::scope();
        if scope != 0 && scope == self.out.listed {
            return true;
        }
        self.promise_anew::<S>(runtime, &writer)
    }

    #[inline(never)]
    fn promise_anew<S: Timer>(
        &mut self,
        runtime: bool,
        writer: &dyn Fn() -> Arc<dyn Flush>,
    ) -> bool {
        let out = &mut *self.out;
        if let Some(scope) = cork::list(out.listed, writer) {
            out.listed = scope;
            return true;
        }
        runtime
            && S::promise(&mut Queued {
                listed: &mut out.listed,
                deferred: &mut out.deferred,
                writer,
                now: S::now,
            })
    }

    pub(crate) fn fail(&mut self, error: Error) {
        self.out.fail(error);
        self.wake_all();
    }
}

impl<W: PollWrite> Out<W> {
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.write(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(error)) => {
                self.fail(Error::from_transport(error));
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(writer) = &mut self.writer else {
            return Poll::Ready(Ok(()));
        };
        loop {
            let transmit = self.outbound.transmit();
            if transmit.is_empty() {
                break;
            }
            let run = transmit.chunk();
            let written = if !self.vectored || run.len() == transmit.remaining() {
                writer.poll_write(cx, run)
            } else {
                let mut runs = [&[][..]; RUNS];
                let filled = transmit.slices(&mut runs);
                let runs = runs.map(IoSlice::new);
                writer.poll_write_vectored(cx, &runs[..filled])
            };
            let count = match written {
                Poll::Ready(Ok(count)) => count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            if let Err(error) = claim::taken(count, transmit.len()) {
                return Poll::Ready(Err(error));
            }
            transmit.advance(count);
            self.unflushed = true;
        }
        if let Some(buffer) = self.outbound.transmit().take_buffer() {
            buffers::give_back_output(buffer);
        }
        if self.unflushed {
            match writer.poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn fail(&mut self, error: Error) {
        // What was held back stays unflushed: it was never written.
        self.writer = None;
        self.outbound.abandon();
        self.failure = Some(Box::new(Failure::new(error)));
    }
}

/// Notes, when the lock is given back, whether the receiver has something to see to.
impl<W: PollWrite> Drop for Locked<'_, W> {
    #[inline]
    fn drop(&mut self) {
        // Lent for something that was not queued after all.
        if self.out.outbound.is_empty()
            && let Some(buffer) = self.out.outbound.transmit().take_buffer()
        {
            buffers::give_back_output(buffer);
        }
        let out = &*self.out;
        let busy = !out.outbound.is_empty()
            || out.outbound.is_closed()
            || out.unflushed && out.writer.is_some()
            || (out.failure.as_ref()).is_some_and(|failure| failure.has_cause());
        self.shared.busy.store(busy, Ordering::Release);
        if busy && out.outbound.is_closed() && thread::panicking() {
            // The extension's, and there is a Close to see to, of which nobody else will tell.
            self.shared.waiters.wake_all();
        }
        let holding = out.outbound.is_holding();
        if holding != self.shared.holding.load(Ordering::Relaxed) {
            self.shared.holding.store(holding, Ordering::Release);
            if holding {
                // It may be waiting without a timer for this.
                self.shared.waiters.wake_driver();
            }
        }
    }
}

impl<W: PollWrite> Deref for Locked<'_, W> {
    type Target = Outbound;

    #[inline]
    fn deref(&self) -> &Outbound {
        &self.out.outbound
    }
}

impl<W: PollWrite> DerefMut for Locked<'_, W> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Outbound {
        &mut self.out.outbound
    }
}

impl<W: PollWrite> Flush for Shared<W> {
    fn flush_now(&self, cx: &mut Context<'_>) -> bool {
        let mut out = self.lock();
        let driven = out.poll_drive(cx).is_ready();
        if driven {
            out.out.listed = 0;
        }
        driven
    }

    fn flush_listed(&self, flusher: ScopeId, again: &dyn Fn() -> Arc<Again>) {
        let mut out = self.lock();
        let knew = out.out.stuck;
        let driven = out.poll_drive_for(None, |waiters| waiters.set_flusher(again()));
        out.tell_if_stuck(knew);
        out.out.listed = match driven {
            Poll::Ready(()) => 0,
            Poll::Pending => flusher,
        };
    }

    fn unlist(&self, scope: ScopeId) {
        let mut out = self.lock();
        if out.out.listed == scope {
            out.out.listed = 0;
        }
        // The transport may have woken the scope's task last, for nothing.
        out.wake_all();
    }

    fn panicked(&self) {
        let mut out = self.lock();
        out.out.listed = 0;
        // Another thread may have met its end meanwhile.
        if out.out.writer.is_some() {
            out.fail(claim::panicked().into());
        }
    }
}

/// Everybody who waits for the writing side.
///
/// Waking touches this list and the wakers in it, never the lock of the writing side or the transport: a
/// transport may wake from inside its own write.
#[derive(Default)]
struct Waiters {
    any: AtomicBool,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    driver: Option<Waker>,
    others: Vec<Waiter>,
}

enum Waiter {
    Task(Waker),
    /// Of those that wait there is the last: one does for all.
    Flusher(Arc<Again>),
}

impl Waiter {
    fn is_task(&self, task: &Waker) -> bool {
        matches!(self, Self::Task(waker) if waker.will_wake(task))
    }

    const fn is_flusher(&self) -> bool {
        matches!(self, Self::Flusher(_))
    }

    fn wake(self) {
        match self {
            Self::Task(waker) => waker.wake(),
            Self::Flusher(again) => again.wake(),
        }
    }
}

impl Waiters {
    fn set_driver(&self, waker: &Waker) -> (bool, Option<Waker>) {
        let mut list = self.list();
        let knew = list
            .driver
            .as_ref()
            .is_some_and(|driver| driver.will_wake(waker));
        if knew {
            return (true, None);
        }
        (false, list.driver.replace(waker.clone()))
    }

    fn add(&self, waker: &Waker) {
        let mut list = self.list();
        if !list.others.iter().any(|other| other.is_task(waker)) {
            list.others.push(Waiter::Task(waker.clone()));
        }
        self.any.store(true, Ordering::Release);
    }

    fn set_flusher(&self, again: Arc<Again>) {
        let mut list = self.list();
        let before = list.others.iter().position(Waiter::is_flusher);
        let before = before.map(|index| list.others.swap_remove(index));
        list.others.push(Waiter::Flusher(again));
        self.any.store(true, Ordering::Release);
        drop(list);
        // It may wake somebody.
        drop(before);
    }

    /// Output has moved: wakes those who wait for that, except the task that moved it, which may go on
    /// waiting. `None` is a flusher.
    #[inline]
    fn progress(&self, mover: Option<&Waker>, waits: bool) {
        if self.any.load(Ordering::Acquire) {
            self.wake_waiting(mover, waits);
        }
    }

    #[inline(never)]
    fn wake_waiting(&self, mover: Option<&Waker>, waits: bool) {
        let is_mover = |waiter: &Waiter| {
            mover.map_or_else(|| waiter.is_flusher(), |mover| waiter.is_task(mover))
        };
        let mut list = self.list();
        // One that waits is never out of the list: the transport may wake at any moment.
        let moved = list
            .others
            .extract_if(.., |waiter| !waits || !is_mover(waiter));
        let moved: Vec<_> = moved.collect();
        self.any.store(!list.others.is_empty(), Ordering::Release);
        drop(list);
        let others = moved.into_iter().filter(|waiter| !is_mover(waiter));
        others.for_each(Waiter::wake);
    }

    fn wake_driver(&self) {
        let driver = self.list().driver.clone();
        if let Some(waker) = driver {
            waker.wake();
        }
    }

    fn wake_all(&self) {
        let driver = self.list().driver.clone();
        self.take_others().into_iter().for_each(Waiter::wake);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    fn take_others(&self) -> Vec<Waiter> {
        let mut list = self.list();
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut list.others)
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

/// Runs that go into one vectored write.
const RUNS: usize = 16;
