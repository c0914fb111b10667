use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use bowline_frame::Role;
use bowline_proto::Config;
use bytes::BytesMut;

use crate::sync::{self, Condvar, Mutex, MutexGuard};
use crate::{Transport, TransportRead, TransportWrite, WebSocket};

/// A connected pair in memory, client first: for tests of programs, without sockets or an opening handshake.
///
/// Up to 64 KiB wait in each direction, as in a small socket buffer.
///
/// # Examples
///
/// ```
/// use bowline_threads::{Config, Role, pair};
///
/// let (client, mut server) = pair(&Config::new(Role::Client), &Config::new(Role::Server));
/// client.send("hello")?;
/// assert_eq!(server.recv()?, Some("hello".into()));
/// # Ok::<(), bowline_threads::Error>(())
/// ```
pub fn pair(client: &Config, server: &Config) -> (WebSocket<Memory>, WebSocket<Memory>) {
    let (left, right) = Memory::pair(64 * 1024);
    (
        WebSocket::new(Role::Client, left, client, None, BytesMut::new()),
        WebSocket::new(Role::Server, right, server, None, BytesMut::new()),
    )
}

/// One end of a pipe in memory.
#[derive(Debug)]
pub struct Memory {
    reader: MemoryReader,
    writer: MemoryWriter,
}

/// The reading half of a [`Memory`] transport.
#[derive(Debug)]
pub struct MemoryReader {
    from: Arc<Pipe>,
    /// The other direction.
    back: Arc<Pipe>,
}

/// The writing half of a [`Memory`] transport. Dropping it ends the direction.
#[derive(Debug)]
pub struct MemoryWriter {
    to: Arc<Pipe>,
    /// The other direction.
    back: Arc<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    /// No more is written: after the bytes comes the end.
    ended: bool,
    /// No more is read: writing fails.
    broken: bool,
}

impl Memory {
    /// Two connected transports, each direction of which holds up to `capacity` bytes.
    pub fn pair(capacity: usize) -> (Self, Self) {
        let pipe = || {
            Arc::new(Pipe {
                state: Mutex::new(State::default()),
                changed: Condvar::new(),
                capacity,
            })
        };
        let (there, back) = (pipe(), pipe());
        let end = |from: &Arc<Pipe>, to: &Arc<Pipe>| Self {
            reader: MemoryReader {
                from: Arc::clone(from),
                back: Arc::clone(to),
            },
            writer: MemoryWriter {
                to: Arc::clone(to),
                back: Arc::clone(from),
            },
        };
        (end(&back, &there), end(&there, &back))
    }
}

impl Transport for Memory {
    type Reader = MemoryReader;
    type Writer = MemoryWriter;

    fn divide(self) -> (MemoryReader, MemoryWriter) {
        (self.reader, self.writer)
    }
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        sync::lock(&self.state)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for `ready` to find something, but not beyond `until`.
    fn wait<R>(
        &self,
        until: Option<Instant>,
        mut ready: impl FnMut(&mut State) -> Option<io::Result<R>>,
    ) -> io::Result<R> {
        let mut state = self.lock();
        loop {
            if let Some(result) = ready(&mut state) {
                self.changed.notify_all();
                return result;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            state = sync::wait(&self.changed, &self.state, state, until);
        }
    }
}

impl TransportRead for MemoryReader {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        self.from.wait(until, |state| {
            (state.ended || !state.bytes.is_empty()).then(|| state.bytes.read(buffer))
        })
    }

    fn abort(&mut self) {
        self.from.change(|state| state.ended = true);
        self.back.change(|state| state.ended = true);
    }
}

impl TransportWrite for MemoryWriter {
    fn write(&mut self, runs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.to.wait(until, |state| {
            if state.broken || state.ended {
                return Some(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let room = self.to.capacity - state.bytes.len();
            let run = runs.first()?;
            (room > 0).then(|| state.bytes.write(&run[..room.min(run.len())]))
        })
    }

    fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.to.change(|state| state.ended = true);
        Ok(())
    }

    fn abort(&mut self) {
        self.to.change(|state| state.ended = true);
        self.back.change(|state| state.ended = true);
    }
}

impl Drop for MemoryReader {
    fn drop(&mut self) {
        self.from.change(|state| {
            state.broken = true;
            state.bytes = VecDeque::new();
        });
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.to.change(|state| state.ended = true);
    }
}
