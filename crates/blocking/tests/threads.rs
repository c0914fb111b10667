//! What several threads do to one connection, and what it does to them.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bowline_blocking::bytes::BytesMut;
use bowline_blocking::{
    Acceptor, CloseCode, Config, Connector, EndedBy, Error, Keepalive, Message, QueueError,
    Received, Role, Stream, Timeout, WebSocket,
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

#[cfg(unix)]
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
