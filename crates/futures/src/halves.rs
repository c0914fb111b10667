use std::fmt;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use bowline_io::{PollRead, PollWrite, Timer, Transport};
use futures_io::{AsyncRead, AsyncWrite};

/// A transport made of two values: one that reads and one that writes, such as a stream and its clone.
///
/// `T` is the timer that deadlines are kept with.
pub struct Halves<R, W, T> {
    reader: R,
    writer: W,
    vectored: bool,
    timer: PhantomData<fn() -> T>,
}

/// The reading half of a transport over futures-io.
#[derive(Debug)]
pub struct ReadHalf<R>(R);

/// The writing half of a transport over futures-io.
#[derive(Debug)]
pub struct WriteHalf<W> {
    writer: W,
    vectored: bool,
}

impl<R, W, T> Halves<R, W, T> {
    /// A transport of these two.
    pub const fn new(reader: R, writer: W) -> Self {
        Self {
            reader,
            writer,
            vectored: false,
            timer: PhantomData,
        }
    }

    /// Says whether the writer takes several runs of bytes at once, as a TCP stream does. Default: false.
    ///
    /// The traits of futures-io don't tell. If it doesn't, output is joined before it is written, so that a frame's
    /// header never goes alone: on a TLS stream it would be a record of its own.
    #[must_use]
    pub const fn vectored(mut self, vectored: bool) -> Self {
        self.vectored = vectored;
        self
    }
}

impl<R, W, T> Transport for Halves<R, W, T>
where
    R: AsyncRead + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
    T: Timer,
{
    type Reader = ReadHalf<R>;
    type Writer = WriteHalf<W>;
    type Timer = T;

    fn divide(self) -> (ReadHalf<R>, WriteHalf<W>) {
        let writer = WriteHalf {
            writer: self.writer,
            vectored: self.vectored,
        };
        (ReadHalf(self.reader), writer)
    }
}

impl<R: AsyncRead + Unpin + 'static> PollRead for ReadHalf<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> PollWrite for WriteHalf<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write_vectored(cx, runs)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_close(cx)
    }
}

impl<R: fmt::Debug, W: fmt::Debug, T> fmt::Debug for Halves<R, W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halves")
            .field("reader", &self.reader)
            .field("writer", &self.writer)
            .field("vectored", &self.vectored)
            .finish()
    }
}
