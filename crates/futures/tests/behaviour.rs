//! What every carrier does alike, on a runtime that is nothing but this file: sockets of std that don't block, and a
//! thread that wakes everybody who waits, again and again.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bowline_futures::{Network, Over, Stream, Timer};
use bowline_testing::behaviour::{self, Async};
use futures_io::{AsyncRead, AsyncWrite};

/// Who waits, each under a number of its own.
type Waiting = Mutex<HashMap<u64, Waker>>;

/// A place among those who wait. It is left when this is dropped, as a task is when its future is.
#[derive(Debug)]
struct Place(u64);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Has the task woken before long; whoever waited here before is forgotten.
    fn wait<T>(&self, cx: &Context<'_>) -> Poll<T> {
        waiting().lock().unwrap().insert(self.0, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        waiting().lock().unwrap().remove(&self.0);
    }
}

/// Those who wait; the first call starts the thread that wakes them.
fn waiting() -> &'static Waiting {
    static WAITING: OnceLock<Waiting> = OnceLock::new();
    static STARTED: OnceLock<()> = OnceLock::new();
    let waiting = WAITING.get_or_init(Waiting::default);
    STARTED.get_or_init(|| {
        thread::spawn(|| {
            loop {
                thread::sleep(Duration::from_micros(200));
                let woken = std::mem::take(&mut *waiting.lock().unwrap());
                woken.into_values().for_each(Waker::wake);
            }
        });
    });
    waiting
}

struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A socket. Each clone waits in places of its own, one for each direction.
#[derive(Debug)]
struct Tcp {
    socket: Arc<TcpStream>,
    reading: Place,
    writing: Place,
}

impl Tcp {
    fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::of(Arc::new(socket)))
    }

    fn of(socket: Arc<TcpStream>) -> Self {
        Self {
            socket,
            reading: Place::new(),
            writing: Place::new(),
        }
    }
}

impl Clone for Tcp {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.socket))
    }
}

/// What a call on a socket came to.
fn ready<T>(done: io::Result<T>, place: &Place, cx: &Context<'_>) -> Poll<io::Result<T>> {
    match done {
        Err(error) if error.kind() == ErrorKind::WouldBlock => place.wait(cx),
        done => Poll::Ready(done),
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready((&*self.socket).read(buffer), &self.reading, cx)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready((&*self.socket).write(bytes), &self.writing, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready((&*self.socket).write_vectored(runs), &self.writing, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(Shutdown::Write))
    }
}

#[derive(Debug)]
struct Alarm {
    deadline: Instant,
    place: Place,
}

impl Timer for Alarm {
    fn now() -> Instant {
        Instant::now()
    }

    fn at(deadline: Instant) -> Self {
        let place = Place::new();
        Self { deadline, place }
    }

    fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        self.place.wait(cx)
    }
}

struct Plain;

impl Network for Plain {
    type Tcp = Tcp;
    type Timer = Alarm;

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    async fn connect(address: SocketAddr) -> io::Result<Tcp> {
        Tcp::new(TcpStream::connect(address)?)
    }

    fn set_nodelay(stream: &Tcp) -> io::Result<()> {
        stream.socket.set_nodelay(true)
    }

    fn shutdown(stream: &Tcp) -> io::Result<()> {
        stream.socket.shutdown(Shutdown::Write)
    }
}

struct OnPlain;

impl behaviour::Runtime for OnPlain {
    type Io = Over<Plain>;

    fn block_on<F: Future>(future: F) -> F::Output {
        let waker = Waker::from(Arc::new(Parked(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }

    fn stream(stream: TcpStream) -> io::Result<Stream<Tcp, Plain>> {
        Ok(Tcp::new(stream)?.into())
    }
}

#[test]
fn a_connection_over_tcp_behaves() {
    behaviour::run::<Async<OnPlain>>();
}

// covers WS-4.1-06, WS-4.1-07, WS-4.2.2-01, WS-10.6-01, TLS-01, TLS-02, TLS-04, TLS-05
#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Async<OnPlain>>();
}
