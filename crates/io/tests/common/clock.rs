use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bowline_io::{Queued, Timer};

/// A timer of a clock that belongs to the thread and stands still until it is [moved](advance).
#[derive(Debug)]
pub(crate) struct Fake {
    id: u64,
    deadline: Instant,
    spent: bool,
}

/// Moves this thread's clock, and wakes whoever waits for an instant up to then.
pub(crate) fn advance(by: Duration) {
    let due = CLOCK.with_borrow_mut(|clock| {
        clock.now += by;
        let now = clock.now;
        let (due, later) = std::mem::take(&mut clock.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|waiting| waiting.deadline <= now);
        clock.waiting = later;
        due
    });
    due.into_iter().for_each(|waiting| waiting.waker.wake());
}

/// Timers made on this thread so far.
pub(crate) fn timers_made() -> u64 {
    CLOCK.with_borrow(|clock| clock.made)
}

/// How often a timer of this thread was moved to another instant.
pub(crate) fn timers_reset() -> usize {
    CLOCK.with_borrow(|clock| clock.resets)
}

impl Timer for Fake {
    fn now() -> Instant {
        CLOCK.with_borrow(|clock| clock.now)
    }

    fn at(deadline: Instant) -> Self {
        CLOCK.with_borrow_mut(|clock| {
            clock.made += 1;
            Self {
                id: clock.made,
                deadline,
                spent: false,
            }
        })
    }

    fn reset(&mut self, deadline: Instant) {
        CLOCK.with_borrow_mut(|clock| {
            clock.resets += 1;
            clock.forget(self.id);
        });
        self.deadline = deadline;
        self.spent = false;
    }

    fn promise(queued: &mut Queued<'_>) -> bool {
        super::promise::promise(queued)
    }
}

impl Future for Fake {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        assert!(!self.spent, "a timer was polled after it was ready");
        CLOCK.with_borrow_mut(|clock| {
            clock.forget(self.id);
            if clock.now >= self.deadline {
                self.spent = true;
                return Poll::Ready(());
            }
            clock.waiting.push(Waiting {
                id: self.id,
                deadline: self.deadline,
                waker: cx.waker().clone(),
            });
            Poll::Pending
        })
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // The clock may be gone when the thread ends.
        let _ = CLOCK.try_with(|clock| clock.borrow_mut().forget(self.id));
    }
}

struct Clock {
    now: Instant,
    waiting: Vec<Waiting>,
    made: u64,
    resets: usize,
}

struct Waiting {
    id: u64,
    deadline: Instant,
    waker: Waker,
}

impl Clock {
    fn forget(&mut self, id: u64) {
        self.waiting.retain(|waiting| waiting.id != id);
    }
}

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::new(Clock {
        now: Instant::now(),
        waiting: Vec::new(),
        made: 0,
        resets: 0,
    });
}
