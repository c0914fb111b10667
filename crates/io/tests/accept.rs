//! The server's opening handshake over transports.

mod common_open;

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowline_handshake::{HeadError, RefusalReason};
use bowline_io::{
    Acceptor, Carrier, CloseCode, Config, Connector, Error, Memory, NoTls, Opening, OriginPolicy,
    PollRead, PollWrite, Role, Runtime, Transport,
};
use bowline_testing::extension::RunLength;
use bowline_testing::hex::assert_bytes_eq;
use bytes::Bytes;
use common_open::{Did, Drip, Read, Scripted, TestTimer, Write, join, passed, run};
use http::Response;

const REQUEST: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// "Hello" in a masked frame (RFC 6455 §5.7).
const HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

/// The close deadline by default.
const CLOSE: Duration = Duration::from_secs(5);

/// A runtime whose streams come from the tests.
struct OnStream<T>(PhantomData<fn() -> T>);

/// What becomes of encrypting a stream.
#[derive(Clone, Copy, Debug)]
enum Encrypting {
    Succeeds,
    Fails,
    Hangs,
}

impl<T: Transport> Carrier for OnStream<T> {
    type ClientTls = NoTls;
    type ServerTls = Encrypting;
}

impl<T: Transport + Send> Runtime for OnStream<T> {
    type Stream = T;

    async fn resolve(_: &str, _: u16) -> io::Result<Vec<std::net::SocketAddr>> {
        unreachable!("the tests bring their transports")
    }

    async fn connect(_: std::net::SocketAddr) -> io::Result<Self::Stream> {
        unreachable!("the tests bring their transports")
    }

    fn default_tls() -> Option<NoTls> {
        None
    }

    async fn encrypt(_: Self::Stream, _: &str, tls: NoTls) -> io::Result<Self::Stream> {
        match tls {}
    }

    async fn accept_encrypted(stream: Self::Stream, tls: Encrypting) -> io::Result<Self::Stream> {
        match tls {
            Encrypting::Succeeds => Ok(stream),
            Encrypting::Fails => Err(io::ErrorKind::InvalidData.into()),
            Encrypting::Hangs => std::future::pending().await,
        }
    }
}

fn acceptor() -> Acceptor<OnStream<Memory<TestTimer>>> {
    Acceptor::new()
}

fn connector() -> Connector<OnStream<Memory<TestTimer>>> {
    Connector::new()
}

fn request_with(header: &str) -> String {
    let head = REQUEST.strip_suffix("\r\n").unwrap();
    format!("{head}{header}\r\n\r\n")
}

fn reason(error: Error) -> RefusalReason {
    match error {
        Error::Request(reason) => *reason,
        other => panic!("not a refused request: {other:?}"),
    }
}

fn upgrading<T: Transport>(opening: Opening<T>) -> bowline_io::Upgrading<T> {
    match opening {
        Opening::Upgrade(upgrading) => upgrading,
        Opening::Http(_) => panic!("ordinary HTTP"),
    }
}

fn http<T: Transport>(opening: Opening<T>) -> bowline_io::Http<T> {
    match opening {
        Opening::Http(http) => http,
        Opening::Upgrade(_) => panic!("a WebSocket"),
    }
}

fn text(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .body(body.into())
        .unwrap()
}

/// Reads a transport to its end.
async fn read_all(reader: &mut impl PollRead) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 512];
    loop {
        let count = std::future::poll_fn(|cx| reader.poll_read(cx, &mut buffer)).await;
        match count.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

async fn write_all(writer: &mut impl PollWrite, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let count = std::future::poll_fn(|cx| writer.poll_write(cx, bytes)).await;
        bytes = &bytes[count.unwrap()..];
    }
}

#[test]
fn a_flawless_request_opens_the_connection() {
    let (transport, log) = Scripted::reading(REQUEST);
    let ws = run(acceptor().accept_on(transport)).unwrap();
    assert_eq!(log.text(), ANSWER);
    assert_eq!(log.all().last(), Some(&Did::Flushed));
    assert_eq!(ws.subprotocol(), None);
}

#[test]
fn bytes_behind_the_head_become_frames() {
    let (transport, _) = Scripted::reading([REQUEST.as_bytes(), HELLO].concat());
    run(async {
        let mut ws = acceptor().accept_on(transport).await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some("Hello".into()));
    });
}

#[test]
fn a_frame_may_be_cut_anywhere_around_the_head() {
    let input = [REQUEST.as_bytes(), HELLO].concat();
    for cut in REQUEST.len() - 3..input.len() {
        let (head, tail) = input.split_at(cut);
        let (transport, _) = Scripted::new([
            Read::Bytes(head.to_vec()),
            Read::Pending,
            Read::Bytes(tail.to_vec()),
        ]);
        run(async {
            let mut ws = acceptor().accept_on(transport).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some("Hello".into()), "{cut}");
        });
    }
}

#[test]
fn the_preferred_subprotocol_is_chosen() {
    let request = request_with("Sec-WebSocket-Protocol: a, b, c");
    let acceptor = acceptor().subprotocols(["c", "b"]).unwrap();
    let (transport, log) = Scripted::reading(request);
    let ws = run(acceptor.accept_on(transport)).unwrap();
    assert_eq!(ws.subprotocol(), Some("c"));
    assert!(log.text().contains("\r\nSec-WebSocket-Protocol: c\r\n"));
}

#[test]
fn the_caller_chooses_another_subprotocol() {
    let request = request_with("Sec-WebSocket-Protocol: a, b");
    let (transport, log) = Scripted::reading(request);
    run(async {
        let mut upgrading = upgrading(acceptor().open_on(transport).await.unwrap());
        let offered: Vec<&str> = upgrading.offered_subprotocols().collect();
        assert_eq!(offered, ["a", "b"]);
        assert_eq!(upgrading.subprotocol(), None);
        let error = upgrading.set_subprotocol(Some("x")).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
        upgrading.set_subprotocol(Some("b")).unwrap();
        let ws = upgrading.accept().await.unwrap();
        assert_eq!(ws.subprotocol(), Some("b"));
    });
    assert!(log.text().contains("\r\nSec-WebSocket-Protocol: b\r\n"));
}

#[test]
fn invalid_settings_are_told_at_once() {
    assert!(matches!(
        acceptor().subprotocols(["a", "a"]),
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        acceptor().header("upgrade", "x"),
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        acceptor().header("x", "a\r\nb: c"),
        Err(Error::Invalid(_))
    ));
}

#[test]
fn headers_of_acceptor_and_caller_are_in_the_answer() {
    let (transport, log) = Scripted::reading(REQUEST);
    let acceptor = acceptor().header("server", "test").unwrap();
    run(async {
        let mut upgrading = upgrading(acceptor.open_on(transport).await.unwrap());
        assert!(matches!(
            upgrading.header("connection", "close"),
            Err(Error::Invalid(_))
        ));
        upgrading.header("set-cookie", "a=1").unwrap();
        upgrading.accept().await.unwrap();
    });
    let answer = log.text();
    assert!(answer.contains("\r\nserver: test\r\n"), "{answer}");
    assert!(answer.contains("\r\nset-cookie: a=1\r\n"), "{answer}");
}

#[test]
fn the_request_can_be_looked_at() {
    let (transport, _) = Scripted::reading(request_with("Cookie: a=1"));
    let upgrading = upgrading(run(acceptor().open_on(transport)).unwrap());
    assert_eq!(upgrading.request().uri(), "/chat?room=1");
    assert_eq!(upgrading.request().headers()["cookie"], "a=1");
}

/// What every end of ours must look like: written, ended, the client's end seen; only then dropped.
#[track_caller]
fn assert_drained(log: &common_open::Log) {
    let acts = log.acts();
    assert_eq!(acts[..2], [Did::ShutDown, Did::ReadEnd], "{acts:?}");
    assert_eq!(acts.len(), 4, "{acts:?}");
}

#[test]
fn refusals_are_complete_and_drained_before_they_are_told() {
    let no_key = REQUEST.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "");
    let cases = [
        (no_key.as_str(), 400, RefusalReason::Key),
        (
            &REQUEST.replace("13", "8"),
            426,
            RefusalReason::UnsupportedVersion { version: 8 },
        ),
        (&REQUEST.replace("GET", "POST"), 405, RefusalReason::Method),
        (&request_with("Content-Length: 5"), 400, RefusalReason::Body),
        (
            &request_with("Origin: https://evil.example"),
            403,
            RefusalReason::Origin,
        ),
        (
            &REQUEST.replace("HTTP/1.1", "HTTP/1.0"),
            400,
            RefusalReason::Version { major: 1, minor: 0 },
        ),
        (
            &REQUEST.replace("\r\n", "\n"),
            400,
            RefusalReason::Head(HeadError::BareLineFeed),
        ),
        (
            "\x16\x03\x01\x02\0\x01",
            400,
            RefusalReason::Head(HeadError::NotHttp),
        ),
        (
            "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
            426,
            RefusalReason::UpgradeRequired,
        ),
    ];
    for (request, status, expected) in cases {
        // More comes than was read when the refusal was certain.
        let (transport, log) = Scripted::new([
            Read::Bytes(request.into()),
            Read::Pending,
            Read::Bytes(vec![b'x'; 5000]),
            Read::Pending,
            Read::End,
        ]);
        let error = run(acceptor().accept_on(transport)).unwrap_err();
        let answer = log.text();
        assert_eq!(reason(error), expected);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        let closing = [
            "\r\nConnection: close\r\n",
            "\r\nConnection: Upgrade, close\r\n",
        ];
        assert!(closing.iter().any(|line| answer.contains(line)), "{answer}");
        assert_is_whole(&answer);
        assert_drained(&log);
    }
}

fn assert_is_whole(answer: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect(answer);
    let length = head.split("Content-Length: ").nth(1).expect(answer);
    let length = length.lines().next().unwrap();
    assert_eq!(length.parse(), Ok(body.len()), "{answer}");
}

#[test]
fn a_head_over_the_limit_is_refused() {
    let limits = bowline_io::HeadLimits::default().max_headers(3);
    let (transport, log) = Scripted::reading_all(REQUEST);
    let error = run(acceptor().head_limits(limits).accept_on(transport)).unwrap_err();
    assert_eq!(
        reason(error),
        RefusalReason::Head(HeadError::TooManyHeaders { limit: 3 })
    );
    assert!(log.text().starts_with("HTTP/1.1 431 "));
}

#[test]
fn the_origin_policy_can_be_widened() {
    let request = request_with("Origin: https://other.example");
    let (transport, _) = Scripted::reading(request);
    let acceptor = acceptor().origin(OriginPolicy::Any);
    assert!(run(acceptor.accept_on(transport)).is_ok());
}

#[test]
fn the_caller_refuses_with_a_response_of_its_own() {
    let (transport, log) = Scripted::reading_all(REQUEST);
    let response = Response::builder()
        .status(401)
        .header("www-authenticate", "Bearer")
        .body(Bytes::from("a token, please\n"))
        .unwrap();
    run(async {
        let upgrading = upgrading(acceptor().open_on(transport).await.unwrap());
        upgrading.refuse(response).await.unwrap();
    });
    let answer = log.text();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(
        answer.contains("\r\nwww-authenticate: Bearer\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\na token, please\n"), "{answer}");
    assert_is_whole(&answer);
    assert_drained(&log);
}

#[test]
fn a_response_that_cannot_be_written_is_the_callers_error() {
    let (transport, log) = Scripted::reading_all(REQUEST);
    let refused = run(async {
        let upgrading = upgrading(acceptor().open_on(transport).await.unwrap());
        upgrading.refuse(text(101, "")).await
    });
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_bytes_eq(&log.written(), b"", "nothing is written");
}

#[test]
fn http_beside_websockets_has_the_bytes_behind_its_head() {
    let request = b"POST /form HTTP/1.1\r\nHost: example.com\r\nContent-Length: 6\r\n\r\nabc";
    let (transport, log) =
        Scripted::new([Read::Bytes(request.to_vec()), Read::Bytes(b"def".to_vec())]);
    run(async {
        let http = http(acceptor().open_on(transport).await.unwrap());
        assert_eq!(http.request().method(), "POST");
        let (request, leftover, mut reader, writer) = http.into_parts();
        assert_eq!(request.uri(), "/form");
        assert_eq!(&leftover[..], b"abc");
        let mut rest = [0; 8];
        let count = std::future::poll_fn(|cx| reader.poll_read(cx, &mut rest)).await;
        assert_eq!(&rest[..count.unwrap()], b"def");
        drop(writer);
    });
    assert_bytes_eq(&log.written(), b"", "the answer is the caller's");
}

#[test]
fn http_beside_websockets_is_answered() {
    for (method, body) in [("GET", "hello"), ("HEAD", "")] {
        let request = format!("{method} / HTTP/1.1\r\nHost: example.com\r\n\r\n");
        let (transport, log) = Scripted::reading_all(request);
        run(async {
            let http = http(acceptor().open_on(transport).await.unwrap());
            http.respond(text(200, "hello")).await.unwrap();
        });
        let answer = log.text();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("\r\nContent-Length: 5\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        assert_drained(&log);
    }
}

#[test]
fn a_refusal_waits_until_the_client_has_read_it() {
    let (client, server) = Memory::<TestTimer>::pair(64 * 1024);
    let (mut reader, mut writer) = client.divide();
    let events = std::cell::RefCell::new(Vec::new());
    let serving = async {
        let refused = acceptor().accept_on(server).await;
        events.borrow_mut().push("server was told");
        refused.unwrap_err()
    };
    let asking = async {
        write_all(&mut writer, REQUEST.replace("13", "7").as_bytes()).await;
        let answer = read_all(&mut reader).await;
        // It has seen the end of the answer and thinks about it.
        TestTimer::after(Duration::from_secs(3)).await;
        events.borrow_mut().push("client has read");
        drop(writer);
        answer
    };
    let (error, answer) = run(join(serving, asking));
    assert!(matches!(error, Error::Request(_)), "{error:?}");
    assert!(answer.starts_with(b"HTTP/1.1 426 "));
    assert_eq!(events.into_inner(), ["client has read", "server was told"]);
}

#[test]
fn a_client_that_stays_is_left_at_the_close_deadline() {
    let begin = passed();
    let (transport, log) = Scripted::reading(REQUEST.replace("13", "7"));
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error:?}");
    assert_eq!(passed() - begin, CLOSE);
    assert_is_whole(&log.text());
}

#[test]
fn a_client_that_sends_for_ever_is_left_at_the_limit() {
    let (transport, log) = Scripted::new([
        Read::Bytes(REQUEST.replace("13", "7").into()),
        Read::Endless,
    ]);
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error:?}");
    assert_is_whole(&log.text());
}

#[test]
fn draining_lets_others_run() {
    let (transport, _) = Scripted::new([
        Read::Bytes(REQUEST.replace("13", "7").into()),
        Read::Endless,
    ]);
    let acceptor = acceptor().config(Config::new(Role::Server).max_drain(u64::MAX));
    let mut accepting = pin!(acceptor.accept_on(transport));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(accepting.as_mut().poll(&mut cx).is_pending());
    }
}

#[test]
fn what_happens_after_the_answer_does_not_hide_the_reason() {
    // A client that has what it wanted may well reset the connection.
    let reset = io::ErrorKind::ConnectionReset;
    let request = || Read::Bytes(REQUEST.replace("13", "7").into());
    let (transport, _) = Scripted::new([request(), Read::Fail(reset)]);
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error:?}");

    let (transport, _) = Scripted::new([request(), Read::End]);
    let transport = transport.shutdown_fails(io::ErrorKind::NotConnected);
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(matches!(error, Error::Request(_)), "{error:?}");

    let (transport, _) = Scripted::new([Read::Bytes(REQUEST.into()), Read::Fail(reset)]);
    run(async {
        let upgrading = upgrading(acceptor().open_on(transport).await.unwrap());
        upgrading.refuse(text(404, "no such room")).await.unwrap();
    });
}

#[test]
fn an_answer_that_is_not_taken_is_an_error() {
    let (transport, _) = Scripted::reading(REQUEST.replace("13", "7"));
    let error = run(acceptor().accept_on(transport.writes([Write::Nothing]))).unwrap_err();
    assert!(
        matches!(&error, Error::Transport(error) if error.kind() == io::ErrorKind::TimedOut),
        "{error:?}"
    );

    let begin = passed();
    let (transport, _) = Scripted::reading(REQUEST);
    let transport = transport.writes([Write::Take(20), Write::Nothing]);
    let refused = run(async {
        let upgrading = upgrading(acceptor().open_on(transport).await.unwrap());
        upgrading.refuse(text(404, "no such room")).await
    });
    let Err(Error::Transport(error)) = refused else {
        panic!("not told: {refused:?}");
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(passed() - begin, CLOSE);
}

#[test]
fn a_slow_client_gets_the_whole_answer() {
    let slow = [Write::Take(30), Write::Wait(Duration::from_secs(4))].repeat(20);
    let (transport, log) = Scripted::reading_all(REQUEST);
    run(async {
        let upgrading = upgrading(acceptor().open_on(transport.writes(slow)).await.unwrap());
        upgrading.refuse(text(404, vec![b'x'; 400])).await.unwrap();
    });
    assert_is_whole(&log.text());
    assert_drained(&log);
}

#[test]
fn failures_while_the_answer_is_written_are_told() {
    let kinds = [
        (Write::Zero, io::ErrorKind::WriteZero),
        (Write::TooMuch, io::ErrorKind::Other),
        (
            Write::Fail(io::ErrorKind::BrokenPipe),
            io::ErrorKind::BrokenPipe,
        ),
    ];
    for request in [REQUEST.to_owned(), REQUEST.replace("13", "7")] {
        for (step, kind) in kinds {
            for before in [0, 1, 40] {
                let taken = (before > 0).then_some(Write::Take(before));
                let steps = taken.into_iter().chain([Write::Pending, step]);
                let (transport, log) = Scripted::reading(&request);
                let error = run(acceptor().accept_on(transport.writes(steps))).unwrap_err();
                let Error::Transport(error) = error else {
                    panic!("{step:?}: {error:?}");
                };
                assert_eq!(error.kind(), kind);
                assert_eq!(log.written().len(), before, "nothing is written twice");
                assert_eq!(log.acts(), [Did::DroppedReader, Did::DroppedWriter]);
            }
        }
    }
}

#[test]
fn failures_while_the_request_is_read_are_told() {
    let (transport, log) = Scripted::new([
        Read::Bytes(REQUEST.as_bytes()[..40].to_vec()),
        Read::Fail(io::ErrorKind::ConnectionReset),
    ]);
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(
        matches!(&error, Error::Transport(error) if error.kind() == io::ErrorKind::ConnectionReset),
        "{error:?}"
    );
    assert_bytes_eq(&log.written(), b"", "nobody is there to answer");

    let (transport, _) = Scripted::new([Read::TooMuch]);
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
}

#[test]
fn an_early_end_has_no_answer() {
    for count in [0, 1, 40, REQUEST.len() - 1] {
        let mut reads = vec![Read::Bytes(REQUEST.as_bytes()[..count].to_vec()), Read::End];
        if count == 0 {
            reads.remove(0);
        }
        let (transport, log) = Scripted::new(reads);
        let error = run(acceptor().accept_on(transport)).unwrap_err();
        assert!(matches!(error, Error::Incomplete), "{count}: {error:?}");
        assert_bytes_eq(&log.written(), b"", "no answer");
        assert_eq!(log.acts()[..2], [Did::ReadEnd, Did::ShutDown], "{count}");
    }
}

#[test]
fn a_client_that_says_nothing_gets_no_answer() {
    let begin = passed();
    let (transport, log) = Scripted::new([]);
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(
        matches!(error, Error::HandshakeTimeout { after } if after == Duration::from_secs(10)),
        "{error:?}"
    );
    assert_eq!(passed() - begin, Duration::from_secs(10));
    assert_eq!(
        log.all(),
        [Did::ShutDown, Did::DroppedReader, Did::DroppedWriter]
    );
}

#[test]
fn half_a_request_gets_408_before_the_error() {
    let begin = passed();
    let (transport, log) = Scripted::new([
        Read::Bytes(REQUEST.as_bytes()[..60].to_vec()),
        Read::Wait(Duration::from_secs(7)),
        Read::End,
    ]);
    let acceptor = acceptor().handshake_timeout(Duration::from_secs(4));
    let error = run(acceptor.accept_on(transport)).unwrap_err();
    assert!(
        matches!(error, Error::HandshakeTimeout { after } if after == Duration::from_secs(4)),
        "{error:?}"
    );
    let answer = log.text();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_is_whole(&answer);
    assert_drained(&log);
    assert_eq!(passed() - begin, Duration::from_secs(7));
}

#[test]
fn bytes_now_and_then_do_not_move_the_deadline() {
    let begin = passed();
    let mut reads: Vec<Read> = REQUEST
        .bytes()
        .flat_map(|byte| [Read::Bytes(vec![byte]), Read::Wait(Duration::from_secs(1))])
        .collect();
    reads.truncate(24);
    reads.push(Read::End);
    let (transport, log) = Scripted::new(reads);
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    assert!(log.text().starts_with("HTTP/1.1 408 "));
    assert_eq!(passed() - begin, Duration::from_secs(12));
}

#[test]
fn the_answer_has_the_same_deadline() {
    let begin = passed();
    let (transport, log) = Scripted::new([
        Read::Wait(Duration::from_secs(6)),
        Read::Bytes(REQUEST.into()),
    ]);
    let transport = transport.writes([Write::Take(9), Write::Nothing]);
    let error = run(acceptor().accept_on(transport)).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    assert_eq!(passed() - begin, Duration::from_secs(10));
    assert_bytes_eq(
        &log.written(),
        &ANSWER.as_bytes()[..9],
        "a part of the answer",
    );
}

#[test]
fn any_handshake_timeout_can_be_set() {
    let (transport, _) = Scripted::reading(REQUEST);
    let acceptor = acceptor().handshake_timeout(Duration::MAX);
    assert!(run(acceptor.accept_on(transport)).is_ok());
    let (transport, _) = Scripted::new([Read::Pending, Read::Pending]);
    let acceptor = acceptor.handshake_timeout(Duration::ZERO);
    let error = run(acceptor.accept_on(transport)).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
}

#[test]
fn a_request_that_is_dropped_has_no_answer() {
    let (transport, log) = Scripted::reading(REQUEST);
    drop(run(acceptor().open_on(transport)).unwrap());
    assert_bytes_eq(&log.written(), b"", "no answer");
    assert_eq!(log.acts(), [Did::DroppedReader, Did::DroppedWriter]);
}

#[test]
fn a_dropped_future_drops_the_transport() {
    let reads = || {
        REQUEST
            .bytes()
            .flat_map(|byte| [Read::Pending, Read::Bytes(vec![byte])])
    };
    for polls in 0.. {
        let (transport, log) = Scripted::new(reads());
        let acceptor = acceptor();
        let transport = transport.writes([1, 2, 3].map(|_| Write::Pending));
        let mut cx = Context::from_waker(Waker::noop());
        let mut done = false;
        {
            let mut accepting = pin!(acceptor.accept_on(transport));
            for _ in 0..polls {
                done = accepting.as_mut().poll(&mut cx).is_ready();
            }
        }
        if done {
            assert_eq!(polls, REQUEST.len() + 4);
            return;
        }
        assert_eq!(log.acts(), [Did::DroppedReader, Did::DroppedWriter]);
    }
}

#[test]
fn everything_works_byte_by_byte() {
    let (client, server) = Memory::<TestTimer>::pair(64);
    let run_length = || RunLength::new(9);
    let connector = connector().subprotocols(["x", "y"]).extension(run_length());
    let acceptor = acceptor()
        .subprotocols(["y"])
        .unwrap()
        .extension(run_length());
    let long = "ab".repeat(2000);
    let serving = async {
        let mut ws = acceptor.accept_on(Drip(server)).await.unwrap();
        assert_eq!(ws.subprotocol(), Some("y"));
        while let Some(message) = ws.recv().await.unwrap() {
            ws.send(message).await.unwrap();
        }
        ws.ended().cloned().unwrap()
    };
    let asking = async {
        let (mut ws, response) = connector
            .connect_on(Drip(client), "ws://example.com/")
            .await
            .unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "y");
        assert_eq!(ws.subprotocol(), Some("y"));
        for text in ["", "a", "aaaaaaaaaaaaaaaaaaaa", &long] {
            ws.send(text).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(text.into()));
        }
        ws.close(CloseCode::NORMAL).await.unwrap();
    };
    let (ended, ()) = run(join(serving, asking));
    assert_eq!((ended.code(), ended.clean), (1000, true));
}

#[test]
fn an_agreed_extension_encodes_both_ways() {
    let request = request_with("Sec-WebSocket-Extensions: x-run-length; max-run=20");
    // "aaaaaaaa" in an encoded frame with a mask of zeros.
    let frame = b"\xb1\x82\0\0\0\0\x08a";
    let (transport, log) = Scripted::reading([request.as_bytes(), frame].concat());
    let acceptor = acceptor().extension(RunLength::new(9));
    run(async {
        let mut ws = acceptor.accept_on(transport).await.unwrap();
        let message = ws.recv().await.unwrap().unwrap();
        assert_eq!(message, "aaaaaaaa".into());
        ws.send(message).await.unwrap();
    });
    let written = log.written();
    let end = written
        .windows(4)
        .position(|run| run == b"\r\n\r\n")
        .unwrap()
        + 4;
    let answer = String::from_utf8_lossy(&written[..end]);
    assert!(
        answer.contains("\r\nSec-WebSocket-Extensions: x-run-length; max-run=9\r\n"),
        "{answer}"
    );
    // Behind the echo is the Close of the dropped connection.
    assert!(
        written[end..].starts_with(b"\xb1\x02\x08a"),
        "{:x?}",
        &written[end..]
    );
}

#[test]
fn without_an_offer_there_is_no_extension() {
    let (transport, log) = Scripted::reading(REQUEST);
    let acceptor = acceptor().extension(RunLength::new(9));
    run(acceptor.accept_on(transport)).unwrap();
    assert!(log.text().starts_with(ANSWER));
}

#[test]
fn limits_reach_the_connection() {
    let input = [REQUEST.as_bytes(), HELLO].concat();
    for acceptor in [
        acceptor().max_message(4),
        acceptor().config(Config::new(Role::Server).max_message(4)),
    ] {
        let (transport, _) = Scripted::new([Read::Bytes(input.clone()), Read::End]);
        run(async {
            let mut ws = acceptor.accept_on(transport).await.unwrap();
            let error = ws.recv().await.unwrap_err();
            assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        });
    }
}

#[test]
fn a_caller_that_drops_on_a_violation_loses_no_close() {
    // An unmasked frame, and much that nobody will read behind it.
    let input = [REQUEST.as_bytes(), b"\x81\x02hi", &[0; 9000]].concat();
    let (transport, log) = Scripted::new([Read::Bytes(input), Read::Pending, Read::End]);
    run(async {
        let mut ws = acceptor().accept_on(transport).await?;
        while ws.recv().await?.is_some() {}
        Ok::<(), Error>(())
    })
    .unwrap_err();
    let written = log.written();
    assert_bytes_eq(
        &written[ANSWER.len()..][2..4],
        &1002_u16.to_be_bytes(),
        "close code",
    );
    assert_drained(&log);
}

#[test]
fn served_handlers_write_once_per_batch() {
    // Two messages in one segment with the request, then a Close.
    let (transport, log) = Scripted::new([
        Read::Bytes([REQUEST.as_bytes(), HELLO, HELLO].concat()),
        Read::Pending,
        Read::Bytes(b"\x88\x80\0\0\0\0".to_vec()),
        Read::End,
    ]);
    let acceptor = Acceptor::<OnStream<Scripted>>::new();
    let served: Result<(), Error> = run(acceptor.serve(transport, async |ws| {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    }));
    served.unwrap();
    let writes = log.all().into_iter().filter_map(|did| match did {
        Did::Wrote(bytes) => Some(bytes),
        _ => None,
    });
    let expected = [ANSWER.as_bytes(), b"\x81\x05Hello\x81\x05Hello", b"\x88\0"];
    assert_eq!(writes.collect::<Vec<_>>(), expected);
    assert_drained(&log);
}

#[test]
fn streams_are_encrypted_before_they_are_read() {
    let open = |tls| {
        let (transport, log) = Scripted::new([
            Read::Bytes([REQUEST.as_bytes(), b"\x88\x80\0\0\0\0"].concat()),
            Read::End,
        ]);
        let acceptor = Acceptor::<OnStream<Scripted>>::new().tls(tls);
        let started = passed();
        let opened = run(acceptor.open(transport)).map(drop);
        (opened, log, passed() - started)
    };
    let (opened, ..) = open(Encrypting::Succeeds);
    opened.unwrap();
    let (opened, log, _) = open(Encrypting::Fails);
    assert!(matches!(opened, Err(Error::Tls(_))), "{opened:?}");
    assert!(!log.all().iter().any(|did| matches!(did, Did::Wrote(_))));
    // The deadline of the opening handshake covers it.
    let (opened, _, took) = open(Encrypting::Hangs);
    let timed_out = matches!(opened, Err(Error::HandshakeTimeout { after }) if after == took);
    assert!(timed_out, "{opened:?} after {took:?}");
}

#[test]
fn serving_closes_in_order_whatever_the_handler_says() {
    /// An error of the program's own.
    #[derive(Debug, PartialEq)]
    enum Mine {
        Bad,
        Socket,
    }
    impl From<Error> for Mine {
        fn from(_: Error) -> Self {
            Self::Socket
        }
    }
    for (outcome, code) in [(Ok(7), 1000), (Err(Mine::Bad), 1011)] {
        let (client, server) = Memory::<TestTimer>::pair(64 * 1024);
        let acceptor = acceptor();
        let expected = format!("{outcome:?}");
        let serving = acceptor.serve(server, async |ws| {
            ws.send("before the end").await?;
            outcome
        });
        let asking = async {
            let (mut ws, _) = connector()
                .connect_on(client, "ws://example.com/")
                .await
                .unwrap();
            // Late messages are no hindrance.
            ws.send("late").await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some("before the end".into()));
            assert_eq!(ws.recv().await.unwrap(), None);
            let ended = ws.ended().unwrap();
            (ended.code(), ended.clean)
        };
        let (served, asked) = run(join(serving, asking));
        assert_eq!(format!("{served:?}"), expected);
        assert_eq!(asked, (code, true));
    }
}

#[test]
fn a_handler_that_meets_a_shutdown_still_ends_in_order() {
    let (client, server) = Memory::<TestTimer>::pair(64 * 1024);
    let acceptor = acceptor();
    let mut ended = None;
    let serving = acceptor.serve(server, async |ws| {
        let message = ws.recv().await?;
        // As another task would, between a message and its reply.
        ws.sender().close(CloseCode::GOING_AWAY).await?;
        let reply = ws.send(message.unwrap()).await;
        ended = ws.ended().cloned();
        reply
    });
    let asking = async {
        let (mut ws, _) = connector()
            .connect_on(client, "ws://example.com/")
            .await
            .unwrap();
        ws.send("a request").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), None);
        let ended = ws.ended().unwrap();
        (ended.code(), ended.clean)
    };
    let (served, asked) = run(join(serving, asking));
    assert!(matches!(served, Err(Error::Closed)), "{served:?}");
    assert_eq!(asked, (1001, true));
    assert_eq!(ended, None, "the handler was done before the end");
}

/// A waker that reads the other end of the pipe while it is woken, as an executor without a queue would.
struct Inline(std::sync::Mutex<Option<bowline_io::MemoryReader>>);

impl std::task::Wake for Inline {
    fn wake(self: Arc<Self>) {
        let reader = self.0.lock().unwrap().take();
        if let Some(mut reader) = reader {
            let mut cx = Context::from_waker(Waker::noop());
            let read = reader.poll_read(&mut cx, &mut [0; 8]);
            assert!(matches!(read, Poll::Ready(Ok(5))), "{read:?}");
        }
    }
}

#[test]
fn memory_wakes_without_holding_its_lock() {
    let (left, right) = Memory::<TestTimer>::pair(8);
    let (_, mut writer) = left.divide();
    let (mut reader, _keep) = right.divide();
    let inline = Arc::new(Inline(std::sync::Mutex::new(None)));
    let waker = Waker::from(Arc::clone(&inline));
    let polled = reader.poll_read(&mut Context::from_waker(&waker), &mut [0; 8]);
    assert!(polled.is_pending());
    *inline.0.lock().unwrap() = Some(reader);
    let mut cx = Context::from_waker(Waker::noop());
    let written = writer.poll_write(&mut cx, b"hello");
    assert!(matches!(written, Poll::Ready(Ok(5))), "{written:?}");
}
