//! The client's opening handshake over transports and the way to the server.

mod common_open;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bowline_handshake::{ClientHandshakeError, HeadError, accept_key};
use bowline_io::{
    Acceptor, Carrier, ClientRequest, CloseCode, Connector, Error, HeadLimits, Memory, NoTls,
    PollRead, PollWrite, Runtime, Transport,
};
use bowline_testing::extension::RunLength;
use bowline_testing::hex::assert_bytes_eq;
use common_open::{Did, Drip, Read, Scripted, TestTimer, Write, join, passed, run};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A network of one name, as the test on this thread wants it.
#[derive(Default)]
struct Network {
    addresses: Vec<SocketAddr>,
    ways: BTreeMap<SocketAddr, Way>,
    resolver: Option<Way>,
    asked: Vec<(String, u16)>,
    /// Attempts, with the time since the first.
    attempts: Vec<(SocketAddr, Duration)>,
    dropped: usize,
    /// Hosts that streams were encrypted for.
    encrypted: Vec<String>,
    /// How streams are encrypted where nothing is set.
    default_tls: Option<Way>,
    /// The server's ends of connections that stand.
    accepted: Vec<Memory<TestTimer>>,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Opens(Duration),
    Fails(Duration, io::ErrorKind),
    Hangs,
}

impl Way {
    async fn go(self) -> io::Result<()> {
        match self {
            Self::Opens(after) => {
                TestTimer::after(after).await;
                Ok(())
            }
            Self::Fails(after, kind) => {
                TestTimer::after(after).await;
                Err(kind.into())
            }
            Self::Hangs => pending().await,
        }
    }
}

thread_local! {
    static NETWORK: RefCell<Network> = RefCell::default();
}

struct OnNetwork;

/// Counts attempts that are dropped, those that end too.
struct Attempt;

impl Drop for Attempt {
    fn drop(&mut self) {
        NETWORK.with_borrow_mut(|network| network.dropped += 1);
    }
}

impl Carrier for OnNetwork {
    type ClientTls = Way;
    type ServerTls = NoTls;
}

impl Runtime for OnNetwork {
    type Stream = Memory<TestTimer>;

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let way = NETWORK.with_borrow_mut(|network| {
            network.asked.push((host.to_owned(), port));
            network.resolver
        });
        if let Some(way) = way {
            way.go().await?;
        }
        Ok(NETWORK.with_borrow(|network| network.addresses.clone()))
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        let _attempt = Attempt;
        let way = NETWORK.with_borrow_mut(|network| {
            network.attempts.push((address, passed()));
            network.ways[&address]
        });
        way.go().await?;
        let (client, server) = Memory::pair(64 * 1024);
        NETWORK.with_borrow_mut(|network| network.accepted.push(server));
        Ok(client)
    }

    fn default_tls() -> Option<Way> {
        NETWORK.with_borrow(|network| network.default_tls)
    }

    async fn encrypt(stream: Self::Stream, host: &str, tls: Way) -> io::Result<Self::Stream> {
        NETWORK.with_borrow_mut(|network| network.encrypted.push(host.to_owned()));
        tls.go().await?;
        Ok(stream)
    }

    async fn accept_encrypted(_: Self::Stream, tls: NoTls) -> io::Result<Self::Stream> {
        match tls {}
    }
}

/// Lays out a network: addresses in the resolver's order, and what becomes of a way to each.
fn network(ways: &[(&str, Way)]) {
    let ways = ways.iter().map(|(to, way)| (to.parse().unwrap(), *way));
    let ways: Vec<(SocketAddr, Way)> = ways.collect();
    NETWORK.set(Network {
        addresses: ways.iter().map(|(address, _)| *address).collect(),
        ways: ways.into_iter().collect(),
        ..Network::default()
    });
}

/// The attempts in order, in milliseconds since the first.
fn attempts() -> Vec<(String, u128)> {
    NETWORK.with_borrow(|network| {
        let first = network
            .attempts
            .first()
            .map_or(Duration::ZERO, |first| first.1);
        let attempts = network.attempts.iter();
        attempts
            .map(|(address, at)| (address.to_string(), (*at - first).as_millis()))
            .collect()
    })
}

/// Serves the connection that comes out of the network.
async fn serve() {
    let server = poll_fn(|_| {
        let accepted = NETWORK.with_borrow_mut(|network| network.accepted.pop());
        accepted.map_or(Poll::Pending, Poll::Ready)
    });
    let server = server.await;
    let acceptor = Acceptor::<OnNetwork>::new();
    let mut ws = acceptor.accept_on(server).await.unwrap();
    while let Some(message) = ws.recv().await.unwrap() {
        ws.send(message).await.unwrap();
    }
}

fn connector() -> Connector<OnNetwork> {
    Connector::new()
}

/// A connection to a name that the network gives, to its orderly end.
fn connect_and_echo() -> Result<(), Error> {
    let connector = connector();
    let asking = async {
        let mut ws = connector.connect("ws://example.com:81/").await?;
        ws.send("hello").await?;
        assert_eq!(ws.recv().await?, Some("hello".into()));
        ws.close(CloseCode::NORMAL).await
    };
    run(join(asking, serve())).0
}

#[test]
fn wss_is_encrypted_for_the_host_and_ws_is_not() {
    const AT_ONCE: Way = Way::Opens(Duration::ZERO);
    let encrypted_by = |connector: Connector<OnNetwork>, default_tls, url: &str| {
        network(&[("192.0.2.1:81", AT_ONCE)]);
        NETWORK.with_borrow_mut(|network| network.default_tls = default_tls);
        let asking = async {
            let mut ws = connector.connect(url).await?;
            ws.close(CloseCode::NORMAL).await
        };
        run(join(asking, serve())).0.unwrap();
        NETWORK.with_borrow_mut(|network| std::mem::take(&mut network.encrypted))
    };
    let (set, unset) = (connector().tls(AT_ONCE), connector());
    let hangs = Some(Way::Hangs);
    assert_eq!(
        encrypted_by(set.clone(), hangs, "wss://Example.com:81/"),
        ["example.com"]
    );
    assert_eq!(encrypted_by(set.clone(), hangs, "wss://[::1]:81/"), ["::1"]);
    assert_eq!(
        encrypted_by(unset.clone(), Some(AT_ONCE), "wss://a:81/"),
        ["a"]
    );
    assert!(encrypted_by(set, hangs, "ws://a:81/").is_empty());
    assert!(encrypted_by(unset, hangs, "ws://a:81/").is_empty());
}

#[test]
fn encrypting_fails_in_its_own_words_and_in_time() {
    let error = |tls| {
        network(&[("192.0.2.1:443", Way::Opens(Duration::from_secs(4)))]);
        let started = passed();
        let connected = run(connector().tls(tls).connect("wss://example.com/"));
        (connected.unwrap_err(), passed() - started)
    };
    let (failed, _) = error(Way::Fails(Duration::ZERO, io::ErrorKind::InvalidData));
    let Error::Tls(cause) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(cause.kind(), io::ErrorKind::InvalidData);
    // One deadline for all of it.
    let (failed, took) = error(Way::Hangs);
    assert!(matches!(failed, Error::HandshakeTimeout { after: TIMEOUT }));
    assert_eq!(took, TIMEOUT);
}

/// What a server does after its answer.
#[derive(Clone, Copy, Debug)]
enum Then {
    Ends,
    Stays,
}

/// Answers one request with a text, in which `{accept}` stands for the right key; gives all that the client wrote.
async fn answer(server: impl Transport, text: &str, then: Then) -> Vec<u8> {
    let (mut reader, writer) = server.divide();
    let mut writer = Some(writer);
    let mut input = Vec::new();
    let mut buffer = [0; 256];
    loop {
        let count = poll_fn(|cx| reader.poll_read(cx, &mut buffer)).await;
        match count.unwrap() {
            0 => return input,
            count => input.extend_from_slice(&buffer[..count]),
        }
        if !input.ends_with(b"\r\n\r\n") {
            continue;
        }
        let Some(mut open) = writer.take() else {
            continue;
        };
        let text = text.replace("{accept}", &accept_key(key(&input).as_bytes()));
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match poll_fn(|cx| open.poll_write(cx, rest)).await {
                Ok(count) => rest = &rest[count..],
                // The client has seen enough.
                Err(_) => break,
            }
        }
        if let Then::Stays = then {
            writer = Some(open);
        }
    }
}

fn key(request: &[u8]) -> String {
    let request = std::str::from_utf8(request).unwrap();
    let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap();
    key.lines().next().unwrap().to_owned()
}

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

/// Connects to a server that answers with `text`; gives the outcome and all that the client wrote.
fn connect_to(
    connector: &Connector<OnNetwork>,
    text: &str,
    then: Then,
) -> (
    Result<bowline_io::WebSocket<Memory<TestTimer>>, Error>,
    Vec<u8>,
) {
    let (client, server) = Memory::pair(64 * 1024);
    let asking = async {
        let connected = connector.connect_on(client, "ws://example.com/chat");
        connected.await.map(|(ws, _)| ws)
    };
    run(async {
        let mut answering = pin!(answer(server, text, then));
        let mut asking = pin!(asking);
        let mut outcome = None;
        let mut written = None;
        poll_fn(|cx| {
            if outcome.is_none()
                && let Poll::Ready(connected) = asking.as_mut().poll(cx)
            {
                outcome = Some(connected);
            }
            if written.is_none()
                && let Poll::Ready(bytes) = answering.as_mut().poll(cx)
            {
                written = Some(bytes);
            }
            // An open connection keeps the server waiting.
            match (&outcome, &written) {
                (Some(Ok(_)), _) | (Some(_), Some(_)) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        (outcome.unwrap(), written.unwrap_or_default())
    })
}

fn is_one_request(written: &[u8]) -> bool {
    let text = std::str::from_utf8(written).unwrap();
    text.starts_with("GET /chat HTTP/1.1\r\n") && text.find("\r\n\r\n") == Some(text.len() - 4)
}

/// The request that goes out for a target.
fn request_for<Q>(connector: &Connector<OnNetwork>, target: Q) -> String
where
    Q: TryInto<ClientRequest>,
    Q::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (transport, log) = Scripted::new([Read::End]);
    let error = run(connector.connect_on(transport, target)).unwrap_err();
    assert!(matches!(error, Error::Incomplete), "{error:?}");
    assert_eq!(log.acts()[..2], [Did::ReadEnd, Did::ShutDown]);
    log.text()
}

#[test]
fn targets_can_be_given_in_many_forms() {
    let connector = connector();
    let text = "ws://example.com:8080/chat?room=1";
    let owned = text.to_owned();
    let mut request = http::Request::new(());
    *request.uri_mut() = text.parse().unwrap();
    for request in [
        request_for(&connector, text),
        request_for(&connector, &owned),
        request_for(&connector, owned.clone()),
        request_for(&connector, request),
        request_for(&connector, ClientRequest::try_from(text).unwrap()),
        request_for(&connector, bowline_io::WsUri::parse(text).unwrap()),
    ] {
        let start = "GET /chat?room=1 HTTP/1.1\r\nHost: example.com:8080\r\n";
        assert!(request.starts_with(start), "{request}");
        assert!(request.ends_with("\r\n\r\n"), "{request}");
    }
}

#[test]
fn headers_of_connector_and_request_are_sent() {
    let connector = connector()
        .header("authorization", "Bearer 123")
        .unwrap()
        .subprotocols(["chat.v2", "chat"])
        .extension(RunLength::new(7));
    let target = ClientRequest::try_from("ws://example.com/").unwrap();
    let request = request_for(&connector, target.header("cookie", "a=1").unwrap());
    for line in [
        "authorization: Bearer 123",
        "cookie: a=1",
        "Sec-WebSocket-Protocol: chat.v2, chat",
        "Sec-WebSocket-Extensions: x-run-length; max-run=7",
    ] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
    }
}

#[test]
fn a_request_keeps_its_own_terms() {
    let target = ClientRequest::try_from("ws://example.com/")
        .unwrap()
        .subprotocols(["own"])
        .unwrap()
        .limits(HeadLimits::default().max_headers(1));
    let request = request_for(&connector(), target.clone());
    assert!(
        request.contains("\r\nSec-WebSocket-Protocol: own\r\n"),
        "{request}"
    );

    let answer = "HTTP/1.1 404 Not Found\r\na: 1\r\nb: 2\r\n\r\n";
    let (transport, _) = Scripted::reading_all(answer);
    let error = run(connector().connect_on(transport, target.clone())).unwrap_err();
    let Error::Handshake(error) = error else {
        panic!("its limit is gone: {error:?}");
    };
    assert!(matches!(
        *error,
        ClientHandshakeError::Head(HeadError::TooManyHeaders { limit: 1 })
    ));
    let (transport, _) = Scripted::reading_all(answer);
    let connector = connector().head_limits(HeadLimits::default().max_headers(2));
    let error = run(connector.connect_on(transport, target)).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
}

// covers WS-4.1-12
#[test]
fn every_attempt_has_a_key_of_its_own() {
    let connector = connector();
    let target = ClientRequest::try_from("ws://example.com/").unwrap();
    let keys = (0..50).map(|_| key(request_for(&connector, target.clone()).as_bytes()));
    assert_eq!(keys.collect::<BTreeSet<String>>().len(), 50);
}

#[test]
fn a_right_answer_opens_the_connection() {
    let (opened, _) = connect_to(&connector(), SWITCHING, Then::Stays);
    assert_eq!(opened.unwrap().subprotocol(), None);
}

#[test]
fn interim_answers_are_skipped() {
    let text = format!("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{SWITCHING}");
    assert!(connect_to(&connector(), &text, Then::Stays).0.is_ok());
}

#[test]
fn frames_behind_the_answer_are_received() {
    // The first fragment of a message whose rest never comes.
    let text = format!("{SWITCHING}\x01\x02he");
    let (client, server) = Memory::<TestTimer>::pair(64 * 1024);
    let connector = connector();
    let asking = async {
        let (mut ws, response) = connector.connect_on(client, "ws://a/").await.unwrap();
        assert_eq!(response.status(), 101);
        (ws.recv_chunk().await, ws.recv().await)
    };
    let ((chunk, end), _) = run(join(asking, answer(server, &text, Then::Ends)));
    let chunk = chunk.unwrap().unwrap();
    assert_eq!(
        (&chunk.payload[..], chunk.first, chunk.last),
        (&b"he"[..], true, false)
    );
    assert!(matches!(end, Err(Error::Lost { .. })), "{end:?}");
}

#[test]
fn a_server_may_speak_first() {
    let (client, server) = Memory::<TestTimer>::pair(64 * 1024);
    let (connector, acceptor) = (connector(), Acceptor::<OnNetwork>::new());
    let serving = async {
        let mut ws = acceptor.accept_on(server).await.unwrap();
        ws.send("first").await.unwrap();
        ws.close(CloseCode::NORMAL).await
    };
    let asking = async {
        let (mut ws, _) = connector.connect_on(client, "ws://a/").await.unwrap();
        (ws.recv().await.unwrap(), ws.recv().await.unwrap())
    };
    let (asked, served) = run(join(asking, serving));
    assert_eq!(asked, (Some("first".into()), None));
    served.unwrap();
}

#[test]
fn answers_may_come_byte_by_byte() {
    let (client, server) = Memory::<TestTimer>::pair(16);
    let connector = connector();
    let asking = async {
        let connected = connector.connect_on(Drip(client), "ws://a/").await;
        connected.map(drop)
    };
    let (asked, _) = run(join(asking, answer(Drip(server), SWITCHING, Then::Stays)));
    asked.unwrap();
}

#[test]
fn wrong_answers_end_the_handshake_without_a_frame() {
    let cases = [
        ("{accept}", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade", "Connection: close"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("HTTP/1.1", "SSH-2.0-"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: x\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n"),
        ("\r\nUpgrade", "\nUpgrade"),
    ];
    for (right, wrong) in cases {
        let text = SWITCHING.replacen(right, wrong, 1);
        assert_ne!(text, SWITCHING);
        let (opened, written) = connect_to(&connector(), &text, Then::Stays);
        let error = opened.unwrap_err();
        assert!(matches!(error, Error::Handshake(_)), "{wrong}: {error:?}");
        assert!(is_one_request(&written), "{written:x?}");
    }
}

#[test]
fn a_refusal_has_status_headers_and_body() {
    let stays = Then::Stays;
    for (framing, body, then, expected) in [
        ("Content-Length: 9", "no, sorry", stays, "no, sorry"),
        ("Content-Length: 9", "no, s", Then::Ends, "no, s"),
        // The rest doesn't come before the deadline.
        ("Content-Length: 9", "no, s", stays, "no, s"),
        (
            "Transfer-Encoding: chunked",
            "2\r\nno\r\n0\r\n\r\n",
            stays,
            "no",
        ),
        ("X: y", "no, sorry", Then::Ends, "no, sorry"),
        ("Content-Length: 0", "", stays, ""),
    ] {
        let text = format!("HTTP/1.1 403 Forbidden\r\n{framing}\r\n\r\n{body}");
        let (opened, written) = connect_to(&connector(), &text, then);
        let Err(Error::Refused(response)) = opened else {
            panic!("{text}, {then:?}: {opened:?}");
        };
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers().len(), 1);
        assert_bytes_eq(response.body(), expected.as_bytes(), &text);
        assert!(is_one_request(&written), "{written:x?}");
    }
}

#[test]
fn a_reset_behind_a_refusal_does_not_hide_it() {
    let (transport, _) = Scripted::new([
        Read::Bytes(b"HTTP/1.1 403 Forbidden\r\n\r\nno".to_vec()),
        Read::Fail(io::ErrorKind::ConnectionReset),
    ]);
    let error = run(connector().connect_on(transport, "ws://a/")).unwrap_err();
    assert!(
        matches!(&error, Error::Refused(response) if response.body() == "no"),
        "{error:?}"
    );
}

#[test]
fn redirects_are_the_callers_to_follow() {
    let text = "HTTP/1.1 302 Found\r\nLocation: ws://other.example/\r\nContent-Length: 0\r\n\r\n";
    let (opened, _) = connect_to(&connector(), text, Then::Stays);
    let Err(Error::Refused(response)) = opened else {
        panic!("{opened:?}");
    };
    assert_eq!(response.headers()["location"], "ws://other.example/");
}

#[test]
fn an_end_before_the_answer_is_incomplete() {
    for text in ["", "HTTP/1.1 101 Swi"] {
        let (opened, _) = connect_to(&connector(), text, Then::Ends);
        assert!(matches!(opened, Err(Error::Incomplete)), "{opened:?}");
    }
}

#[test]
fn failures_of_the_transport_are_told() {
    let reset = io::ErrorKind::ConnectionReset;
    let (transport, _) = Scripted::new([Read::Fail(reset)]);
    let error = run(connector().connect_on(transport, "ws://a/")).unwrap_err();
    assert!(
        matches!(&error, Error::Transport(error) if error.kind() == reset),
        "{error:?}"
    );
    for (step, kind) in [
        (Write::Zero, io::ErrorKind::WriteZero),
        (Write::TooMuch, io::ErrorKind::Other),
        (Write::Fail(reset), reset),
    ] {
        let (transport, log) = Scripted::new([]);
        let transport = transport.writes([Write::Take(9), Write::Pending, step]);
        let error = run(connector().connect_on(transport, "ws://a/")).unwrap_err();
        assert!(
            matches!(&error, Error::Transport(error) if error.kind() == kind),
            "{step:?}: {error:?}"
        );
        assert_bytes_eq(&log.written(), b"GET / HTT", "nothing is written twice");
        assert_eq!(log.acts().len(), 2, "dropped");
    }
}

#[test]
fn what_is_invalid_is_told_before_anything_happens() {
    network(&[]);
    let invalid = |connector: Connector<OnNetwork>, target: &str| {
        let error = run(connector.connect(target)).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{target}: {error:?}");
        error.to_string()
    };
    assert_eq!(
        invalid(connector(), "http://example.com/"),
        "URL doesn't begin with ws:// or wss://"
    );
    assert_eq!(
        invalid(connector(), "wss://example.com/"),
        "wss needs TLS, which is not built in or was not set"
    );
    invalid(connector(), "ws://example.com/#top");
    invalid(connector(), "ws://user@example.com/");
    invalid(connector(), "ws://example.com/\r\nx: y");
    invalid(connector().subprotocols(["a b"]), "ws://a/");
    invalid(connector().subprotocols(["a", "a"]), "ws://a/");
    invalid(connector().header("host", "b").unwrap(), "ws://a/");
    assert!(matches!(
        connector().header("a b", "c"),
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        connector().header("a", "b\n"),
        Err(Error::Invalid(_))
    ));

    let post = http::Request::post("ws://a/").body(()).unwrap();
    let error = run(connector().connect(post)).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    let asked = NETWORK.with_borrow(|network| network.asked.len());
    assert_eq!(asked, 0, "nobody was asked for an address");
}

#[test]
fn tls_may_be_brought_along() {
    // On a transport of the caller's a wss URL is right: TLS is spoken below.
    let request = request_for(&connector(), "wss://example.com/");
    assert!(request.contains("\r\nHost: example.com\r\n"), "{request}");
}

#[test]
fn the_resolver_is_asked_for_host_and_port() {
    for (url, host, port) in [
        ("ws://Example.com/", "example.com", 80),
        ("ws://127.0.0.1:9001/", "127.0.0.1", 9001),
        ("ws://[::1]:9001/", "::1", 9001),
    ] {
        network(&[]);
        let error = run(connector().connect(url)).unwrap_err();
        assert!(
            matches!(&error, Error::Connect(error) if error.kind() == io::ErrorKind::NotFound),
            "{error:?}"
        );
        let asked = NETWORK.with_borrow(|network| network.asked.clone());
        assert_eq!(asked, [(host.to_owned(), port)]);
    }
}

const NOW: Duration = Duration::ZERO;

#[test]
fn the_first_address_wins_if_it_answers() {
    network(&[
        ("[2001:db8::1]:81", Way::Opens(Duration::from_millis(100))),
        ("192.0.2.1:81", Way::Opens(NOW)),
    ]);
    connect_and_echo().unwrap();
    assert_eq!(attempts(), [("[2001:db8::1]:81".to_owned(), 0)]);
}

#[test]
fn a_second_address_is_tried_beside_a_slow_one() {
    network(&[
        ("[2001:db8::1]:81", Way::Hangs),
        ("[2001:db8::2]:81", Way::Hangs),
        ("192.0.2.1:81", Way::Opens(Duration::from_millis(100))),
    ]);
    connect_and_echo().unwrap();
    let expected = [
        ("[2001:db8::1]:81".to_owned(), 0),
        ("192.0.2.1:81".to_owned(), 250),
    ];
    assert_eq!(attempts(), expected);
    let dropped = NETWORK.with_borrow(|network| network.dropped);
    assert_eq!(dropped, 2, "the slow attempt is given up");
}

#[test]
fn a_slow_address_may_still_win() {
    network(&[
        ("[2001:db8::1]:81", Way::Opens(Duration::from_millis(400))),
        ("192.0.2.1:81", Way::Hangs),
        ("[2001:db8::2]:81", Way::Hangs),
    ]);
    connect_and_echo().unwrap();
    let times: Vec<u128> = attempts().into_iter().map(|(_, at)| at).collect();
    assert_eq!(times, [0, 250]);
}

#[test]
fn after_a_refusal_the_next_address_is_tried_at_once() {
    network(&[
        (
            "192.0.2.1:81",
            Way::Fails(Duration::from_millis(30), io::ErrorKind::ConnectionRefused),
        ),
        (
            "192.0.2.2:81",
            Way::Fails(NOW, io::ErrorKind::ConnectionRefused),
        ),
        ("192.0.2.3:81", Way::Opens(NOW)),
    ]);
    connect_and_echo().unwrap();
    let times: Vec<u128> = attempts().into_iter().map(|(_, at)| at).collect();
    assert_eq!(times, [0, 30, 30]);
}

#[test]
fn when_all_refuse_the_error_names_the_last() {
    network(&[
        (
            "[2001:db8::1]:81",
            Way::Fails(NOW, io::ErrorKind::NetworkUnreachable),
        ),
        (
            "192.0.2.1:81",
            Way::Fails(Duration::from_millis(9), io::ErrorKind::ConnectionRefused),
        ),
    ]);
    let error = run(connector().connect("ws://example.com:81/")).unwrap_err();
    let Error::Connect(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(error.to_string(), "192.0.2.1:81: connection refused");
}

#[test]
fn a_name_that_cannot_be_resolved_is_told() {
    network(&[]);
    NETWORK.with_borrow_mut(|network| {
        network.resolver = Some(Way::Fails(NOW, io::ErrorKind::HostUnreachable));
    });
    let error = run(connector().connect("ws://example.com/")).unwrap_err();
    assert!(
        matches!(&error, Error::Connect(error) if error.kind() == io::ErrorKind::HostUnreachable),
        "{error:?}"
    );
}

#[test]
fn one_deadline_holds_for_all_of_it() {
    let slow = Duration::from_secs(4);
    let assert_late = |url: &str| {
        let begin = passed();
        let error = run(connector().connect(url)).unwrap_err();
        assert!(
            matches!(error, Error::HandshakeTimeout { after } if after == TIMEOUT),
            "{error:?}"
        );
        assert_eq!(passed() - begin, TIMEOUT);
    };
    network(&[]);
    NETWORK.with_borrow_mut(|network| network.resolver = Some(Way::Hangs));
    assert_late("ws://name-server-sleeps.example/");

    network(&[("192.0.2.1:80", Way::Hangs)]);
    NETWORK.with_borrow_mut(|network| network.resolver = Some(Way::Opens(slow)));
    assert_late("ws://nobody-answers.example/");

    network(&[("192.0.2.1:80", Way::Opens(slow))]);
    NETWORK.with_borrow_mut(|network| network.resolver = Some(Way::Opens(slow)));
    assert_late("ws://connected-and-silent.example/");
}

#[test]
fn a_request_that_is_not_taken_passes_the_deadline() {
    let begin = passed();
    let (transport, log) = Scripted::new([]);
    let connector = connector().handshake_timeout(Duration::from_secs(3));
    let transport = transport.writes([Write::Nothing]);
    let error = run(connector.connect_on(transport, "ws://a/")).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    assert_eq!(passed() - begin, Duration::from_secs(3));
    assert_eq!(
        log.all(),
        [Did::ShutDown, Did::DroppedReader, Did::DroppedWriter]
    );
}

#[test]
fn any_handshake_timeout_can_be_set() {
    network(&[("192.0.2.1:81", Way::Opens(Duration::from_secs(60 * 60)))]);
    let connector = connector().handshake_timeout(Duration::MAX);
    let asking = async { connector.connect("ws://a:81/").await.map(drop) };
    run(join(asking, serve())).0.unwrap();
}

#[test]
fn a_dropped_future_drops_all_attempts() {
    network(&[
        ("[2001:db8::1]:81", Way::Hangs),
        ("192.0.2.1:81", Way::Hangs),
    ]);
    let connector = connector();
    run(async {
        let mut connecting = pin!(connector.connect("ws://a:81/"));
        let mut waiting = pin!(TestTimer::after(Duration::from_millis(300)));
        poll_fn(|cx| {
            assert!(connecting.as_mut().poll(cx).is_pending());
            waiting.as_mut().poll(cx)
        })
        .await;
        let dropped = NETWORK.with_borrow(|network| network.dropped);
        assert_eq!((attempts().len(), dropped), (2, 0));
    });
    assert_eq!(NETWORK.with_borrow(|network| network.dropped), 2);
}

#[test]
fn a_connector_is_shared_by_cloning() {
    let first = connector().header("a", "1").unwrap();
    let second = first.clone().header("b", "2").unwrap();
    assert!(!request_for(&first, "ws://a/").contains("\r\nb: 2\r\n"));
    assert!(request_for(&second, "ws://a/").contains("\r\na: 1\r\nb: 2\r\n"));
}

#[test]
fn futures_of_sendable_transports_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let (client, server) = Memory::<TestTimer>::pair(9);
    let (connector, acceptor) = (connector(), Acceptor::<OnNetwork>::new());
    is_send(&connector.connect("ws://a/"));
    is_send(&connector.connect_on(client, "ws://a/"));
    is_send(&acceptor.accept_on(server));
}
