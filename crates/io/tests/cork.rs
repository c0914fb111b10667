//! When messages are written, and in how many writes: counted, and ordered by events.

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bowline_io::{Config, Error, Message, Role, corked};
use bowline_testing::payload;
use bowline_testing::wire::{
    BINARY, FIN, PING, PONG, TEXT, close_frame, frame, frame_from, whole_frames,
};

use common::{Executor, Gate, Script, Socket, complete, open, poll_once, server};

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// `count` messages of one byte, as a client sends them.
fn requests(count: u8) -> Vec<u8> {
    (0..count)
        .flat_map(|index| frame(Role::Server, BINARY | FIN, [index]))
        .collect()
}

/// What a server answers to them.
fn replies(count: u8) -> Vec<u8> {
    (0..count)
        .flat_map(|index| frame_from(Role::Server, BINARY | FIN, [index]))
        .collect()
}

#[test]
fn a_corked_echo_makes_one_write_per_read() {
    let (script, socket) = server();
    let mut executor = Executor::new();
    executor.spawn(corked(echo(socket)));
    for count in [100, 1, 16] {
        script.send(requests(count));
        executor.run();
        assert_eq!(script.take_output(), replies(count));
    }
    let state = script.state();
    assert_eq!((state.reads, state.writes.len()), (3, 3));
}

#[test]
fn from_a_peer_that_fills_a_block_more_is_read_at_once() {
    let (script, socket) = server();
    let mut executor = Executor::new();
    executor.spawn(corked(echo(socket)));
    let sixteen: Vec<u8> = (0..16)
        .flat_map(|_| frame(Role::Server, BINARY | FIN, payload::seq(16 * 1024)))
        .collect();
    let mut most = Vec::new();
    for _ in 0..2 {
        script.send(sixteen.clone());
        executor.run();
        let mut state = script.state();
        let writes = std::mem::take(&mut state.writes);
        most.push((std::mem::take(&mut state.reads), writes.len()));
        drop(state);
        assert_eq!(whole_frames(&script.take_output()).len(), 16);
    }
    // 64, 128 and 64 KiB, then 128 and 128. A write follows each, and one more the end of a turn.
    assert_eq!(most, [(3, 4), (2, 3)]);
    // A large message has a buffer of its own. Another is foreseen then, and as it does not come, what follows is read
    // as from anybody.
    script.send(frame(Role::Server, BINARY | FIN, payload::seq(300_000)));
    executor.run();
    for reads in [1, 3] {
        script.state().reads = 0;
        script.send(sixteen.clone());
        executor.run();
        assert_eq!(script.state().reads, reads);
    }
}

#[test]
fn without_a_scope_each_send_writes() {
    let (script, socket) = server();
    let mut executor = Executor::new();
    executor.spawn(echo(socket));
    script.send(requests(100));
    executor.run();
    assert_eq!(script.output(), replies(100));
    assert_eq!(script.writes(), 100);
}

#[test]
fn a_lone_message_costs_one_read_and_one_write() {
    for cork in [true, false] {
        let (script, socket) = server();
        let mut executor = Executor::new();
        if cork {
            executor.spawn(corked(echo(socket)));
        } else {
            executor.spawn(echo(socket));
        }
        executor.run();
        let idle = script.state().read_calls;
        for _ in 0..10 {
            script.send(requests(1));
            executor.run();
        }
        let state = script.state();
        assert_eq!((state.reads, state.writes.len()), (10, 10), "{cork}");
        // The read that gives the message, and the one that finds nothing more.
        assert_eq!(state.read_calls - idle, 20, "{cork}");
    }
}

#[test]
fn messages_of_a_burst_from_a_channel_go_out_in_one_write() {
    let (script, socket) = server();
    let channel = Rc::new(RefCell::new((VecDeque::new(), None::<Waker>)));
    let receiver = Rc::clone(&channel);
    let mut executor = Executor::new();
    executor.spawn(corked(async move {
        loop {
            let next: u8 = poll_fn(|cx| {
                let mut channel = receiver.borrow_mut();
                match channel.0.pop_front() {
                    Some(next) => Poll::Ready(next),
                    None => {
                        channel.1 = Some(cx.waker().clone());
                        Poll::Pending
                    }
                }
            })
            .await;
            socket.send(vec![next]).await.unwrap();
        }
    }));
    executor.run();
    for burst in 1..=3 {
        let waker = {
            let mut channel = channel.borrow_mut();
            channel.0.extend(0..50);
            channel.1.take()
        };
        waker.unwrap().wake();
        executor.run();
        assert_eq!(script.take_output(), replies(50));
        assert_eq!(script.writes(), burst);
    }
}

#[test]
fn a_reply_goes_out_while_the_next_handler_waits_for_the_client() {
    for cork in [true, false] {
        let (script, mut socket) = server();
        let gate = Gate::new();
        let client_has_seen_it = gate.clone();
        let handler = async move {
            let first = socket.recv().await.unwrap().unwrap();
            socket.send(first).await.unwrap();
            let second = socket.recv().await.unwrap().unwrap();
            client_has_seen_it.wait().await;
            socket.send(second).await.unwrap();
            socket
        };
        let mut executor = Executor::new();
        let handler = if cork {
            executor.spawn(corked(handler))
        } else {
            executor.spawn(handler)
        };
        // Both requests in one segment.
        script.send(requests(2));
        executor.run();
        assert_eq!(script.output(), replies(1), "the first reply is held back");
        gate.open();
        let _socket = executor.finish(&handler);
        assert_eq!(script.output(), replies(2));
    }
}

#[test]
fn a_full_transport_gets_the_reply_when_it_can_while_the_handler_waits_for_something_else() {
    let (script, mut socket) = server();
    script.state().room = 0;
    let gate = Gate::new();
    let elsewhere = gate.clone();
    let mut executor = Executor::new();
    let handler = executor.spawn(corked(async move {
        let request = socket.recv().await.unwrap().unwrap();
        socket.send(request).await.unwrap();
        elsewhere.wait().await;
        socket
    }));
    script.send(requests(1));
    executor.run();
    assert_eq!(script.output(), b"");
    script.room(1);
    executor.run();
    assert_eq!(script.output(), &replies(1)[..1]);
    script.room(100);
    executor.run();
    assert_eq!(script.output(), replies(1));
    gate.open();
    executor.finish(&handler);
}

#[test]
fn a_reply_from_an_inner_scope_that_has_ended_goes_out_while_the_outer_one_waits() {
    let (script, socket) = server();
    script.state().room = 0;
    let gate = Gate::new();
    let elsewhere = gate.clone();
    let mut executor = Executor::new();
    let handler = executor.spawn(corked(async move {
        corked(async { socket.send("inner").await.unwrap() }).await;
        elsewhere.wait().await;
        socket
    }));
    executor.run();
    assert!(!handler.is_done());
    script.room(100);
    executor.run();
    assert_eq!(
        script.output(),
        frame_from(Role::Server, TEXT | FIN, "inner")
    );
    gate.open();
    executor.finish(&handler);
}

#[test]
fn nested_scopes_write_once_at_the_end_of_the_poll() {
    let (script, socket) = server();
    complete(corked(async {
        socket.send("outer").await.unwrap();
        corked(async {
            socket.send("inner").await.unwrap();
            assert_eq!(script.writes(), 0, "the inner scope is not over");
        })
        .await;
        socket.send("outer again").await.unwrap();
    }));
    let texts: Vec<_> = whole_frames(&script.output())
        .into_iter()
        .map(|(_, payload)| String::from_utf8(payload).unwrap())
        .collect();
    assert_eq!(texts, ["outer", "inner", "outer again"]);
    assert_eq!(script.writes(), 1);
}

#[test]
fn messages_sent_before_a_panic_are_written_and_the_thread_is_not_corked_after_it() {
    let (script, socket) = server();
    let sender = socket.sender();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        complete(corked(async {
            corked(async {
                sender.send("before").await.unwrap();
                panic!("the handler panics");
            })
            .await;
        }));
    }));
    assert!(panicked.is_err());
    assert_eq!(
        script.output(),
        frame_from(Role::Server, TEXT | FIN, "before")
    );
    for writes in 2..5 {
        complete(socket.send("after")).unwrap();
        assert_eq!(script.writes(), writes);
    }
}

#[test]
fn a_task_of_its_own_is_outside_of_the_scope_that_started_it() {
    let (script, socket) = server();
    let sender = socket.sender();
    let mut executor = Executor::new();
    let inside = executor.spawn(corked(async move {
        socket.send("inside 1").await.unwrap();
        socket.send("inside 2").await.unwrap();
        socket
    }));
    executor.spawn(async move {
        sender.send("outside 1").await.unwrap();
        sender.send("outside 2").await.unwrap();
    });
    let _socket = executor.finish(&inside);
    assert_eq!(whole_frames(&script.output()).len(), 4);
    assert_eq!(script.writes(), 3);
}

/// A task that forwards to another task's connection ends while the transport is full: its promise ends with it.
#[test]
fn the_promise_of_a_scope_that_is_over_is_no_longer_relied_on() {
    for dropped in [false, true] {
        let (script, socket) = server();
        script.state().room = 0;
        let mut executor = Executor::new();
        let sender = socket.sender();
        let gate = Gate::new();
        let never = Gate::new();
        let forwarder = executor.spawn(corked(async move {
            sender.send("forwarded").await.unwrap();
            if dropped {
                never.wait().await;
            }
        }));
        let other = gate.clone();
        let elsewhere = Gate::new();
        // The owner of the connection waits for something else, in a scope of its own.
        executor.spawn(corked(async move {
            other.wait().await;
            socket.send("own").await.unwrap();
            elsewhere.wait().await;
            drop(socket);
        }));
        executor.run();
        gate.open();
        executor.run();
        if dropped {
            executor.abort(&forwarder);
        }
        script.room(1000);
        executor.run();
        assert_eq!(
            script.output(),
            [
                frame_from(Role::Server, TEXT | FIN, "forwarded"),
                frame_from(Role::Server, TEXT | FIN, "own"),
            ]
            .concat(),
            "dropped: {dropped}"
        );
    }
}

#[test]
fn every_connection_that_a_poll_has_sent_on_is_written_after_it() {
    let open: Vec<_> = (0..50).map(|_| server()).collect();
    complete(corked(async {
        for round in 0..4_u8 {
            for (script, socket) in &open {
                socket.send(vec![round]).await.unwrap();
                assert_eq!(script.writes(), 0);
            }
        }
    }));
    for (script, _) in &open {
        assert_eq!(script.output(), replies(4));
        assert_eq!(script.writes(), 1);
    }
}

#[test]
fn what_is_sent_after_a_flush_is_promised_anew() {
    let sockets = [server(), server()];
    complete(corked(async {
        for (_, socket) in &sockets {
            socket.send("before").await.unwrap();
        }
        // The one that was listed last, and the one that was listed before it.
        for (_, socket) in sockets.iter().rev() {
            socket.flush().await.unwrap();
        }
        for (script, socket) in &sockets {
            assert_eq!(script.writes(), 1);
            socket.send("after").await.unwrap();
            socket.send("and again").await.unwrap();
            assert_eq!(script.writes(), 1);
        }
    }));
    for (script, _) in &sockets {
        assert_eq!(whole_frames(&script.output()).len(), 3);
        assert_eq!(script.writes(), 2);
    }
}

#[test]
fn a_corked_sender_writes_when_the_soft_mark_is_reached() {
    let config = Config::new(Role::Server).soft_mark(1000);
    let (script, socket) = open(Role::Server, &config);
    complete(corked(async {
        for _ in 0..10 {
            socket.send(vec![0; 98]).await.unwrap();
        }
        assert_eq!(script.writes(), 0);
        socket.send(vec![0; 98]).await.unwrap();
        assert_eq!(script.state().writes, [1100]);
    }));
}

#[test]
fn pongs_of_one_read_go_out_in_one_write() {
    let (script, mut socket) = server();
    for index in 0..10_u8 {
        script.send(
            [
                frame(Role::Server, PING, [index]),
                frame(Role::Server, PING, []),
            ]
            .concat(),
        );
        let mut recv = pin!(socket.recv());
        assert!(poll_once(recv.as_mut()).is_pending());
        let pongs = [
            frame_from(Role::Server, PONG, [index]),
            frame_from(Role::Server, PONG, []),
        ];
        assert_eq!(script.take_output(), pongs.concat());
        assert_eq!(script.writes(), usize::from(index) + 1);
    }
}

#[test]
fn a_large_message_of_a_server_is_one_vectored_write_without_a_copy() {
    for len in [4096, 100_000] {
        let (script, socket) = server();
        let message = Message::from(payload::seq(len));
        complete(socket.send(message.clone())).unwrap();
        let state = script.state();
        assert_eq!(state.writes.len(), 1);
        assert_eq!(state.runs, 2, "a header and the payload itself");
        let expected = frame_from(Role::Server, BINARY | FIN, message.as_bytes());
        assert!(state.output == expected);
    }
    // A smaller one is copied behind its header.
    let (script, socket) = server();
    complete(socket.send(vec![1; 4095])).unwrap();
    assert_eq!((script.writes(), script.state().runs), (1, 1));
}

#[test]
fn a_transport_without_vectored_writes_never_gets_a_lone_header() {
    let (script, transport) = Script::new();
    script.state().vectored = false;
    let config = Config::new(Role::Server);
    let socket = bowline_io::WebSocket::new(
        Role::Server,
        transport,
        &config,
        None,
        bytes::BytesMut::new(),
    );
    complete(socket.send(payload::seq(100_000))).unwrap();
    let state = script.state();
    assert_eq!(state.writes[0], 16 * 1024);
    assert_eq!(state.runs, 1);
    assert!(state.output == frame_from(Role::Server, BINARY | FIN, payload::seq(100_000)));
}

#[test]
fn queue_writes_at_once_unless_a_scope_has_promised_to() {
    let (script, socket) = server();
    socket.queue("now").unwrap();
    assert_eq!(script.writes(), 1);
    complete(corked(async {
        socket.queue("later").unwrap();
        socket.queue("together").unwrap();
        assert_eq!(script.writes(), 1);
    }));
    assert_eq!(script.writes(), 2);
    assert_eq!(whole_frames(&script.output()).len(), 3);
}

#[test]
fn feed_waits_for_flush_or_for_the_receiver_to_wait() {
    let (script, mut socket) = server();
    complete(socket.feed("one")).unwrap();
    complete(socket.feed("two")).unwrap();
    assert_eq!(script.writes(), 0);
    complete(socket.flush()).unwrap();
    assert_eq!(script.writes(), 1);
    complete(socket.feed("three")).unwrap();
    // A message that is there already is handed out first.
    script.send([requests(2), close_frame(Role::Server, 1000, "")].concat());
    assert!(poll_once(pin!(socket.recv())).is_ready());
    assert!(poll_once(pin!(socket.recv())).is_ready());
    assert_eq!(whole_frames(&script.output()).len(), 3);
}

#[test]
fn flush_returns_when_a_transport_that_holds_bytes_back_has_moved_them() {
    let (script, socket) = server();
    {
        let mut state = script.state();
        state.holding = true;
        state.flush_blocked = true;
    }
    complete(socket.feed("held")).unwrap();
    let mut flush = pin!(socket.flush());
    assert!(poll_once(flush.as_mut()).is_pending());
    assert_eq!(script.output(), b"");
    script.state().flush_blocked = false;
    assert!(poll_once(flush.as_mut()).is_ready());
    assert_eq!(
        script.output(),
        frame_from(Role::Server, TEXT | FIN, "held")
    );
}
