//! Connecting over sockets that do as the test says.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use bowline_threads::{
    Acceptor, Carrier, CloseCode, Connector, Error, Memory, NoTls, Sockets, Transport,
};

/// A network of one server, which is reached at port 1. At port 2 nobody answers, at any other port nobody listens.
struct Scripted;

impl Carrier for Scripted {
    type ClientTls = ();
    type ServerTls = NoTls;
}

impl Sockets for Scripted {
    type Stream = Memory;

    /// A name is a list of addresses, but for one that takes for ever to resolve.
    fn resolve(host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(match host {
            "nowhere" => Vec::new(),
            "refused" => addresses(&[3]),
            "silent" => addresses(&[2]),
            "second" => addresses(&[3, 1]),
            "slow-first" => addresses(&[2, 1]),
            "panics" => panic!("the resolver panics on purpose"),
            "panics-first" => addresses(&[4, 2]),
            "unresolved" => {
                thread::sleep(LONG);
                Vec::new()
            }
            other => return Err(io::Error::other(format!("unknown: {other}"))),
        })
    }

    fn connect(address: SocketAddr, timeout: Duration) -> io::Result<Memory> {
        match address.port() {
            1 => Ok(serve()),
            2 => {
                thread::sleep(timeout);
                Err(io::ErrorKind::TimedOut.into())
            }
            4 => panic!("an attempt panics on purpose"),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    fn default_tls() -> Option<()> {
        None
    }

    /// Whoever is encrypted for this host never comes to an end.
    fn encrypt(_: Memory, host: &str, (): (), _: Instant) -> io::Result<Option<Memory>> {
        match host {
            "second" => Ok(None),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn accept_encrypted(_: Memory, tls: NoTls, _: Instant) -> io::Result<Option<Memory>> {
        match tls {}
    }
}

const LONG: Duration = Duration::from_secs(60);

/// Short for the test, long for a machine.
const SOON: Duration = Duration::from_millis(100);

fn addresses(ports: &[u16]) -> Vec<SocketAddr> {
    let address = |&port| SocketAddr::from(([127, 0, 0, 1], port));
    ports.iter().map(address).collect()
}

/// A stream to a server that waits for the end.
fn serve() -> Memory {
    let (client, server) = Memory::pair(4096);
    thread::spawn(move || {
        let mut ws = Acceptor::<Scripted>::new().accept_on(server)?;
        while ws.recv()?.is_some() {}
        Ok::<_, Error>(())
    });
    client
}

fn connect(connector: &Connector<Scripted>, uri: &str) -> Error {
    match connector.connect(uri) {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

#[test]
fn the_address_that_answers_wins() {
    for host in ["second", "slow-first"] {
        let mut ws = Connector::<Scripted>::new()
            .handshake_timeout(LONG)
            .connect(format!("ws://{host}/"))
            .unwrap();
        ws.close(CloseCode::NORMAL).unwrap();
    }
}

#[test]
fn what_can_not_be_reached_says_why() {
    let connector = Connector::new().handshake_timeout(LONG);
    for (host, why) in [
        ("nowhere", "the name has no address"),
        ("refused", "127.0.0.1:3: connection refused"),
        ("other", "unknown: other"),
    ] {
        match connect(&connector, &format!("ws://{host}/")) {
            Error::Connect(error) => assert_eq!(error.to_string(), why),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_deadline_covers_the_name_the_address_and_tls() {
    let connector = Connector::new().tls(()).handshake_timeout(SOON);
    for uri in ["ws://unresolved/", "ws://silent/", "wss://second/"] {
        let error = connect(&connector, uri);
        assert!(
            matches!(error, Error::HandshakeTimeout { after: SOON }),
            "{uri}: {error:?}"
        );
    }
}

#[test]
fn a_panic_while_connecting_is_the_callers() {
    for (host, words) in [
        ("panics", "the resolver panics on purpose"),
        ("panics-first", "an attempt panics on purpose"),
    ] {
        let connector = Connector::<Scripted>::new().handshake_timeout(LONG);
        let connect = || connector.connect(format!("ws://{host}/")).map(drop);
        let panic = catch_unwind(AssertUnwindSafe(connect)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&words));
    }
}

#[test]
fn tls_that_is_missing_or_fails_is_told_apart() {
    let missing = connect(&Connector::new(), "wss://second/");
    assert!(matches!(missing, Error::Invalid(_)), "{missing:?}");
    let failed = connect(&Connector::new().tls(()), "wss://slow-first/");
    assert!(matches!(failed, Error::Tls(_)), "{failed:?}");
}

#[test]
fn whoever_looks_sees_the_request_that_is_written() {
    let (left, right) = Memory::pair(4096);
    let (seen, look) = mpsc::channel();
    let seen = Mutex::new(seen);
    let connector = Connector::<Scripted>::new().on_request(move |head| {
        seen.lock().unwrap().send(head.to_vec()).unwrap();
    });
    let serving = thread::spawn(move || read_head(right, &look));
    let error = connector.connect_on(left, "ws://localhost/chat");
    assert!(matches!(error, Err(Error::Incomplete)), "{error:?}");
    serving.join().unwrap();
}

/// Reads what was announced, and ends the transport.
fn read_head(transport: Memory, look: &Receiver<Vec<u8>>) {
    use bowline_threads::TransportRead as _;

    let (mut reader, _writer) = transport.divide();
    let expected = look.recv().unwrap();
    let mut read = vec![0; expected.len()];
    let mut filled = 0;
    while filled < read.len() {
        filled += reader.read(&mut read[filled..], None).unwrap();
    }
    assert!(read == expected && read.starts_with(b"GET /chat HTTP/1.1\r\n"));
}
