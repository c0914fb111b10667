use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

/// Runs `future`; what it queues during a poll is written right after that poll, in one write per socket.
///
/// Inside, [`send`](crate::Sender::send) returns as soon as a message is queued: the promise to write is
/// kept by this scope. A reply never waits while the future waits for something else. Tasks that are
/// spawned inside are outside of the scope; scopes nest.
///
/// [`Acceptor::serve`](crate::Acceptor::serve) runs its handler in one.
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
pub async fn corked<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut listed = Listed(Vec::new());
    poll_fn(|cx| {
        let _scope = Scope::enter(&mut listed.0, cx.waker());
        future.as_mut().poll(cx)
    })
    .await
}

/// A writer that can be told to write what is queued.
pub(crate) trait Flush: Send + Sync {
    /// Writes what the transport takes now; false if something is left, and the waker is kept then.
    fn flush_now(&self, cx: &mut Context<'_>) -> bool;

    /// Takes the promise back: the scope that listed the writer is over.
    fn unlist(&self);
}

/// Writers that a scope has promised to write. When it is over, what is left is their receivers' to write.
struct Listed(Vec<Arc<dyn Flush>>);

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.iter().for_each(|writer| writer.unlist());
    }
}

/// Lists a writer with the scope that the running task is in; false if it is in none.
#[inline]
pub(crate) fn list(writer: impl FnOnce() -> Arc<dyn Flush>) -> bool {
    SCOPE.with_borrow_mut(|scope| match scope {
        Some(listed) => {
            listed.push(writer());
            true
        }
        None => false,
    })
}

/// True if the running task is in a scope.
#[inline]
pub(crate) fn is_corked() -> bool {
    SCOPE.with_borrow(Option::is_some)
}

/// One poll inside a scope. Dropping it, in a panic too, writes what was listed.
struct Scope<'a> {
    outer: Option<Vec<Arc<dyn Flush>>>,
    listed: &'a mut Vec<Arc<dyn Flush>>,
    waker: &'a Waker,
}

impl<'a> Scope<'a> {
    fn enter(listed: &'a mut Vec<Arc<dyn Flush>>, waker: &'a Waker) -> Self {
        let outer = SCOPE.replace(Some(std::mem::take(listed)));
        Self {
            outer,
            listed,
            waker,
        }
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        // No borrow is held while writing: a transport may run code of its own.
        *self.listed = SCOPE.replace(self.outer.take()).unwrap_or_default();
        let mut cx = Context::from_waker(self.waker);
        // What can't be written now stays listed; the waker brings the task back to it.
        self.listed.retain(|writer| !writer.flush_now(&mut cx));
    }
}

thread_local! {
    static SCOPE: RefCell<Option<Vec<Arc<dyn Flush>>>> = const { RefCell::new(None) };
}
