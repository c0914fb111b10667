//! The example of a readiness loop serves clients of this crate.

#[path = "../examples/mio_echo_server.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod mio_echo_server;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use bowline_blocking::{CloseCode, Connector, Error, Message, PerMessageDeflate};
use bowline_testing::payload;
use bowline_testing::wire::{TEXT, close_frame, frame_from};

fn start() -> SocketAddr {
    start_with(Some(PerMessageDeflate::new()))
}

fn start_with(deflate: Option<PerMessageDeflate>) -> SocketAddr {
    let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || mio_echo_server::serve(listener, deflate));
    address
}

#[test]
fn many_clients_are_echoed_at_once() {
    let url = format!("ws://{}/", start());
    let clients: Vec<_> = (0..20)
        .map(|_| Connector::new().connect(&*url).unwrap())
        .collect();
    let clients: Vec<_> = clients
        .into_iter()
        .map(|mut ws| {
            thread::spawn(move || {
                for len in [0, 1, 125, 126, 70_000, 3 << 20] {
                    let message = Message::from(payload::seq(len));
                    let (receiver, sender) = ws.halves();
                    thread::scope(|scope| {
                        scope.spawn(|| sender.send(message.clone()).unwrap());
                        assert!(receiver.recv().unwrap().as_ref() == Some(&message));
                    });
                }
                ws.close(CloseCode::NORMAL).unwrap();
                assert!(ws.ended().unwrap().clean);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn messages_are_compressed_unless_told() {
    let message = Message::from("round and round, ".repeat(10_000));
    for (deflate, compresses) in [(Some(PerMessageDeflate::new()), true), (None, false)] {
        let url = format!("ws://{}/", start_with(deflate));
        let connector = Connector::new().extension(PerMessageDeflate::new());
        let mut ws = connector.connect(&*url).unwrap();
        ws.send(message.clone()).unwrap();
        assert_eq!(ws.recv().unwrap().as_ref(), Some(&message));
        assert_eq!(ws.arrival().wire_len < message.len() as u64, compresses);
        ws.close(CloseCode::NORMAL).unwrap();
        assert!(ws.ended().unwrap().clean);
    }
}

#[test]
fn requests_and_frames_that_break_the_rules_are_answered() {
    let address = start();
    let error = Connector::new()
        .connect(format!("ws://{address}/"))
        .and_then(|mut ws| {
            // A message that nothing follows.
            ws.send_fragment(bowline_blocking::MessageKind::Text, "x", false)?;
            ws.close(CloseCode::NORMAL)?;
            Err::<(), _>(Error::Closed)
        })
        .unwrap_err();
    assert!(matches!(error, Error::Closed), "{error:?}");
    let mut plain = TcpStream::connect(address).unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    let mut raw = TcpStream::connect(address).unwrap();
    // An unmasked frame, which has come with the request.
    let request =
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let unmasked = frame_from(bowline_blocking::Role::Server, 0x80 | TEXT, "x");
    raw.write_all(&[&request[..], &unmasked].concat()).unwrap();
    let mut said = Vec::new();
    raw.read_to_end(&mut said).unwrap();
    let close = close_frame(bowline_blocking::Role::Client, 1002, "");
    assert!(
        said.windows(4)
            .any(|run| run[..1] == close[..1] && run[2..] == close[2..4])
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_lack_of_descriptors_passes() {
    bowline_testing::programs::Examples::of("mio").outlive_a_lack_of_descriptors();
}
