//! What a call with a time of its own leaves when that is up.

use std::io::{self, IoSlice};
use std::sync::mpsc::{Receiver as Take, Sender as Give, channel};
use std::thread;
use std::time::{Duration, Instant};

use bowline_testing::wire::{FIN, PING, TEXT, frame};
use bowline_threads::bytes::BytesMut;
use bowline_threads::{
    Config, Received, Role, Transport, TransportRead, TransportWrite, WebSocket,
};

const HOUR: Duration = Duration::from_secs(3600);

/// A transport whose ends a test plays.
struct Played(Reader, Writer);

struct Reader {
    input: Take<Vec<u8>>,
    /// For how long it was asked to wait.
    asked: Give<Duration>,
}

struct Writer {
    /// A write has begun.
    begun: Give<()>,
    /// It may end, and is refused.
    end: Take<()>,
}

impl Transport for Played {
    type Reader = Reader;
    type Writer = Writer;

    fn divide(self) -> (Reader, Writer) {
        (self.0, self.1)
    }
}

impl TransportRead for Reader {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let left = until.map_or(HOUR, |until| {
            until.saturating_duration_since(Instant::now())
        });
        let _ = self.asked.send(left);
        let Ok(bytes) = self.input.recv_timeout(left) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl TransportWrite for Writer {
    fn write(&mut self, _: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
        let _ = self.begun.send(());
        let _ = self.end.recv();
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_receiver_sees_to_what_a_call_leaves_that_may_not_wait() {
    let ((give, input), (asked, waits)) = (channel(), channel());
    let ((begun, writes), (finish, end)) = (channel(), channel());
    let config = Config::new(Role::Server)
        .keepalive(None)
        .write(None)
        .close(HOUR);
    let transport = Played(Reader { input, asked }, Writer { begun, end });
    let ws = WebSocket::new(Role::Server, transport, &config, None, BytesMut::new());
    let (mut receiver, sender) = ws.split();
    let queueing = thread::spawn(move || {
        sender.queue("x").unwrap();
        sender
    });
    writes.recv().unwrap();
    // A ping comes while that thread has the turn; the receiver leaves the pong to it, and waits.
    let mut pinged = frame(Role::Server, PING, "p");
    pinged.extend(frame(Role::Server, TEXT | FIN, "seen"));
    give.send(pinged).unwrap();
    let receiving = thread::spawn(move || {
        let message = receiver.recv().unwrap();
        assert_eq!(message, Some("seen".into()));
        receiver.recv_timeout(Duration::from_secs(2)).unwrap()
    });
    waits.recv().unwrap();
    let left = waits.recv().unwrap();
    // The transport takes nothing, and the thread is gone. The pong is the receiver's again.
    finish.send(()).unwrap();
    let _sender = queueing.join().unwrap();
    let tried = writes.recv_timeout(Duration::from_secs(1));
    drop(finish);
    assert!(
        tried.is_ok(),
        "nobody offers it again; the receiver waits for {left:?}"
    );
    assert_eq!(receiving.join().unwrap(), Received::Nothing);
}
