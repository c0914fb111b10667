//! Peers that never stop sending.

mod common;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use bowline_testing::wire::{BINARY, FIN, PING, PONG, frame};
use bowline_tokio::{Acceptor, CloseCode, Config, Error, Role, Timeout};
use common::REQUEST;
use tokio::net::TcpListener;

/// A client that sends `flood` for ever, and reads nothing, until the server is gone.
fn flooding(address: SocketAddr, flood: Vec<u8>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(REQUEST).unwrap();
        while stream.write_all(&flood).is_ok() {}
    })
}

async fn deadline_holds(config: Config, flood: Vec<u8>, closes: bool) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = flooding(listener.local_addr().unwrap(), flood);
    let (stream, _) = listener.accept().await.unwrap();
    let acceptor = Acceptor::new().config(config);
    let mut ws = acceptor.accept(stream).await.unwrap();
    let error = if closes {
        ws.close(CloseCode::NORMAL).await.unwrap_err()
    } else {
        ws.recv().await.unwrap_err()
    };
    drop(ws);
    client.join().unwrap();
    error
}

const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_flood_of_messages_does_not_hold_up_the_close_deadline() {
    let flood = frame(Role::Server, BINARY | FIN, b"x").repeat(10_000);
    let config = Config::new(Role::Server).close(SOON);
    let error = deadline_holds(config, flood, true).await;
    assert!(
        matches!(error, Error::Timeout(Timeout::Close { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_flood_of_pings_does_not_hold_up_the_idle_deadline() {
    let flood = frame(Role::Server, PONG, b"x").repeat(10_000);
    let config = Config::new(Role::Server).close(SOON).idle(Some(SOON));
    let error = deadline_holds(config, flood, false).await;
    assert!(
        matches!(error, Error::Timeout(Timeout::Idle { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_flood_of_pings_does_not_hold_up_the_write_deadline() {
    let flood = frame(Role::Server, PING, [0; 125]).repeat(1000);
    let config = Config::new(Role::Server).write(Some(SOON));
    let error = deadline_holds(config, flood, false).await;
    assert!(
        matches!(error, Error::Timeout(Timeout::Write { .. })),
        "{error:?}"
    );
}
