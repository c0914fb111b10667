use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Wakes the task of `echo`, which is polled until it waits for more, each time the result is called.
///
/// It runs in no runtime: what it costs is the library's. It must not end.
pub fn polled(echo: impl Future<Output = ()> + 'static) -> Box<dyn FnMut()> {
    let mut echo = Box::pin(echo);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    Box::new(move || {
        let mut cx = Context::from_waker(&waker);
        loop {
            let Poll::Pending = echo.as_mut().poll(&mut cx) else {
                panic!("the echo has ended");
            };
            // Whoever wakes itself only lets others run.
            if !woken.0.swap(false, Ordering::Relaxed) {
                break;
            }
        }
    })
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
