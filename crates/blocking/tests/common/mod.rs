//! Connected ends.

#![allow(dead_code, reason = "no test program uses all of it")]

use std::net::{TcpListener, TcpStream};
use std::thread;

use bowline_blocking::{
    Acceptor, ClientTls, Config, Connector, Memory, Role, ServerTls, WebSocket, bytes::BytesMut,
};
use bowline_testing::certificates::{Authority, Validity};

/// Both ends of a TCP connection without a handshake, client first.
pub(crate) fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// A client and a server over TCP, with these settings.
pub(crate) fn connected(connector: &Connector, acceptor: &Acceptor) -> (WebSocket, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::scope(|scope| {
        let server = scope.spawn(|| acceptor.accept(listener.accept().unwrap().0));
        // By name, which the certificate is for.
        let scheme = if format!("{acceptor:?}").contains("tls: Some") {
            "wss"
        } else {
            "ws"
        };
        let client = connector.connect(format!("{scheme}://localhost:{port}/"));
        let client = client.unwrap();
        (client, server.join().unwrap().unwrap())
    })
}

/// A connector and an acceptor that encrypt.
pub(crate) fn encrypting() -> (Connector, Acceptor) {
    let authority = Authority::new("tests");
    let server = authority.server(&["localhost"], Validity::Now);
    let client = ClientTls::authorities(authority.pem.as_bytes()).unwrap();
    let server = ServerTls::certificate(server.chain.as_bytes(), server.key.as_bytes()).unwrap();
    (Connector::new().tls(client), Acceptor::new().tls(server))
}

/// A client and a server in memory, with these limits.
pub(crate) fn in_memory(
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
