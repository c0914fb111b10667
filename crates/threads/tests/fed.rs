//! Whoever writes for others who never pause comes to an end all the same.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bowline_testing::wire::{FIN, TEXT, frame};
use bowline_threads::bytes::BytesMut;
use bowline_threads::{
    Config, Error, Received, Role, Sender, Transport, TransportRead, TransportWrite, WebSocket,
};

/// A transport that takes all, and while it does so somebody feeds the next message.
struct Fed {
    input: Vec<u8>,
    writer: FedWriter,
}

#[derive(Clone, Default)]
struct FedWriter {
    feeder: Arc<OnceLock<Sender<Fed>>>,
    writes: Arc<AtomicUsize>,
}

/// Where somebody who feeds for ever gives up after all.
const MANY: usize = 10_000;

struct Reader(Vec<u8>);

impl Transport for Fed {
    type Reader = Reader;
    type Writer = FedWriter;

    fn divide(self) -> (Reader, FedWriter) {
        (Reader(self.input), self.writer)
    }
}

impl TransportRead for Reader {
    fn read(&mut self, buffer: &mut [u8], _: Option<Instant>) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let input = std::mem::take(&mut self.0);
        buffer[..input.len()].copy_from_slice(&input);
        Ok(input.len())
    }
}

impl TransportWrite for FedWriter {
    fn write(&mut self, runs: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
        if self.writes.fetch_add(1, Ordering::SeqCst) < MANY
            && let Some(feeder) = self.feeder.get()
        {
            // Until the receiver is dropped, which closes the connection.
            let fed = feeder.feed("more");
            assert!(matches!(fed, Ok(()) | Err(Error::Closed)), "{fed:?}");
        }
        Ok(runs[0].len())
    }

    fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server with a message to receive, and the count of its writes. Somebody feeds it from now on.
fn fed() -> (WebSocket<Fed>, Arc<AtomicUsize>) {
    let writer = FedWriter::default();
    let (feeder, writes) = (Arc::clone(&writer.feeder), Arc::clone(&writer.writes));
    let input = frame(Role::Server, TEXT | FIN, "received");
    let config = Config::new(Role::Server).keepalive(None);
    let transport = Fed { input, writer };
    let ws = WebSocket::new(Role::Server, transport, &config, None, BytesMut::new());
    ws.feed("first").unwrap();
    assert!(feeder.set(ws.sender()).is_ok());
    (ws, writes)
}

#[track_caller]
fn assert_few(writes: &AtomicUsize) {
    let count = writes.load(Ordering::SeqCst);
    assert!((1..10).contains(&count), "{count} writes");
}

#[test]
fn a_receiver_writes_what_was_queued_and_goes_on_receiving() {
    let (mut ws, writes) = fed();
    assert_eq!(ws.recv().unwrap(), Some("received".into()));
    assert_few(&writes);
    // What was fed meanwhile is not forgotten.
    let before = writes.load(Ordering::SeqCst);
    let nothing = ws.recv_timeout(std::time::Duration::ZERO).unwrap();
    assert_eq!(nothing, Received::Nothing);
    assert!(writes.load(Ordering::SeqCst) > before);
}

#[test]
fn whoever_sends_or_queues_returns_while_others_feed() {
    let (ws, writes) = fed();
    ws.send("sent").unwrap();
    assert_few(&writes);
    let (ws, writes) = fed();
    ws.queue("queued").unwrap();
    assert_few(&writes);
    let (ws, writes) = fed();
    ws.flush().unwrap();
    assert_few(&writes);
    // So does a receiver that is dropped.
    let (ws, writes) = fed();
    drop(ws);
    assert_few(&writes);
}
