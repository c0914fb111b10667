//! When a flusher writes what a task has queued outside of a scope: counted, and ordered by events.

mod common;

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use bowline_io::{Config, Error, Flusher, Flushing, Role, corked};
use bowline_testing::payload;
use bowline_testing::wire::{BINARY, CLOSE, FIN, TEXT, frame, frame_from, whole_frames};

use bytes::Buf as _;
use common::{
    Executor, Fault, Gate, Handle, Script, Socket, advance, end_thread, open, poll_once,
    poll_times, server, spawned, swap_thread, task,
};

async fn echo(mut socket: Socket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

fn requests(count: u8) -> Vec<u8> {
    (0..count)
        .flat_map(|index| frame(Role::Server, BINARY | FIN, [index]))
        .collect()
}

fn replies(count: u8) -> Vec<u8> {
    (0..count)
        .flat_map(|index| frame_from(Role::Server, BINARY | FIN, [index]))
        .collect()
}

fn text(text: &str) -> Vec<u8> {
    frame_from(Role::Server, TEXT | FIN, text)
}

/// An executor whose tasks have a flusher.
#[derive(Default)]
struct Runtime {
    executor: Executor,
    flushers: Vec<Handle<()>>,
    tasks: u32,
}

impl Runtime {
    /// Spawns a task of the runtime with this number.
    fn spawn_on<T: 'static>(
        &mut self,
        runtime: u32,
        future: impl Future<Output = T> + 'static,
    ) -> Handle<T> {
        self.tasks += 1;
        self.executor.spawn(task(self.tasks, runtime, future))
    }

    fn spawn<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> Handle<T> {
        self.spawn_on(1, future)
    }

    /// Polls whoever was woken, until nobody is; flushers after those who woke them.
    fn run(&mut self) {
        self.executor.run();
        for flushing in spawned() {
            self.flushers.push(self.executor.spawn(flushing));
        }
        self.executor.run();
    }

    #[track_caller]
    fn finish<T>(&mut self, handle: &Handle<T>) -> T {
        self.run();
        self.executor.finish(handle)
    }
}

/// Polls a task once, up to where it waits, and gives its flusher, which was not polled yet.
#[track_caller]
fn queued(task_once: impl Future) -> Flushing {
    assert!(poll_once(pin!(task(1, 1, task_once))).is_ready());
    spawned().pop().expect("a flusher")
}

#[test]
fn a_plain_echo_makes_one_write_per_read() {
    let (script, socket) = server();
    let mut runtime = Runtime::default();
    runtime.spawn(echo(socket));
    for count in [100, 1, 16] {
        script.send(requests(count));
        runtime.run();
        assert_eq!(script.take_output(), replies(count));
    }
    let state = script.state();
    assert_eq!((state.reads, state.writes.len()), (3, 3));
}

#[test]
fn a_lone_message_costs_one_read_and_one_write() {
    let (script, socket) = server();
    let mut runtime = Runtime::default();
    runtime.spawn(echo(socket));
    runtime.run();
    let idle = script.state().read_calls;
    for _ in 0..10 {
        script.send(requests(1));
        runtime.run();
    }
    let state = script.state();
    assert_eq!((state.reads, state.writes.len()), (10, 10));
    // The read that gives the message, and the one that finds nothing more.
    assert_eq!(state.read_calls - idle, 20);
}

#[test]
fn a_reply_goes_out_while_the_next_handler_waits_for_the_client() {
    let (script, mut socket) = server();
    let gate = Gate::new();
    let client_has_seen_it = gate.clone();
    let mut runtime = Runtime::default();
    let handler = runtime.spawn(async move {
        let first = socket.recv().await.unwrap().unwrap();
        socket.send(first).await.unwrap();
        let second = socket.recv().await.unwrap().unwrap();
        client_has_seen_it.wait().await;
        socket.send(second).await.unwrap();
        socket
    });
    // Both requests in one segment.
    script.send(requests(2));
    runtime.run();
    assert_eq!(script.output(), replies(1), "the first reply is held back");
    gate.open();
    let _socket = runtime.finish(&handler);
    assert_eq!(script.output(), replies(2));
    assert_eq!(script.writes(), 2);
}

/// Sends 200 messages to a transport that is full, and waits for something else.
fn stuck(script: &Script, socket: Socket, gate: &Gate, runtime: &mut Runtime) -> Handle<Socket> {
    script.state().room = 0;
    let elsewhere = gate.clone();
    let another = gate.clone();
    let sender = socket.sender();
    let handler = runtime.spawn(async move {
        for index in 0..100 {
            socket.send(vec![index]).await.unwrap();
        }
        elsewhere.wait().await;
        socket
    });
    runtime.spawn(async move {
        for index in 100..200 {
            sender.send(vec![index]).await.unwrap();
        }
        another.wait().await;
    });
    handler
}

#[test]
fn a_full_transport_gets_all_in_order_when_it_can_while_the_tasks_wait_for_something_else() {
    let (script, socket) = server();
    let (gate, mut runtime) = (Gate::new(), Runtime::default());
    let handler = stuck(&script, socket, &gate, &mut runtime);
    runtime.run();
    assert_eq!(script.output(), b"");
    for room in [1, 2, 100] {
        script.room(room);
        runtime.run();
    }
    assert_eq!(script.output(), &replies(200)[..103]);
    script.room(usize::MAX);
    runtime.run();
    assert_eq!(script.output(), replies(200));
    gate.open();
    runtime.finish(&handler);
}

#[test]
fn a_peer_that_reads_nothing_makes_send_wait_at_the_soft_mark() {
    let config = Config::new(Role::Server).soft_mark(1000);
    let (script, socket) = open(Role::Server, &config);
    script.state().room = 0;
    let mut runtime = Runtime::default();
    let handler = runtime.spawn(async move {
        for index in 0..=255 {
            socket.send(vec![index]).await.unwrap();
            socket.send(vec![0; 100]).await.unwrap();
        }
        socket
    });
    runtime.run();
    assert!(!handler.is_done());
    let mut sent = Vec::new();
    while !handler.is_done() || sent.len() < 256 * (3 + 102) {
        script.room(997);
        runtime.run();
        let output = script.take_output();
        assert!(!output.is_empty() && output.len() <= 997);
        sent.extend(output);
    }
    let numbers: Vec<_> = whole_frames(&sent)
        .iter()
        .step_by(2)
        .map(|(_, payload)| payload[0])
        .collect();
    assert!(numbers.iter().copied().eq(0..=255));
    runtime.finish(&handler);
}

#[test]
fn an_error_that_the_flusher_finds_is_given_to_whoever_asks_next() {
    for next in ["send", "flush", "recv"] {
        let (script, mut socket) = server();
        script.state().fault = Some((0, Fault::Error(ErrorKind::BrokenPipe)));
        let gate = Gate::new();
        let found = gate.clone();
        let mut runtime = Runtime::default();
        let handler = runtime.spawn(async move {
            socket.send("accepted").await.unwrap();
            found.wait().await;
            match next {
                "send" => socket.send("refused").await,
                "flush" => socket.flush().await,
                _ => socket.recv().await.map(drop),
            }
        });
        runtime.run();
        gate.open();
        // What comes from the peer is awaited first.
        script.end();
        let error = runtime.finish(&handler).unwrap_err();
        assert!(
            matches!(&error, Error::Transport(error) if error.kind() == ErrorKind::BrokenPipe),
            "{next}: {error:?}"
        );
    }
}

#[test]
fn what_is_sent_right_before_the_socket_is_dropped_arrives() {
    let (script, socket) = server();
    let mut runtime = Runtime::default();
    let task = runtime.spawn(async move { socket.send("last").await.unwrap() });
    runtime.finish(&task);
    let sent = whole_frames(&script.output());
    assert_eq!(sent[0], (TEXT | FIN, b"last".to_vec()));
    assert_eq!(sent[1].0, CLOSE);
    assert!(script.state().writer_dropped);
}

#[test]
fn what_a_sender_sends_right_before_it_is_dropped_arrives_though_nobody_receives() {
    for room in [0, 100] {
        let (script, socket) = server();
        script.state().room = room;
        let sender = socket.sender();
        let mut runtime = Runtime::default();
        let task = runtime.spawn(async move { sender.send("last").await.unwrap() });
        runtime.finish(&task);
        script.room(100);
        runtime.run();
        assert_eq!(script.output(), text("last"));
        drop(socket);
    }
}

#[test]
fn what_is_sent_right_before_the_socket_is_taken_apart_is_written_or_in_the_parts() {
    for room in [100, 2] {
        let (script, socket) = server();
        script.state().room = room;
        let mut runtime = Runtime::default();
        let task = runtime.spawn(async move {
            socket.send("last").await.unwrap();
            socket.into_parts().unwrap()
        });
        let mut parts = runtime.finish(&task);
        let left = parts.outbound.transmit().chunk().to_vec();
        assert_eq!([script.output(), left].concat(), text("last"));
        assert_eq!(script.output().len(), room.min(6));
    }
}

#[test]
fn a_runtime_that_ends_offers_what_is_listed_once() {
    let (script, mut socket) = server();
    let flusher = queued(socket.send("listed"));
    assert_eq!(script.output(), b"");
    drop(flusher);
    assert_eq!(script.output(), text("listed"));

    // A transport that takes nothing gets it from the receiver.
    script.state().room = 0;
    let flusher = queued(socket.send("left"));
    let mut runtime = Runtime::default();
    let receiver = runtime.spawn(async move { socket.recv().await.map(drop) });
    runtime.run();
    drop(flusher);
    script.room(100);
    runtime.run();
    assert_eq!(script.output(), [text("listed"), text("left")].concat());
    assert!(!receiver.is_done());
}

#[test]
fn what_is_sent_after_a_runtime_has_ended_has_a_new_flusher() {
    let (script, socket) = server();
    script.state().room = 0;
    for stuck in [false, true] {
        let mut flusher = queued(socket.send("one"));
        if stuck {
            assert!(poll_once(pin!(&mut flusher)).is_pending());
        }
        drop(flusher);
        // The same task, though it can't be, and another one.
        for number in [1, 2] {
            let sent = pin!(task(number, 1, socket.send("two")));
            assert!(poll_once(sent).is_ready());
        }
        let mut spawned = spawned();
        assert_eq!(spawned.len(), 1);
        script.room(10_000);
        assert!(poll_once(pin!(&mut spawned[0])).is_pending());
        let expected = [text("one"), text("two"), text("two")].concat();
        assert_eq!(script.take_output(), expected);
        script.room(0);
        end_thread();
    }
}

#[test]
fn a_task_that_is_asked_while_its_runtime_ends_writes_at_once() {
    let (script, socket) = server();
    // The runtime drops what is spawned.
    let sent = task(1, 1, async {
        let mut sent = pin!(socket.send("now"));
        poll_once(sent.as_mut()).is_ready()
    });
    assert!(poll_once(pin!(sent)).is_ready());
    drop(spawned());
    assert_eq!(script.output(), text("now"));
}

#[test]
fn runtimes_that_take_turns_on_a_thread_have_a_flusher_each() {
    let (script, socket) = server();
    let mut runtime = Runtime::default();
    for turn in 0..4_u32 {
        let sender = socket.sender();
        let task = runtime.spawn_on(turn % 2, async move { sender.send("hello").await });
        runtime.finish(&task).unwrap();
        assert_eq!(script.take_output(), text("hello"));
        // The one before has nothing to wait for.
        let ended = runtime
            .flushers
            .iter()
            .filter(|flusher| flusher.is_done())
            .count();
        assert_eq!(
            (runtime.flushers.len(), ended),
            (turn as usize + 1, turn as usize)
        );
    }
}

#[test]
fn a_flusher_ends_after_its_thread_when_nothing_is_left_to_write() {
    let (script, socket) = server();
    script.state().room = 0;
    let mut flusher = queued(socket.send("hello"));
    end_thread();
    assert!(poll_once(pin!(&mut flusher)).is_pending());
    script.room(100);
    assert_eq!(script.output(), b"");
    assert!(poll_times(flusher, 10).is_some());
    assert_eq!(script.output(), text("hello"));
}

#[test]
fn a_transport_that_panics_takes_nothing_away_from_others() {
    let (broken, first) = server();
    let (script, second) = server();
    broken.state().fault = Some((0, Fault::Panic));
    let mut runtime = Runtime::default();
    let (one, other) = (first.sender(), second.sender());
    runtime.spawn(async move {
        one.send("never").await.unwrap();
        other.send("written").await.unwrap();
    });
    runtime.run();
    assert_eq!(script.take_output(), text("written"));
    // Its owner is told.
    let told = poll_times(first.flush(), 1).expect("nothing to wait for");
    let Err(Error::Transport(error)) = told else {
        panic!("{told:?}");
    };
    assert_eq!(error.to_string(), "the transport panicked");
    let behind = poll_times(first.send("never"), 1);
    assert!(matches!(behind, Some(Err(Error::Closed))), "{behind:?}");
    let again = second.sender();
    runtime.spawn(async move { again.send("still").await.unwrap() });
    runtime.run();
    assert_eq!(script.take_output(), text("still"));
    broken.state().fault = None;
}

#[test]
fn messages_sent_before_a_panic_are_written() {
    let (script, socket) = server();
    let sender = socket.sender();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let panics = async {
            sender.send("before").await.unwrap();
            panic!("the handler panics");
        };
        let _ = poll_once(pin!(task(1, 1, panics)));
    }));
    assert!(panicked.is_err());
    let mut flusher = spawned().pop().unwrap();
    assert!(poll_once(pin!(&mut flusher)).is_pending());
    assert_eq!(script.output(), text("before"));
}

#[test]
fn a_task_that_only_sends_writes_once_in_256_messages() {
    let (script, socket) = server();
    let flusher = queued(async {
        for number in 1..=600 {
            socket.send(vec![0]).await.unwrap();
            assert_eq!(script.writes(), number / 256, "message {number}");
        }
    });
    assert_eq!(script.writes(), 2);
    let mut flusher = pin!(flusher);
    assert!(poll_once(flusher.as_mut()).is_pending());
    assert_eq!(script.writes(), 3);
    assert_eq!(script.output().len(), 600 * 3);
}

#[test]
fn what_a_task_sends_between_computations_goes_out_in_between() {
    let (script, socket) = server();
    let flusher = queued(async {
        for number in 1..=10 {
            socket.send(vec![0]).await.unwrap();
            // Every other message looks at the clock, and takes the one before it along.
            assert_eq!(script.writes(), number / 2, "message {number}");
            advance(Duration::from_millis(1));
        }
        for _ in 0..100 {
            socket.send(vec![0]).await.unwrap();
        }
        assert_eq!(script.writes(), 5, "the clock stands still");
    });
    drop(flusher);
    assert_eq!(script.writes(), 6);
    assert_eq!(script.output().len(), 110 * 3);
}

/// Sends `count` messages, in turn from two tasks whose threads have a flusher each, and gives the flushers. Neither is
/// polled: both threads compute. `sent` is called after each message, with its number.
fn taking_turns(socket: &Socket, count: usize, sent: impl Fn(usize)) -> Vec<Flushing> {
    let mut flushers = [Flusher::default(), Flusher::default()];
    let mut flushing = Vec::new();
    for number in 1..=count {
        // What is the thread's becomes the other thread's.
        let turn = number % 2;
        swap_thread(&mut flushers[turn]);
        assert!(poll_once(pin!(task(turn as u32, 1, socket.send(vec![0])))).is_ready());
        flushing.extend(spawned());
        swap_thread(&mut flushers[turn]);
        sent(number);
    }
    assert_eq!(flushing.len(), 2.min(count));
    flushing
}

#[test]
fn tasks_of_two_threads_that_take_turns_write_once_in_256_messages() {
    let (script, socket) = server();
    let flushers = taking_turns(&socket, 600, |number| {
        assert_eq!(script.writes(), number / 256, "message {number}");
    });
    drop(flushers);
    assert_eq!(script.writes(), 3);
    assert_eq!(script.output().len(), 600 * 3);
}

#[test]
fn what_tasks_of_two_threads_send_between_computations_goes_out_in_between() {
    let (script, socket) = server();
    let flushers = taking_turns(&socket, 10, |number| {
        assert_eq!(script.writes(), number / 2, "message {number}");
        advance(Duration::from_millis(1));
    });
    drop(flushers);
    assert_eq!(script.output().len(), 10 * 3);
}

#[test]
fn a_connection_of_two_threads_is_not_listed_for_each_message() {
    let (script, socket) = server();
    let flushers = taking_turns(&socket, 10_000, |_| {});
    for flusher in flushers {
        // 128 are written in a poll.
        assert!(poll_times(flusher, 3).is_some());
    }
    assert_eq!(script.output().len(), 10_000 * 3);
}

#[test]
fn what_is_listed_later_does_not_prolong_the_wait_of_another_connection() {
    let (script, socket) = server();
    let (_other, later) = server();
    let flusher = queued(async {
        socket.send(vec![0]).await.unwrap();
        advance(Duration::from_millis(1));
        later.send(vec![0]).await.unwrap();
        socket.send(vec![0]).await.unwrap();
        assert_eq!(script.writes(), 1);
    });
    drop(flusher);
}

#[test]
fn what_was_written_meanwhile_is_not_counted() {
    let (script, socket) = server();
    let flusher = queued(async {
        for _ in 0..200 {
            socket.send(vec![0]).await.unwrap();
        }
        socket.flush().await.unwrap();
        advance(Duration::from_millis(1));
        for number in 1..=256 {
            socket.send(vec![0]).await.unwrap();
            assert_eq!(script.writes(), 1 + number / 256, "message {number}");
        }
    });
    drop(flusher);
}

#[test]
fn feed_is_left_to_flush() {
    let (script, socket) = server();
    let fed = task(1, 1, async { socket.feed("fed").await });
    assert!(poll_once(pin!(fed)).is_ready());
    assert!(spawned().is_empty());
    assert_eq!(script.writes(), 0);
}

#[test]
fn a_scope_in_a_task_needs_no_flusher() {
    let (script, socket) = server();
    let sent = task(1, 1, corked(async { socket.send("scope").await }));
    assert!(poll_once(pin!(sent)).is_ready());
    assert!(spawned().is_empty());
    assert_eq!(script.output(), text("scope"));
}

#[test]
fn a_transport_may_wake_from_inside_its_write() {
    let (script, socket) = server();
    script.stutter();
    let mut runtime = Runtime::default();
    let message = payload::seq(100);
    let sent = message.clone();
    let task = runtime.spawn(async move {
        socket.send(sent).await.unwrap();
        socket
    });
    let _socket = runtime.finish(&task);
    let expected = frame_from(Role::Server, BINARY | FIN, message);
    assert_eq!(script.output(), expected);
}

#[test]
fn others_run_while_many_connections_are_written() {
    let open: Vec<_> = (0..300).map(|_| server()).collect();
    let flusher = queued(async {
        for (_, socket) in &open {
            socket.send("hello").await.unwrap();
        }
    });
    let mut flusher = pin!(flusher);
    for written in [128, 256, 300] {
        assert!(poll_once(flusher.as_mut()).is_pending());
        let count = open.iter().filter(|(script, _)| script.writes() == 1);
        assert_eq!(count.count(), written);
    }
    end_thread();
    assert!(poll_once(flusher).is_ready());
}
