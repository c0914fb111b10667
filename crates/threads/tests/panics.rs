//! Panics of what a connection is made of, in one thread, and what the others hear of them.

use std::io::{self, IoSlice};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use bowline_testing::extension::Panicking;
use bowline_testing::wire::{BINARY, CLOSE, FIN, RSV2, RSV3, TEXT, whole_frames};
use bowline_threads::bytes::BytesMut;
use bowline_threads::{
    Config, EndedBy, Error, Extension, Memory, MemoryReader, MemoryWriter, Message, QueueError,
    Role, SendError, Transport, TransportRead, TransportWrite, WebSocket,
};

/// A server that nothing but its peer or another thread wakes.
fn server<T: Transport>(transport: T, extension: Option<Box<dyn Extension>>) -> WebSocket<T> {
    let hour = Duration::from_secs(3600);
    let config = Config::new(Role::Server)
        .keepalive(None)
        .write(None)
        .close(hour);
    WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new())
}

/// What `call` gives, in a thread of its own.
fn soon<O: Send + 'static>(call: impl FnOnce() -> O + Send + 'static) -> O {
    let (give, take) = channel();
    thread::spawn(move || give.send(call()));
    take.recv_timeout(Duration::from_secs(20))
        .expect("it waits for an hour")
}

/// A pipe whose writer panics.
struct Broken(Memory);

struct BrokenWriter(MemoryWriter);

impl Transport for Broken {
    type Reader = MemoryReader;
    type Writer = BrokenWriter;

    fn divide(self) -> (MemoryReader, BrokenWriter) {
        let (reader, writer) = self.0.divide();
        (reader, BrokenWriter(writer))
    }
}

impl TransportWrite for BrokenWriter {
    fn write(&mut self, _: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
        panic!("on purpose");
    }

    fn flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        self.0.flush(until)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.0.shutdown()
    }

    fn abort(&mut self) {
        self.0.abort();
    }
}

#[test]
fn a_receiver_that_waits_hears_at_once_of_a_writer_that_panics() {
    let (left, _peer) = Memory::pair(1024);
    let (mut receiver, sender) = server(Broken(left), None).split();
    let (waits, waiting) = channel();
    let panicking = thread::spawn(move || {
        waiting.recv().unwrap();
        // Long enough for the receiver to wait, and nothing goes wrong if it wasn't.
        thread::sleep(Duration::from_millis(50));
        sender.send("x")
    });
    let error = soon(move || {
        waits.send(()).unwrap();
        receiver.recv().unwrap_err()
    });
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert!(panicking.join().is_err());
}

#[test]
fn an_extension_that_panics_closes_the_connection_for_all_threads() {
    type Sends = fn(&bowline_threads::Sender<Memory>, &str);
    let ways: [Sends; 3] = [
        |sender, text| drop(sender.send(text)),
        |sender, text| drop(sender.queue(text)),
        |sender, text| drop(sender.feed(text)),
    ];
    for send in ways {
        let (left, peer) = Memory::pair(1024);
        let (mut receiver, sender) = server(left, Some(Panicking.boxed())).split();
        let receiving = thread::spawn(move || {
            let received = receiver.recv();
            (received, receiver)
        });
        sender.feed("before").unwrap();
        let panicking = sender.clone();
        let panicked = thread::spawn(move || send(&panicking, "now panic"));
        assert!(panicked.join().is_err());
        // The peer hears what was queued before, whole, and why it ends.
        let (mut reader, mut writer) = peer.divide();
        let heard = soon(move || {
            let mut heard = vec![0; 1024];
            let mut filled = 0;
            while !heard[..filled].ends_with(b"panicked") {
                filled += reader.read(&mut heard[filled..], None).unwrap();
            }
            heard.truncate(filled);
            (heard, reader)
        });
        let frames = whole_frames(&heard.0);
        assert_eq!(frames.len(), 2, "{frames:?}");
        assert_eq!(frames[0].0 & !(RSV2 | RSV3), TEXT | FIN);
        assert_eq!((frames[1].0, &frames[1].1[..2]), (CLOSE, &b"\x03\xf3"[..]));
        // Nothing goes through it any more, and the lock is whole.
        assert!(matches!(sender.send("behind"), Err(Error::Closed)));
        assert!(matches!(
            sender.queue("behind"),
            Err(QueueError::Send(SendError::Closed))
        ));
        assert!(sender.is_closed());
        // And the receiver goes through the closing handshake, as after any Close.
        let answer = bowline_testing::wire::close_frame(Role::Server, 1011, "");
        writer.write(&[IoSlice::new(&answer)], None).unwrap();
        writer.shutdown().unwrap();
        let (received, receiver) = soon(move || receiving.join().unwrap());
        assert_eq!(received.unwrap(), None);
        assert_eq!(receiver.ended().unwrap().by, EndedBy::Us);
    }
}

#[test]
fn senders_that_wait_for_room_hear_of_an_extension_that_panics() {
    let (left, peer) = Memory::pair(64);
    let (receiver, sender) = server(left, Some(Panicking.boxed())).split();
    // More than the soft mark, of which the peer takes nothing yet.
    let large = Message::from(bowline_testing::payload::seq(100_000));
    let stuck = [sender.clone(), sender.clone()].map(|sender| {
        let large = large.clone();
        thread::spawn(move || sender.send(large))
    });
    while !is_full(&sender) {
        thread::yield_now();
    }
    let waiting = [sender.clone(), sender.clone()]
        .map(|sender| thread::spawn(move || sender.send("waits for room")));
    let panicking = sender.clone();
    // It queues whatever waits.
    assert!(
        thread::spawn(move || panicking.queue("now panic"))
            .join()
            .is_err()
    );
    let (mut reader, writer) = peer.divide();
    let reading = thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut heard = Vec::new();
        while let Ok(count @ 1..) = reader.read(&mut buffer, None) {
            heard.extend_from_slice(&buffer[..count]);
            if heard.ends_with(b"panicked") {
                break;
            }
        }
        (heard, reader)
    });
    // What was accepted goes out; what was not finds the connection closed.
    for sending in stuck.into_iter().chain(waiting) {
        let sent = soon(move || sending.join().unwrap());
        assert!(matches!(sent, Ok(()) | Err(Error::Closed)), "{sent:?}");
    }
    let (heard, _reader) = soon(move || reading.join().unwrap());
    let frames = whole_frames(&heard);
    assert_eq!(frames.last().map(|frame| frame.0), Some(CLOSE));
    assert!(
        frames
            .iter()
            .any(|frame| frame.0 & !(RSV2 | RSV3) == BINARY | FIN)
    );
    drop((receiver, writer));
}

/// True once output waits above the soft mark.
fn is_full(sender: &bowline_threads::Sender<Memory>) -> bool {
    let sent = sender.send_timeout("", Duration::ZERO);
    matches!(sent, Err(QueueError::Full(_)))
}
