use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// One end of a pair of streams in memory, with tokio's traits.
///
/// It takes the longest message at once, so that whoever sends needs nobody to read meanwhile.
#[derive(Debug)]
pub struct Wire {
    stream: DuplexStream,
    written: Arc<AtomicU64>,
}

/// How many bytes the server has written.
pub(crate) struct Written(Arc<AtomicU64>);

impl Wire {
    /// The server's end and the client's.
    pub(crate) fn pair() -> (Self, Self, Written) {
        let (server, client) = tokio::io::duplex(CAPACITY);
        let written = Arc::<AtomicU64>::default();
        let server = Self {
            stream: server,
            written: Arc::clone(&written),
        };
        let client = Self {
            stream: client,
            written: Arc::default(),
        };
        (server, client, Written(written))
    }

    fn count(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &result {
            self.written.fetch_add(*count as u64, Ordering::Relaxed);
        }
        result
    }
}

impl Written {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, runs);
        self.count(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What a direction holds that nobody has read, in bytes.
const CAPACITY: usize = 1024 * 1024;
