//! What a sender wishes for its messages, and when idle extensions give back memory.

mod common;

use std::time::Duration;

use bowline_io::{Compress, Config, Memory, Role, WebSocket};
use bowline_testing::extension::{Releasing, RunLength};
use bowline_testing::wire::{BINARY, CONT, FIN, RSV2, RSV3, frame, whole_frames};
use bytes::BytesMut;

use common::{Executor, Fake, Script, advance, complete};

#[test]
fn each_sender_has_its_wish() {
    let (script, transport) = Script::new();
    let config = Config::new(Role::Server);
    let extension = Some(RunLength::new(255).boxed());
    let socket = WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new());
    let secret = socket.sender().with_compress(Compress::Never);
    let short = socket.sender().with_compress(Compress::Always);
    complete(secret.send(vec![7; 200])).unwrap();
    complete(socket.send(vec![7; 200])).unwrap();
    complete(secret.clone().send_ref((&[7; 9][..]).into())).unwrap();
    complete(short.feed(vec![7])).unwrap();
    socket.queue(vec![7; 3]).unwrap();
    secret.queue(vec![7; 200]).unwrap();
    complete(secret.send_fragment(bowline_io::MessageKind::Binary, vec![7; 9], false)).unwrap();
    complete(short.send_fragment(bowline_io::MessageKind::Binary, vec![7; 9], true)).unwrap();
    assert_eq!(
        whole_frames(&script.output()),
        [
            (BINARY | FIN, vec![7; 200]),
            (BINARY | FIN | RSV2 | RSV3, vec![200, 7]),
            (BINARY | FIN, vec![7; 9]),
            (BINARY | FIN | RSV2, vec![1, 0]),
            (BINARY | FIN, vec![7; 3]),
            (BINARY | FIN, vec![7; 200]),
            // What a message began with holds to its end.
            (BINARY, vec![7; 9]),
            (CONT | FIN, vec![7; 9]),
        ]
    );
}

#[test]
fn an_idle_connection_lets_its_extension_give_back_memory() {
    let (left, right) = Memory::<Fake>::pair(10_000);
    let (extension, released) = Releasing::new(Duration::from_secs(10));
    let config = Config::new(Role::Server).keepalive(None);
    let server = WebSocket::new(
        Role::Server,
        right,
        &config,
        Some(Box::new(extension)),
        BytesMut::new(),
    );
    let config = Config::new(Role::Client).keepalive(None);
    let extension = Some(RunLength::new(255).boxed());
    let client = WebSocket::new(Role::Client, left, &config, extension, BytesMut::new());
    let (mut receiver, sender) = server.split();
    let mut executor = Executor::new();
    let receiving = executor.spawn(async move { receiver.recv().await });
    executor.run();
    // The receiver waits already, without a timer.
    complete(sender.send(vec![1; 100])).unwrap();
    executor.run();
    advance(Duration::from_secs(9));
    executor.run();
    assert_eq!(released.counts(), (0, 0));
    advance(Duration::from_secs(1));
    executor.run();
    assert_eq!(released.counts(), (1, 0));

    complete(client.send(vec![1; 100])).unwrap();
    executor.run();
    assert!(receiving.take().unwrap().unwrap().is_some());
}

#[test]
fn what_was_received_is_given_back_while_the_next_message_is_awaited() {
    let (left, right) = Memory::<Fake>::pair(10_000);
    let (extension, released) = Releasing::new(Duration::from_secs(10));
    let config = Config::new(Role::Server).keepalive(None);
    let extension = Some(Box::new(extension) as _);
    let mut server = WebSocket::new(Role::Server, right, &config, extension, BytesMut::new());
    let config = Config::new(Role::Client).keepalive(None);
    let extension = Some(RunLength::new(255).boxed());
    let client = WebSocket::new(Role::Client, left, &config, extension, BytesMut::new());
    let mut executor = Executor::new();
    executor.spawn(async move { while server.recv().await.unwrap().is_some() {} });
    complete(client.send(vec![1; 100])).unwrap();
    executor.run();
    let polls = executor.polls;
    for expected in [(0, 0), (0, 1), (0, 1), (0, 1)] {
        advance(Duration::from_secs(6));
        executor.run();
        assert_eq!(released.counts(), expected);
    }
    assert_eq!(executor.polls, polls + 1, "nothing else wakes it");
}

#[test]
fn payload_that_becomes_much_more_ends_a_turn_sooner() {
    let (script, transport) = Script::new();
    let config = Config::new(Role::Server);
    let extension = Some(RunLength::new(255).boxed());
    let mut socket = WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new());
    // 51 runs of 255 bytes: 100 bytes on the wire become 13,005.
    let runs = [255, 1].repeat(51);
    let mut wire = Vec::new();
    for _ in 0..200 {
        wire.extend(frame(Role::Server, FIN | BINARY | RSV2 | RSV3, &runs));
    }
    script.send(wire);
    script.end();
    let mut executor = Executor::new();
    let counting = executor.spawn(async move {
        let mut count = 0;
        while let Ok(Some(_)) = socket.recv().await {
            count += 1;
        }
        count
    });
    executor.run();
    assert_eq!(counting.take(), Some(200));
    // 2.6 MB, of which a turn takes 256 KiB.
    assert!(executor.polls >= 10, "{} polls", executor.polls);
}

// covers PMD-8-02
#[test]
fn one_message_that_becomes_much_more_takes_several_turns() {
    for ends in [true, false] {
        let (script, transport) = Script::new();
        let config = Config::new(Role::Server);
        let extension = Some(RunLength::new(255).boxed());
        let mut socket =
            WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new());
        // 60,000 bytes on the wire become 7.6 MB, of which a turn takes 256 KiB. Nothing comes behind them.
        let runs = [255, 1].repeat(30_000);
        script.send(frame(Role::Server, FIN | BINARY | RSV2 | RSV3, &runs));
        if ends {
            script.end();
        }
        let mut executor = Executor::new();
        let reading = executor.spawn(async move {
            let message = socket.recv().await.unwrap();
            message.map(|message| message.len())
        });
        executor.run();
        assert_eq!(reading.take(), Some(Some(30_000 * 255)));
        assert!(executor.polls >= 20, "{} polls", executor.polls);
    }
}

#[test]
fn chunks_of_what_has_come_wait_for_nothing_else() {
    let (script, transport) = Script::new();
    let config = Config::new(Role::Server);
    let extension = Some(RunLength::new(255).boxed());
    let mut socket = WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new());
    // More than a turn takes, and nothing comes behind it.
    let runs = [255, 1].repeat(4000);
    script.send(frame(Role::Server, FIN | BINARY | RSV2 | RSV3, &runs));
    let mut executor = Executor::new();
    let reading = executor.spawn(async move {
        let mut read = 0;
        while let Ok(Some(chunk)) = socket.recv_chunk().await {
            read += chunk.payload.len();
            if chunk.last {
                break;
            }
        }
        read
    });
    executor.run();
    assert_eq!(reading.take(), Some(4000 * 255));
}
