//! An extension that uses reserved bits and changes lengths, on both ends of a connection.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bowline_io::{Config, EndedBy, Error, Memory, Message, MessageKind, Role, WebSocket};
use bowline_testing::extension::{Panicking, RunLength};
use bowline_testing::wire::{BINARY, CLOSE, FIN, RSV2, RSV3, close_frame, whole_frames};
use bowline_testing::{payload, random};
use bytes::{Bytes, BytesMut};

use common::{Executor, Fake, Script, complete};

type Socket = WebSocket<Memory<Fake>>;

/// A client and a server that have agreed on the extension, over pipes of `capacity` bytes.
fn pair(capacity: usize, max_run: u8) -> (Socket, Socket) {
    let (left, right) = Memory::pair(capacity);
    let open = |role, transport| {
        let config = Config::new(role).max_message(1_000_000);
        let extension = Some(RunLength::new(max_run).boxed());
        WebSocket::new(role, transport, &config, extension, BytesMut::new())
    };
    (open(Role::Client, left), open(Role::Server, right))
}

/// Messages that shrink, that grow, that are left alone, and that are empty.
fn messages() -> Vec<Message> {
    vec![
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".into(),
        "short".into(),
        "é".repeat(1000).into(),
        "".into(),
        vec![0; 500_000].into(),
        "abc".into(),
        payload::seq(70_000).into(),
        payload::repeat(9, 3).into(),
    ]
}

#[test]
fn messages_arrive_as_they_were_sent_whatever_the_pipe_holds() {
    for capacity in [1, 7, 1000, 100_000] {
        for max_run in [1, 255] {
            if capacity == 1 && max_run == 1 {
                // A million polls for nothing new.
                continue;
            }
            let (mut client, mut server) = pair(capacity, max_run);
            let mut executor = Executor::new();
            let echo = executor.spawn(async move {
                while let Some(message) = server.recv().await.unwrap() {
                    server.send(message).await.unwrap();
                }
                server.ended().cloned()
            });
            let asking = executor.spawn(async move {
                for message in messages() {
                    client.send(message.clone()).await.unwrap();
                    let answer = client.recv().await.unwrap();
                    assert!(answer == Some(message));
                }
                client.close(bowline_io::CloseCode::NORMAL).await
            });
            executor.run();
            asking.take().expect("done").unwrap();
            assert!(echo.take().expect("done").unwrap().clean);
        }
    }
}

#[test]
fn chunks_join_to_the_messages() {
    for capacity in [13, 10_000] {
        let (client, mut server) = pair(capacity, 255);
        let mut executor = Executor::new();
        executor.spawn(async move {
            for message in messages() {
                client.send(message).await.unwrap();
            }
            client.flush().await.unwrap();
            client
        });
        let reading = executor.spawn(async move {
            let mut expected = messages().into_iter();
            let mut whole = BytesMut::new();
            let mut left = expected.len();
            while left > 0 {
                let chunk = server.recv_chunk().await.unwrap().unwrap();
                assert_eq!(chunk.first, whole.is_empty());
                whole.extend_from_slice(&chunk.payload);
                if chunk.last {
                    let message = expected.next().unwrap();
                    assert_eq!(chunk.kind, message.kind());
                    assert!(whole == message.as_bytes());
                    whole.clear();
                    left -= 1;
                } else {
                    assert!(!whole.is_empty(), "a chunk that is not the last has bytes");
                }
            }
        });
        executor.finish(&reading);
    }
}

#[test]
fn fragments_cut_anywhere_and_borrowed_messages_arrive_whole() {
    let seed = random::seed();
    let mut random = random::Random::new(seed);
    let sent: Vec<(Message, Vec<usize>)> = messages()
        .into_iter()
        .map(|message| {
            let cuts = (0..5).map(|_| random.below(message.len() + 1)).collect();
            (message, cuts)
        })
        .collect();
    let expected = sent.clone();
    let (mut client, server) = pair(5000, 200);
    let (mut server, _sender) = server.split();
    let mut executor = Executor::new();
    let sending = executor.spawn(async move {
        for (message, mut cuts) in sent {
            cuts.sort_unstable();
            let kind = message.kind();
            let bytes: Bytes = message.clone().into_bytes();
            let mut from = 0;
            for cut in cuts {
                let piece = bytes.slice(from..cut);
                client.send_fragment(kind, piece, false).await.unwrap();
                client.ping("between").await.unwrap();
                from = cut;
            }
            client
                .send_fragment(kind, bytes.slice(from..), true)
                .await
                .unwrap();
            client.halves().1.send_ref(message.as_ref()).await.unwrap();
        }
        client
    });
    let reading = executor.spawn(async move {
        for (message, cuts) in expected {
            for _ in 0..2 {
                let received = server.recv().await.unwrap().unwrap();
                assert!(received == message, "seed {seed}, cut at {cuts:?}");
            }
        }
        server
    });
    executor.run();
    let _client = sending.take().expect("all was sent");
    let _server = reading.take().expect("all was received");
}

#[test]
fn an_encoded_message_has_its_reserved_bits_and_length_on_the_wire() {
    let (script, transport) = Script::new();
    let config = Config::new(Role::Server);
    let extension = Some(RunLength::new(255).boxed());
    let socket = WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new());
    complete(socket.send(vec![7; 200])).unwrap();
    complete(socket.send(vec![7; 3])).unwrap();
    complete(socket.send_fragment(MessageKind::Binary, vec![7; 300], true)).unwrap();
    assert_eq!(
        whole_frames(&script.output()),
        [
            (BINARY | FIN | RSV2 | RSV3, vec![200, 7]),
            (BINARY | FIN, vec![7; 3]),
            (BINARY | FIN | RSV2, vec![255, 0, 45, 0]),
        ]
    );
}

#[test]
fn what_decodes_to_more_than_the_limit_is_answered_with_1009() {
    let (left, right) = Memory::<Fake>::pair(1000);
    let extension = || Some(RunLength::new(255).boxed());
    let config = Config::new(Role::Client);
    let mut client = WebSocket::new(Role::Client, left, &config, extension(), BytesMut::new());
    let config = Config::new(Role::Server).max_message(10_000);
    let mut server = WebSocket::new(Role::Server, right, &config, extension(), BytesMut::new());
    let mut executor = Executor::new();
    let receiving = executor.spawn(async move {
        let first = server.recv().await.unwrap();
        assert_eq!(first.map(|message| message.len()), Some(10_000));
        server.recv().await.unwrap_err().to_string()
    });
    let sending = executor.spawn(async move {
        client.send(vec![1; 10_000]).await.unwrap();
        client.send(vec![1; 10_001]).await.unwrap();
        while client.recv().await.unwrap().is_some() {}
        client.ended().unwrap().code()
    });
    executor.run();
    assert_eq!(receiving.take().unwrap(), "the peer passed a limit");
    assert_eq!(sending.take().unwrap(), 1009);
}

#[test]
fn an_extension_that_panics_closes_the_connection_for_all_tasks() {
    let config = Config::new(Role::Server).keepalive(None);
    let (script, transport) = Script::new();
    let extension = Some(Panicking.boxed());
    let socket = WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new());
    let (mut receiver, sender) = socket.split();
    let mut executor = Executor::new();
    let receiving = executor.spawn(async move {
        let received = receiver.recv().await;
        (received, receiver)
    });
    executor.run();
    let panicked = catch_unwind(AssertUnwindSafe(|| complete(sender.send("now panic"))));
    assert!(panicked.is_err());
    // Nothing goes through it any more, and the lock is whole.
    assert!(matches!(
        complete(sender.send("behind")),
        Err(Error::Closed)
    ));
    assert!(sender.is_closed());
    // The receiver was woken, and has written the Close.
    executor.run();
    let reason = b"\x03\xf3the extension panicked".to_vec();
    assert_eq!(whole_frames(&script.output()), [(CLOSE, reason)]);
    script.send(close_frame(Role::Server, 1011, ""));
    script.end();
    let (received, receiver) = executor.finish(&receiving);
    assert_eq!(received.unwrap(), None);
    assert_eq!(receiver.ended().unwrap().by, EndedBy::Us);
}
