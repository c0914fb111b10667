//! What several threads do to one connection, whatever moves its bytes.

use std::io::{self, IoSlice};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bowline_testing::payload;
use bowline_threads::bytes::BytesMut;
use bowline_threads::{
    Acceptor, Carrier, CloseCode, Config, Connector, Error, Event, Halves, Memory, NoTls,
    QueueError, Received, Role, SendError, Transport, TransportRead, TransportWrite, WebSocket,
    pair,
};

/// Transports come connected.
struct Bare;

impl Carrier for Bare {
    type ClientTls = NoTls;
    type ServerTls = NoTls;
}

/// A client and a server, with these limits.
fn in_memory(
    client: &Config,
    server: &Config,
    capacity: usize,
) -> (WebSocket<Memory>, WebSocket<Memory>) {
    let (left, right) = Memory::pair(capacity);
    (
        WebSocket::new(Role::Client, left, client, None, BytesMut::new()),
        WebSocket::new(Role::Server, right, server, None, BytesMut::new()),
    )
}

#[test]
fn whoever_writes_writes_what_others_have_queued() {
    let (client, mut server) =
        in_memory(&Config::new(Role::Client), &Config::new(Role::Server), 1024);
    let senders: Vec<_> = (0..8_u8)
        .map(|number| {
            let sender = client.sender();
            thread::spawn(move || {
                for count in 0..200_u8 {
                    sender.send(vec![number, count]).unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; 8];
    for _ in 0..8 * 200 {
        let message = server.recv().unwrap().unwrap().into_bytes();
        let count = &mut next[usize::from(message[0])];
        assert_eq!(message[1], *count, "in the order of its sender");
        *count += 1;
    }
    for sender in senders {
        sender.join().unwrap();
    }
}

#[test]
fn no_reply_is_left_behind_whoever_writes() {
    // Replies, messages of two threads and flushes in all orders: each reply must come without anybody's help.
    // No deadline helps either.
    let config = |role| {
        let hour = Duration::from_secs(3600);
        Config::new(role).keepalive(None).write(None).close(hour)
    };
    let (client, server) = in_memory(&config(Role::Client), &config(Role::Server), 256);
    let (mut receiver, sender) = server.split();
    let receiving = thread::spawn(move || {
        while receiver.recv().unwrap().is_some() {}
        receiver
    });
    let (stop, stopped) = mpsc::channel::<()>();
    let sending = thread::spawn(move || {
        let mut sent = 0_u32;
        while stopped.try_recv().is_err() {
            sender.send(sent.to_be_bytes().to_vec()).unwrap();
            sent += 1;
        }
        sent
    });
    let (mut receiver, pinger) = client.split();
    let mut next = 0_u32;
    for number in 0..3000_u32 {
        pinger.ping(number.to_be_bytes()).unwrap();
        loop {
            match receiver.recv_event().unwrap().unwrap() {
                Event::Pong(payload) => {
                    assert_eq!(payload[..], number.to_be_bytes());
                    break;
                }
                Event::Message(message) => {
                    assert_eq!(message.as_bytes(), next.to_be_bytes());
                    next += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    stop.send(()).unwrap();
    // Its last message may wait for room.
    pinger.close(CloseCode::NORMAL).unwrap();
    while receiver.recv().unwrap().is_some() {
        next += 1;
    }
    assert_eq!(sending.join().unwrap(), next);
    assert!(receiving.join().unwrap().ended().unwrap().clean);
}

#[test]
fn what_was_queued_is_written_by_the_receiver_before_it_waits() {
    let (mut client, mut server) = pair(&Config::new(Role::Client), &Config::new(Role::Server));
    client.feed("one").unwrap();
    client.queue("two").unwrap();
    client.feed("three").unwrap();
    assert_eq!(
        client.recv_timeout(Duration::ZERO).unwrap(),
        Received::Nothing
    );
    for expected in ["one", "two", "three"] {
        assert_eq!(server.recv().unwrap(), Some(expected.into()));
    }
}

/// A transport whose writer panics.
struct Panicking(Memory);
struct PanickingWriter;

impl Transport for Panicking {
    type Reader = <Memory as Transport>::Reader;
    type Writer = PanickingWriter;

    fn divide(self) -> (Self::Reader, PanickingWriter) {
        (self.0.divide().0, PanickingWriter)
    }
}

impl TransportWrite for PanickingWriter {
    fn write(&mut self, _: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
        panic!("on purpose");
    }

    fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_panics_fails_the_connection_for_the_others() {
    let (left, _right) = Memory::pair(16);
    let config = Config::new(Role::Server);
    let server = WebSocket::new(
        Role::Server,
        Panicking(left),
        &config,
        None,
        BytesMut::new(),
    );
    let (mut receiver, sender) = server.split();
    let panicking = sender.clone();
    assert!(thread::spawn(move || panicking.send("x")).join().is_err());
    let error = sender.send("y").unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert!(matches!(sender.send("z"), Err(Error::Closed)));
    assert!(matches!(
        sender.queue("z"),
        Err(QueueError::Send(SendError::Closed))
    ));
    drop(_right);
    assert!(matches!(receiver.recv(), Err(Error::Transport(_))));
}

/// A transport that claims what can't be.
struct Lying;

impl Transport for Lying {
    type Reader = Lying;
    type Writer = Lying;

    fn divide(self) -> (Lying, Lying) {
        (Lying, Lying)
    }
}

impl TransportRead for Lying {
    fn read(&mut self, buffer: &mut [u8], _: Option<Instant>) -> io::Result<usize> {
        Ok(buffer.len() + 1)
    }
}

impl TransportWrite for Lying {
    fn write(&mut self, runs: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
        Ok(runs.iter().map(|run| run.len()).sum::<usize>() + 1)
    }

    fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_transport_that_claims_too_much_is_not_believed() {
    let config = Config::new(Role::Server);
    let open = || WebSocket::new(Role::Server, Lying, &config, None, BytesMut::new());
    assert!(matches!(open().recv(), Err(Error::Transport(_))));
    assert!(matches!(open().send("x"), Err(Error::Transport(_))));
    assert!(matches!(
        Acceptor::<Bare>::new().accept_on(Lying),
        Err(Error::Transport(_))
    ));
    let connected = Connector::<Bare>::new().connect_on(Lying, "ws://localhost/");
    assert!(matches!(connected, Err(Error::Transport(_))));
}

#[test]
fn two_values_of_std_are_a_transport() {
    use std::os::unix::net::UnixStream;

    let (client, server) = UnixStream::pair().unwrap();
    let halves = |stream: UnixStream| Halves(stream.try_clone().unwrap(), stream);
    let serving = thread::spawn(move || {
        let mut ws = Acceptor::<Bare>::new().accept_on(halves(server))?;
        while let Some(message) = ws.recv()? {
            ws.send(message)?;
        }
        Ok::<_, Error>(())
    });
    let connector = Connector::<Bare>::new();
    let (mut ws, response) = connector
        .connect_on(halves(client), "ws://localhost/")
        .unwrap();
    assert_eq!(response.status(), 101);
    ws.send("hello").unwrap();
    assert_eq!(ws.recv().unwrap(), Some("hello".into()));
    ws.send(payload::seq(1 << 16)).unwrap();
    assert_eq!(ws.recv().unwrap().unwrap().len(), 1 << 16);
    drop(ws);
    assert!(serving.join().unwrap().is_ok(), "1001 is an orderly end");
}
