//! Whom a client trusts, and how encrypted streams begin and end.

mod common;

use std::error::Error as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bowline_blocking::rustls::{ClientConnection, StreamOwned};
use bowline_blocking::{
    Acceptor, ClientTls, CloseCode, Connector, Error, Received, Role, ServerTls, WebSocket,
};
use bowline_testing::certificates::{Authority, Identity, Validity};
use bowline_testing::payload;
use bowline_testing::wire::{BINARY, FIN, TEXT, frame};

fn trusting(authority: &Authority) -> ClientTls {
    ClientTls::authorities(authority.pem.as_bytes()).unwrap()
}

fn showing(identity: &Identity) -> ServerTls {
    ServerTls::certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap()
}

/// What comes of a client and a server that echoes once.
fn meet(
    client: ClientTls,
    server: ServerTls,
    host: &str,
) -> (Result<(), Error>, Result<(), Error>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        Acceptor::new().tls(server).serve(stream, |ws| {
            let message = ws.recv()?;
            message.map_or(Ok(()), |message| ws.send(message))
        })
    });
    let talk = || {
        let connector = Connector::new().tls(client);
        let mut ws = connector.connect(format!("wss://{host}:{port}/"))?;
        ws.send("secret")?;
        assert_eq!(ws.recv()?, Some("secret".into()));
        ws.close(CloseCode::NORMAL)
    };
    (talk(), serving.join().unwrap())
}

#[track_caller]
fn assert_untrusted(outcome: (Result<(), Error>, Result<(), Error>), why: &str) {
    let (Err(Error::Tls(error)), Err(Error::Tls(_))) = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.to_string().contains(why), "{error}");
    assert!(outcome.0.unwrap_err().source().is_some());
}

#[test]
fn a_certificate_is_good_for_its_names_and_in_its_time() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let good = ours.server(&["localhost", "127.0.0.1"], Validity::Now);
    for host in ["localhost", "127.0.0.1"] {
        let (client, server) = meet(trusting(&ours), showing(&good), host);
        client.unwrap();
        server.unwrap();
    }
    let unknown = meet(trusting(&theirs), showing(&good), "localhost");
    assert_untrusted(unknown, "UnknownIssuer");
    let expired = ours.server(&["localhost"], Validity::Expired);
    let expired = meet(trusting(&ours), showing(&expired), "localhost");
    assert_untrusted(expired, "expired");
    let other = ours.server(&["example.com"], Validity::Now);
    let other = meet(trusting(&ours), showing(&other), "localhost");
    assert_untrusted(other, "not valid for name");
    let nobody_checks = ClientTls::dangerous_without_verification();
    let (client, server) = meet(nobody_checks, showing(&good), "localhost");
    client.unwrap();
    server.unwrap();
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_one() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let good = ours.server(&["localhost"], Validity::Now);
    let asking = || {
        let authority = theirs.pem.as_bytes();
        let (chain, key) = (good.chain.as_bytes(), good.key.as_bytes());
        ServerTls::certificate_for_clients_of(authority, chain, key).unwrap()
    };
    let known = theirs.client("known");
    let known = trusting(&ours)
        .client_certificate(known.chain.as_bytes(), known.key.as_bytes())
        .unwrap();
    let (client, server) = meet(known, asking(), "localhost");
    client.unwrap();
    server.unwrap();
    // The client of TLS 1.3 hears of it after its own handshake.
    let (client, server) = meet(trusting(&ours), asking(), "localhost");
    assert!(client.is_err());
    assert!(matches!(server, Err(Error::Tls(_))), "{server:?}");
}

#[test]
fn the_handshake_deadline_covers_tls() {
    const SOON: Duration = Duration::from_millis(100);
    let (connector, acceptor) = common::encrypting();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = connector
        .handshake_timeout(SOON)
        .connect(format!("wss://localhost:{port}/"))
        .unwrap_err();
    assert!(
        matches!(error, Error::HandshakeTimeout { after: SOON }),
        "{error:?}"
    );
    let (silent, server) = common::sockets();
    let error = acceptor.handshake_timeout(SOON).accept(server).unwrap_err();
    assert!(
        matches!(error, Error::HandshakeTimeout { after: SOON }),
        "{error:?}"
    );
    drop(silent);
}

#[test]
fn a_client_without_tls_is_no_client_of_tls() {
    let (_, acceptor) = common::encrypting();
    let (mut plain, server) = common::sockets();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let error = acceptor.accept(server).unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error:?}");
    // It was told so, in the way of TLS.
    let mut alert = [0; 7];
    plain.read_exact(&mut alert).unwrap();
    assert_eq!(alert[0], 21, "the type of an alert");
}

/// A server and a client that is played by hand over TLS.
fn by_hand() -> (WebSocket, StreamOwned<ClientConnection, TcpStream>) {
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let authority = Authority::new("tests");
    let server_tls = showing(&authority.server(&["localhost"], Validity::Now));
    let (client, server) = common::sockets();
    let serving = thread::spawn(move || Acceptor::new().tls(server_tls).accept(server).unwrap());
    let name = ClientTls::server_name("localhost").unwrap();
    let config = Arc::clone(trusting(&authority).config());
    let connection = ClientConnection::new(config, name).unwrap();
    let mut client = StreamOwned::new(connection, client);
    client.write_all(REQUEST).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    (serving.join().unwrap(), client)
}

#[test]
fn an_end_without_close_notify_is_the_end_as_over_tcp() {
    let (mut server, client) = by_hand();
    drop(client.sock);
    let error = server.recv().unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error:?}");
    // After both Close frames nothing can be missing.
    let (mut server, mut client) = by_hand();
    client.write_all(b"\x88\x82\0\0\0\0\x03\xe8").unwrap();
    client.flush().unwrap();
    let closing = thread::spawn(move || (server.recv(), server.ended().unwrap().clean));
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    assert_eq!(
        said, b"\x88\x02\x03\xe8",
        "and close_notify, or reading had failed"
    );
    drop(client);
    assert!(matches!(closing.join().unwrap(), (Ok(None), true)));
}

/// Encrypts these frames, and gives the bytes for the socket.
fn encrypted(client: &mut ClientConnection, frames: &[u8]) -> Vec<u8> {
    client.writer().write_all(frames).unwrap();
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

#[test]
fn records_come_in_pieces_and_many_at_once() {
    let (mut server, mut client) = by_hand();
    let text = frame(Role::Server, TEXT | FIN, "cut anywhere");
    for byte in encrypted(&mut client.conn, &text) {
        // A wait that ends inside a record loses nothing.
        assert_eq!(
            server.recv_timeout(Duration::ZERO).unwrap(),
            Received::Nothing
        );
        client.sock.write_all(&[byte]).unwrap();
    }
    assert_eq!(server.recv().unwrap(), Some("cut anywhere".into()));
    // Large messages and small ones in one go, more than is read at once.
    let large = payload::seq(50_000);
    let run = [
        text.clone(),
        frame(Role::Server, BINARY | FIN, &large),
        text,
    ]
    .concat();
    let bytes = encrypted(&mut client.conn, &run);
    client.sock.write_all(&bytes).unwrap();
    assert_eq!(server.recv().unwrap(), Some("cut anywhere".into()));
    assert_eq!(server.recv().unwrap(), Some(large.into()));
    assert_eq!(server.recv().unwrap(), Some("cut anywhere".into()));
}

#[test]
fn a_record_that_was_changed_ends_the_connection_behind_what_came_before() {
    let (mut server, mut client) = by_hand();
    let text = frame(Role::Server, TEXT | FIN, "whole");
    let mut bytes = encrypted(&mut client.conn, &text);
    let changed = bytes.len();
    bytes.extend(encrypted(&mut client.conn, &text));
    bytes[changed + 10] ^= 1;
    client.sock.write_all(&bytes).unwrap();
    assert_eq!(server.recv().unwrap(), Some("whole".into()));
    let error = server.recv().unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error:?}");
    assert_eq!(server.recv().unwrap(), None);
}
