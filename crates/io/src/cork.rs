use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::ops::DerefMut;
use std::pin::Pin;
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
    CURRENT.with(|current| {
        let Current { scope, spare } = &mut *current.borrow_mut();
        let scope = scope.as_mut()?;
        // Another scope's promise doesn't do: its task may be busy, or at its end.
        if listed != scope.id {
            if scope.listed.capacity() == 0 {
                scope.listed = std::mem::take(spare);
            }
            scope.listed.push(writer());
        }
        Some(scope.id)
    })
}

/// Writers that a scope has promised to write.
struct Scope {
    id: ScopeId,
    listed: Vec<Arc<dyn Flush>>,
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
        let entered = CURRENT.with(|current| match &mut current.borrow_mut().scope {
            Some(outer) => {
                outer.listed.append(&mut scope.listed);
                false
            }
            current @ None => {
                let listed = std::mem::take(&mut scope.listed);
                *current = Some(Scope {
                    id: scope.id,
                    listed,
                });
                ID.with(|id| id.set(scope.id));
                true
            }
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
        // No borrow is held while writing: a transport may run code of its own.
        if let Some(mut current) = CURRENT.with(|current| current.borrow_mut().scope.take()) {
            scope.listed = std::mem::take(&mut current.listed);
        }
        if scope.listed.capacity() == 0 {
            return;
        }
        let mut cx = Context::from_waker(self.waker);
        // What can't be written now stays listed; the waker brings the task back to it.
        scope.listed.retain(|writer| !writer.flush_now(&mut cx));
        if scope.listed.len() > 1 {
            // Scopes that take turns at a full transport list it each time.
            let address = |writer: &Arc<dyn Flush>| Arc::as_ptr(writer).cast::<()>().addr();
            scope.listed.sort_unstable_by_key(address);
            scope.listed.dedup_by_key(|writer| address(writer));
        }
        if scope.listed.is_empty() {
            // A scope that waits owns no list.
            let listed = std::mem::take(&mut scope.listed);
            if listed.capacity() <= KEPT {
                CURRENT.with(|current| current.borrow_mut().spare = listed);
            }
        }
    }
}

/// What a thread knows of scopes.
struct Current {
    /// The scope that is polled.
    scope: Option<Scope>,
    /// Room for the next list.
    spare: Vec<Arc<dyn Flush>>,
}

thread_local! {
    static CURRENT: RefCell<Current> = const {
        RefCell::new(Current { scope: None, spare: Vec::new() })
    };
}

thread_local! {
    /// The number of the scope that is polled, to be had for less.
    static ID: Cell<ScopeId> = const { Cell::new(0) };
}

/// The longest list whose room a thread keeps.
const KEPT: usize = 64;

static NEXT: AtomicU64 = AtomicU64::new(1);
