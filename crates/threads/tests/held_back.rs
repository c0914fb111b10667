//! Transports that take output and hold it back: what they get rid of meets the deadlines as what they take does.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bowline_testing::wire::{FIN, TEXT, frame};
use bowline_threads::bytes::{Bytes, BytesMut};
use bowline_threads::http::Response;
use bowline_threads::{
    Acceptor, Carrier, Config, Error, NoTls, Opening, Role, Timeout, Transport, TransportRead,
    TransportWrite, WebSocket,
};

/// A deadline that must pass several times over before a test is done.
const SHORT: Duration = Duration::from_millis(100);

/// Transports come connected.
struct Bare;

impl Carrier for Bare {
    type ClientTls = NoTls;
    type ServerTls = NoTls;
}

/// A transport that refuses for so many waits, and then takes all. Its input comes when it has flushed.
struct Holding {
    input: Vec<u8>,
    /// What it reads before.
    head: &'static [u8],
    writes: u32,
    flushes: u32,
    /// It gets rid of something in each wait.
    drains: bool,
}

struct Reader {
    head: &'static [u8],
    input: Vec<u8>,
    flushed: Arc<AtomicBool>,
}

struct Writer {
    writes: u32,
    flushes: u32,
    drains: bool,
    drained: u64,
    flushed: Arc<AtomicBool>,
}

impl Transport for Holding {
    type Reader = Reader;
    type Writer = Writer;

    fn divide(self) -> (Reader, Writer) {
        let flushed = Arc::new(AtomicBool::new(false));
        let reader = Reader {
            head: self.head,
            input: self.input,
            flushed: Arc::clone(&flushed),
        };
        let writer = Writer {
            writes: self.writes,
            flushes: self.flushes,
            drains: self.drains,
            drained: 0,
            flushed,
        };
        (reader, writer)
    }
}

fn wait(until: Option<Instant>) -> io::Error {
    if let Some(until) = until {
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }
    io::ErrorKind::WouldBlock.into()
}

impl TransportRead for Reader {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        if !self.head.is_empty() {
            buffer[..self.head.len()].copy_from_slice(self.head);
            return Ok(std::mem::take(&mut self.head).len());
        }
        if !self.flushed.load(Ordering::SeqCst) {
            return Err(wait(until));
        }
        let input = std::mem::take(&mut self.input);
        buffer[..input.len()].copy_from_slice(&input);
        Ok(input.len())
    }
}

impl Writer {
    fn refuse(&mut self, until: Option<Instant>) -> io::Error {
        self.drained += u64::from(self.drains);
        wait(until)
    }
}

impl TransportWrite for Writer {
    fn write(&mut self, runs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        if self.writes > 0 {
            self.writes -= 1;
            return Err(self.refuse(until));
        }
        Ok(runs[0].len())
    }

    fn flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        if self.flushes > 0 {
            self.flushes -= 1;
            return Err(self.refuse(until));
        }
        self.flushed.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn drained(&self) -> u64 {
        self.drained
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server over a transport that refuses for so many waits.
fn server(writes: u32, flushes: u32, drains: bool) -> WebSocket<Holding> {
    let transport = Holding {
        input: frame(Role::Server, TEXT | FIN, "received"),
        head: b"",
        writes,
        flushes,
        drains,
    };
    let config = Config::new(Role::Server).keepalive(None).write(Some(SHORT));
    WebSocket::new(Role::Server, transport, &config, None, BytesMut::new())
}

#[track_caller]
fn assert_late(error: &Error) {
    let late = matches!(error, Error::Timeout(Timeout::Write { after: SHORT }));
    assert!(late, "{error:?}");
}

#[test]
fn a_sender_waits_as_long_as_anything_moves() {
    server(20, 0, true).send("x").unwrap();
    server(0, 20, true).send("x").unwrap();
    assert_late(&server(20, 0, false).send("x").unwrap_err());
    assert_late(&server(0, 20, false).send("x").unwrap_err());
}

#[test]
fn a_receiver_waits_as_long_as_anything_moves() {
    // It tries again after 64 ms at most.
    let mut ws = server(10, 0, true);
    ws.feed("x").unwrap();
    assert_eq!(ws.recv().unwrap(), Some("received".into()));
    let mut ws = server(u32::MAX, 0, false);
    ws.feed("x").unwrap();
    assert_late(&ws.recv().unwrap_err());
}

#[test]
fn an_answer_is_written_as_long_as_anything_moves() {
    let config = Config::new(Role::Server).close(SHORT);
    let answered = |writes, flushes, drains| {
        let transport = Holding {
            input: Vec::new(),
            head: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            writes,
            flushes,
            drains,
        };
        let acceptor = Acceptor::<Bare>::new().config(config.clone());
        match acceptor.open_on(transport).unwrap() {
            Opening::Http(http) => http.respond(Response::new(Bytes::from_static(b"hello"))),
            Opening::Upgrade(_) => panic!("it asks for no upgrade"),
        }
    };
    answered(3, 0, true).unwrap();
    answered(0, 3, true).unwrap();
    for (writes, flushes) in [(3, 0), (0, 3)] {
        match answered(writes, flushes, false).unwrap_err() {
            Error::Transport(error) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
    }
}
