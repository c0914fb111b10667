use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use bowline_frame::Role;
use bowline_proto::Config;
use bytes::BytesMut;

use crate::sync::{Mutex, MutexGuard};
use crate::{PollRead, PollWrite, Timer, Transport, WebSocket};

/// A connected pair in memory, client first: for tests of programs, without sockets or an opening handshake.
///
/// `S` is the timer of the runtime that the tests run on; carriers have a `pair` of their own that names it. Up to
/// 64 KiB wait in each direction, as in a small socket buffer.
pub fn pair<S: Timer>(
    client: &Config,
    server: &Config,
) -> (WebSocket<Memory<S>>, WebSocket<Memory<S>>) {
    let (left, right) = Memory::pair(64 * 1024);
    (
        WebSocket::new(Role::Client, left, client, None, BytesMut::new()),
        WebSocket::new(Role::Server, right, server, None, BytesMut::new()),
    )
}

/// One end of a pipe in memory.
pub struct Memory<S> {
    reader: MemoryReader,
    writer: MemoryWriter,
    timer: PhantomData<fn() -> S>,
}

/// The reading half of a [`Memory`] transport.
#[derive(Debug)]
pub struct MemoryReader(Arc<Mutex<Pipe>>);

/// The writing half of a [`Memory`] transport. Dropping it ends the direction.
#[derive(Debug)]
pub struct MemoryWriter(Arc<Mutex<Pipe>>);

#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer is gone: after the bytes comes the end.
    ended: bool,
    /// The reader is gone: writing fails.
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl<S> Memory<S> {
    /// Two connected transports, each direction of which holds up to `capacity` bytes.
    pub fn pair(capacity: usize) -> (Self, Self) {
        let pipe = || {
            Arc::new(Mutex::new(Pipe {
                bytes: VecDeque::new(),
                capacity,
                ended: false,
                broken: false,
                reader: None,
                writer: None,
            }))
        };
        let (there, back) = (pipe(), pipe());
        let end = |read: &Arc<Mutex<Pipe>>, write: &Arc<Mutex<Pipe>>| Self {
            reader: MemoryReader(Arc::clone(read)),
            writer: MemoryWriter(Arc::clone(write)),
            timer: PhantomData,
        };
        (end(&back, &there), end(&there, &back))
    }
}

impl<S: Timer> Transport for Memory<S> {
    type Reader = MemoryReader;
    type Writer = MemoryWriter;
    type Timer = S;

    fn divide(self) -> (MemoryReader, MemoryWriter) {
        (self.reader, self.writer)
    }
}

impl PollRead for MemoryReader {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.0);
        if pipe.bytes.is_empty() && !pipe.ended {
            let before = pipe.reader.replace(cx.waker().clone());
            drop(pipe);
            drop(before);
            return Poll::Pending;
        }
        let count = pipe.bytes.read(buffer);
        let writer = pipe.writer.take();
        drop(pipe);
        wake(writer);
        Poll::Ready(count)
    }
}

impl PollWrite for MemoryWriter {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.0);
        if pipe.broken || pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = pipe.capacity - pipe.bytes.len();
        if room == 0 {
            let before = pipe.writer.replace(cx.waker().clone());
            drop(pipe);
            drop(before);
            return Poll::Pending;
        }
        let count = pipe.bytes.write(&bytes[..room.min(bytes.len())]);
        let reader = pipe.reader.take();
        drop(pipe);
        wake(reader);
        Poll::Ready(count)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        end(&self.0);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryReader {
    fn drop(&mut self) {
        let mut pipe = lock(&self.0);
        pipe.broken = true;
        pipe.bytes = VecDeque::new();
        let wakers = (pipe.reader.take(), pipe.writer.take());
        drop(pipe);
        wake(wakers.1);
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        end(&self.0);
    }
}

impl<S> fmt::Debug for Memory<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

fn end(pipe: &Mutex<Pipe>) {
    let mut pipe = lock(pipe);
    pipe.ended = true;
    let wakers = (pipe.reader.take(), pipe.writer.take());
    drop(pipe);
    wake(wakers.0);
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes, which may run any code, and so must not happen under the lock. Nor must dropping a waker.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
