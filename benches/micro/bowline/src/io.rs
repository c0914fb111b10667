use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bench_micro_harness::{Input, Output, Wire, polled};
use bowline_frame::Role;
use bowline_io::{Config, PollRead, PollWrite, Timer, Transport, WebSocket, corked};
use bytes::BytesMut;

/// The loop that most people write.
pub(crate) fn recv(wire: Wire) -> Box<dyn FnMut()> {
    polled(corked(async move {
        let mut ws = open(wire);
        while let Some(message) = ws.recv().await.expect("received") {
            ws.send(message).await.expect("sent");
        }
    }))
}

/// The same with messages that are lent.
pub(crate) fn recv_ref(wire: Wire) -> Box<dyn FnMut()> {
    polled(corked(async move {
        let mut ws = open(wire);
        while let Some((message, sender)) = ws.recv_ref().await.expect("received") {
            sender.send_ref(message).await.expect("sent");
        }
    }))
}

fn open(wire: Wire) -> WebSocket<InMemory> {
    let config = Config::new(Role::Server);
    WebSocket::new(Role::Server, InMemory(wire), &config, None, BytesMut::new())
}

struct InMemory(Wire);

impl Transport for InMemory {
    type Reader = Reader;
    type Writer = Writer;
    type Timer = Never;

    fn divide(self) -> (Reader, Writer) {
        (Reader(self.0.input), Writer(self.0.output))
    }
}

struct Reader(Input);

impl PollRead for Reader {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(bytes) = self.0.take(buffer.len()) else {
            return Poll::Pending;
        };
        buffer[..bytes.len()].copy_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_read_buf(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let Some(bytes) = self.0.take(buffer.capacity() - buffer.len()) else {
            return Poll::Pending;
        };
        buffer.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

struct Writer(Output);

impl PollWrite for Writer {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        &mut self,
        _: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        runs.iter().for_each(|run| self.0.write(run));
        Poll::Ready(Ok(runs.iter().map(|run| run.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The clock is real, and nothing lasts long enough for a deadline.
struct Never;

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Timer for Never {
    fn now() -> Instant {
        Instant::now()
    }

    fn at(_: Instant) -> Self {
        Self
    }

    fn reset(&mut self, _: Instant) {}
}
