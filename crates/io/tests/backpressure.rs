//! Output that the transport doesn't take slows senders down, never the reader, and memory stays bounded.

mod common;

use std::pin::pin;
use std::time::Duration;

use bowline_io::{
    CloseCode, Config, EndedBy, Error, Event, Keepalive, Memory, Message, QueueError, Role,
    Timeout, WebSocket, corked,
};
use bowline_testing::alloc::CountingAllocator;
use bowline_testing::wire::{
    BINARY, CLOSE, FIN, PING, PONG, TEXT, close_frame, frame, frame_from, frames, whole_frames,
};
use bytes::BytesMut;

use common::{Executor, Fake, Gate, Input, Socket, advance, complete, open, poll_once, server};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Requests without end, numbered: byte 0 to 7 of each payload of 100 bytes.
fn numbered() -> Input {
    let mut pending: Vec<u8> = Vec::new();
    let mut number = 0_u64;
    Input::Make(Box::new(move |buffer| {
        while pending.len() < buffer.len() {
            let mut payload = [0; 100];
            payload[..8].copy_from_slice(&number.to_be_bytes());
            pending.extend(frame(Role::Server, BINARY | FIN, payload));
            number += 1;
        }
        buffer.copy_from_slice(&pending[..buffer.len()]);
        pending.drain(..buffer.len());
        buffer.len()
    }))
}

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

#[test]
fn a_peer_that_writes_and_never_reads_is_no_longer_read_and_gets_all_in_order_once_it_reads() {
    for cork in [true, false] {
        let (script, socket) = server();
        script.state().room = 10_000;
        script.push(numbered());
        let mut executor = Executor::new();
        let ((), used) = ALLOCATOR.measure(|| {
            if cork {
                executor.spawn(corked(echo(socket)));
            } else {
                executor.spawn(echo(socket));
            }
            executor.run();
        });
        // The soft mark, what a read brings, and the buffers that these lie in while they grow.
        assert!(used.peak < 512 * 1024, "{used:?}");
        assert_eq!(script.output().len(), 10_000);
        let read = script.state().bytes_read;
        assert!(read < 256 * 1024, "{read} bytes read");

        // Now it reads a bit at a time.
        let mut next = 0_u64;
        let mut wire = script.take_output();
        for _ in 0..200 {
            script.room(3_000);
            executor.run();
            wire.extend(script.take_output());
            let (frames, rest) = frames(&wire);
            for (first, payload) in frames {
                assert_eq!(first, BINARY | FIN);
                assert_eq!(payload[..8], next.to_be_bytes());
                next += 1;
            }
            wire = rest.to_vec();
        }
        assert!(next > 5_000, "{next}");
    }
}

#[test]
fn a_flood_of_pings_while_output_is_stuck_leaves_one_pong_and_reading_goes_on() {
    let config = Config::new(Role::Server).soft_mark(64 * 1024);
    let (script, mut socket) = open(Role::Server, &config);
    script.state().room = 0;
    let sender = socket.sender();
    let mut executor = Executor::new();
    let stuck = executor.spawn(async move {
        sender.feed(vec![1; 40_000]).await.unwrap();
        sender.feed(vec![2; 40_000]).await.unwrap();
        sender.send("above the mark").await.unwrap();
    });
    let receiver = executor.spawn(async move {
        let message = socket.recv().await.unwrap();
        (message, socket)
    });
    executor.run();
    let ((), used) = ALLOCATOR.measure(|| {
        for round in 0..10_u32 {
            let mut pings = Vec::new();
            for number in 0..1000 {
                pings.extend(frame(
                    Role::Server,
                    PING,
                    (round * 1000 + number).to_be_bytes(),
                ));
            }
            script.send(pings);
            executor.run();
        }
    });
    assert!(used.kept < 4096, "{used:?}");
    script.send(frame(Role::Server, TEXT | FIN, "read on"));
    executor.run();
    let (message, socket) = receiver.take().expect("reading goes on");
    assert_eq!(message, Some("read on".into()));
    assert!(!stuck.is_done());

    script.room(usize::MAX);
    executor.finish(&stuck);
    complete(socket.flush()).unwrap();
    let frames = whole_frames(&script.output());
    let newest = (PONG, 9_999_u32.to_be_bytes().to_vec());
    assert_eq!(frames.len(), 4);
    assert_eq!(frames.iter().filter(|frame| **frame == newest).count(), 1);
}

#[test]
fn two_split_peers_send_64_mib_each_way_at_once_over_a_small_pipe() {
    const MESSAGES: u32 = 1024;
    let payload = |number: u32| {
        let mut payload = vec![number as u8; 64 * 1024];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        payload
    };
    let (left, right) = Memory::<Fake>::pair(4096);
    let mut executor = Executor::new();
    let ends = [(left, Role::Client), (right, Role::Server)].map(|(transport, role)| {
        let config = Config::new(role);
        let socket = WebSocket::new(role, transport, &config, None, BytesMut::new());
        let (mut receiver, sender) = socket.split();
        let writing = executor.spawn(async move {
            for number in 0..MESSAGES {
                if number.is_multiple_of(16) {
                    sender.ping(number.to_be_bytes()).await.unwrap();
                }
                sender.send(payload(number)).await.unwrap();
            }
            sender.close(CloseCode::NORMAL).await.unwrap();
        });
        let reading = executor.spawn(async move {
            let (mut next, mut pongs) = (0, 0);
            while let Some(event) = receiver.recv_event().await.unwrap() {
                match event {
                    Event::Message(message) => {
                        assert!(message == Message::from(payload(next)), "message {next}");
                        next += 1;
                    }
                    Event::Pong(_) => pongs += 1,
                    _ => {}
                }
            }
            (next, pongs, receiver.ended().cloned())
        });
        (writing, reading)
    });
    let ((), used) = ALLOCATOR.measure(|| executor.run());
    for (writing, reading) in ends {
        writing.take().expect("all was sent");
        let (messages, pongs, ended) = reading.take().expect("all was received");
        assert_eq!(messages, MESSAGES);
        assert!(pongs > 0);
        assert!(ended.unwrap().clean);
    }
    assert!(used.peak < 2 * 1024 * 1024, "{used:?}");
}

#[test]
fn queue_gives_the_message_back_above_the_hard_mark_and_takes_it_when_there_is_room() {
    let config = Config::new(Role::Server).soft_mark(100).hard_mark(1000);
    let (script, mut socket) = open(Role::Server, &config);
    script.state().room = 0;
    let mut queued = 0;
    let given_back = loop {
        match socket.queue(vec![queued; 98]) {
            Ok(()) => queued += 1,
            Err(QueueError::Full(message)) => break message,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(queued, 11, "up to the mark and one message more");
    assert_eq!(given_back.as_bytes(), [11; 98]);
    // The receiver writes what is left.
    let mut executor = Executor::new();
    executor.spawn(async move {
        let _ = socket.recv().await;
        socket
    });
    executor.run();
    script.room(usize::MAX);
    executor.run();
    let expected: Vec<_> = (0..11)
        .map(|index| (BINARY | FIN, vec![index; 98]))
        .collect();
    assert_eq!(whole_frames(&script.output()), expected);
}

#[test]
fn feed_and_send_wait_above_the_soft_mark_and_go_on_when_the_peer_reads() {
    let config = Config::new(Role::Server).soft_mark(100);
    for write in [true, false] {
        let (script, socket) = open(Role::Server, &config);
        script.state().room = 0;
        complete(socket.feed(vec![0; 50])).unwrap();
        complete(socket.feed(vec![1; 50])).unwrap();
        let mut executor = Executor::new();
        let sender = socket.sender();
        let waiting = executor.spawn(async move {
            if write {
                sender.send("waits").await.unwrap();
            } else {
                sender.feed("waits").await.unwrap();
            }
        });
        executor.run();
        assert!(!waiting.is_done());
        // 104 bytes wait; 4 less are not above the mark.
        script.room(3);
        executor.run();
        assert!(!waiting.is_done());
        script.room(1);
        executor.run();
        assert_eq!(waiting.is_done(), !write);
        script.room(1000);
        executor.run();
        assert!(waiting.is_done());
        complete(socket.flush()).unwrap();
        assert_eq!(whole_frames(&script.output()).len(), 3);
    }
}

#[test]
fn many_senders_that_wait_all_go_on_each_message_whole_and_each_senders_in_order() {
    let config = Config::new(Role::Server).soft_mark(10);
    let (script, mut socket) = open(Role::Server, &config);
    script.state().room = 0;
    let mut executor = Executor::new();
    let senders: Vec<_> = (0..20_u8)
        .map(|who| {
            let sender = socket.sender();
            let sending = async move {
                for number in 0..20_u8 {
                    let message = vec![who, number];
                    match number % 3 {
                        0 => sender.feed(message).await.unwrap(),
                        1 => sender.send(message).await.unwrap(),
                        _ => {
                            sender.feed(message).await.unwrap();
                            sender.flush().await.unwrap();
                        }
                    }
                }
            };
            if who.is_multiple_of(2) {
                executor.spawn(sending)
            } else {
                executor.spawn(corked(sending))
            }
        })
        .collect();
    executor.spawn(async move {
        let _ = socket.recv().await;
        socket
    });
    for _ in 0..20 * 20 * 4 {
        executor.run();
        script.room(1);
    }
    executor.run();
    assert!(senders.iter().all(|sender| sender.is_done()));
    let mut next = [0; 20];
    for (_, payload) in whole_frames(&script.output()) {
        let [who, number] = payload[..] else {
            panic!("{payload:?}");
        };
        assert_eq!(number, next[usize::from(who)]);
        next[usize::from(who)] += 1;
    }
    assert_eq!(next, [20; 20]);
}

#[test]
fn a_send_returns_when_its_bytes_are_out_although_others_keep_the_output_full() {
    let (script, socket) = server();
    script.state().room = 0;
    script.state().holding = true;
    let mut executor = Executor::new();
    let sender = socket.sender();
    let sent = executor.spawn(async move { sender.send("mine").await.unwrap() });
    let feeder = socket.sender();
    executor.spawn(async move {
        loop {
            feeder.feed(vec![0; 1000]).await.unwrap();
        }
    });
    executor.run();
    assert!(!sent.is_done());
    for _ in 0..200 {
        script.room(1000);
        executor.run();
    }
    let mine = frame_from(Role::Server, TEXT | FIN, "mine");
    assert!(script.state().held.starts_with(&mine));
    assert!(sent.is_done(), "its bytes are out");
}

/// Whoever queued is gone; the receiver, in another task, waits for input.
#[test]
fn the_receiver_keeps_the_write_deadline_of_output_that_nobody_waits_for() {
    let config = Config::new(Role::Server)
        .keepalive(None)
        .write(Some(Duration::from_secs(30)));
    for way in ["queue", "dropped send", "scope"] {
        let (script, mut socket) = open(Role::Server, &config);
        script.state().room = 0;
        let sender = socket.sender();
        let mut executor = Executor::new();
        let receiving = executor.spawn(async move {
            let received = socket.recv().await;
            (received, socket.ended().cloned())
        });
        executor.run();
        match way {
            "queue" => sender.queue("stuck").unwrap(),
            "dropped send" => {
                assert!(poll_once(pin!(sender.send("stuck"))).is_pending());
            }
            _ => complete(corked(sender.send("stuck"))).unwrap(),
        }
        executor.run();
        advance(Duration::from_secs(31));
        executor.run();
        let (received, ended) = receiving
            .take()
            .unwrap_or_else(|| panic!("{way}: waits for ever"));
        assert!(
            matches!(received, Err(Error::Timeout(Timeout::Write { .. }))),
            "{way}: {received:?}"
        );
        assert_eq!(ended.unwrap().by, EndedBy::Deadline);
    }
}

#[test]
fn a_waiting_send_keeps_the_write_deadline_although_nobody_receives() {
    let config = Config::new(Role::Server)
        .soft_mark(10)
        .write(Some(Duration::from_secs(30)));
    let (script, socket) = open(Role::Server, &config);
    script.state().room = 0;
    let mut executor = Executor::new();
    let sender = socket.sender();
    let waiting = executor.spawn(async move { sender.send("stuck above").await });
    let late = socket.sender();
    executor.run();
    let above = executor.spawn(async move { late.feed("above the mark").await });
    executor.run();
    // A byte taken starts it again.
    advance(Duration::from_secs(20));
    script.room(1);
    executor.run();
    advance(Duration::from_secs(20));
    executor.run();
    assert!(!waiting.is_done() && !above.is_done());
    advance(Duration::from_secs(10));
    let results = [executor.finish(&waiting), executor.finish(&above)];
    let timeouts = results
        .iter()
        .filter(|result| matches!(result, Err(Error::Timeout(Timeout::Write { .. }))))
        .count();
    // Who is told first tells the other that it is over.
    assert!(timeouts >= 1, "{results:?}");
    assert!(results.iter().all(Result::is_err), "{results:?}");
    assert!(script.state().writer_dropped);
}

#[test]
fn no_write_deadline_waits_for_ever() {
    let config = Config::new(Role::Server).write(None).keepalive(None);
    let (script, socket) = open(Role::Server, &config);
    script.state().room = 0;
    let mut executor = Executor::new();
    let sender = socket.sender();
    let waiting = executor.spawn(async move { sender.send("patient").await });
    executor.run();
    advance(Duration::from_secs(1_000_000));
    executor.run();
    assert!(!waiting.is_done());
    script.room(100);
    executor.finish(&waiting).unwrap();
}

#[test]
fn recv_lets_others_run_after_a_bounded_run_of_input() {
    // Messages that lie in memory, pings that are no messages, and bytes that are not even a message.
    let tiny = frame(Role::Server, BINARY | FIN, "").repeat(2000);
    let pings = frame(Role::Server, PING, "").repeat(2000);
    let unfinished = frame(Role::Server, BINARY, vec![0; 10_000]);
    for (input, step) in [(tiny, usize::MAX), (pings, usize::MAX), (unfinished, 1)] {
        let (script, mut socket) = server();
        script.state().read_max = step;
        script.send(&input);
        let gate = Gate::new();
        let mut executor = Executor::new();
        let counting = gate.clone();
        executor.spawn(async move {
            while let Ok(Some(_)) = socket.recv().await {}
            counting.wait().await;
        });
        executor.run();
        assert!(executor.polls >= 8, "{} polls", executor.polls);
        assert!(executor.polls < 100, "{} polls", executor.polls);
    }
}

#[test]
fn a_close_is_queued_behind_stuck_output_and_the_peer_gets_both() {
    let (script, mut socket) = server();
    script.state().room = 5;
    let mut executor = Executor::new();
    complete(socket.feed(vec![9; 100])).unwrap();
    let closing = executor.spawn(async move {
        let closed = socket.close(CloseCode::NORMAL).await;
        (closed, socket.ended().cloned())
    });
    executor.run();
    script.send(close_frame(Role::Server, 1000, ""));
    executor.run();
    assert!(!closing.is_done());
    script.room(1000);
    executor.run();
    assert_eq!(
        script.output(),
        [
            frame_from(Role::Server, BINARY | FIN, [9; 100]),
            frame_from(Role::Server, CLOSE, [3, 0xE8]),
        ]
        .concat()
    );
    script.end();
    let (closed, ended) = executor.finish(&closing);
    closed.unwrap();
    assert!(ended.unwrap().clean);
}

#[test]
fn keepalive_does_not_read_for_a_program_that_does_not_receive() {
    // A task that only sends is not slowed by input that nobody reads.
    let config = Config::new(Role::Server).keepalive(Some(Keepalive::new(
        Duration::from_secs(1),
        Duration::from_secs(1),
    )));
    let (script, socket) = open(Role::Server, &config);
    script.push(numbered());
    for _ in 0..10 {
        advance(Duration::from_secs(10));
        complete(socket.send("on and on")).unwrap();
    }
    assert_eq!(script.state().read_calls, 0);
    assert_eq!(whole_frames(&script.output()).len(), 10);
}
