use std::future::Future;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::BytesMut;

use crate::Queued;

/// What moves bytes: a TCP or TLS stream, a stream of HTTP/2, a pair in memory.
///
/// It is divided once, at birth, so that reading and writing never wait for each other. A stream that
/// can't be divided brings its own lock.
pub trait Transport: 'static {
    /// The half that reads.
    type Reader: PollRead;
    /// The half that writes.
    type Writer: PollWrite;
    /// The timer that deadlines are kept with.
    type Timer: Timer;

    /// Divides the transport into its halves.
    fn divide(self) -> (Self::Reader, Self::Writer);
}

/// The reading half of a [`Transport`].
///
/// Dropping it releases the half; nothing is called after an error or the end. An error of the kind
/// [`InvalidData`](io::ErrorKind::InvalidData) says that what came is not the peer's, as a record of TLS that was
/// changed: it is told as [`Error::Tls`](crate::Error::Tls). So it is where writing fails.
pub trait PollRead: Unpin + 'static {
    /// Reads into `buffer`, which is not empty, and gives the number of bytes read; 0 is the end.
    ///
    /// If nothing is there the waker of `cx` is kept, and woken when there is.
    ///
    /// # Errors
    ///
    /// The transport failed. No byte was read.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Reads into the spare capacity of `buffer`, which is not empty, and never beyond it.
    ///
    /// The provided way fills the capacity with zeros first. Do better where the transport can write to
    /// uninitialised memory.
    ///
    /// # Errors
    ///
    /// As [`poll_read`](Self::poll_read).
    fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let filled = buffer.len();
        buffer.resize(buffer.capacity(), 0);
        let read = self.poll_read(cx, &mut buffer[filled..]);
        let taken = match read {
            Poll::Ready(Ok(count)) => count,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        buffer.truncate(filled + taken);
        read
    }
}

/// The writing half of a [`Transport`].
///
/// Dropping it releases the half. It keeps one waker, the one it was polled with last.
pub trait PollWrite: Send + Unpin + 'static {
    /// Writes a part of `bytes`, which is not empty, and gives how many bytes it took.
    ///
    /// # Errors
    ///
    /// The transport failed. No byte was taken.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Writes a part of `runs`, in order, and gives how many bytes it took. None of the runs is empty.
    ///
    /// The provided way writes from the first run.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, runs.first().map_or(&[], |run| run))
    }

    /// True if several runs cost no more than one. Else output is joined into runs of 16 KiB.
    ///
    /// Constant for the life of the transport. Default: false.
    fn is_write_vectored(&self) -> bool {
        false
    }

    /// Moves what the transport itself holds back towards the peer.
    ///
    /// # Errors
    ///
    /// The transport failed.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the writing direction, after what was written: the peer reads the end.
    ///
    /// # Errors
    ///
    /// The transport failed.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// A timer of a runtime: a future that is ready at an instant.
pub trait Timer: Future<Output = ()> + Unpin + 'static {
    /// The clock that the instants belong to. It may be paused in tests.
    fn now() -> Instant;

    /// A timer that is ready at `deadline`.
    fn at(deadline: Instant) -> Self;

    /// Moves the timer to `deadline`, ready or not.
    fn reset(&mut self, deadline: Instant);

    /// Promises to write what the running task has queued once it has yielded, as a [`Flusher`](crate::Flusher) does.
    ///
    /// It is asked for each message, outside of a [`corked`](crate::corked) scope. Default: false, and the message is
    /// written at once.
    fn promise(queued: &mut Queued<'_>) -> bool {
        let _ = queued;
        false
    }
}

/// Waits for `future`, but no longer than `deadline`; `None` if the deadline came first.
pub(crate) async fn until<T: Timer, F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    let mut timer = T::at(deadline);
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        std::pin::Pin::new(&mut timer).poll(cx).map(|()| None)
    })
    .await
}
