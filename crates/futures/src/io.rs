use std::fmt;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bowline_io::{Timer, Transport};
use futures_io::{AsyncRead, AsyncWrite};

use crate::{Halves, ReadHalf, WriteHalf};

/// Any stream with the traits of futures-io as a transport, such as a TLS stream: give it to
/// [`accept_on`](bowline_io::Acceptor::accept_on) or [`connect_on`](bowline_io::Connector::connect_on).
///
/// The halves share the stream under a lock that is held for one call. Where a stream can be cloned, [`Halves`] need
/// none. `T` is the timer that deadlines are kept with.
pub struct Io<S, T> {
    stream: S,
    vectored: bool,
    timer: PhantomData<fn() -> T>,
}

/// A half of a stream that is shared.
pub struct Shared<S>(Arc<Mutex<S>>);

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

impl<S, T> Transport for Io<S, T>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: Timer,
{
    type Reader = ReadHalf<Shared<S>>;
    type Writer = WriteHalf<Shared<S>>;
    type Timer = T;

    fn divide(self) -> (Self::Reader, Self::Writer) {
        let (reader, writer) = Shared::pair(self.stream);
        Halves::<_, _, T>::new(reader, writer)
            .vectored(self.vectored)
            .divide()
    }
}

impl<S> Shared<S> {
    pub(crate) fn pair(stream: S) -> (Self, Self) {
        let stream = Arc::new(Mutex::new(stream));
        (Self(Arc::clone(&stream)), Self(stream))
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        // A panic while the lock was held is the stream's, whose next answer says what became of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Shared<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Shared<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write_vectored(cx, runs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_close(cx)
    }
}

impl<S> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl<S: fmt::Debug, T> fmt::Debug for Io<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io")
            .field("stream", &self.stream)
            .field("vectored", &self.vectored)
            .finish()
    }
}
