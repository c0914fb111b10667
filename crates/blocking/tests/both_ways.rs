//! Two ends that both send far more than the buffers between them hold, ping each other meanwhile, and read.

mod common;

use std::thread;

use bowline_blocking::{
    Acceptor, CloseCode, Config, Connector, Event, Message, Receiver, Role, Sender, Transport,
    WebSocket,
};
use bowline_testing::payload;

/// Messages of each end.
const MESSAGES: usize = 64;

fn message(number: usize) -> Message {
    let mut bytes = payload::seq(1024 * 1024);
    bytes[0] = number as u8;
    bytes.into()
}

/// Sends all messages with a ping behind each.
fn send<T: Transport>(sender: &Sender<T>) {
    for number in 0..MESSAGES {
        sender.send(message(number)).unwrap();
        sender.ping([number as u8]).unwrap();
    }
}

/// Receives all messages and all pongs.
fn receive<T: Transport>(receiver: &mut Receiver<T>) {
    let (mut messages, mut pings, mut pongs) = (0, 0, Vec::new());
    // An answer may be left out in favour of a later one (RFC 6455 §5.5.3), but not the last.
    while messages < MESSAGES || pings < MESSAGES || pongs.last() != Some(&(MESSAGES as u8 - 1)) {
        match receiver.recv_event().unwrap().expect("more") {
            Event::Message(received) => {
                assert!(received == message(messages), "message {messages}");
                messages += 1;
            }
            Event::Ping(payload) => {
                assert_eq!(payload[..], [pings as u8]);
                pings += 1;
            }
            Event::Pong(payload) => pongs.push(payload[0]),
            other => panic!("{other:?}"),
        }
    }
    assert!(pongs.is_sorted(), "{pongs:?}");
}

fn run<T>(client: WebSocket<T>, server: WebSocket<T>)
where
    T: Transport + 'static,
    T::Reader: Send,
    T::Writer: Send,
{
    let end = |ws: WebSocket<T>| {
        let (mut receiver, sender) = ws.split();
        let sending = sender.clone();
        let sending = thread::spawn(move || send(&sending));
        thread::spawn(move || {
            receive(&mut receiver);
            // The last pong is written before the receiver waits next, which it doesn't here.
            sender.flush().unwrap();
            sending.join().unwrap();
            (receiver, sender)
        })
    };
    let (client, server) = (end(client), end(server));
    let (mut client, closer) = client.join().unwrap();
    let (mut server, _) = server.join().unwrap();
    closer.close(CloseCode::NORMAL).unwrap();
    let closed = thread::spawn(move || assert_eq!(server.recv().unwrap(), None));
    assert_eq!(client.recv().unwrap(), None);
    closed.join().unwrap();
}

#[test]
fn sixty_four_mebibytes_pass_each_other_over_tcp() {
    let (client, server) = common::connected(&Connector::new(), &Acceptor::new());
    run(client, server);
}

#[test]
fn sixty_four_mebibytes_pass_each_other_over_tls() {
    let (connector, acceptor) = common::encrypting();
    let (client, server) = common::connected(&connector, &acceptor);
    run(client, server);
}

#[test]
fn sixty_four_mebibytes_pass_each_other_through_a_small_pipe() {
    let config = |role| Config::new(role);
    let (client, server) =
        common::in_memory(&config(Role::Client), &config(Role::Server), 16 * 1024);
    run(client, server);
}
