use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::cork::{self, Flush, ScopeId};
use crate::sync::{AtomicBool, Mutex, MutexGuard};

/// The flusher of a thread: what the thread's tasks have queued is written by a task of its own, [`Flushing`].
///
/// It is for a carrier whose runtime polls a task that was woken as soon as the running one has yielded. The carrier
/// keeps one in each thread and asks it in [`Timer::promise`](crate::Timer::promise). `T` tells tasks apart, `R` the
/// runtimes that they belong to: a thread may serve several in turn.
pub struct Flusher<T, R> {
    current: RefCell<Option<Current<T, R>>>,
}

struct Current<T, R> {
    /// The task that asked last: it stays with its runtime, which takes longer to find out.
    task: T,
    runtime: R,
    list: Hold,
}

/// What a task has queued on a connection, and asks somebody to promise to write.
pub struct Queued<'a> {
    pub(crate) listed: &'a mut ScopeId,
    pub(crate) deferred: &'a mut Deferred,
    pub(crate) writer: &'a dyn Fn() -> Arc<dyn Flush>,
    pub(crate) now: fn() -> Instant,
}

/// What flushers have put off on a connection since its output was last offered to the transport.
///
/// The connection has it and not its flushers, of which there may be one for each thread that sends: they would begin
/// anew whenever the next one lists it.
#[derive(Default)]
pub(crate) struct Deferred {
    /// Begins anew at [`RUN`].
    messages: u8,
    /// When the first of them was queued. Every connection has one, so it is small.
    since: Stamp,
}

/// A time in units of 128 µs, of which a count this small begins anew every 32 ms. Who takes a longer wait for a short
/// one for that reason, which is one in 64, looks again soon.
#[derive(Clone, Copy, Default)]
struct Stamp(u8);

impl Stamp {
    fn new(now: Instant) -> Self {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        let origin = *ORIGIN.get_or_init(|| now);
        let units = |time: Duration| u8::try_from(time.as_micros() / 128 % 256).unwrap_or(0);
        Self(match now.checked_duration_since(origin) {
            Some(after) => units(after),
            None => 0_u8.wrapping_sub(units(origin.saturating_duration_since(now))),
        })
    }

    /// How many units it is past.
    const fn age(self, now: Self) -> u8 {
        now.0.wrapping_sub(self.0)
    }
}

impl Deferred {
    /// Counts one more message; true if all of them are to be written now.
    #[inline]
    fn is_due(&mut self, now: fn() -> Instant) -> bool {
        self.messages = self.messages.wrapping_add(1);
        if self.messages == 1 {
            self.since = Stamp::new(now());
            return false;
        }
        // A task that computes or only sends must not hold back for ever what it has sent.
        self.messages == RUN
            || self.messages.is_power_of_two() && self.since.age(Stamp::new(now())) >= PATIENCE
    }

    /// The output is offered to the transport.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The task of a [`Flusher`]: writes what was listed whenever it is polled, and ends some time after its thread.
///
/// What a transport doesn't take is written when it does. Dropping it offers what is listed to the transports once.
#[must_use = "it writes only if it is spawned"]
pub struct Flushing {
    list: Arc<List>,
    batch: Vec<Arc<dyn Flush>>,
}

impl<T: PartialEq, R: PartialEq> Flusher<T, R> {
    /// A flusher without a task yet.
    pub const fn new() -> Self {
        Self {
            current: RefCell::new(None),
        }
    }

    /// Promises to write what was queued by the running task, `task`; false if it is to be written now.
    ///
    /// `runtime` tells which runtime the task belongs to, if any; `spawn` spawns a task there. They are called only
    /// when needed.
    #[inline]
    pub fn promise(
        &self,
        queued: &mut Queued<'_>,
        task: T,
        runtime: impl FnOnce() -> Option<R>,
        spawn: impl FnOnce(Flushing),
    ) -> bool {
        let Ok(mut current) = self.current.try_borrow_mut() else {
            return false;
        };
        if let Some(current) = &*current
            && current.task == task
            && let Some(promised) = current.promise(queued)
        {
            return promised;
        }
        let Some(runtime) = runtime() else {
            return false;
        };
        if let Some(current) = &mut *current
            && current.runtime == runtime
            && let Some(promised) = current.promise(queued)
        {
            current.task = task;
            return promised;
        }
        let list = Arc::new(List::new());
        let current = current.insert(Current {
            task,
            runtime,
            list: list.hold(),
        });
        spawn(Flushing {
            list,
            batch: Vec::new(),
        });
        // A runtime that is about to end drops it at once.
        current.promise(queued).unwrap_or(false)
    }
}

impl<T, R> Current<T, R> {
    /// Promises to write what was queued, or tells to write it now; `None` if the flusher has ended.
    #[inline]
    fn promise(&self, queued: &mut Queued<'_>) -> Option<bool> {
        let list = &*self.list.0;
        if list.over.load(Ordering::Acquire) {
            return None;
        }
        // Another flusher's promise doesn't do: its thread may be busy.
        if *queued.listed != list.id {
            if !list.push((queued.writer)()) {
                return None;
            }
            *queued.listed = list.id;
        }
        Some(!queued.deferred.is_due(queued.now))
    }
}

impl<T: PartialEq, R: PartialEq> Default for Flusher<T, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, R> fmt::Debug for Flusher<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flusher").finish_non_exhaustive()
    }
}

impl fmt::Debug for Queued<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued").finish_non_exhaustive()
    }
}

impl fmt::Debug for Flushing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flushing").finish_non_exhaustive()
    }
}

impl Future for Flushing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { list, batch } = &mut *self;
        {
            let mut state = list.lock();
            if state.listed.is_empty() && state.holds == 0 {
                return Poll::Ready(());
            }
            let count = state.listed.len().min(BATCH);
            batch.extend(state.listed.drain(..count));
            if state.listed.is_empty() && state.listed.capacity() > KEPT {
                state.listed = VecDeque::new();
            }
            if state.listed.is_empty() && state.holds > 0 {
                state.waker = Some(cx.waker().clone());
            } else {
                // Others want to run meanwhile; or it may be the end, if all is written.
                cx.waker().wake_by_ref();
            }
        }
        // No lock of the list is held while writing: a transport may wake from inside its write.
        for writer in batch.drain(..) {
            list.write(&writer);
        }
        Poll::Pending
    }
}

/// Ends with its runtime: what is listed is offered once, and what is left is the receivers' to write.
impl Drop for Flushing {
    fn drop(&mut self) {
        let listed = {
            let mut state = self.list.lock();
            self.list.over.store(true, Ordering::Release);
            state.waker = None;
            std::mem::take(&mut state.listed)
        };
        for writer in self.batch.drain(..).chain(listed) {
            self.list.write(&writer);
            writer.unlist(self.list.id);
        }
    }
}

/// Writers that a flusher has promised to write.
struct List {
    id: ScopeId,
    /// Nobody polls it any more.
    over: AtomicBool,
    state: Mutex<State>,
}

struct State {
    listed: VecDeque<Arc<dyn Flush>>,
    /// How long the list may be before it is searched for doubles.
    limit: usize,
    /// Wakes the flusher; `None` while it is woken.
    waker: Option<Waker>,
    /// How many may list something: the thread, and transports that took no more.
    holds: usize,
}

impl State {
    fn list(&mut self, writer: Arc<dyn Flush>) {
        // Flushers that take turns at a connection list it each time, while their threads are busy.
        if self.listed.len() >= self.limit {
            let mut seen = HashSet::new();
            let address = |writer: &Arc<dyn Flush>| Arc::as_ptr(writer).cast::<()>().addr();
            self.listed.retain(|writer| seen.insert(address(writer)));
            self.limit = (2 * self.listed.len()).max(BATCH);
        }
        self.listed.push_back(writer);
    }
}

impl List {
    fn new() -> Self {
        Self {
            id: cork::next_id(),
            over: AtomicBool::new(false),
            state: Mutex::new(State {
                listed: VecDeque::new(),
                limit: BATCH,
                waker: None,
                holds: 0,
            }),
        }
    }

    fn hold(self: &Arc<Self>) -> Hold {
        self.lock().holds += 1;
        Hold(Arc::clone(self))
    }

    /// Lists a writer and wakes the flusher; false if there is none any more.
    fn push(&self, writer: Arc<dyn Flush>) -> bool {
        let mut state = self.lock();
        if self.over.load(Ordering::Acquire) {
            return false;
        }
        state.list(writer);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Writes what the transport takes now. It is listed again when it takes more.
    fn write(self: &Arc<Self>, writer: &Arc<dyn Flush>) {
        let again = || {
            Arc::new(Again {
                writer: Arc::downgrade(writer),
                list: self.hold(),
            })
        };
        // A transport that panics must not take the promise away from others.
        if catch_unwind(AssertUnwindSafe(|| writer.flush_listed(self.id, &again))).is_err() {
            writer.panicked();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who may list something. When there is none left, the flusher ends.
struct Hold(Arc<List>);

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.holds -= 1;
        let waker = match state.holds {
            0 => state.waker.take(),
            _ => None,
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Lists a writer again when its transport takes more.
///
/// It touches the list only, never the writer: a transport may wake from inside its own write.
pub(crate) struct Again {
    writer: Weak<dyn Flush>,
    list: Hold,
}

impl Again {
    pub(crate) fn wake(&self) {
        if let Some(writer) = self.writer.upgrade() {
            // After the flusher's end, it is the receiver's to write, who is woken too.
            let _ = self.list.0.push(writer);
        }
    }
}

/// Connections that are written in one poll, and how many are listed before doubles are looked for.
const BATCH: usize = 128;

/// Connections that the list keeps room for when it is empty.
const KEPT: usize = 1024;

/// The count of messages queued on a connection at which they are written there and then: the 256th, where it begins anew.
const RUN: u8 = 0;

/// How long a message may have waited when the second, fourth, eighth ... behind it is queued.
/// In units of [`Stamp`]: half a millisecond.
const PATIENCE: u8 = 4;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::cork::tests::Written;

    #[test]
    fn a_list_that_was_long_gives_its_memory_back() {
        let list = Arc::new(List::new());
        let _thread = list.hold();
        let writers: Vec<Arc<dyn Flush>> = (0..10 * KEPT).map(|_| Arc::new(Written) as _).collect();
        for writer in &writers {
            assert!(list.push(Arc::clone(writer)));
        }
        assert!(list.lock().listed.capacity() > KEPT);
        let mut flushing = pin!(Flushing {
            list: Arc::clone(&list),
            batch: Vec::new(),
        });
        let mut cx = Context::from_waker(Waker::noop());
        while !list.lock().listed.is_empty() {
            assert!(flushing.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(list.lock().listed.capacity(), 0);
    }

    #[test]
    fn stamps_tell_how_long_something_waits() {
        let now = Instant::now();
        // Whichever is stamped first.
        let later = Stamp::new(now + Duration::from_millis(10));
        let before = Stamp::new(now);
        assert!(
            (77..=79).contains(&before.age(later)),
            "{}",
            before.age(later)
        );
        assert_eq!(before.age(before), 0);
        let after = Stamp::new(now + Duration::from_secs(60));
        let soon = Stamp::new(now + Duration::from_millis(60_001));
        assert!((7..=8).contains(&after.age(soon)), "{}", after.age(soon));
    }
}
