//! Deadlines, on tokio's paused clock.

mod common;

use std::time::Duration;

use bowline_testing::wire::{CLOSE, PONG, frame};
use bowline_tokio::{Acceptor, CloseCode, Config, Connector, EndedBy, Error, Io, Role, Timeout};
use common::{ANSWER, REQUEST, expect, raw_accept, read_to_end};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

async fn accept(server: DuplexStream) -> Result<bowline_tokio::WebSocket<Io<DuplexStream>>, Error> {
    Acceptor::new().accept_on(Io(server)).await
}

/// A server's connection and a client that is moved by hand.
async fn served() -> (bowline_tokio::WebSocket<Io<DuplexStream>>, DuplexStream) {
    let (mut client, server) = duplex(1024);
    let asking = async {
        client.write_all(REQUEST).await.unwrap();
        expect(&mut client, ANSWER).await;
    };
    let (ws, ()) = tokio::join!(accept(server), asking);
    (ws.unwrap(), client)
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_left_after_the_handshake_deadline() {
    let (mut client, server) = duplex(1024);
    let begin = Instant::now();
    let error = accept(server).await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    assert_eq!(begin.elapsed().as_secs(), 10);
    assert_eq!(read_to_end(&mut client).await, b"");
}

#[tokio::test(start_paused = true)]
async fn half_a_request_is_answered_with_408() {
    let (mut client, server) = duplex(1024);
    client.write_all(&REQUEST[..50]).await.unwrap();
    let asking = async {
        let answer = read_to_end(&mut client).await;
        client.shutdown().await.unwrap();
        answer
    };
    let (accepted, answer) = tokio::join!(accept(server), asking);
    let error = accepted.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    assert!(answer.starts_with(b"HTTP/1.1 408 "));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left_after_the_handshake_deadline() {
    let (client, _server) = duplex(1024);
    let begin = Instant::now();
    let connector = Connector::new().handshake_timeout(seconds(3));
    let error = connector
        .connect_on(Io(client), "ws://a/")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    assert_eq!(begin.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_is_kept() {
    let (mut ws, mut client) = served().await;
    let answering = async {
        for _ in 0..100 {
            let begin = Instant::now();
            expect(&mut client, b"\x89\0").await;
            assert_eq!(begin.elapsed().as_secs(), 20);
            client
                .write_all(&frame(Role::Server, PONG, b""))
                .await
                .unwrap();
        }
        client
            .write_all(&frame(Role::Server, CLOSE, b""))
            .await
            .unwrap();
        expect(&mut client, b"\x88\0").await;
        assert_eq!(read_to_end(&mut client).await, b"");
        drop(client);
    };
    let (received, ()) = tokio::join!(ws.recv(), answering);
    assert_eq!(received.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_given_up() {
    let (mut ws, mut client) = served().await;
    let begin = Instant::now();
    let error = ws.recv().await.unwrap_err();
    assert!(
        matches!(error, Error::Timeout(Timeout::Pong { after }) if after == seconds(20)),
        "{error:?}"
    );
    assert_eq!(begin.elapsed().as_secs(), 40);
    assert_eq!(ws.ended().unwrap().by, EndedBy::Deadline);
    let last = read_to_end(&mut client).await;
    assert_eq!(last[..2], *b"\x89\0");
    assert_eq!((last[2], &last[4..6]), (0x88, &1011_u16.to_be_bytes()[..]));
}

#[tokio::test(start_paused = true)]
async fn two_idle_ends_stay_together() {
    let (client, server) = duplex(1024);
    let connector = Connector::new();
    let (accepted, connected) =
        tokio::join!(accept(server), connector.connect_on(Io(client), "ws://a/"));
    let (mut server, (mut client, _)) = (accepted.unwrap(), connected.unwrap());
    let serving = tokio::spawn(async move {
        let end = server.recv().await;
        (end, server.ended().cloned())
    });
    let hour = sleep(seconds(60 * 60));
    tokio::select! {
        () = hour => {}
        end = client.recv() => panic!("{end:?}"),
    }
    client.close(CloseCode::NORMAL).await.unwrap();
    let (end, ended) = serving.await.unwrap();
    assert_eq!(end.unwrap(), None);
    assert!(ended.unwrap().clean);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ignores_our_close_is_left() {
    let (mut ws, mut client) = served().await;
    let begin = Instant::now();
    let error = ws.close(CloseCode::NORMAL).await.unwrap_err();
    assert!(
        matches!(error, Error::Timeout(Timeout::Close { after }) if after == seconds(5)),
        "{error:?}"
    );
    assert_eq!(begin.elapsed().as_secs(), 5);
    assert_eq!(read_to_end(&mut client).await, b"\x88\x02\x03\xe8");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_tcp_open_after_its_close_is_left() {
    let (client, mut server) = duplex(1024);
    let connector = Connector::new();
    let connecting = connector.connect_on(Io(client), "ws://a/");
    let (connected, ()) = tokio::join!(connecting, raw_accept(&mut server, b"\x88\x02\x03\xe8"));
    let (mut ws, _) = connected.unwrap();
    let begin = Instant::now();
    // Both Close frames went: an orderly end, if not a polite one.
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(begin.elapsed().as_secs(), 5);
    let mut close = [0; 8];
    server.read_exact(&mut close).await.unwrap();
    assert_eq!(close[..2], [0x88, 0x82]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_given_up() {
    let (ws, client) = served().await;
    let begin = Instant::now();
    let error = ws.send(vec![0; 5000]).await.unwrap_err();
    assert!(
        matches!(error, Error::Timeout(Timeout::Write { after }) if after == seconds(30)),
        "{error:?}"
    );
    assert_eq!(begin.elapsed().as_secs(), 30);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn keepalive_can_be_turned_off() {
    let (mut client, server) = duplex(1024);
    client.write_all(REQUEST).await.unwrap();
    let config = Config::new(Role::Server).keepalive(None);
    let acceptor = Acceptor::new().config(config);
    let mut ws = acceptor.accept_on(Io(server)).await.unwrap();
    expect(&mut client, ANSWER).await;
    tokio::select! {
        () = sleep(seconds(60 * 60 * 24)) => {}
        end = ws.recv() => panic!("{end:?}"),
    }
    drop(ws);
    // The first thing said in a day is that the connection is dropped.
    assert_eq!(read_to_end(&mut client).await, b"\x88\x02\x03\xe9");
}
