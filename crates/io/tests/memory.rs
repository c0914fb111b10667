//! What connections cost in memory, by a counting allocator.

mod common;

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_io::{Config, Message, PollRead, PollWrite, Role, Transport, WebSocket};
use bowline_testing::alloc::CountingAllocator;
use bowline_testing::extension::RunLength;
use bowline_testing::payload;
use bowline_testing::wire::{BINARY, FIN, PING, RSV2, RSV3, TEXT, frame};
use bytes::BytesMut;

use common::{Fake, advance, complete, poll_once};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// A transport without memory of its own: all of a thread read the same input, and what they write is counted.
struct Lean;

impl Transport for Lean {
    type Reader = Self;
    type Writer = Self;
    type Timer = Fake;

    fn divide(self) -> (Self, Self) {
        (Self, Self)
    }
}

impl PollRead for Lean {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        INPUT.with_borrow_mut(|input| {
            let (bytes, used) = input;
            let count = buffer.len().min(bytes.len() - *used);
            if count == 0 {
                return Poll::Pending;
            }
            buffer[..count].copy_from_slice(&bytes[*used..*used + count]);
            *used += count;
            Poll::Ready(Ok(count))
        })
    }
}

impl PollWrite for Lean {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        WRITTEN.set(WRITTEN.get() + bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

thread_local! {
    static INPUT: RefCell<(Vec<u8>, usize)> = const { RefCell::new((Vec::new(), 0)) };
    static WRITTEN: Cell<usize> = const { Cell::new(0) };
}

fn socket() -> WebSocket<Lean> {
    let config = Config::new(Role::Server);
    WebSocket::new(Role::Server, Lean, &config, None, BytesMut::new())
}

fn input(bytes: Vec<u8>) {
    INPUT.set((bytes, 0));
}

/// The same input once more.
fn again() {
    INPUT.with_borrow_mut(|(_, used)| *used = 0);
}

/// Calls `take` until nothing is there; gives how often it took something.
fn drain(mut take: impl FnMut() -> bool) -> usize {
    let mut taken = 0;
    // The first time it may only have let others run.
    while take() || take() {
        taken += 1;
    }
    taken
}

/// Receives until nothing is there, and answers with what came.
fn echo_all(socket: &mut WebSocket<Lean>) -> usize {
    drain(|| {
        let received = poll_once(pin!(socket.recv()));
        let Poll::Ready(message) = received else {
            return false;
        };
        let message = message.unwrap().unwrap();
        poll_once(pin!(socket.send(message))).is_ready()
    })
}

/// What a connection costs after `run`, its own size included, in bytes: the mean of `count` with the same input.
fn each_keeps(count: usize, mut run: impl FnMut(&mut WebSocket<Lean>)) -> usize {
    let mut one = || {
        again();
        let mut socket = socket();
        run(&mut socket);
        socket
    };
    // The thread's own buffers.
    let _warm = one();
    let (_sockets, used) = ALLOCATOR.measure(|| (0..count).map(|_| one()).collect::<Vec<_>>());
    used.kept.unsigned_abs() / count
}

#[test]
fn an_idle_connection_owns_no_buffer_whatever_has_passed_through_it() {
    let everything = [
        frame(Role::Server, TEXT | FIN, "hello"),
        frame(Role::Server, PING, "are you there"),
        frame(Role::Server, BINARY, vec![1; 9_000]),
        frame(Role::Server, PING, ""),
        frame(Role::Server, FIN, vec![2; 200_000]),
    ]
    .concat();
    input(everything);
    let each = each_keeps(500, |socket| assert_eq!(echo_all(socket), 2));
    assert!(each <= 1024, "{each} bytes each");
}

#[test]
fn messages_of_64_kib_in_all_that_come_at_once_are_read_at_once() {
    for count in [1, 2, 4, 8] {
        let len = 65_536 / count;
        input(frame(Role::Server, BINARY | FIN, vec![7; len]).repeat(count));
        let mut socket = socket();
        assert_eq!(echo_all(&mut socket), count);
        again();
        let mut received = Vec::with_capacity(count);
        let ((), used) = ALLOCATOR.measure(|| {
            while received.len() < count {
                if let Poll::Ready(message) = poll_once(pin!(socket.recv())) {
                    received.extend(message.unwrap());
                }
            }
        });
        // Each is copied out once, and none was put together. One alone was foreseen: it is not copied, and what shares
        // its memory is the second allocation.
        assert_eq!(used.allocations, count.max(2));
    }
}

#[test]
fn a_program_that_waits_for_something_else_after_an_event_or_a_chunk_holds_no_buffer() {
    input(frame(Role::Server, TEXT | FIN, "hello"));
    for chunks in [false, true] {
        let each = each_keeps(100, |socket| {
            if chunks {
                complete(socket.recv_chunk()).unwrap().unwrap();
            } else {
                complete(socket.recv_event()).unwrap().unwrap();
            }
        });
        assert!(each <= 800, "{each} bytes each, {chunks}");
    }
}

/// Chunks are decoded into a buffer, which nobody needs behind the last.
// covers PMD-8-03
#[test]
fn who_has_read_a_message_in_chunks_and_waits_holds_no_buffer() {
    let runs = [255, 1].repeat(20);
    input(frame(Role::Server, BINARY | FIN | RSV2 | RSV3, runs));
    for chunked in [false, true] {
        let each = each_keeps(100, |place| {
            let config = Config::new(Role::Server);
            let extension = Some(RunLength::new(255).boxed());
            let mut socket =
                WebSocket::new(Role::Server, Lean, &config, extension, BytesMut::new());
            loop {
                if let Poll::Ready(chunk) = poll_once(pin!(socket.recv_chunk()))
                    && chunk.unwrap().unwrap().last
                {
                    break;
                }
            }
            assert!(match chunked {
                false => poll_once(pin!(socket.recv())).is_pending(),
                true => poll_once(pin!(socket.recv_chunk())).is_pending(),
            });
            *place = socket;
        });
        assert!(each <= 2048, "{each} bytes each, in chunks: {chunked}");
    }
}

#[test]
fn a_timer_that_comes_and_a_message_that_is_refused_leave_no_buffer() {
    input(frame(Role::Server, TEXT | FIN, "hello"));
    let mut sockets: Vec<_> = (0..100).map(|_| socket()).collect();
    for socket in &mut sockets {
        again();
        assert_eq!(echo_all(socket), 1);
    }
    // Half a period, a message, and the other half: the timer comes, but there is no silence to break.
    advance(Duration::from_secs(10));
    for socket in &mut sockets {
        again();
        assert!(poll_once(pin!(socket.recv())).is_ready());
        assert!(poll_once(pin!(socket.recv())).is_pending());
    }
    advance(Duration::from_secs(10));
    WRITTEN.set(0);
    let ((), used) = ALLOCATOR.measure(|| {
        for socket in &mut sockets {
            assert!(poll_once(pin!(socket.recv())).is_pending());
            complete(socket.ping([0; 126])).unwrap_err();
        }
    });
    assert_eq!(WRITTEN.get(), 0);
    assert!(used.kept < 100 * 512, "{used:?}");
}

#[test]
fn ten_thousand_half_frames_cost_what_was_sent() {
    // Too short for a read of its own.
    let half = frame(Role::Server, BINARY | FIN, vec![7; 10_000])[..108].to_vec();
    input(half);
    let each = each_keeps(10_000, |socket| assert_eq!(echo_all(socket), 0));
    assert!(each <= 1024 + 2 * 100, "{each} bytes each");
}

#[test]
fn the_beginning_of_a_large_message_costs_at_most_twice_what_was_sent_and_16_kib() {
    for sent in [20, 1_000, 50_000, 300_000] {
        let mut half = frame(Role::Server, BINARY | FIN, vec![7; 1_000_000]);
        half.truncate(14 + sent);
        input(half);
        let most = 1024 + 2 * sent + 16 * 1024;
        let each = each_keeps(100, |socket| assert_eq!(echo_all(socket), 0));
        assert!(each <= most, "{sent} sent, {each} bytes each");
        // Nor does it where all of the message was foreseen; the queue that the one before went through is kept.
        let half = INPUT.take();
        let each = each_keeps(100, |socket| {
            input(frame(Role::Server, BINARY | FIN, vec![7; 1_000_000]));
            assert_eq!(echo_all(socket), 1);
            input(half.0.clone());
            assert_eq!(echo_all(socket), 0);
            input(Vec::new());
        });
        assert!(each <= most + 256, "{sent} sent, {each} bytes each");
    }
}

#[test]
fn an_echo_of_borrowed_messages_allocates_nothing() {
    let messages = [
        frame(Role::Server, TEXT | FIN, "hello"),
        frame(Role::Server, BINARY | FIN, ""),
        frame(Role::Server, BINARY | FIN, [0; 1024]),
        frame(Role::Server, PING, "?"),
    ];
    input(messages.concat().repeat(50));
    let mut socket = socket();
    let mut round = || {
        again();
        drain(|| match poll_once(pin!(socket.recv_ref())) {
            Poll::Ready(lent) => {
                let (message, sender) = lent.unwrap().unwrap();
                assert!(poll_once(pin!(sender.send_ref(message))).is_ready());
                true
            }
            Poll::Pending => false,
        })
    };
    let warm = round();
    let (messages, used) = ALLOCATOR.measure(&mut round);
    assert_eq!((warm, messages), (150, 150));
    // All of it lies in one read: a message that is cut by two would be put together.
    assert_eq!((used.allocations, used.kept), (0, 0));
}

#[test]
fn recv_allocates_once_per_small_message() {
    input(frame(Role::Server, TEXT | FIN, "hello").repeat(1000));
    let mut socket = socket();
    let mut round = || {
        again();
        drain(|| match poll_once(pin!(socket.recv())) {
            Poll::Ready(message) => !message.unwrap().unwrap().is_empty(),
            Poll::Pending => false,
        })
    };
    let warm = round();
    let (messages, used) = ALLOCATOR.measure(&mut round);
    assert_eq!((warm, messages), (1000, 1000));
    assert_eq!((used.allocations, used.kept), (1000, 0));
}

#[test]
fn a_small_message_that_is_kept_pins_its_own_bytes_only() {
    let wire = frame(Role::Server, BINARY | FIN, [7; 16]);
    input(wire.repeat(1000));
    let mut socket = socket();
    let mut kept: Vec<Message> = Vec::with_capacity(1000);
    assert_eq!(echo_all(&mut socket), 1000);
    again();
    let ((), used) = ALLOCATOR.measure(|| {
        while kept.len() < 1000 {
            if let Poll::Ready(message) = poll_once(pin!(socket.recv())) {
                kept.push(message.unwrap().unwrap());
            }
        }
        assert!(poll_once(pin!(socket.recv())).is_pending());
    });
    let each = used.kept / 1000;
    assert!(each <= 48, "{each} bytes each");
}

#[test]
fn a_large_message_is_read_into_its_own_buffer_and_leaves_nothing() {
    let payload = payload::seq(5_000_000);
    input(frame(Role::Server, BINARY | FIN, &payload));
    let mut socket = socket();
    let (message, used) = ALLOCATOR.measure(|| {
        loop {
            if let Poll::Ready(message) = poll_once(pin!(socket.recv())) {
                break message.unwrap().unwrap();
            }
        }
    });
    assert!(message.as_bytes() == payload);
    // What it holds, and what it held while it grew, and the thread's block.
    assert!(used.peak <= 3 * payload.len() + 200_000, "{used:?}");
    let ((), used) = ALLOCATOR.measure(|| drop(message));
    assert!(used.kept <= -5_000_000, "{used:?}");
    let (pending, used) = ALLOCATOR.measure(|| poll_once(pin!(socket.recv())).is_pending());
    assert!(pending);
    assert!(used.kept < 1024, "{used:?}");
}

#[test]
fn a_large_message_is_sent_without_a_copy() {
    let socket = socket();
    complete(socket.send("warm")).unwrap();
    let message = Message::from(payload::seq(1_000_000));
    let ((), used) = ALLOCATOR.measure(|| complete(socket.send(message)).unwrap());
    assert!(used.peak < 32 * 1024, "{used:?}");
}
