//! Whole connections over TCP.

mod common;

use bowline_testing::payload;
use bowline_testing::wire::{BINARY, CLOSE, FIN, TEXT, close_frame, frame};
use bowline_tokio::{
    Acceptor, CloseCode, Connector, EndedBy, Error, Event, Io, Message, Role, WebSocket,
};
use common::{
    ANSWER, REQUEST, echo, echo_served, expect, raw_accept, raw_client, read_to_end, serve_one,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn connect(address: std::net::SocketAddr) -> WebSocket {
    let url = format!("ws://{address}/");
    Connector::new().connect(url).await.unwrap()
}

#[tokio::test]
async fn messages_of_all_sizes_come_back() {
    let (address, served) = serve_one(echo).await;
    let mut ws = connect(address).await;
    ws.send("").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some("".into()));
    for len in [1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20] {
        let message = Message::from(payload::seq(len));
        let (receiver, sender) = ws.halves();
        // A message larger than the buffers of the kernel comes back while it is sent.
        let (sent, received) = tokio::join!(sender.send(message.clone()), receiver.recv());
        sent.unwrap();
        assert!(received.unwrap() == Some(message), "{len} bytes");
    }
    ws.close(CloseCode::NORMAL).await.unwrap();
    let ended = ws.ended().unwrap();
    assert_eq!(
        (ended.by, ended.code(), ended.clean),
        (EndedBy::Us, 1000, true)
    );
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn split_halves_live_in_tasks_of_their_own() {
    let (address, served) = serve_one(|ws| async move {
        let (mut receiver, sender) = ws.split();
        while let Some(message) = receiver.recv().await? {
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(message).await });
        }
        Ok(())
    })
    .await;
    let (mut receiver, sender) = connect(address).await.split();
    let receiving = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 100 {
            let message = receiver.recv().await.unwrap().unwrap();
            seen.push(message.as_text().unwrap().parse::<u32>().unwrap());
        }
        (receiver, seen)
    });
    for number in 0..100_u32 {
        sender.send(number.to_string()).await.unwrap();
    }
    let (mut receiver, mut seen) = receiving.await.unwrap();
    // Each was sent by a task of its own.
    seen.sort_unstable();
    assert_eq!(seen, (0..100).collect::<Vec<u32>>());
    sender.close(CloseCode::NORMAL).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap(), None);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn pings_are_answered_on_the_way() {
    let (address, served) = serve_one(echo).await;
    let mut ws = connect(address).await;
    ws.ping("are you there").await.unwrap();
    ws.send("yes").await.unwrap();
    let pong = ws.recv_event().await.unwrap();
    assert_eq!(pong, Some(Event::Pong("are you there".into())));
    let message = ws.recv_event().await.unwrap();
    assert_eq!(message, Some(Event::Message("yes".into())));
    ws.close(CloseCode::NORMAL).await.unwrap();
    served.await.unwrap().unwrap();
}

// covers WS-7.1.1-02
#[tokio::test]
async fn the_server_ends_tcp_first_when_the_client_closes() {
    let (address, served) = serve_one(echo).await;
    let mut client = raw_client(address, b"").await;
    client
        .write_all(&close_frame(Role::Server, 1000, ""))
        .await
        .unwrap();
    // The client's own direction is still open when the server's ends.
    assert_eq!(read_to_end(&mut client).await, b"\x88\x02\x03\xe8");
    drop(client);
    served.await.unwrap().unwrap();
}

// covers WS-7.1.1-02
#[tokio::test]
async fn the_server_ends_tcp_first_when_it_closes() {
    let (address, served) =
        serve_one(|mut ws| async move { ws.close(CloseCode::GOING_AWAY).await }).await;
    let mut client = raw_client(address, b"").await;
    expect(&mut client, b"\x88\x02\x03\xe9").await;
    client
        .write_all(&close_frame(Role::Server, 1001, ""))
        .await
        .unwrap();
    assert_eq!(read_to_end(&mut client).await, b"");
    drop(client);
    served.await.unwrap().unwrap();
}

// covers WS-7.1.1-02
#[tokio::test]
async fn the_client_waits_for_the_server_to_end_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let closing = tokio::spawn(async move {
        let mut ws = connect(address).await;
        ws.close(CloseCode::NORMAL).await
    });
    let (mut server, _) = listener.accept().await.unwrap();
    raw_accept(&mut server, b"").await;
    let mut close = [0; 8];
    server.read_exact(&mut close).await.unwrap();
    assert_eq!(close[..2], [0x88, 0x82]);
    server.write_all(b"\x88\x02\x03\xe8").await.unwrap();
    // Were the client's end on its way, it would be here soon after its task had a chance to run.
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), server.read_u8());
    assert!(early.await.is_err(), "the client ended first");
    assert!(!closing.is_finished());
    server.shutdown().await.unwrap();
    closing.await.unwrap().unwrap();
    assert_eq!(read_to_end(&mut server).await, b"");
}

// covers WS-7.1.1-01
#[tokio::test]
async fn a_violation_is_answered_before_the_handler_that_fails_drops_all() {
    let (address, served) = serve_one(echo).await;
    // An unmasked frame, and much behind it that nobody reads as frames.
    let bad = [&b"\x81\x02hi"[..], &[0; 300_000]].concat();
    let mut client = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = client.split();
    let input = [REQUEST, &bad].concat();
    let (written, ()) = tokio::join!(writer.write_all(&input), expect(&mut reader, ANSWER));
    written.unwrap();
    // A Close, then the end: not a reset, which would take the Close back.
    let close = read_to_end(&mut reader).await;
    assert_eq!(
        (close[0], &close[2..4]),
        (0x88, &1002_u16.to_be_bytes()[..])
    );
    assert_eq!(close.len(), 2 + usize::from(close[1]));
    drop(client);
    let error = served.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_refusal_arrives_whole_although_input_is_unread() {
    for (request, status) in [
        (REQUEST.to_vec(), "403"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n".to_vec(),
            "426",
        ),
        (b"\x16\x03\x01 no HTTP at all\r\n".to_vec(), "400"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            Acceptor::new().serve(stream, echo_served).await
        });
        let head = request.strip_suffix(b"\r\n\r\n");
        let origin = b"\r\nOrigin: https://evil.example\r\n\r\n";
        let head = head.map_or(request.clone(), |head| [head, origin].concat());
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(&[&head[..], &[b'x'; 300_000]].concat())
            .await
            .unwrap();
        let answer = String::from_utf8(read_to_end(&mut client).await).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("\r\nContent-Length: {}", body.len())),
            "{answer}"
        );
        drop(client);
        let error = serving.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error:?}");
    }
}

#[tokio::test]
async fn frames_in_the_segment_of_the_request_are_received() {
    let (address, served) = serve_one(echo).await;
    let behind = [
        frame(Role::Server, TEXT | FIN, b"first"),
        frame(Role::Server, BINARY | FIN, b"second"),
        frame(Role::Server, CLOSE, b""),
    ]
    .concat();
    let mut client = raw_client(address, &behind).await;
    let all = read_to_end(&mut client).await;
    assert_eq!(all, b"\x81\x05first\x82\x06second\x88\0");
    drop(client);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn frames_in_the_segment_of_the_answer_are_received() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async {
        let (mut server, _) = listener.accept().await.unwrap();
        raw_accept(&mut server, b"\x81\x05first\x88\x02\x03\xe8").await;
        server.shutdown().await.unwrap();
        read_to_end(&mut server).await
    };
    let receiving = async {
        let mut ws = connect(address).await;
        assert_eq!(ws.recv().await.unwrap(), Some("first".into()));
        assert_eq!(ws.recv().await.unwrap(), None);
        ws.ended().unwrap().clone()
    };
    let (close, ended) = tokio::join!(serving, receiving);
    assert_eq!(close[..2], [0x88, 0x82]);
    assert_eq!((ended.by, ended.code()), (EndedBy::Peer, 1000));
}

#[tokio::test]
async fn one_port_serves_http_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        match Acceptor::new().open(stream).await? {
            bowline_tokio::Opening::Http(http) => {
                http.respond(http::Response::new("hello".into())).await
            }
            bowline_tokio::Opening::Upgrade(_) => panic!("no WebSocket was asked for"),
        }
    });
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(answer.ends_with(b"\r\n\r\nhello"));
    drop(client);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_there_is_an_error_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Connector::new()
        .connect(format!("ws://{address}/"))
        .await
        .unwrap_err();
    let Error::Connect(error) = error else {
        panic!("{error:?}");
    };
    assert!(
        error.to_string().starts_with(&format!("{address}: ")),
        "{error}"
    );
}

async fn talk<T: bowline_tokio::Transport>(client: T, server: T) {
    let acceptor = Acceptor::new();
    let serving = async {
        let mut ws = acceptor.accept_on(server).await.unwrap();
        while let Some(message) = ws.recv().await.unwrap() {
            ws.send(message).await.unwrap();
        }
    };
    let asking = async {
        let connector = Connector::new();
        let (mut ws, _) = connector
            .connect_on(client, "ws://localhost/")
            .await
            .unwrap();
        let large = Message::from(payload::seq(300_000));
        for message in ["hello".into(), large] {
            let (receiver, sender) = ws.halves();
            let (sent, received) = tokio::join!(sender.send(message.clone()), receiver.recv());
            sent.unwrap();
            assert!(received.unwrap() == Some(message));
        }
        ws.close(CloseCode::NORMAL).await.unwrap();
    };
    tokio::join!(serving, asking);
}

#[tokio::test]
async fn any_stream_with_tokios_traits_is_a_transport() {
    let (client, server) = tokio::io::duplex(64);
    talk(Io(client), Io(server)).await;
    let (client, server) = tokio::io::duplex(1 << 20);
    talk(Io(client), Io(server)).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_a_transport() {
    let (client, server) = tokio::net::UnixStream::pair().unwrap();
    talk(Io(client), Io(server)).await;
}
