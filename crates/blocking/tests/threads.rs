//! What several threads do to one connection, and what it does to them.

mod common;

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bowline_blocking::bytes::BytesMut;
use bowline_blocking::{
    Acceptor, CloseCode, Config, Connector, EndedBy, Error, Event, Halves, Keepalive, Memory,
    Message, QueueError, Received, Role, SendError, Stream, Timeout, Transport, TransportRead,
    TransportWrite, WebSocket, pair,
};
use bowline_testing::payload;
use bowline_testing::wire::{BINARY, CLOSE, FIN, PING, TEXT, frame, whole_frames};

/// Short for the test, long for a machine.
const SOON: Duration = Duration::from_millis(100);

/// More than all buffers between two ends hold.
const MUCH: usize = 16 * 1024 * 1024;

/// A server whose peer is played by hand over its socket.
fn by_hand(config: &Config) -> (WebSocket, TcpStream) {
    let (peer, server) = common::sockets();
    let server = Stream::from(server);
    let server = WebSocket::new(Role::Server, server, config, None, BytesMut::new());
    (server, peer)
}

fn patient() -> Config {
    Config::new(Role::Server)
}

#[test]
fn a_receiver_goes_on_while_a_sender_is_stuck() {
    let (server, mut peer) = by_hand(&patient());
    let (mut receiver, sender) = server.split();
    thread::scope(|scope| {
        let stuck = scope.spawn(|| sender.send(payload::seq(MUCH)));
        // The head of its frame: it has begun.
        peer.read_exact(&mut [0; 10]).unwrap();
        for number in 0..100_u8 {
            peer.write_all(&frame(Role::Server, PING, [number]))
                .unwrap();
            peer.write_all(&frame(Role::Server, BINARY | FIN, [number]))
                .unwrap();
            // The peer has read no more.
            assert_eq!(
                receiver.recv().unwrap(),
                Some(Message::from(vec![number])),
                "message {number}"
            );
        }
        // Now it does, and finds the answer to the last ping behind the message.
        let reading = scope.spawn(|| {
            let mut read = vec![0; MUCH];
            peer.read_exact(&mut read).unwrap();
            let mut pong = [0; 3];
            peer.read_exact(&mut pong).unwrap();
            pong
        });
        stuck.join().unwrap().unwrap();
        assert_eq!(reading.join().unwrap(), [0x8a, 1, 99]);
    });
}

#[test]
fn whoever_writes_writes_what_others_have_queued() {
    let (client, mut server) = common::in_memory(&Config::new(Role::Client), &patient(), 1024);
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
    let (client, server) = common::in_memory(&config(Role::Client), &config(Role::Server), 256);
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
fn receiving_that_times_out_loses_nothing() {
    let (mut server, mut peer) = by_hand(&patient());
    let text = frame(Role::Server, TEXT | FIN, "in two pieces");
    assert_eq!(
        server.recv_timeout(Duration::ZERO).unwrap(),
        Received::Nothing
    );
    peer.write_all(&text[..8]).unwrap();
    assert_eq!(server.recv_timeout(SOON).unwrap(), Received::Nothing);
    peer.write_all(&text[8..]).unwrap();
    let message = loop {
        match server.recv_timeout(SOON).unwrap() {
            Received::Message(message) => break message,
            Received::Nothing => {}
            Received::End => panic!("the end"),
        }
    };
    assert_eq!(message, "in two pieces".into());
    // What has arrived is received however short the time.
    peer.write_all(&[text.clone(), text].concat()).unwrap();
    assert_eq!(server.recv().unwrap(), Some("in two pieces".into()));
    assert_eq!(
        server.recv_timeout(Duration::ZERO).unwrap(),
        Received::Message("in two pieces".into())
    );
}

#[test]
fn a_receiver_that_times_out_keeps_the_deadlines_and_pings() {
    let keepalive = Some(Keepalive::new(SOON, SOON));
    let (mut server, mut peer) = by_hand(&patient().keepalive(keepalive));
    let error = loop {
        match server.recv_timeout(Duration::from_millis(1)) {
            Ok(Received::Nothing) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, Error::Timeout(Timeout::Pong { .. })),
        "{error:?}"
    );
    drop(server);
    let mut said = Vec::new();
    peer.read_to_end(&mut said).unwrap();
    let said: Vec<u8> = whole_frames(&said)
        .into_iter()
        .map(|frame| frame.0)
        .collect();
    assert_eq!(said, [PING, CLOSE]);
}

#[test]
fn sending_that_times_out_gives_the_message_back() {
    let (server, peer) = by_hand(&patient());
    let sender = server.sender();
    let mut accepted = 0;
    let refused = loop {
        match sender.send_timeout(payload::seq(64 * 1024), SOON) {
            Ok(()) => accepted += 1,
            Err(QueueError::Full(message)) => break message,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert!(accepted > 0);
    assert_eq!(refused.len(), 64 * 1024);
    // What was accepted arrives when the peer reads, by way of any call that writes.
    let reading = thread::spawn(move || {
        let mut all = vec![0; accepted * (64 * 1024 + 10)];
        (&peer).read_exact(&mut all).unwrap();
        peer
    });
    sender.flush().unwrap();
    drop(reading.join().unwrap());
}

#[test]
fn what_was_queued_is_written_by_the_receiver_before_it_waits() {
    let (mut client, mut server) = pair();
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

#[test]
fn a_receiver_that_waits_hears_of_a_write_that_fails() {
    let (server, peer) = by_hand(&patient().write(Some(SOON)));
    let (mut receiver, sender) = server.split();
    let receiving = thread::spawn(move || {
        let error = receiver.recv().unwrap_err();
        (error, receiver.ended().unwrap().by)
    });
    // The peer reads nothing; the receiver waits for it meanwhile.
    let error = sender.send(payload::seq(MUCH)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Timeout(Timeout::Write { after: SOON }) | Error::Closed
        ),
        "{error:?}"
    );
    let (error, by) = receiving.join().unwrap();
    assert!(
        matches!(error, Error::Timeout(Timeout::Write { after: SOON })),
        "{error:?}"
    );
    assert_eq!(by, EndedBy::Deadline);
    assert!(matches!(sender.send("more"), Err(Error::Closed)));
    drop(peer);
}

#[test]
fn a_close_of_another_thread_begins_the_deadline_of_a_receiver_that_waits() {
    let (server, peer) = by_hand(&patient().close(SOON));
    let (mut receiver, sender) = server.split();
    let receiving = thread::spawn(move || (receiver.recv(), receiver));
    sender.close(CloseCode::NORMAL).unwrap();
    // The peer doesn't answer.
    let (received, receiver) = receiving.join().unwrap();
    let error = received.unwrap_err();
    assert!(
        matches!(error, Error::Timeout(Timeout::Close { after: SOON })),
        "{error:?}"
    );
    assert_eq!(receiver.ended().unwrap().by, EndedBy::Us);
    drop(peer);
}

#[test]
fn dropping_the_receiver_ends_a_sender_that_is_stuck() {
    let (server, peer) = by_hand(&patient());
    let (receiver, sender) = server.split();
    let stuck = thread::spawn(move || {
        let sent = sender.send(payload::seq(MUCH));
        assert!(sender.is_closed());
        sent
    });
    // Some of it has arrived: the sender has begun.
    (&peer).read_exact(&mut [0; 10]).unwrap();
    drop(receiver);
    let error = stuck.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Closed), "{error:?}");
    drop(peer);
}

#[test]
fn a_peer_that_hangs_up_ends_a_sender_that_is_stuck() {
    let (server, peer) = by_hand(&patient());
    let (mut receiver, sender) = server.split();
    let receiving = thread::spawn(move || receiver.recv());
    let stuck = thread::spawn(move || sender.send(payload::seq(MUCH)));
    (&peer).read_exact(&mut [0; 10]).unwrap();
    // With bytes unread, this is a reset.
    drop(peer);
    assert!(receiving.join().unwrap().is_err());
    assert!(stuck.join().unwrap().is_err());
}

#[test]
fn a_handler_that_panics_says_so_to_the_peer() {
    let (peer, server) = common::sockets();
    let serving = thread::spawn(move || {
        Acceptor::new().serve(server, |ws| -> Result<(), Error> {
            let message = ws.recv()?;
            panic!("{message:?}");
        })
    });
    let connector = Connector::new();
    let (mut client, _) = connector
        .connect_on(Stream::from(peer), "ws://localhost/")
        .unwrap();
    client.send("now").unwrap();
    assert_eq!(client.recv().unwrap(), None);
    assert_eq!(client.ended().unwrap().code(), 1011);
    assert!(serving.join().is_err());
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
        Acceptor::new().accept_on(Lying),
        Err(Error::Transport(_))
    ));
    let connected = Connector::new().connect_on(Lying, "ws://localhost/");
    assert!(matches!(connected, Err(Error::Transport(_))));
}

#[cfg(unix)]
#[test]
fn two_values_of_std_are_a_transport() {
    use std::os::unix::net::UnixStream;

    let (client, server) = UnixStream::pair().unwrap();
    let halves = |stream: UnixStream| Halves(stream.try_clone().unwrap(), stream);
    let serving = thread::spawn(move || {
        let mut ws = Acceptor::new().accept_on(halves(server))?;
        while let Some(message) = ws.recv()? {
            ws.send(message)?;
        }
        Ok::<_, Error>(())
    });
    let connector = Connector::new();
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

#[test]
fn nobody_listening_and_nobody_answering_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connector = Connector::new().handshake_timeout(SOON);
    // It listens, and that is all.
    let error = connector.connect(format!("ws://{address}/")).unwrap_err();
    assert!(
        matches!(error, Error::HandshakeTimeout { after: SOON }),
        "{error:?}"
    );
    drop(listener);
    let error = Connector::new()
        .connect(format!("ws://{address}/"))
        .unwrap_err();
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    let error = Connector::new()
        .connect("ws://no-such-host.invalid/")
        .unwrap_err();
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
}
