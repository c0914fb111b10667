//! Servers, and clients that write bytes of their own.

#![allow(dead_code, reason = "no test program uses all of it")]

use std::net::SocketAddr;

use bowline_tokio::{Acceptor, Error, WebSocket, corked};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The program most servers are.
pub(crate) async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// The same, as [`Acceptor::serve`] takes it.
pub(crate) async fn echo_served(ws: &mut WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Serves one connection with `handler`.
pub(crate) async fn serve_one<F, Fut>(handler: F) -> (SocketAddr, JoinHandle<Result<(), Error>>)
where
    F: FnOnce(WebSocket) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Error>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let ws = Acceptor::new().accept(stream).await?;
        corked(handler(ws)).await
    });
    (address, served)
}

/// Connects and makes the opening handshake by hand; `behind` is in the same write.
pub(crate) async fn raw_client(address: SocketAddr, behind: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&[REQUEST, behind].concat()).await.unwrap();
    expect(&mut client, ANSWER).await;
    client
}

/// Reads exactly these bytes.
pub(crate) async fn expect(stream: &mut (impl AsyncRead + Unpin), bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).await.unwrap();
    bowline_testing::hex::assert_bytes_eq(&read, bytes, "what comes next");
}

/// Reads to the end, which must be one: a reset fails.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

/// Reads a request and answers it rightly; `behind` is in the same write.
pub(crate) async fn raw_accept(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), behind: &[u8]) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let request = String::from_utf8(request).unwrap();
    let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap();
    let accept = bowline_handshake::accept_key(key.lines().next().unwrap().as_bytes());
    let answer = String::from_utf8(ANSWER.to_vec()).unwrap();
    let answer = answer.replace("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &accept);
    stream
        .write_all(&[answer.as_bytes(), behind].concat())
        .await
        .unwrap();
}
