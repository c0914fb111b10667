//! What a task sends that the program spawned itself, without `serve` and without `corked`: when it is written, and in
//! how many writes.

mod common;

use std::future::poll_fn;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_testing::wire::{BINARY, CLOSE, FIN, TEXT, frame, frame_from, whole_frames};
use bowline_tokio::{Acceptor, CloseCode, Connector, Error, Io, Role, WebSocket};
use common::{ANSWER, REQUEST, expect, raw_client, read_to_end};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, LocalSet};

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

async fn echo<T: bowline_tokio::Transport>(mut ws: WebSocket<T>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Serves one connection with `handler` in a task, in no scope.
async fn serve_one<F, Fut>(handler: F) -> (SocketAddr, JoinHandle<Result<(), Error>>)
where
    F: FnOnce(WebSocket) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Error>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        handler(Acceptor::new().accept(stream).await?).await
    });
    (address, served)
}

/// A stream that counts the reads and writes that moved bytes.
struct Counting {
    stream: TcpStream,
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls {
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Calls {
    /// Reads and writes since the last call.
    fn take(&self) -> (usize, usize) {
        let take = |calls: &AtomicUsize| calls.swap(0, Ordering::SeqCst);
        (take(&self.reads), take(&self.writes))
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let calls = usize::from(buffer.filled().len() > filled);
        self.calls.reads.fetch_add(calls, Ordering::SeqCst);
        read
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        let calls = usize::from(written.is_ready());
        self.calls.writes.fetch_add(calls, Ordering::SeqCst);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, runs);
        let calls = usize::from(written.is_ready());
        self.calls.writes.fetch_add(calls, Ordering::SeqCst);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A server's connection whose calls are counted, and a client that is moved by hand.
async fn counted() -> (WebSocket<Io<Counting>>, std::net::TcpStream, Arc<Calls>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asking = raw_client(address, b"");
    let calls = Arc::new(Calls::default());
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let calls = Arc::clone(&calls);
        let counting = Counting { stream, calls };
        Acceptor::new().accept_on(Io(counting)).await.unwrap()
    };
    let (client, ws) = tokio::join!(asking, serving);
    let client = client.into_std().unwrap();
    client.set_nonblocking(false).unwrap();
    calls.take();
    (ws, client, calls)
}

/// Blocks until these bytes have come.
fn expect_now(client: &mut std::net::TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    client.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes);
}

/// Two requests in one segment; the second is answered when the client has the first reply.
async fn reply_is_not_held_back() {
    let replied = Arc::new(Notify::new());
    let read = Arc::clone(&replied);
    let (address, served) = serve_one(move |mut ws| async move {
        let first = ws.recv().await?.unwrap();
        ws.send(first).await?;
        let second = ws.recv().await?.unwrap();
        read.notified().await;
        ws.send(second).await?;
        echo(ws).await
    })
    .await;
    let both = [
        frame(Role::Server, TEXT | FIN, b"first"),
        frame(Role::Server, TEXT | FIN, b"second"),
    ];
    let mut client = raw_client(address, &both.concat()).await;
    expect(&mut client, b"\x81\x05first").await;
    replied.notify_one();
    expect(&mut client, b"\x81\x06second").await;
    let close = frame(Role::Server, CLOSE, b"");
    client.write_all(&close).await.unwrap();
    assert_eq!(read_to_end(&mut client).await, b"\x88\0");
    drop(client);
    served.await.unwrap().unwrap();
}

#[test]
fn a_reply_never_waits_for_the_next_request() {
    current_thread().block_on(reply_is_not_held_back());
    multi_thread().block_on(reply_is_not_held_back());
}

#[test]
fn sixteen_messages_in_flight_cost_a_read_and_a_write() {
    const ROUNDS: usize = 100;
    for runtime in [current_thread(), multi_thread()] {
        for depth in [16, 1] {
            let (ws, mut client, calls) = runtime.block_on(counted());
            let served = runtime.spawn(echo(ws));
            let asking = std::thread::spawn(move || {
                let requests = frame(Role::Server, BINARY | FIN, b"hello").repeat(depth);
                let replies = frame_from(Role::Server, BINARY | FIN, b"hello").repeat(depth);
                for _ in 0..ROUNDS {
                    client.write_all(&requests).unwrap();
                    expect_now(&mut client, &replies);
                }
                let close = frame(Role::Server, CLOSE, b"");
                client.write_all(&close).unwrap();
                expect_now(&mut client, b"\x88\0");
            });
            runtime.block_on(served).unwrap().unwrap();
            asking.join().unwrap();
            let with_close = ROUNDS + 1;
            assert_eq!(calls.take(), (with_close, with_close), "depth {depth}");
        }
    }
}

#[test]
fn only_a_task_of_a_worker_is_promised_something() {
    let runtime = multi_thread();
    let (ws, _client, calls) = runtime.block_on(counted());
    let sender = ws.sender();
    let writes = |sender: &bowline_tokio::Sender<Io<Counting>>| {
        sender.queue("hello").unwrap();
        calls.take().1
    };
    assert_eq!(runtime.block_on(async { writes(&sender) }), 1);
    assert_eq!(writes(&sender), 1);
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        // In a task, but not on a worker.
        let (sender, calls) = (ws.sender(), Arc::clone(&calls));
        let task = tokio::task::spawn_local(async move {
            sender.queue("hello").unwrap();
            calls.take().1
        });
        assert_eq!(task.await.unwrap(), 1);
    }));
    for (blocking, expected) in [(true, 1), (false, 0)] {
        let (sender, calls) = (ws.sender(), Arc::clone(&calls));
        let send = move || {
            sender.queue("hello").unwrap();
            calls.take().1
        };
        let writes = match blocking {
            true => runtime.block_on(runtime.spawn_blocking(send)),
            false => runtime.block_on(runtime.spawn(async move { send() })),
        };
        assert_eq!(writes.unwrap(), expected, "blocking: {blocking}");
    }
}

#[test]
fn a_runtime_inside_of_another_ones_task_writes_when_it_is_driven() {
    let outer = multi_thread();
    for in_place in [false, true] {
        let (ws, _client, calls) = outer.block_on(counted());
        let nested = move || {
            let inner = current_thread();
            inner.block_on(async { ws.sender().queue("hello").unwrap() });
            assert_eq!(calls.take().1, 0, "tokio shows the task around it");
            inner.block_on(tokio::task::yield_now());
            assert_eq!(calls.take().1, 1);
            inner.block_on(async {
                ws.sender().queue("hello").unwrap();
                ws.flush().await.unwrap();
            });
            assert_eq!(calls.take().1, 1);
        };
        let task = match in_place {
            true => outer.spawn(async { tokio::task::block_in_place(nested) }),
            false => outer.spawn_blocking(nested),
        };
        outer.block_on(task).unwrap();
    }
}

#[test]
fn a_local_task_of_one_thread_is_promised_something() {
    let runtime = current_thread();
    let (ws, mut client, calls) = runtime.block_on(counted());
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        let task = tokio::task::spawn_local(async move {
            for _ in 0..16 {
                ws.send("hello").await.unwrap();
            }
            ws
        });
        let ws = task.await.unwrap();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(calls.take().1, 1);
        drop(ws);
    }));
    expect_now(&mut client, &b"\x81\x05hello".repeat(16));
}

#[test]
fn what_is_sent_right_before_the_socket_is_dropped_arrives() {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            let (address, served) =
                serve_one(|ws| async move { ws.send("last").await.map(|()| drop(ws)) }).await;
            let mut client = raw_client(address, b"").await;
            served.await.unwrap().unwrap();
            let read = read_to_end(&mut client).await;
            assert_eq!(read, b"\x81\x04last\x88\x02\x03\xe9");
        });
    }
}

#[test]
fn what_a_task_sends_before_it_ends_or_panics_arrives_though_nobody_receives() {
    for runtime in [current_thread(), multi_thread()] {
        for panics in [false, true] {
            runtime.block_on(async {
                let (ws, client, _) = counted().await;
                let sender = ws.sender();
                let task = tokio::spawn(async move {
                    sender.send("last").await.unwrap();
                    assert!(!panics, "the task panics");
                });
                assert_eq!(task.await.is_err(), panics);
                client.set_nonblocking(true).unwrap();
                let mut client = TcpStream::from_std(client).unwrap();
                expect(&mut client, b"\x81\x04last").await;
                drop(ws);
            });
        }
    }
}

#[test]
fn a_runtime_that_ends_writes_what_is_listed() {
    for multi in [false, true] {
        let runtime = match multi {
            true => multi_thread(),
            false => current_thread(),
        };
        let (ws, mut client, _) = runtime.block_on(counted());
        let sender = ws.sender();
        let sent = async move { sender.send("last").await };
        runtime.block_on(runtime.spawn(sent)).unwrap().unwrap();
        // On one thread the flusher had no turn yet.
        drop(runtime);
        expect_now(&mut client, b"\x81\x04last");
        drop(ws);
    }
}

/// A plain echo in a task, and a plain client in another.
async fn talk() {
    let (address, served) = serve_one(echo).await;
    let asking = tokio::spawn(async move {
        let connector = Connector::new();
        let mut ws = connector.connect(format!("ws://{address}/")).await?;
        for number in 0..100 {
            let text = number.to_string();
            ws.send(text.as_str()).await?;
            assert_eq!(ws.recv().await?, Some(text.into()));
        }
        ws.close(CloseCode::NORMAL).await
    });
    asking.await.unwrap().unwrap();
    served.await.unwrap().unwrap();
}

#[test]
fn runtimes_may_follow_each_other_on_one_thread_and_take_turns() {
    for _ in 0..2 {
        current_thread().block_on(talk());
        multi_thread().block_on(talk());
    }
    let (one, other) = (current_thread(), current_thread());
    for _ in 0..3 {
        one.block_on(talk());
        other.block_on(talk());
    }
}

#[test]
fn a_flusher_ends_after_the_thread_that_it_was_of() {
    let runtime = Arc::new(current_thread());
    for _ in 0..3 {
        let runtime = Arc::clone(&runtime);
        std::thread::spawn(move || runtime.block_on(talk()))
            .join()
            .unwrap();
    }
    runtime.block_on(async {
        let metrics = tokio::runtime::Handle::current().metrics();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(metrics.num_alive_tasks(), 0);
    });
}

#[test]
fn a_reply_goes_out_while_the_task_blocks_in_place() {
    let runtime = multi_thread();
    let (tell, told) = mpsc::channel();
    let (ws, mut client, _) = runtime.block_on(counted());
    let task = runtime.spawn(async move {
        ws.send("first").await.unwrap();
        tokio::task::block_in_place(|| told.recv().unwrap());
        ws
    });
    expect_now(&mut client, b"\x81\x05first");
    tell.send(()).unwrap();
    drop(runtime.block_on(task).unwrap());
}

/// A server's connection and a client that is moved by hand, over a pipe in memory.
async fn piped() -> (
    WebSocket<Io<tokio::io::DuplexStream>>,
    tokio::io::DuplexStream,
) {
    let (mut client, server) = duplex(1024);
    let asking = async {
        client.write_all(REQUEST).await.unwrap();
        expect(&mut client, ANSWER).await;
    };
    let acceptor = Acceptor::new();
    let (ws, ()) = tokio::join!(acceptor.accept_on(Io(server)), asking);
    (ws.unwrap(), client)
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_move_before_all_is_written() {
    let (ws, mut client) = piped().await;
    let begin = tokio::time::Instant::now();
    let task = tokio::spawn(async move {
        ws.send("hello").await.unwrap();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        drop(ws);
    });
    expect(&mut client, b"\x81\x05hello").await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_stops_the_task_and_gets_all_in_order_later() {
    const COUNT: usize = 50_000;
    let (ws, mut client) = piped().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let task = tokio::spawn(async move {
        for number in 0..COUNT {
            ws.send(format!("{number:08}")).await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
        }
        // Somebody else than the receiver has to write the rest.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        drop(ws);
    });
    // Passes once nobody has anything to do.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let accepted = accepted.load(Ordering::SeqCst);
    // What fills the pipe, and no more than a flusher puts off: it has all written long before the soft mark.
    assert!(accepted <= 1024 / 10 + 256, "{accepted}");
    let mut read = vec![0; COUNT * 10];
    client.read_exact(&mut read).await.unwrap();
    let numbers = whole_frames(&read);
    for (number, (_, payload)) in numbers.into_iter().enumerate() {
        assert_eq!(payload, format!("{number:08}").into_bytes());
    }
    task.await.unwrap();
}

/// Sends 16 MiB and receives as much at the same time, in two tasks.
async fn flood(ws: WebSocket) {
    const COUNT: u32 = 16 * 1024;
    let (mut receiver, sender) = ws.split();
    let sending = tokio::spawn(async move {
        for number in 0..COUNT {
            let message = number.to_be_bytes().repeat(256);
            sender.send(message).await.unwrap();
        }
        sender
    });
    let receiving = tokio::spawn(async move {
        for number in 0..COUNT {
            let message = receiver.recv().await.unwrap().unwrap();
            assert_eq!(message.as_bytes()[..4], number.to_be_bytes());
        }
        receiver
    });
    let sender = sending.await.unwrap();
    let mut receiver = receiving.await.unwrap();
    sender.close(CloseCode::NORMAL).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap(), None);
}

#[test]
fn peers_that_both_send_more_than_fits_between_them_lose_nothing() {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            let (address, served) = serve_one(|ws| async {
                flood(ws).await;
                Ok(())
            })
            .await;
            let url = format!("ws://{address}/");
            flood(Connector::new().connect(url).await.unwrap()).await;
            served.await.unwrap().unwrap();
        });
    }
}

#[test]
fn a_task_that_only_sends_lets_others_run() {
    const MESSAGES: usize = 100_000;
    let runtime = current_thread();
    let (ws, mut client, _) = runtime.block_on(counted());
    let draining = std::thread::spawn(move || io::copy(&mut client, &mut io::sink()).unwrap());
    runtime.block_on(async {
        let ran = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ran);
        let sending = tokio::spawn(async move {
            let mut before_the_other = 0;
            for _ in 0..MESSAGES {
                if !flag.load(Ordering::Relaxed) {
                    before_the_other += 1;
                }
                ws.send("x").await.unwrap();
            }
            ws.flush().await.unwrap();
            before_the_other
        });
        let other = tokio::spawn(async move { ran.store(true, Ordering::Relaxed) });
        other.await.unwrap();
        let before_the_other = sending.await.unwrap();
        assert!(before_the_other < MESSAGES / 2, "{before_the_other}");
    });
    assert!(draining.join().unwrap() >= MESSAGES as u64 * 3);
}

#[tokio::test]
async fn a_message_is_written_when_the_task_yields_and_not_before() {
    let (ws, client, calls) = counted().await;
    let task = tokio::spawn(async move {
        let sent = poll_fn(|cx| Poll::Ready(pin!(ws.send("hello")).poll(cx)));
        assert!(matches!(sent.await, Poll::Ready(Ok(()))));
        assert_eq!(calls.take().1, 0);
        // `flush` doesn't wait for anybody.
        ws.flush().await.unwrap();
        assert_eq!(calls.take().1, 1);
        ws.send("again").await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(calls.take().1, 1);
    });
    task.await.unwrap();
    drop(client);
}
