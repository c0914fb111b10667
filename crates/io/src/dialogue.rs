use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker, ready};

use bowline_proto::Config;
use bowline_shell::{FAR, claim};

use crate::transport::until;
use crate::{PollRead, PollWrite, Timer, Transport};

/// A transport during the opening handshake.
#[derive(Debug)]
pub(crate) struct Dialogue<T: Transport> {
    pub(crate) reader: T::Reader,
    pub(crate) writer: T::Writer,
}

impl<T: Transport> Dialogue<T> {
    pub(crate) fn new(transport: T) -> Self {
        let (reader, writer) = transport.divide();
        Self { reader, writer }
    }

    /// Gives `take` what comes, and nothing at the end, until it makes something of it. At the end it must.
    pub(crate) async fn read<R>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Option<R>,
    ) -> io::Result<R> {
        poll_fn(|cx| {
            // A future that waits keeps no buffer: there may be thousands.
            let mut buffer = [0; 2048];
            for _ in 0..READS {
                let count = ready!(self.reader.poll_read(cx, &mut buffer))?;
                if let Some(taken) = take(claim::read(&buffer, count)?) {
                    return Poll::Ready(Ok(taken));
                }
            }
            // Others want to run, and the deadline is to be kept.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    /// Writes all of `bytes` and moves them towards the peer.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = self.write_some(bytes).await?;
        }
        poll_fn(|cx| self.writer.poll_flush(cx)).await
    }

    /// Gives the handshake up. The end of the writing direction is offered to the transport once, since that of TLS is
    /// more than to be dropped.
    pub(crate) fn abandon(mut self) {
        let _ = self
            .writer
            .poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }

    /// Writes the last bytes and ends the transport so that they arrive: a transport that is dropped with input
    /// unread may take back what it has sent.
    ///
    /// The close deadline runs from one byte taken to the next, and then from the last one to the peer's end. No more
    /// than `max_drain` is thrown away. Fails only if the bytes were not written.
    pub(crate) async fn finish(mut self, mut bytes: &[u8], config: &Config) -> io::Result<()> {
        let patience = config.close.min(FAR);
        while !bytes.is_empty() {
            let deadline = T::Timer::now() + patience;
            let written = until::<T::Timer, _>(deadline, self.write_some(bytes)).await;
            bytes = written.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
        }
        let deadline = T::Timer::now() + patience;
        let flushed =
            until::<T::Timer, _>(deadline, poll_fn(|cx| self.writer.poll_flush(cx))).await;
        flushed.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
        // The answer is out. What the peer makes of it, a reset even, changes nothing.
        let _ = until::<T::Timer, _>(deadline, self.drain(config.max_drain)).await;
        Ok(())
    }

    /// Writes a part of `bytes` and gives the rest.
    async fn write_some<'a>(&mut self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        let count = poll_fn(|cx| self.writer.poll_write(cx, bytes)).await?;
        claim::rest(bytes, count)
    }

    /// Ends the writing direction and throws away what comes, up to the end or to more than `limit` bytes.
    async fn drain(&mut self, limit: u64) -> io::Result<()> {
        poll_fn(|cx| self.writer.poll_shutdown(cx)).await?;
        let mut drained = 0_u64;
        self.read(|read| {
            drained += read.len() as u64;
            (read.is_empty() || drained > limit).then_some(())
        })
        .await
    }
}

/// Reads in one turn.
const READS: usize = 64;
