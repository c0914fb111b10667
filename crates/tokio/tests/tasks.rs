//! How connections live with a runtime's tasks and threads.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bowline_testing::wire::{BINARY, CLOSE, FIN, TEXT, frame};
use bowline_tokio::{
    Acceptor, CloseCode, Connector, Error, Io, Memory, Receiver, Role, Sender, Stream, Timer,
    WebSocket, corked,
};
use common::{echo, echo_served, expect, raw_client, read_to_end, serve_one};
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn everything_can_be_sent_to_other_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    fn is_send<T: Send>(_: T) {}
    is_send_and_sync::<WebSocket>();
    is_send_and_sync::<Receiver>();
    is_send_and_sync::<Sender>();
    is_send_and_sync::<Acceptor>();
    is_send_and_sync::<Connector>();
    is_send_and_sync::<Error>();
    is_send_and_sync::<WebSocket<Memory<Timer>>>();
    is_send_and_sync::<WebSocket<Io<tokio::io::DuplexStream>>>();

    #[allow(dead_code, reason = "compiling it is the test")]
    fn futures(mut ws: WebSocket, stream: Stream, other: Stream, third: Stream) {
        let (connector, acceptor) = (Connector::new(), Acceptor::new());
        is_send(connector.connect("ws://a/"));
        is_send(connector.connect(String::new()));
        is_send(connector.connect_with_response("ws://a/"));
        is_send(connector.connect_on(third, "ws://a/"));
        is_send(acceptor.accept(stream));
        is_send(acceptor.serve(other, echo_served));
        is_send(async {
            match acceptor
                .open(tokio::net::TcpStream::connect("a").await.unwrap())
                .await
                .unwrap()
            {
                bowline_tokio::Opening::Upgrade(upgrading) if upgrading.subprotocol().is_some() => {
                    upgrading.accept().await.map(drop)
                }
                bowline_tokio::Opening::Upgrade(upgrading) => {
                    upgrading.refuse(http::Response::default()).await
                }
                bowline_tokio::Opening::Http(http) => http.respond(http::Response::default()).await,
            }
        });
        is_send(ws.recv());
        is_send(ws.recv_ref());
        is_send(ws.recv_event());
        is_send(ws.recv_chunk());
        is_send(ws.send("x"));
        is_send(ws.feed("x"));
        is_send(ws.flush());
        is_send(ws.ping("x"));
        is_send(ws.close(CloseCode::NORMAL));
        is_send(corked(async { ws.recv().await }));
    }
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
    ]
    .concat();
    let mut client = raw_client(address, &both).await;
    expect(&mut client, b"\x81\x05first").await;
    replied.notify_one();
    expect(&mut client, b"\x81\x06second").await;
    client
        .write_all(&frame(Role::Server, CLOSE, b""))
        .await
        .unwrap();
    assert_eq!(read_to_end(&mut client).await, b"\x88\0");
    drop(client);
    served.await.unwrap().unwrap();
}

#[test]
fn a_reply_never_waits_for_the_next_request() {
    current_thread().block_on(reply_is_not_held_back());
    multi_thread().block_on(reply_is_not_held_back());
}

async fn talk() {
    let (address, served) = serve_one(echo).await;
    let mut ws = Connector::new()
        .connect(format!("ws://{address}/"))
        .await
        .unwrap();
    for number in 0..100 {
        let text = number.to_string();
        ws.send(text.as_str()).await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some(text.into()));
    }
    ws.close(CloseCode::NORMAL).await.unwrap();
    served.await.unwrap().unwrap();
}

#[test]
fn runtimes_may_follow_each_other_on_one_thread() {
    for _ in 0..2 {
        current_thread().block_on(talk());
        multi_thread().block_on(talk());
    }
}

#[test]
fn a_runtime_may_end_with_connections_open() {
    let left = current_thread().block_on(async {
        let (address, _served) = serve_one(echo).await;
        let ws = Connector::new()
            .connect(format!("ws://{address}/"))
            .await
            .unwrap();
        corked(async {
            // Queued by a task that ends before it is written.
            ws.feed("never received").await.unwrap();
        })
        .await;
        ws
    });
    // No runtime is here, and no scope either.
    drop(left);
    current_thread().block_on(talk());
}

/// Sends numbers and receives the peer's, in two tasks.
async fn exchange<T>(ws: WebSocket<T>, count: u32)
where
    T: bowline_tokio::Transport,
    Receiver<T>: Send,
    Sender<T>: Send,
    for<'a> &'a Sender<T>: Send,
    WebSocket<T>: Send,
    T::Timer: Send,
    T::Reader: Send,
{
    let (mut receiver, sender) = ws.split();
    let sending = tokio::spawn(async move {
        for number in 0..count {
            sender.send(number.to_string()).await.unwrap();
        }
        sender
    });
    let receiving = tokio::spawn(async move {
        for number in 0..count {
            let message = receiver.recv().await.unwrap().unwrap();
            assert_eq!(message.as_text().unwrap().parse(), Ok(number));
        }
        receiver
    });
    let (sent, received) = tokio::join!(sending, receiving);
    let (sender, mut receiver) = (sent.unwrap(), received.unwrap());
    sender.close(CloseCode::NORMAL).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap(), None);
}

#[test]
fn reading_and_writing_tasks_on_two_threads_lose_nothing() {
    const COUNT: u32 = 100_000;
    multi_thread().block_on(async {
        let (address, served) = serve_one(|ws| async move {
            exchange(ws, COUNT).await;
            Ok(())
        })
        .await;
        let ws = Connector::new()
            .connect(format!("ws://{address}/"))
            .await
            .unwrap();
        exchange(ws, COUNT).await;
        served.await.unwrap().unwrap();
    });
}

/// Floods an echo with many small messages at once and gives how many replies had come when `done` was set.
async fn flood(address: SocketAddr, messages: usize) -> Vec<u8> {
    let mut input = frame(Role::Server, BINARY | FIN, b"x").repeat(messages);
    input.extend_from_slice(&frame(Role::Server, CLOSE, b""));
    let mut client = raw_client(address, b"").await;
    let (mut reader, mut writer) = client.split();
    let (written, read) = tokio::join!(writer.write_all(&input), read_to_end(&mut reader));
    written.unwrap();
    read
}

#[test]
fn a_flooded_echo_answers_all_and_lets_others_run() {
    const MESSAGES: usize = 200_000;
    // The client has a thread of its own, so that the server always finds input.
    let (tell, told) = std::sync::mpsc::channel();
    let client = std::thread::spawn(move || {
        let address = told.recv().unwrap();
        current_thread().block_on(flood(address, MESSAGES))
    });
    let turns = current_thread().block_on(async {
        let (address, served) = serve_one(echo).await;
        tell.send(address).unwrap();
        let turns = Arc::new(AtomicUsize::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let other = tokio::spawn({
            let (turns, over) = (Arc::clone(&turns), Arc::clone(&over));
            async move {
                while !over.load(Ordering::Relaxed) {
                    turns.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            }
        });
        served.await.unwrap().unwrap();
        over.store(true, Ordering::Relaxed);
        other.await.unwrap();
        turns.load(Ordering::Relaxed)
    });
    let expected = [b"\x82\x01x".repeat(MESSAGES), b"\x88\0".to_vec()].concat();
    assert!(client.join().unwrap() == expected, "not all came back");
    // At most 256 messages in a turn, and a task that yields has its own after 61 of others at the latest.
    assert!(turns >= MESSAGES / 256 / 61, "{turns} turns");
}

#[test]
fn a_task_that_only_sends_lets_others_run() {
    const MESSAGES: usize = 2000;
    let runtime = current_thread();
    let (address, draining) = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Takes everything as fast as it comes.
        let draining = std::thread::spawn(move || {
            current_thread().block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let (mut stream, _) = listener.accept().await.unwrap();
                common::raw_accept(&mut stream, b"").await;
                tokio::io::copy(&mut stream, &mut tokio::io::sink())
                    .await
                    .unwrap()
            })
        });
        (address, draining)
    };
    runtime.block_on(async {
        let ws = Connector::new()
            .connect(format!("ws://{address}/"))
            .await
            .unwrap();
        let ran = Arc::new(AtomicBool::new(false));
        let other = tokio::spawn({
            let ran = Arc::clone(&ran);
            async move { ran.store(true, Ordering::Relaxed) }
        });
        let mut before_the_other = 0;
        for _ in 0..MESSAGES {
            if !ran.load(Ordering::Relaxed) {
                before_the_other += 1;
            }
            ws.send(vec![0; 100]).await.unwrap();
        }
        other.await.unwrap();
        assert!(before_the_other < MESSAGES / 2, "{before_the_other}");
    });
    assert!(draining.join().unwrap() > MESSAGES as u64 * 100);
}

#[test]
fn a_connection_moves_between_runtimes_of_memory() {
    let (client, mut server) = bowline_tokio::pair();
    let asking = std::thread::spawn(move || {
        current_thread().block_on(async move {
            for _ in 0..1000 {
                client.send("hello").await.unwrap();
            }
            client
        })
    });
    let received = current_thread().block_on(async {
        let mut received = 0;
        while received < 1000 {
            assert_eq!(server.recv().await.unwrap(), Some("hello".into()));
            received += 1;
        }
        received
    });
    assert_eq!(received, 1000);
    drop(asking.join().unwrap());
}

/// Compiles only if what handlers are written as can be served in a task.
#[allow(dead_code, reason = "compiling it is the test")]
fn serving_can_be_spawned(acceptor: Acceptor, streams: [Stream; 3], shared: Arc<str>) {
    let [first, second, third] = streams;
    let acceptors = [acceptor.clone(), acceptor.clone(), acceptor];
    let [a, b, c] = acceptors;
    tokio::spawn(async move { a.serve(first, echo_served).await });
    tokio::spawn(async move { b.serve(second, async |ws| greet(ws, shared).await).await });
    tokio::spawn(async move {
        c.serve(third, async |ws| {
            ws.recv().await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        })
        .await
    });
}

async fn greet(ws: &mut WebSocket, name: Arc<str>) -> Result<(), Error> {
    ws.send(&*name).await
}
