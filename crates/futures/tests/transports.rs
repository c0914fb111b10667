//! Streams of futures-io as transports.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bowline_futures::{
    Acceptor, CloseCode, Config, Connector, Error, Halves, Io, Role, Timer, Transport, WebSocket,
};
use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};

/// One end of a pair of pipes; notes how its bytes were written.
#[derive(Clone)]
struct Stream(Arc<End>);

struct End {
    input: Arc<Mutex<Pipe>>,
    output: Arc<Mutex<Pipe>>,
    /// The runs of each write.
    writes: Arc<Mutex<Vec<Vec<usize>>>>,
}

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    closed: bool,
    reader: Option<Waker>,
}

impl Stream {
    fn pair() -> (Self, Self) {
        let (there, back) = (Arc::default(), Arc::default());
        let end = |input: &Arc<_>, output: &Arc<_>| {
            Self(Arc::new(End {
                input: Arc::clone(input),
                output: Arc::clone(output),
                writes: Arc::default(),
            }))
        };
        (end(&there, &back), end(&back, &there))
    }
}

impl End {
    fn close(&self) {
        let mut pipe = self.output.lock().unwrap();
        pipe.closed = true;
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
    }
}

/// The last clone ends the stream.
impl Drop for End {
    fn drop(&mut self) {
        self.close();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.input.lock().unwrap();
        if pipe.bytes.is_empty() && !pipe.closed {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(io::Read::read(&mut pipe.bytes, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let lens: Vec<usize> = runs.iter().map(|run| run.len()).collect();
        let count = lens.iter().sum();
        self.0.writes.lock().unwrap().push(lens);
        let mut pipe = self.0.output.lock().unwrap();
        for run in runs {
            pipe.bytes.extend(&run[..]);
        }
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

/// A timer that never comes: nothing here waits for a deadline.
struct Never;

impl Timer for Never {
    fn now() -> Instant {
        Instant::now()
    }

    fn at(_: Instant) -> Self {
        Self
    }

    fn reset(&mut self, _: Instant) {}
}

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[derive(Default)]
struct Woken(std::sync::atomic::AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

/// Polls both in turn until both are done.
///
/// # Panics
///
/// If both wait and nobody was woken.
fn join<A: Future, B: Future>(left: A, right: B) -> (A::Output, B::Output) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let (mut left, mut right) = (pin!(left), pin!(right));
    let (mut a, mut b) = (None, None);
    loop {
        woken.0.store(false, std::sync::atomic::Ordering::SeqCst);
        if a.is_none()
            && let Poll::Ready(output) = left.as_mut().poll(&mut cx)
        {
            a = Some(output);
        }
        if b.is_none()
            && let Poll::Ready(output) = right.as_mut().poll(&mut cx)
        {
            b = Some(output);
        }
        match (a.take(), b.take()) {
            (Some(a), Some(b)) => return (a, b),
            (left, right) => (a, b) = (left, right),
        }
        assert!(
            woken.0.load(std::sync::atomic::Ordering::SeqCst),
            "both wait"
        );
    }
}

async fn echo<T: Transport>(transport: T) -> Result<(), Error> {
    let mut ws = Acceptor::new().accept_on(transport).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

async fn talk<T: Transport>(transport: T) -> Result<(), Error> {
    let connector = Connector::new();
    let (mut ws, response) = connector.connect_on(transport, "ws://example.com/").await?;
    assert_eq!(response.status(), 101);
    for len in [0, 5, 125, 65_536, 300_000] {
        ws.send(vec![7; len]).await?;
        assert!(ws.recv().await? == Some(vec![7; len].into()), "{len}");
    }
    ws.close(CloseCode::NORMAL).await
}

#[test]
fn a_shared_stream_and_divided_ones_carry_a_conversation() {
    let (left, right) = Stream::pair();
    let (client, server) = join(
        talk(Io::<_, Never>::new(left)),
        echo(Io::<_, Never>::new(right).vectored(true)),
    );
    client.unwrap();
    server.unwrap();

    let (left, right) = Stream::pair();
    let (client, server) = join(
        talk(Halves::<_, _, Never>::new(left.clone(), left).vectored(true)),
        echo(Halves::<_, _, Never>::new(right.clone(), right)),
    );
    client.unwrap();
    server.unwrap();
}

/// How large messages are written.
fn writes(vectored: bool) -> Vec<Vec<usize>> {
    let (stream, peer) = Stream::pair();
    let writes = Arc::clone(&stream.0.writes);
    let transport = Io::<_, Never>::new(stream).vectored(vectored);
    let config = Config::new(Role::Server);
    let ws = WebSocket::new(Role::Server, transport, &config, None, BytesMut::new());
    let sent = Rc::new(RefCell::new(false));
    let flag = Rc::clone(&sent);
    let sending = async move {
        ws.send(vec![1; 10]).await.unwrap();
        ws.send(vec![1; 100_000]).await.unwrap();
        *flag.borrow_mut() = true;
    };
    join(sending, async {});
    assert!(*sent.borrow());
    drop(peer);
    let writes = writes.lock().unwrap();
    writes.clone()
}

#[test]
fn a_header_never_goes_alone() {
    // Header and payload of the large one in one call; at the end a Close.
    assert_eq!(writes(true), [vec![12], vec![10, 100_000], vec![4]]);
    // The header is joined with the beginning of its payload.
    let rest = 10 + 100_000 - 16 * 1024;
    assert_eq!(writes(false), [[12], [16 * 1024], [rest], [4]]);
}
