use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;

use bowline_io::{Flusher, Flushing, Queued};

/// Polls `future` as a task of a runtime that has a flusher for this thread.
pub(crate) async fn task<F: Future>(task: u32, runtime: u32, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        RUNNING.set(Some((task, runtime)));
        let polled = future.as_mut().poll(cx);
        RUNNING.set(None);
        polled
    })
    .await
}

/// The flushers that were spawned since the last call.
pub(crate) fn spawned() -> Vec<Flushing> {
    SPAWNED.take()
}

/// Lets go of this thread's flusher, as when the thread ends.
pub(crate) fn end_thread() {
    FLUSHER.take();
}

/// Goes on as another thread, that of `flusher`, and leaves this one's there.
pub(crate) fn swap_thread(flusher: &mut Flusher<u32, u32>) {
    FLUSHER.with_borrow_mut(|current| std::mem::swap(current, flusher));
}

/// What a carrier does for the running task.
pub(super) fn promise(queued: &mut Queued<'_>) -> bool {
    let Some((task, runtime)) = RUNNING.get() else {
        return false;
    };
    let spawn = |flushing| SPAWNED.with_borrow_mut(|spawned| spawned.push(flushing));
    FLUSHER.with_borrow(|flusher| flusher.promise(queued, task, || Some(runtime), spawn))
}

thread_local! {
    static RUNNING: Cell<Option<(u32, u32)>> = const { Cell::new(None) };
    static SPAWNED: RefCell<Vec<Flushing>> = const { RefCell::new(Vec::new()) };
    static FLUSHER: RefCell<Flusher<u32, u32>> = const { RefCell::new(Flusher::new()) };
}
