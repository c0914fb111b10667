use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Polls `future` once.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls `future` up to `times` times and drops it; `None` if it was not ready by then.
///
/// # Panics
///
/// If it is pending and nobody has woken its task: over a transport that is always about to be ready, it would
/// never be polled again.
pub(crate) fn poll_times<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut future = pin!(future);
    for _ in 0..times {
        flag.0.store(false, Ordering::SeqCst);
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        assert!(flag.is_up(), "pending, and nobody will wake it");
    }
    None
}

/// Polls `future` to its end, whenever it was woken.
///
/// # Panics
///
/// As [`poll_times`].
#[track_caller]
pub(crate) fn complete<F: Future>(future: F) -> F::Output {
    poll_times(future, usize::MAX).expect("ready")
}

/// Tasks on one thread, each polled only when it was woken.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Task>,
    /// Polls so far.
    pub(crate) polls: usize,
}

struct Task {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    flag: Arc<Flag>,
}

/// What a task gives when it is done.
pub(crate) struct Handle<T> {
    value: Rc<RefCell<Option<T>>>,
    task: usize,
}

impl Executor {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a task; it is polled first in the next [`run`](Self::run).
    pub(crate) fn spawn<T: 'static>(
        &mut self,
        future: impl Future<Output = T> + 'static,
    ) -> Handle<T> {
        let value = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&value);
        let task = self.tasks.len();
        self.tasks.push(Task {
            future: Some(Box::pin(async move {
                let value = future.await;
                *slot.borrow_mut() = Some(value);
            })),
            flag: Arc::new(Flag(AtomicBool::new(true))),
        });
        Handle { value, task }
    }

    /// Polls whoever was woken, until nobody is.
    pub(crate) fn run(&mut self) {
        while self.turn() {}
    }

    /// Polls each task that was woken once; false if there was none.
    pub(crate) fn turn(&mut self) -> bool {
        let mut any = false;
        for task in &mut self.tasks {
            if !task.flag.0.swap(false, Ordering::SeqCst) {
                continue;
            }
            let Some(future) = &mut task.future else {
                continue;
            };
            any = true;
            self.polls += 1;
            let waker = Waker::from(Arc::clone(&task.flag));
            if future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                task.future = None;
            }
        }
        any
    }

    /// Runs, and gives what the task of `handle` gave.
    ///
    /// # Panics
    ///
    /// If that task waits for something that nobody will wake it for.
    #[track_caller]
    pub(crate) fn finish<T>(&mut self, handle: &Handle<T>) -> T {
        self.run();
        handle.take().expect("the task waits for ever")
    }

    /// Drops the task of `handle`.
    pub(crate) fn abort<T>(&mut self, handle: &Handle<T>) {
        self.tasks[handle.task].future = None;
    }
}

impl<T> Handle<T> {
    /// What the task gave, once, if it is done.
    pub(crate) fn take(&self) -> Option<T> {
        self.value.borrow_mut().take()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.value.borrow().is_some()
    }
}

/// What a task waits at until the test opens it: something that has nothing to do with the connection.
#[derive(Clone, Default)]
pub(crate) struct Gate(Rc<GateState>);

#[derive(Default)]
struct GateState {
    open: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        self.0.open.set(true);
        self.0.waiting.take().into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            if self.0.open.get() {
                return Poll::Ready(());
            }
            self.0.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn is_up(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
