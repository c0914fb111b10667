use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bowline_proto::Config;

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

    /// Reads what is there; empty at the end.
    pub(crate) async fn read<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let count = poll_fn(|cx| self.reader.poll_read(cx, buffer)).await?;
        buffer
            .get(..count)
            .ok_or_else(|| io::Error::other("transport read more than there was room"))
    }

    /// Writes all of `bytes` and moves them towards the peer.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = poll_fn(|cx| self.writer.poll_write(cx, bytes)).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes
                .get(count..)
                .ok_or_else(|| io::Error::other("transport took more than it was given"))?;
        }
        poll_fn(|cx| self.writer.poll_flush(cx)).await
    }

    /// Writes the last bytes and ends the transport so that they arrive: a transport that is dropped with input
    /// unread may take back what it has sent.
    ///
    /// Takes no longer than the close deadline and throws no more away than `max_drain`.
    pub(crate) async fn finish(mut self, bytes: &[u8], config: &Config) -> io::Result<()> {
        let deadline = T::Timer::now() + config.close.min(FAR);
        let finished = until::<T::Timer, _>(deadline, async {
            self.write(bytes).await?;
            poll_fn(|cx| self.writer.poll_shutdown(cx)).await?;
            let mut buffer = [0; 1024];
            let mut drained = 0_u64;
            while drained <= config.max_drain {
                match self.read(&mut buffer).await? {
                    [] => break,
                    read => drained += read.len() as u64,
                }
            }
            Ok(())
        })
        .await;
        finished.unwrap_or(Ok(()))
    }
}

/// A deadline that is as good as none: far enough, and no overflow of any clock.
pub(crate) const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
