//! What connections of a server cost in memory, by a counting allocator.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use bowline_testing::alloc::CountingAllocator;
use bowline_testing::wire::{FIN, RSV1, TEXT, frame};
use bowline_tokio::{Acceptor, PerMessageDeflate, Role};
use common::echo_served;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

// One test, since the counters are the process's.
#[tokio::test]
async fn a_connection_that_waits_costs_little_whatever_has_passed_through_it() {
    let small = frame(Role::Server, TEXT | FIN, "hello");
    let plain = each_keeps(Acceptor::new(), small).await;
    assert!(plain <= 1_728, "{plain} bytes each");

    let acceptor = Acceptor::new().extension(PerMessageDeflate::new());
    let compressed = frame(Role::Server, TEXT | FIN | RSV1, stored(&[b'a'; 200]));
    let deflate = each_keeps(acceptor, compressed).await;
    assert!(deflate <= 2_048, "{deflate} bytes each with deflate");
}

/// What a server holds for a connection through which `message` has passed both ways, in bytes: tokio's share, the task
/// and all of ours.
async fn each_keeps(acceptor: Acceptor, message: Vec<u8>) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.serve(stream, echo_served).await });
        }
    });
    // What all of them share, such as the thread's buffers, is there after the first.
    let clients = Vec::with_capacity(WARM + COUNT);
    let (clients, message) = open(clients, WARM, address, message).await;
    let before = ALLOCATOR.current();
    let (clients, _) = open(clients, COUNT, address, message).await;
    // Nothing else runs on this thread meanwhile: a server that has answered waits again.
    let kept = ALLOCATOR.current() - before;
    server.abort();
    drop(clients);
    kept / COUNT
}

/// Adds clients that have had `message` echoed. They block a thread of their own and own no memory but their place.
async fn open(
    mut clients: Vec<TcpStream>,
    count: usize,
    address: SocketAddr,
    message: Vec<u8>,
) -> (Vec<TcpStream>, Vec<u8>) {
    let opening = tokio::task::spawn_blocking(move || {
        let mut buffer = [0; 1024];
        for _ in 0..count {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(REQUEST).unwrap();
            let mut read = 0;
            while !buffer[..read].ends_with(b"\r\n\r\n") {
                let more = client.read(&mut buffer[read..]).unwrap();
                assert!(more > 0, "{:?}", buffer[..read].utf8_chunks());
                read += more;
            }
            client.write_all(&message).unwrap();
            let [first, len] = {
                let mut head = [0; 2];
                client.read_exact(&mut head).unwrap();
                head
            };
            assert_eq!(first, message[0]);
            client.read_exact(&mut buffer[..len.into()]).unwrap();
            clients.push(client);
        }
        (clients, message)
    });
    opening.await.unwrap()
}

/// A message as a stored block, without what a sender leaves out at its end.
fn stored(message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).unwrap();
    let head = [[0].as_slice(), &len.to_le_bytes(), &(!len).to_le_bytes()].concat();
    [&head, message, &[0]].concat()
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

const WARM: usize = 50;
const COUNT: usize = 300;
