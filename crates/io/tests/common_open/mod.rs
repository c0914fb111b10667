//! A clock that stands still until everybody waits for it, and transports that follow a script.

#![allow(dead_code, reason = "no test program uses all of it")]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bowline_io::{PollRead, PollWrite, Timer, Transport};

struct Clock {
    start: Instant,
    passed: Duration,
    timers: BTreeMap<u64, Instant>,
    names: u64,
}

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::new(Clock {
        start: Instant::now(),
        passed: Duration::ZERO,
        timers: BTreeMap::new(),
        names: 0,
    });
}

/// Time that has passed on this thread's clock.
pub(crate) fn passed() -> Duration {
    CLOCK.with_borrow(|clock| clock.passed)
}

/// A timer of this thread's clock.
#[derive(Debug)]
pub(crate) struct TestTimer {
    name: u64,
    deadline: Instant,
}

impl TestTimer {
    pub(crate) fn after(duration: Duration) -> Self {
        Self::at(Self::now() + duration)
    }
}

impl Timer for TestTimer {
    fn now() -> Instant {
        CLOCK.with_borrow(|clock| clock.start + clock.passed)
    }

    fn at(deadline: Instant) -> Self {
        let name = CLOCK.with_borrow_mut(|clock| {
            clock.names += 1;
            clock.names
        });
        Self { name, deadline }
    }

    fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }
}

impl Future for TestTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        CLOCK.with_borrow_mut(|clock| {
            if clock.start + clock.passed >= self.deadline {
                clock.timers.remove(&self.name);
                return Poll::Ready(());
            }
            // The executor polls again whenever it moves the clock.
            clock.timers.insert(self.name, self.deadline);
            Poll::Pending
        })
    }
}

impl Drop for TestTimer {
    fn drop(&mut self) {
        CLOCK.with_borrow_mut(|clock| clock.timers.remove(&self.name));
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future. When nothing has woken it, the clock moves to the next timer.
///
/// # Panics
///
/// If it waits for nothing.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut future = pin!(future);
    loop {
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(output) = polled {
            return output;
        }
        if flag.0.swap(false, Ordering::Relaxed) {
            continue;
        }
        CLOCK.with_borrow_mut(|clock| {
            let next = clock.timers.values().min();
            let next = *next.expect("everybody waits and no timer runs");
            clock.passed = clock.passed.max(next - clock.start);
        });
    }
}

/// Runs both futures to their ends.
pub(crate) async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut left, mut right) = (None, None);
    poll_fn(move |cx| {
        if left.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            left = Some(output);
        }
        if right.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            right = Some(output);
        }
        match (left.take(), right.take()) {
            (Some(left), Some(right)) => Poll::Ready((left, right)),
            (a, b) => {
                (left, right) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// What reading from a [`Scripted`] transport gives.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    Bytes(Vec<u8>),
    /// Pending once.
    Pending,
    /// Nothing for so long.
    Wait(Duration),
    End,
    Fail(io::ErrorKind),
    /// More than there was room for.
    TooMuch,
    /// Bytes for ever.
    Endless,
}

/// What writing to a [`Scripted`] transport gives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    /// Takes so many bytes.
    Take(usize),
    Pending,
    Wait(Duration),
    Zero,
    Fail(io::ErrorKind),
    /// Claims to have taken more than was given.
    TooMuch,
    /// Takes nothing, for ever.
    Nothing,
}

/// What was done to a [`Scripted`] transport.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Did {
    Wrote(Vec<u8>),
    Flushed,
    ShutDown,
    ReadEnd,
    DroppedReader,
    DroppedWriter,
}

/// A transport that does what a script says: without a step it takes all and gives nothing.
#[derive(Debug)]
pub(crate) struct Scripted {
    reader: ScriptedReader,
    writer: ScriptedWriter,
}

#[derive(Debug)]
pub(crate) struct ScriptedReader {
    steps: VecDeque<Read>,
    timer: Option<TestTimer>,
    log: Log,
}

#[derive(Debug)]
pub(crate) struct ScriptedWriter {
    steps: VecDeque<Write>,
    timer: Option<TestTimer>,
    shutdown: Option<io::ErrorKind>,
    log: Log,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Did>>>);

impl Log {
    pub(crate) fn all(&self) -> Vec<Did> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        let wrote = self.all().into_iter().map(|did| match did {
            Did::Wrote(bytes) => bytes,
            _ => Vec::new(),
        });
        wrote.flatten().collect()
    }

    /// What was written, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written()).into_owned()
    }

    /// Everything but the bytes, in order; flushing left out.
    pub(crate) fn acts(&self) -> Vec<Did> {
        let mut acts = self.all();
        acts.retain(|did| !matches!(did, Did::Wrote(_) | Did::Flushed));
        acts
    }

    fn push(&self, did: Did) {
        self.0.lock().unwrap().push(did);
    }
}

impl Scripted {
    pub(crate) fn new(reads: impl IntoIterator<Item = Read>) -> (Self, Log) {
        let log = Log::default();
        let scripted = Self {
            reader: ScriptedReader {
                steps: reads.into_iter().collect(),
                timer: None,
                log: log.clone(),
            },
            writer: ScriptedWriter {
                steps: VecDeque::new(),
                timer: None,
                shutdown: None,
                log: log.clone(),
            },
        };
        (scripted, log)
    }

    /// Reads these bytes.
    pub(crate) fn reading(bytes: impl AsRef<[u8]>) -> (Self, Log) {
        Self::new([Read::Bytes(bytes.as_ref().to_vec())])
    }

    /// Reads these bytes and then the end.
    pub(crate) fn reading_all(bytes: impl AsRef<[u8]>) -> (Self, Log) {
        Self::new([Read::Bytes(bytes.as_ref().to_vec()), Read::End])
    }

    pub(crate) fn writes(mut self, steps: impl IntoIterator<Item = Write>) -> Self {
        self.writer.steps = steps.into_iter().collect();
        self
    }

    pub(crate) fn shutdown_fails(mut self, kind: io::ErrorKind) -> Self {
        self.writer.shutdown = Some(kind);
        self
    }
}

impl Transport for Scripted {
    type Reader = ScriptedReader;
    type Writer = ScriptedWriter;
    type Timer = TestTimer;

    fn divide(self) -> (ScriptedReader, ScriptedWriter) {
        (self.reader, self.writer)
    }
}

/// Pending until the step's time has passed.
fn poll_wait(timer: &mut Option<TestTimer>, wait: Duration, cx: &mut Context<'_>) -> Poll<()> {
    let running = timer.get_or_insert_with(|| TestTimer::after(wait));
    let polled = Pin::new(running).poll(cx);
    if polled.is_ready() {
        *timer = None;
    }
    polled
}

impl PollRead for ScriptedReader {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let Some(step) = self.steps.front_mut() else {
                return Poll::Pending;
            };
            match step {
                Read::Bytes(bytes) => {
                    let count = bytes.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&bytes[..count]);
                    bytes.drain(..count);
                    if bytes.is_empty() {
                        self.steps.pop_front();
                    }
                    return Poll::Ready(Ok(count));
                }
                Read::Pending => {
                    self.steps.pop_front();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Read::Wait(wait) => match poll_wait(&mut self.timer, *wait, cx) {
                    Poll::Ready(()) => _ = self.steps.pop_front(),
                    Poll::Pending => return Poll::Pending,
                },
                Read::End => {
                    self.log.push(Did::ReadEnd);
                    return Poll::Ready(Ok(0));
                }
                Read::Fail(kind) => return Poll::Ready(Err((*kind).into())),
                Read::TooMuch => return Poll::Ready(Ok(buffer.len() + 1)),
                Read::Endless => return Poll::Ready(Ok(buffer.len())),
            }
        }
    }
}

impl PollWrite for ScriptedWriter {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        assert!(!bytes.is_empty(), "an empty write");
        loop {
            let count = match self.steps.front_mut() {
                None => bytes.len(),
                Some(Write::Take(most)) => (*most).min(bytes.len()),
                Some(Write::Pending) => {
                    self.steps.pop_front();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Write::Wait(wait)) => {
                    if poll_wait(&mut self.timer, *wait, cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.steps.pop_front();
                    continue;
                }
                Some(Write::Zero) => return Poll::Ready(Ok(0)),
                Some(Write::Fail(kind)) => return Poll::Ready(Err((*kind).into())),
                Some(Write::TooMuch) => return Poll::Ready(Ok(bytes.len() + 1)),
                Some(Write::Nothing) => return Poll::Pending,
            };
            self.steps.pop_front();
            self.log.push(Did::Wrote(bytes[..count].to_vec()));
            return Poll::Ready(Ok(count));
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.log.push(Did::Flushed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.log.push(Did::ShutDown);
        match self.shutdown {
            Some(kind) => Poll::Ready(Err(kind.into())),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for ScriptedReader {
    fn drop(&mut self) {
        self.log.push(Did::DroppedReader);
    }
}

impl Drop for ScriptedWriter {
    fn drop(&mut self) {
        self.log.push(Did::DroppedWriter);
    }
}

/// Another transport, one byte at a time and Pending before each.
#[derive(Debug)]
pub(crate) struct Drip<T>(pub(crate) T);

#[derive(Debug)]
pub(crate) struct DripHalf<H> {
    half: H,
    ready: bool,
}

impl<T: Transport> Transport for Drip<T> {
    type Reader = DripHalf<T::Reader>;
    type Writer = DripHalf<T::Writer>;
    type Timer = T::Timer;

    fn divide(self) -> (Self::Reader, Self::Writer) {
        let (reader, writer) = self.0.divide();
        (DripHalf::new(reader), DripHalf::new(writer))
    }
}

impl<H> DripHalf<H> {
    fn new(half: H) -> Self {
        Self { half, ready: false }
    }

    fn hesitate(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.ready = !self.ready;
        if self.ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl<R: PollRead> PollRead for DripHalf<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.hesitate(cx));
        self.half.poll_read(cx, &mut buffer[..1])
    }
}

impl<W: PollWrite> PollWrite for DripHalf<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.hesitate(cx));
        self.half.poll_write(cx, &bytes[..1])
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.hesitate(cx));
        self.half.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.hesitate(cx));
        self.half.poll_shutdown(cx)
    }
}
