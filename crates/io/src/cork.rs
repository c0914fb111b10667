use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem;
use std::ops::DerefMut;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use crate::flusher::Again;
use crate::sync::thread_local;

/// Runs `future`; what it queues during a poll is written right after that poll, in one write per socket.
///
/// Inside, [`send`](crate::Sender::send) returns as soon as a message is queued: the promise to write is
/// kept by this scope. A reply never waits while the future waits for something else. Tasks that are
/// spawned inside are outside of the scope. A scope inside another adds nothing.
///
/// [`Acceptor::serve`](crate::Acceptor::serve) runs its handler in one. Where the runtime promises as much to every
/// task ([`Timer::promise`](crate::Timer::promise)), a scope takes a little less, and writes before others run.
///
/// # Cancel safety
///
/// As safe as `future`. What was queued in a poll has been offered to the transport when the poll is over.
///
/// # Examples
///
/// ```
/// # use bowline_io::{Transport, WebSocket, Error, corked};
/// async fn echo<T: Transport>(mut ws: WebSocket<T>) -> Result<(), Error> {
///     corked(async {
///         while let Some(message) = ws.recv().await? {
///             ws.send(message).await?;
///         }
///         Ok(())
///     })
///     .await
/// }
/// ```
pub fn corked<F: Future>(future: F) -> impl Future<Output = F::Output> {
    // In a box, since a future that is pinned in another would be there twice: once as it came.
    corked_pinned(Box::pin(future))
}

/// As [`corked`], for a future that is pinned already.
pub(crate) fn corked_pinned<P>(
    mut future: Pin<P>,
) -> impl Future<Output = <P::Target as Future>::Output>
where
    P: DerefMut<Target: Future>,
{
    let mut scope = Scope {
        id: next_id(),
        listed: Vec::new(),
    };
    poll_fn(move |cx| {
        let _entered = Entered::new(&mut scope, cx.waker());
        future.as_mut().poll(cx)
    })
}

/// A writer that can be told to write what is queued.
pub(crate) trait Flush: Send + Sync {
    /// Writes what the transport takes now; false if something is left, and the waker is kept then.
    fn flush_now(&self, cx: &mut Context<'_>) -> bool;

    /// As [`flush_now`](Self::flush_now), for the flusher with this number. If something is left, it is `again` that
    /// is kept to be woken.
    fn flush_listed(&self, flusher: ScopeId, again: &dyn Fn() -> Arc<Again>);

    /// Takes the promise back: the scope or flusher with this number is over.
    fn unlist(&self, scope: ScopeId);

    /// The transport panicked, and nobody else is told: the connection has failed.
    fn panicked(&self);
}

/// The number of a scope or flusher, of which no two have the same; 0 for none.
pub(crate) type ScopeId = u64;

pub(crate) fn next_id() -> ScopeId {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The number of the scope that the running task is in; 0 if it is in none.
#[inline(always)]
pub(crate) fn scope() -> ScopeId {
    ID.with(Cell::get)
}

/// Asks the scope that the running task is in to write, and gives its number; `None` if it is in none.
///
/// `listed` is the number of the scope that was asked last and has not written yet.
pub(crate) fn list(listed: ScopeId, writer: impl FnOnce() -> Arc<dyn Flush>) -> Option<ScopeId> {
    let scope = scope();
    if scope == 0 {
        return None;
    }
    // Another scope's promise doesn't do: its task may be busy, or at its end.
    if listed != scope {
        LISTED.with(|listed| listed.borrow_mut().push(writer()));
    }
    Some(scope)
}

/// Takes the running scope's promise back if `writer` was listed last: it has written already, and that it is asked
/// again would be for nothing. True if it isn't listed any more.
pub(crate) fn take_back<W: Flush>(writer: &W) -> bool {
    let last = LISTED.with(|listed| {
        let last = |last: &mut Arc<dyn Flush>| ptr::addr_eq(Arc::as_ptr(last), writer);
        listed.borrow_mut().pop_if(last)
    });
    last.is_some()
}

/// Writers that a scope has promised to write.
struct Scope {
    id: ScopeId,
    listed: Vec<Arc<dyn Flush>>,
}

impl Scope {
    /// Writes what is listed. What can't be written now stays listed; the waker brings the task back to it.
    fn write(&mut self, waker: &Waker) {
        let mut cx = Context::from_waker(waker);
        self.listed.retain(|writer| !writer.flush_now(&mut cx));
        if self.listed.len() > 1 {
            // Scopes that take turns at a full transport list it each time.
            let address = |writer: &Arc<dyn Flush>| Arc::as_ptr(writer).cast::<()>().addr();
            self.listed.sort_unstable_by_key(address);
            self.listed.dedup_by_key(|writer| address(writer));
        }
        if self.listed.is_empty() {
            // A scope that waits owns no list.
            let room = mem::take(&mut self.listed);
            if (1..=KEPT).contains(&room.capacity()) {
                LISTED.with(|listed| *listed.borrow_mut() = room);
            }
        }
    }
}

/// When a scope is over, what is left is the receivers' to write.
impl Drop for Scope {
    fn drop(&mut self) {
        self.listed.iter().for_each(|writer| writer.unlist(self.id));
    }
}

/// One poll inside a scope. Dropping it, in a panic too, writes what was listed.
///
/// Inside another scope it does nothing: the outer one's poll ends soon enough, and with one write for both.
struct Entered<'a> {
    scope: Option<&'a mut Scope>,
    waker: &'a Waker,
}

impl<'a> Entered<'a> {
    fn new(scope: &'a mut Scope, waker: &'a Waker) -> Self {
        let entered = ID.with(|id| {
            let outermost = id.get() == 0;
            if outermost {
                id.set(scope.id);
            } else if !scope.listed.is_empty() {
                LISTED.with(|listed| listed.borrow_mut().append(&mut scope.listed));
            }
            outermost
        });
        Self {
            scope: entered.then_some(scope),
            waker,
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Some(scope) = &mut self.scope else {
            return;
        };
        ID.with(|id| id.set(0));
        LISTED.with(|listed| {
            let listed = &mut *listed.borrow_mut();
            if scope.listed.is_empty() && !listed.is_empty() {
                // With its room, since one of the two has none.
                mem::swap(&mut scope.listed, listed);
            } else {
                scope.listed.append(listed);
            }
        });
        // No borrow is held while writing: a transport may run code of its own.
        if !scope.listed.is_empty() {
            scope.write(self.waker);
        }
    }
}

thread_local! {
    /// The number of the scope that is polled.
    static ID: Cell<ScopeId> = const { Cell::new(0) };
}

thread_local! {
    /// Writers that were listed in this poll.
    static LISTED: RefCell<Vec<Arc<dyn Flush>>> = const { RefCell::new(Vec::new()) };
}

/// The longest list whose room a thread keeps.
const KEPT: usize = 64;

static NEXT: AtomicU64 = AtomicU64::new(1);

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use super::*;

    /// A connection on which nothing waits.
    pub(crate) struct Written;

    impl Flush for Written {
        fn flush_now(&self, _: &mut Context<'_>) -> bool {
            true
        }

        fn flush_listed(&self, _: ScopeId, _: &dyn Fn() -> Arc<Again>) {}

        fn unlist(&self, _: ScopeId) {}

        fn panicked(&self) {}
    }

    #[test]
    fn the_promise_that_was_made_last_is_taken_back_once() {
        let [first, last] = [(); 2].map(|()| Arc::new(Written));
        let mut scope = Scope {
            id: next_id(),
            listed: Vec::new(),
        };
        let entered = Entered::new(&mut scope, Waker::noop());
        for writer in [&first, &last] {
            assert!(list(0, || Arc::clone(writer) as _).is_some());
        }
        assert!(!take_back(&*first), "it isn't the last");
        assert!(take_back(&*last));
        assert!(!take_back(&*last), "it was taken back");
        assert!(take_back(&*first));
        drop(entered);
        assert_eq!(
            (Arc::strong_count(&first), Arc::strong_count(&last)),
            (1, 1)
        );
    }
}
