use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use bowline_io::{Flusher, Queued};
use tokio::runtime::{self, Handle};
use tokio::task::{self, coop};
use tokio::time::{self, Sleep};

/// tokio's timer. Where tokio's clock is paused, so are the deadlines of connections.
#[derive(Debug)]
pub struct Timer(Pin<Box<Sleep>>);

impl bowline_io::Timer for Timer {
    fn now() -> Instant {
        time::Instant::now().into_std()
    }

    fn at(deadline: Instant) -> Self {
        Self(Box::pin(time::sleep_until(deadline.into())))
    }

    fn reset(&mut self, deadline: Instant) {
        self.0.as_mut().reset(deadline.into());
    }

    fn promise(queued: &mut Queued<'_>) -> bool {
        // From outside of a task or of a worker, the flusher would be woken on another thread, which costs more than to write.
        let (Some(task), Some(_)) = (task::try_id(), runtime::worker_index()) else {
            return false;
        };
        let runtime = || Some(Handle::try_current().ok()?.id());
        let spawn = |flushing| drop(task::spawn(coop::unconstrained(flushing)));
        let promise = |flusher: &Thread| flusher.promise(queued, task, runtime, spawn);
        FLUSHER.try_with(promise).unwrap_or(false)
    }
}

type Thread = Flusher<task::Id, runtime::Id>;

thread_local! {
    static FLUSHER: Thread = const { Flusher::new() };
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // A deadline holds in a task that is kept busy by a peer, too.
        pin!(coop::unconstrained(self.0.as_mut())).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use bowline_io::Timer as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_in_a_spent_poll_too() {
        let second = Duration::from_secs(1);
        let mut timer = Timer::at(Timer::now() + second);
        assert!(
            poll_fn(|cx| Poll::Ready(Pin::new(&mut timer).poll(cx)))
                .await
                .is_pending()
        );
        time::advance(2 * second).await;
        let passed = poll_fn(|cx| {
            while let Poll::Ready(spent) = coop::poll_proceed(cx) {
                spent.made_progress();
            }
            Poll::Ready(Pin::new(&mut timer).poll(cx))
        });
        assert!(passed.await.is_ready());
    }
}
