use std::fmt;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Any stream with the traits of futures-io as a transport, such as a TLS stream: give it to
/// [`accept_on`](bowline_io::Acceptor::accept_on) or [`connect_on`](bowline_io::Connector::connect_on).
///
/// The halves share the stream under a lock that is held for one call. Where a stream can be cloned, [`Halves`] need
/// none. `T` is the timer that deadlines are kept with. An error of the kind `InvalidData` counts as one of TLS:
/// [`Error::Tls`](bowline_io::Error::Tls).
pub struct Io<S, T> {
    stream: S,
    vectored: bool,
    timer: PhantomData<fn() -> T>,
}

/// The reading half of a transport over futures-io.
#[derive(Debug)]
pub struct ReadHalf<R>(Held<R>);

/// The writing half of a transport over futures-io.
#[derive(Debug)]
pub struct WriteHalf<W> {
    writer: Held<W>,
    vectored: bool,
}

/// What a half has of a stream.
#[derive(Debug)]
enum Held<S> {
    Own(S),
    Shared(Arc<Mutex<S>>),
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

impl<S, T> Io<S, T> {
    /// A transport of this stream.
    pub const fn new(stream: S) -> Self {
        Self {
            stream,
            vectored: false,
            timer: PhantomData,
        }
    }

    /// Says whether the stream takes several runs of bytes at once. Default: false. See [`Halves::vectored`].
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
        let writer = WriteHalf::new(Held::Own(self.writer), self.vectored);
        (ReadHalf(Held::Own(self.reader)), writer)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static, T: Timer> Transport for Io<S, T> {
    type Reader = ReadHalf<S>;
    type Writer = WriteHalf<S>;
    type Timer = T;

    fn divide(self) -> (ReadHalf<S>, WriteHalf<S>) {
        let stream = Arc::new(Mutex::new(self.stream));
        let writer = WriteHalf::new(Held::Shared(Arc::clone(&stream)), self.vectored);
        (ReadHalf(Held::Shared(stream)), writer)
    }
}

impl<S: Unpin> Held<S> {
    fn with<O>(&mut self, call: impl FnOnce(Pin<&mut S>) -> O) -> O {
        match self {
            Self::Own(stream) => call(Pin::new(stream)),
            Self::Shared(stream) => {
                // A panic while the lock was held is the stream's, whose next answer says what became of it.
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                call(Pin::new(&mut *stream))
            }
        }
    }
}

impl<W> WriteHalf<W> {
    const fn new(writer: Held<W>, vectored: bool) -> Self {
        Self { writer, vectored }
    }
}

impl<R: AsyncRead + Unpin + 'static> PollRead for ReadHalf<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.with(|stream| stream.poll_read(cx, buffer))
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> PollWrite for WriteHalf<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writer.with(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer
            .with(|stream| stream.poll_write_vectored(cx, runs))
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.with(|stream| stream.poll_close(cx))
    }
}

impl<R: fmt::Debug, W: fmt::Debug, T> fmt::Debug for Halves<R, W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reader, writer) = (&self.reader, &self.writer);
        f.debug_tuple("Halves").field(reader).field(writer).finish()
    }
}

impl<S: fmt::Debug, T> fmt::Debug for Io<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Io").field(&self.stream).finish()
    }
}
