//! What the carriers over futures-io promise of TCP and timers, once for all of them. Each has a `tests/tcp.rs` with a
//! module `runtime`, which says what runtime it is.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bowline_testing::certificates::{Authority, Validity};
use bowline_testing::payload;
use bowline_testing::wire::close_frame;

use crate::runtime::*;

/// The request of a client whose frames are written by hand.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What a task came to.
type Outcome<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How client and server speak with each other.
#[derive(Clone)]
struct Setting {
    scheme: &'static str,
    connector: Connector,
    acceptor: Acceptor,
}

impl Setting {
    fn plain() -> Self {
        Self {
            scheme: "ws",
            connector: Connector::new(),
            acceptor: Acceptor::new(),
        }
    }

    fn encrypted() -> Self {
        let authority = Authority::new("somebody");
        let identity = authority.server(&["localhost", "127.0.0.1"], Validity::Now);
        let client = ClientTls::authorities(authority.pem.as_bytes()).unwrap();
        let server =
            ServerTls::certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap();
        Self {
            scheme: "wss",
            connector: Connector::new().tls(client),
            acceptor: Acceptor::new().tls(server),
        }
    }

    /// Serves one connection with `handler`.
    async fn serve<F, Fut, T>(&self, handler: F) -> (SocketAddr, Outcome<T>)
    where
        F: FnOnce(Result<WebSocket, Error>) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = self.acceptor.clone();
        let served = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            handler(acceptor.accept(stream).await).await
        });
        (address, Box::pin(served))
    }

    async fn connect(&self, address: SocketAddr) -> Result<WebSocket, Error> {
        let url = format!("{}://{address}/", self.scheme);
        self.connector.connect(url).await
    }

    /// Both ends of a connection.
    async fn pair(&self) -> (WebSocket, WebSocket) {
        let (address, served) = self.serve(|accepted| async { accepted.unwrap() }).await;
        let client = self.connect(address).await.unwrap();
        (client, served.await)
    }
}

async fn echo(accepted: Result<WebSocket, Error>) -> Result<(), Error> {
    let mut ws = accepted?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Polls both until both are done.
async fn join<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut a, mut b) = (None, None);
    poll_fn(|cx| {
        if a.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(cx)
        {
            a = Some(output);
        }
        if b.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(cx)
        {
            b = Some(output);
        }
        if a.is_some() && b.is_some() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    (a.unwrap(), b.unwrap())
}

async fn messages_of_all_sizes(setting: Setting) {
    let (address, served) = setting.serve(echo).await;
    let mut ws = setting.connect(address).await.unwrap();
    ws.send("").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some("".into()));
    for len in [1, 125, 126, 65_535, 65_536, 1 << 20, 5 << 20] {
        let message = Message::from(payload::seq(len));
        let (receiver, sender) = ws.halves();
        // A message larger than the buffers of the kernel comes back while it is sent.
        let (sent, received) = join(sender.send(message.clone()), receiver.recv()).await;
        sent.unwrap();
        assert!(received.unwrap() == Some(message), "{len} bytes");
    }
    ws.close(CloseCode::NORMAL).await.unwrap();
    let ended = ws.ended().unwrap();
    assert_eq!(
        (ended.by, ended.code(), ended.clean),
        (EndedBy::Us, 1000, true)
    );
    served.await.unwrap();
}

#[test]
fn messages_of_all_sizes_come_back() {
    block_on(messages_of_all_sizes(Setting::plain()));
}

#[test]
fn messages_of_all_sizes_come_back_over_tls() {
    block_on(messages_of_all_sizes(Setting::encrypted()));
}

const CHUNKS: usize = 128;
const CHUNK: usize = 64 << 10;

/// Sends 8 MiB and receives as much, in a task each.
async fn flood_both_ways(ws: WebSocket) {
    let (mut receiver, sender) = ws.split();
    let sending = spawn(async move {
        for number in 0..CHUNKS {
            let mut chunk = payload::seq(CHUNK);
            chunk[0] = u8::try_from(number).unwrap();
            sender.send(chunk).await.unwrap();
        }
        sender
    });
    let receiving = spawn(async move {
        let mut expected = payload::seq(CHUNK);
        for number in 0..CHUNKS {
            expected[0] = u8::try_from(number).unwrap();
            let message = receiver.recv().await.unwrap().unwrap();
            assert!(message.as_bytes() == expected, "message {number}");
        }
        receiver
    });
    let (sender, mut receiver) = join(sending, receiving).await;
    sender.close(CloseCode::NORMAL).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap(), None);
}

async fn both_directions_in_tasks_of_their_own(setting: Setting) {
    let (client, server) = setting.pair().await;
    join(
        spawn(flood_both_ways(client)),
        spawn(flood_both_ways(server)),
    )
    .await;
}

#[test]
fn both_directions_are_full_at_once() {
    block_on(both_directions_in_tasks_of_their_own(Setting::plain()));
}

#[test]
fn both_directions_are_full_at_once_over_tls() {
    block_on(both_directions_in_tasks_of_their_own(Setting::encrypted()));
}

/// A receiver that waits for a message, and is polled again and again, doesn't keep a sender from being woken.
async fn a_sender_behind_a_receiver(setting: Setting) {
    let (client, server) = setting.pair().await;
    let (mut receiver, sender) = client.split();
    let receiving = spawn(async move { receiver.recv().await });
    let len = 8 << 20;
    let sending = spawn(async move {
        // The peer doesn't read yet, so this waits for room.
        sender.send(payload::seq(len)).await.unwrap();
        sender.close(CloseCode::NORMAL).await.unwrap();
    });
    let (mut receiver, sender) = server.split();
    // Bytes for the client's receiver, while its sender waits.
    for _ in 0..100 {
        sender.ping("").await.unwrap();
        yield_now().await;
    }
    let message = receiver.recv().await.unwrap().unwrap();
    assert_eq!(message.len(), len);
    sending.await;
    assert_eq!(receiver.recv().await.unwrap(), None);
    assert_eq!(receiving.await.unwrap(), None);
}

/// Lets other tasks run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn a_receiver_takes_no_waker_from_a_sender() {
    block_on(a_sender_behind_a_receiver(Setting::plain()));
}

#[test]
fn a_receiver_takes_no_waker_from_a_sender_over_tls() {
    block_on(a_sender_behind_a_receiver(Setting::encrypted()));
}

#[test]
fn a_name_is_resolved() {
    for setting in [Setting::plain(), Setting::encrypted()] {
        block_on(async {
            let (address, served) = setting.serve(echo).await;
            let url = format!("{}://localhost:{}/", setting.scheme, address.port());
            let mut ws = setting.connector.connect(url).await.unwrap();
            ws.send("hello").await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
            ws.close(CloseCode::NORMAL).await.unwrap();
            served.await.unwrap();
        });
    }
}

#[test]
fn a_name_that_nobody_has_is_an_error() {
    // RFC 6761 §6.4: nobody ever has it.
    let connector = Connector::new();
    let error = block_on(connector.connect("ws://nobody.invalid/")).unwrap_err();
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
}

#[test]
fn nobody_there_is_an_error_with_the_address() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = Setting::plain().connect(address).await.unwrap_err();
        let Error::Connect(error) = error else {
            panic!("{error:?}");
        };
        assert!(
            error.to_string().starts_with(&format!("{address}: ")),
            "{error}"
        );
    });
}

// covers WS-7.1.1-02
#[test]
fn the_server_ends_its_direction_of_tcp_first() {
    block_on(async {
        let (address, served) = Setting::plain().serve(echo).await;
        let client = std::thread::spawn(move || {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            client.write_all(REQUEST).unwrap();
            client
                .write_all(&close_frame(Role::Server, 1000, ""))
                .unwrap();
            // The client's own direction is still open when the server's ends.
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            assert!(all.ends_with(b"\x88\x02\x03\xe8"));
        });
        served.await.unwrap();
        client.join().unwrap();
    });
}

// covers WS-7.1.1-01
#[test]
fn a_violation_is_answered_although_input_is_unread() {
    block_on(async {
        let (address, served) = Setting::plain().serve(echo).await;
        let client = std::thread::spawn(move || {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            // An unmasked frame, and much behind it that nobody reads as frames.
            let bad = [REQUEST, b"\x81\x02hi", &[0; 300_000]].concat();
            client.write_all(&bad).unwrap();
            // A Close, then the end: not a reset, which would take the Close back.
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            let head = all.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
            let close = &all[head + 4..];
            assert_eq!(
                (close[0], &close[2..4]),
                (0x88, &1002_u16.to_be_bytes()[..])
            );
        });
        let error = served.await.unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        client.join().unwrap();
    });
}

#[test]
fn the_handshake_deadline_passes_for_both_ends() {
    let soon = Duration::from_millis(50);
    let mut setting = Setting::encrypted();
    for encrypted in [false, true] {
        if !encrypted {
            setting = Setting::plain();
        }
        block_on(async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            setting.connector = setting.connector.clone().handshake_timeout(soon);
            // It is connected by the kernel, and nobody ever answers.
            let error = setting.connect(address).await.unwrap_err();
            assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");

            setting.acceptor = setting.acceptor.clone().handshake_timeout(soon);
            let (address, served) = setting
                .serve(|accepted| async { accepted.unwrap_err() })
                .await;
            let silent = std::net::TcpStream::connect(address).unwrap();
            let error = served.await;
            assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
            drop(silent);
        });
    }
}

#[test]
fn deadlines_of_an_open_connection_pass() {
    let soon = Duration::from_millis(50);
    block_on(async {
        let mut setting = Setting::plain();
        setting.acceptor = setting
            .acceptor
            .config(Config::new(Role::Server).idle(Some(soon)));
        let (address, served) = setting.serve(echo).await;
        let mut client = setting.connect(address).await.unwrap();
        // While it waits, the server's timer is set again by each of these.
        for _ in 0..3 {
            client.send("still here").await.unwrap();
            assert!(client.recv().await.unwrap().is_some());
        }
        assert_eq!(client.recv().await.unwrap(), None);
        assert_eq!(client.ended().unwrap().code(), 1008);
        let error = served.await.unwrap_err();
        assert!(
            matches!(error, Error::Timeout(Timeout::Idle { .. })),
            "{error:?}"
        );
    });
}

/// Whether a timer has passed, and nobody waits for it.
fn passed(timer: &mut Timer) -> bool {
    block_on(poll_fn(|cx| {
        Poll::Ready(Pin::new(&mut *timer).poll(cx).is_ready())
    }))
}

#[test]
fn a_timer_can_be_moved_both_ways() {
    use bowline_io::Timer as _;

    let late = Duration::from_secs(3600);
    let mut timer = Timer::at(Timer::now());
    assert!(passed(&mut timer));
    timer.reset(Timer::now() + late);
    assert!(!passed(&mut timer));
    // Somebody waits for it now, and is woken by the deadline that was set last.
    timer.reset(Timer::now() + Duration::from_millis(20));
    block_on(&mut timer);
    timer.reset(Timer::now() + late);
    assert!(!passed(&mut timer));
    timer.reset(Timer::now());
    assert!(passed(&mut timer));
}

#[test]
fn an_authority_that_is_not_trusted_is_an_error() {
    block_on(async {
        let (address, served) = Setting::encrypted().serve(echo).await;
        let stranger = Setting::encrypted();
        let error = stranger.connect(address).await.unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
        let error = served.await.unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
    });
}

#[test]
fn a_client_that_speaks_no_tls_is_an_error() {
    block_on(async {
        let (address, served) = Setting::encrypted().serve(echo).await;
        assert!(Setting::plain().connect(address).await.is_err());
        let error = served.await.unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
    });
}

#[test]
fn tls_that_ends_without_close_notify_ends_like_tcp() {
    // A process that is killed ends so: TCP ends, and TLS says nothing.
    block_on(async {
        let setting = Setting::encrypted();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = async {
            let (stream, _) = listener.accept().await.unwrap();
            let tcp = stream.clone();
            let mut ws = setting.acceptor.accept(stream).await.unwrap();
            ws.send("so far").await.unwrap();
            tcp.shutdown(Shutdown::Write).unwrap();
            ws.recv().await.unwrap_err()
        };
        let asking = async {
            let mut ws = setting.connect(address).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some("so far".into()));
            ws.recv().await.unwrap_err()
        };
        let (_, error) = join(serving, asking).await;
        assert!(matches!(error, Error::Lost { .. }), "{error:?}");
    });
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
    is_send_and_sync::<WebSocket<Io<TcpStream>>>();

    #[allow(dead_code, reason = "compiling it is the test")]
    fn futures(mut ws: WebSocket, stream: Stream, other: TcpStream, third: Stream) {
        let (connector, acceptor) = (Connector::new(), Acceptor::new());
        is_send(connector.connect("ws://a/"));
        is_send(connector.connect_on(third, "ws://a/"));
        is_send(acceptor.accept(stream));
        is_send(acceptor.open(other));
        is_send(ws.recv());
        is_send(ws.send("x"));
        is_send(ws.close(CloseCode::NORMAL));
        is_send(corked(async { ws.recv().await }));
    }
}

async fn talk<T: Transport>(client: T, server: T) {
    let (acceptor, connector) = (Acceptor::new(), Connector::new());
    let serving = async {
        let mut ws = acceptor.accept_on(server).await.unwrap();
        while let Some(message) = ws.recv().await.unwrap() {
            ws.send(message).await.unwrap();
        }
    };
    let asking = async {
        let connecting = connector.connect_on(client, "ws://localhost/");
        let (mut ws, _) = connecting.await.unwrap();
        let large = Message::from(payload::seq(3 << 20));
        for message in ["hello".into(), large] {
            let (receiver, sender) = ws.halves();
            let (sent, received) = join(sender.send(message.clone()), receiver.recv()).await;
            sent.unwrap();
            assert!(received.unwrap() == Some(message));
        }
        ws.close(CloseCode::NORMAL).await.unwrap();
    };
    join(serving, asking).await;
}

#[cfg(unix)]
#[test]
fn any_stream_with_the_traits_of_futures_io_is_a_transport() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        talk(Io::new(client), Io::new(server)).await;
        let (client, server) = UnixStream::pair().unwrap();
        let halves = |stream: UnixStream| Halves::new(stream.clone(), stream).vectored(true);
        talk(halves(client), halves(server)).await;
    });
}
