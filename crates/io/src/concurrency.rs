//! What threads that share a connection may do to each other: loom runs each model once for every order that its
//! threads' locks and atomics can be used in, and fails when all of them wait.
//!
//! A pipe that holds a few bytes makes everybody wait for the peer, and no clock runs: whoever is not woken is never
//! woken. To end in seconds, a model tries the orders with no more than one, two or three preemptions; where a thread
//! waits, any other may follow at no charge.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bowline_extension::{Decode, Encode, Extension, ExtensionError, Outgoing, Progress};
use bowline_frame::{MessageKind, Rsv};
use bowline_testing::wire::{BINARY, CLOSE, FIN, Frame, close_frame, frames, whole_frames};
use bytes::BytesMut;
use loom::sync::Condvar;
use loom::thread::{self, JoinHandle};

use crate::sync::{Mutex, thread_local};
use crate::{
    CloseCode, Config, Error, Flusher, Flushing, Memory, MemoryReader, MemoryWriter, PollRead,
    PollWrite, Queued, Role, Timer, Transport, WebSocket, corked,
};

type Socket = WebSocket<Memory<Still>>;
type Receiver = crate::Receiver<Memory<Still>>;

#[test]
fn messages_of_two_senders_arrive_whole_and_in_order() {
    model(2, || {
        let (socket, mut peer) = open(4);
        let (receiver, one) = socket.split();
        let other = one.clone();
        let one = spawn(async move {
            one.send(vec![10]).await.unwrap();
            one.send(vec![11]).await.unwrap();
        });
        let other = spawn(async move { other.send(vec![20]).await.unwrap() });

        let (sent, _) = block_on(peer.read_frames(3));
        let of = |sender: u8| {
            let mut payloads: Vec<_> = sent.iter().map(|(_, payload)| payload[0]).collect();
            payloads.retain(|payload| payload / 10 == sender);
            payloads
        };
        assert!(sent.iter().all(|(first, _)| *first == BINARY | FIN));
        assert_eq!((of(1), of(2)), (vec![10, 11], vec![20]));
        join([one, other]);
        drop(receiver);
    });
}

#[test]
fn a_receiver_and_two_senders_write_for_each_other() {
    model(1, || {
        let (socket, mut peer) = open(4);
        let (receiver, one) = socket.split();
        let other = one.clone();
        let one = spawn(async move { one.send(vec![1]).await.unwrap() });
        let other = spawn(async move { other.send(vec![2]).await.unwrap() });
        let receiver = spawn_receiver(receiver);
        let (mut sent, _) = block_on(peer.read_frames(2));
        sent.sort_unstable();
        assert_eq!(sent, [message(1), message(2)]);
        block_on(peer.close());
        join([one, other, receiver]);
    });
}

#[test]
fn senders_who_wait_for_room_are_all_woken() {
    model(2, || {
        // Each message fills the room of all.
        let (socket, mut peer) = open_with(2, Config::soft_mark(config(), 1));
        let (receiver, one) = socket.split();
        let other = one.clone();
        let one = spawn(async move { one.send(vec![1]).await.unwrap() });
        let other = spawn(async move { other.send(vec![2]).await.unwrap() });
        let (mut sent, _) = block_on(peer.read_frames(2));
        sent.sort_unstable();
        assert_eq!(sent, [message(1), message(2)]);
        join([one, other]);
        drop(receiver);
    });
}

#[test]
fn what_queue_leaves_is_the_receivers_to_write() {
    model(1, || {
        let (socket, mut peer) = open(2);
        let (receiver, sender) = socket.split();
        let receiver = spawn_receiver(receiver);
        let sender = spawn(async move { sender.queue(vec![1]).unwrap() });
        assert_eq!(block_on(peer.read_frames(1)).0, [message(1)]);
        block_on(peer.close());
        join([receiver, sender]);
    });
}

#[test]
fn what_a_dropped_send_leaves_is_the_receivers_to_write() {
    model(1, || {
        let (socket, mut peer) = open(2);
        let (receiver, sender) = socket.split();
        let receiver = spawn_receiver(receiver);
        let sender = spawn(async move {
            let mut send = pin!(sender.send(vec![1]));
            poll_fn(|cx| {
                let _ = send.as_mut().poll(cx);
                Poll::Ready(())
            })
            .await;
        });
        assert_eq!(block_on(peer.read_frames(1)).0, [message(1)]);
        block_on(peer.close());
        join([receiver, sender]);
    });
}

#[test]
fn a_scope_writes_what_it_promised_while_its_future_waits_for_something_else() {
    model(3, || {
        let (socket, mut peer) = open(2);
        let (receiver, sender) = socket.split();
        let (gate, opened) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        let task = spawn({
            let (gate, opened) = (Arc::clone(&gate), Arc::clone(&opened));
            corked(async move {
                sender.send(vec![1]).await.unwrap();
                sender.send(vec![2]).await.unwrap();
                gate.opens().await;
                opened.open();
            })
        });
        // Nobody receives: only the scope can write.
        assert_eq!(block_on(peer.read_frames(2)).0, [message(1), message(2)]);
        gate.open();
        block_on(opened.opens());
        join([task]);
        drop(receiver);
    });
}

#[test]
fn what_a_scope_leaves_at_its_end_is_the_receivers_to_write() {
    model(1, || {
        let (socket, mut peer) = open(2);
        let (receiver, sender) = socket.split();
        let receiver = spawn_receiver(receiver);
        let task = spawn(corked(async move { sender.send(vec![1]).await.unwrap() }));
        assert_eq!(block_on(peer.read_frames(1)).0, [message(1)]);
        block_on(peer.close());
        join([receiver, task]);
    });
}

#[test]
fn two_scopes_share_a_connection() {
    model(1, || {
        let (socket, mut peer) = open(4);
        let (receiver, one) = socket.split();
        let other = one.clone();
        let receiver = spawn_receiver(receiver);
        let one = spawn(corked(async move { one.send(vec![1]).await.unwrap() }));
        let other = spawn(corked(async move { other.send(vec![2]).await.unwrap() }));
        let (mut sent, _) = block_on(peer.read_frames(2));
        sent.sort_unstable();
        assert_eq!(sent, [message(1), message(2)]);
        block_on(peer.close());
        join([receiver, one, other]);
    });
}

#[test]
fn a_flusher_writes_what_it_promised_while_the_task_waits_for_something_else() {
    model(2, || {
        let (socket, mut peer) = open(2);
        let (receiver, sender) = socket.split();
        let gate = Arc::new(Gate::default());
        let opens = Arc::clone(&gate);
        let task = spawn_flushed(None, async move {
            sender.send(vec![1]).await.unwrap();
            sender.send(vec![2]).await.unwrap();
            opens.opens().await;
        });
        // Nobody receives: only the flusher can write.
        assert_eq!(block_on(peer.read_frames(2)).0, [message(1), message(2)]);
        gate.open();
        join([task]);
        drop(receiver);
    });
}

#[test]
fn a_flusher_writes_what_a_task_and_its_thread_leave() {
    model(3, || {
        let (socket, mut peer) = open(2);
        let (receiver, sender) = socket.split();
        let task = spawn_flushed(None, async move { sender.send(vec![1]).await.unwrap() });
        assert_eq!(block_on(peer.read_frames(1)).0, [message(1)]);
        join([task]);
        drop(receiver);
    });
}

#[test]
fn the_flushers_of_two_threads_share_a_connection() {
    model(2, || {
        let (socket, mut peer) = open(4);
        let (receiver, one) = socket.split();
        let other = one.clone();
        let one = spawn_flushed(None, async move { one.send(vec![1]).await.unwrap() });
        let other = spawn_flushed(None, async move { other.send(vec![2]).await.unwrap() });
        let (mut sent, _) = block_on(peer.read_frames(2));
        sent.sort_unstable();
        assert_eq!(sent, [message(1), message(2)]);
        join([one, other]);
        drop(receiver);
    });
}

#[test]
fn a_flusher_and_the_receiver_write_for_each_other() {
    model(2, || {
        let (socket, mut peer) = open(4);
        let (receiver, sender) = socket.split();
        let receiver = spawn_receiver(receiver);
        let task = spawn_flushed(None, async move { sender.send(vec![1]).await.unwrap() });
        assert_eq!(block_on(peer.read_frames(1)).0, [message(1)]);
        block_on(peer.close());
        join([receiver, task]);
    });
}

#[test]
fn what_a_flusher_leaves_at_its_end_is_the_receivers_to_write() {
    model(1, || {
        let (socket, mut peer) = open(2);
        let (receiver, sender) = socket.split();
        let receiver = spawn_receiver(receiver);
        let end = Arc::new(Gate::default());
        let ends = Arc::clone(&end);
        let task = spawn_flushed(
            Some(ends),
            async move { sender.send(vec![1]).await.unwrap() },
        );
        end.open();
        assert_eq!(block_on(peer.read_frames(1)).0, [message(1)]);
        block_on(peer.close());
        join([receiver, task]);
    });
}

#[test]
fn a_socket_that_is_dropped_offers_what_its_flusher_has_not_written() {
    model(3, || {
        let (socket, mut peer) = open(64);
        let task = spawn_flushed(None, async move {
            socket.send(vec![1]).await.unwrap();
            drop(socket);
        });
        assert_eq!(block_on(peer.read_to_close())[0], message(1));
        join([task]);
    });
}

#[test]
fn a_receiver_without_a_timer_learns_that_an_extension_holds_memory() {
    model(3, || {
        let released = Arc::new(Gate::default());
        let extension = Box::new(Holding(Arc::clone(&released)));
        let (socket, mut peer) = open_extended(8, config(), Some(extension));
        let (receiver, sender) = socket.split();
        let receiver = spawn_receiver(receiver);
        let sender = spawn(async move { sender.send(vec![1]).await.unwrap() });
        // The message is written at once, and no byte comes: only the sender can wake the receiver.
        block_on(released.opens());
        assert_eq!(block_on(peer.read_frames(1)).0, [message(1)]);
        block_on(peer.close());
        join([receiver, sender]);
    });
}

#[test]
fn senders_who_wait_learn_that_the_receiver_is_dropped() {
    model(3, || {
        let (socket, peer) = open(2);
        let (receiver, one) = socket.split();
        let other = one.clone();
        // A message has three bytes, and nobody reads.
        let one = spawn(async move {
            assert!(matches!(one.send(vec![1]).await, Err(Error::Closed)));
        });
        let other = spawn(async move {
            assert!(matches!(other.flush().await, Ok(()) | Err(Error::Closed)));
            assert!(matches!(other.send(vec![2]).await, Err(Error::Closed)));
        });
        drop(receiver);
        join([one, other]);
        drop(peer);
    });
}

#[test]
fn senders_who_wait_learn_that_the_connection_was_taken_apart() {
    model(3, || {
        let (socket, mut peer) = open(2);
        let sender = socket.sender();
        let task = spawn(async move {
            assert!(matches!(sender.send(vec![1]).await, Err(Error::Closed)));
        });
        let parts = socket.into_parts().unwrap();
        join([task]);
        // What was queued before is in the parts.
        let socket = Socket::from_parts(parts);
        let task = spawn(async move {
            socket.send(vec![2]).await.unwrap();
            drop(socket);
        });
        let read = block_on(peer.read_to_end());
        let (mut sent, _) = frames(&read);
        // The last word of a connection that is dropped is offered once, to a pipe that may be full.
        sent.retain(|frame| frame.0 != CLOSE);
        assert!(sent == [message(2)] || sent == [message(1), message(2)]);
        join([task]);
    });
}

#[test]
fn senders_and_the_receiver_learn_that_the_peer_is_gone() {
    model(2, || {
        let (socket, peer) = open(2);
        let (mut receiver, sender) = socket.split();
        let task = spawn(async move {
            let sent = sender.send(vec![1]).await;
            assert!(matches!(sent, Err(Error::Transport(_) | Error::Closed)));
        });
        let receiver = spawn(async move {
            assert!(receiver.recv().await.is_err());
            assert!(matches!(receiver.recv().await, Ok(None)));
        });
        drop(peer);
        join([task, receiver]);
    });
}

#[test]
fn a_message_is_sent_before_our_close_or_not_at_all() {
    model(1, || {
        let (socket, mut peer) = open(4);
        let (receiver, one) = socket.split();
        let other = one.clone();
        let receiver = spawn_receiver(receiver);
        let closer = spawn(async move { one.close(CloseCode::NORMAL).await.unwrap() });
        let sender = thread::spawn(move || block_on(other.send(vec![1])));

        let sent = block_on(peer.read_to_close());
        block_on(peer.close());
        let before = check(sender.join().unwrap());
        assert_eq!(sent[..sent.len() - 1], before);
        join([receiver, closer]);
    });
}

#[test]
fn a_message_is_sent_before_the_answer_to_a_close_or_not_at_all() {
    model(2, || {
        let (socket, mut peer) = open(4);
        let (receiver, sender) = socket.split();
        let receiver = spawn_receiver(receiver);
        let sender = thread::spawn(move || block_on(sender.send(vec![1])));

        block_on(peer.write(&close_frame(Role::Server, 1000, "")));
        let sent = whole_frames(&block_on(peer.read_to_end()));
        assert_eq!(sent.last().unwrap().0, CLOSE);
        let before = check(sender.join().unwrap());
        assert_eq!(sent[..sent.len() - 1], before);
        drop(peer);
        join([receiver]);
    });
}

/// What a sender of `[1]` must have put on the wire before a Close.
fn check(sent: Result<(), Error>) -> Vec<Frame> {
    match sent {
        Ok(()) => vec![message(1)],
        Err(Error::Closed | Error::Send(_)) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

/// Runs `body` once for every order of its threads with so many preemptions.
fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(AtomicU64::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check({
        let orders = Arc::clone(&orders);
        move || {
            orders.fetch_add(1, Ordering::Relaxed);
            body();
        }
    });
    // `cargo xtask loom` adds them up.
    println!("model of {} orders", orders.load(Ordering::Relaxed));
}

fn spawn(task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    thread::spawn(move || block_on(task))
}

/// A task of a runtime that has a flusher in a thread of its own. The flusher is dropped when `end` opens.
fn spawn_flushed(
    end: Option<Arc<Gate>>,
    task: impl Future<Output = ()> + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        FLUSHED.with(|flushed| *flushed.borrow_mut() = Some(end));
        block_on(task);
        FLUSHED.with(|flushed| *flushed.borrow_mut() = None);
    })
}

/// What its runtime does, until `end` opens.
async fn flush(flushing: Flushing, end: Option<Arc<Gate>>) {
    let mut flushing = pin!(flushing);
    let mut end = pin!(async {
        match end {
            Some(end) => end.opens().await,
            None => std::future::pending().await,
        }
    });
    poll_fn(|cx| {
        if end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        flushing.as_mut().poll(cx)
    })
    .await;
}

thread_local! {
    static FLUSHED: RefCell<Option<Option<Arc<Gate>>>> = const { RefCell::new(None) };
}

thread_local! {
    static FLUSHER: Flusher<u8, u8> = const { Flusher::new() };
}

/// Polls a future whenever it was woken. loom's own also polls it without, once, which may hide a lost wake-up.
fn block_on<F: Future>(future: F) -> F::Output {
    #[derive(Default)]
    struct Bell {
        rung: Mutex<bool>,
        changed: Condvar,
    }

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            *self.rung.lock().unwrap() = true;
            self.changed.notify_one();
        }
    }

    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut rung = bell.rung.lock().unwrap();
        while !*rung {
            rung = bell.changed.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// A receiver that receives to an orderly end.
fn spawn_receiver(mut receiver: Receiver) -> JoinHandle<()> {
    spawn(async move { assert!(matches!(receiver.recv().await, Ok(None))) })
}

fn join<const N: usize>(threads: [JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A server's end and its peer, with room for so many bytes in each direction.
fn open(room: usize) -> (Socket, Peer) {
    open_with(room, config())
}

fn open_with(room: usize, config: Config) -> (Socket, Peer) {
    open_extended(room, config, None)
}

fn open_extended(
    room: usize,
    config: Config,
    extension: Option<Box<dyn Extension>>,
) -> (Socket, Peer) {
    let (near, far) = Memory::pair(room);
    let socket = WebSocket::new(Role::Server, near, &config, extension, BytesMut::new());
    let (reader, writer) = Transport::divide(far);
    let peer = Peer {
        reader,
        writer,
        read: Vec::new(),
    };
    (socket, peer)
}

fn config() -> Config {
    Config::new(Role::Server).keepalive(None).write(None)
}

/// A message of one byte as it comes over the wire.
fn message(payload: u8) -> Frame {
    (BINARY | FIN, vec![payload])
}

/// The other end of the transport.
struct Peer {
    reader: MemoryReader,
    writer: MemoryWriter,
    /// What was read and not given.
    read: Vec<u8>,
}

impl Peer {
    /// Reads once; false at the end.
    async fn read(&mut self) -> bool {
        let mut buffer = [0; 64];
        let count = poll_fn(|cx| self.reader.poll_read(cx, &mut buffer)).await;
        let count = count.unwrap();
        self.read.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// Reads until so many frames have come, and gives what has come of the next.
    async fn read_frames(&mut self, count: usize) -> (Vec<Frame>, Vec<u8>) {
        loop {
            let (read, rest) = frames(&self.read);
            if read.len() >= count {
                let rest = rest.to_vec();
                self.read = rest.clone();
                return (read, rest);
            }
            assert!(self.read().await, "the transport ended");
        }
    }

    /// Reads up to a Close frame.
    async fn read_to_close(&mut self) -> Vec<Frame> {
        loop {
            let (read, rest) = frames(&self.read);
            if read.last().is_some_and(|(first, _)| *first == CLOSE) {
                assert!(rest.is_empty(), "bytes behind a Close");
                return read;
            }
            assert!(self.read().await, "the transport ended");
        }
    }

    async fn read_to_end(&mut self) -> Vec<u8> {
        while self.read().await {}
        std::mem::take(&mut self.read)
    }

    async fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let written: io::Result<usize> = poll_fn(|cx| self.writer.poll_write(cx, bytes)).await;
            bytes = &bytes[written.unwrap()..];
        }
    }

    /// Closes, or answers a Close, and waits for the end of the transport.
    async fn close(mut self) {
        self.write(&close_frame(Role::Server, 1000, "")).await;
        self.read_to_end().await;
    }
}

/// An extension that changes nothing, and wants to give back memory as soon as a message is encoded.
struct Holding(Arc<Gate>);

impl Extension for Holding {
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
        (self, Box::new(Untouched))
    }
}

impl Encode for Holding {
    fn begin(&mut self, _: &Outgoing) -> Option<Rsv> {
        Some(Rsv::NONE)
    }

    fn encode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        _: usize,
    ) -> Result<Progress, ExtensionError> {
        out.extend_from_slice(input);
        *input = &[];
        Ok(if last {
            Progress::Done
        } else {
            Progress::NeedInput
        })
    }

    fn release_after(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    fn release(&mut self) {
        self.0.open();
    }
}

/// Its other half.
struct Untouched;

impl Decode for Untouched {
    fn claims(&self) -> Rsv {
        Rsv::NONE
    }

    fn begin(&mut self, _: MessageKind, _: Rsv) -> Result<bool, ExtensionError> {
        Ok(false)
    }

    fn decode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut BytesMut,
        _: usize,
    ) -> Result<Progress, ExtensionError> {
        unreachable!("it takes no message")
    }
}

/// A clock that stands still: only what is due at once passes.
struct Still(Instant);

impl Timer for Still {
    fn now() -> Instant {
        static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);
        *NOW
    }

    fn at(deadline: Instant) -> Self {
        Self(deadline)
    }

    fn reset(&mut self, deadline: Instant) {
        self.0 = deadline;
    }

    fn promise(queued: &mut Queued<'_>) -> bool {
        let Some(end) = FLUSHED.with(|flushed| flushed.borrow().clone()) else {
            return false;
        };
        let spawn = |flushing| drop(thread::spawn(move || block_on(flush(flushing, end))));
        FLUSHER.with(|flusher| flusher.promise(queued, 1, || Some(1), spawn))
    }
}

impl Future for Still {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 <= Self::now() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Something that a task waits for beside the connection.
#[derive(Default)]
struct Gate(Mutex<(bool, Option<Waker>)>);

impl Gate {
    fn open(&self) {
        let mut gate = self.0.lock().unwrap();
        gate.0 = true;
        let waker = gate.1.take();
        drop(gate);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn opens(&self) {
        poll_fn(|cx| {
            let mut gate = self.0.lock().unwrap();
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
