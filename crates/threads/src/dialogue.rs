use std::io::{self, ErrorKind, IoSlice};
use std::time::{Duration, Instant};

use bowline_proto::Config;
use bowline_shell::{FAR, claim};

use crate::{Transport, TransportRead, TransportWrite};

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

    /// Gives `take` what comes, and nothing at the end, until it makes something of it. At the end it must. `None` if
    /// it didn't by `deadline`.
    pub(crate) fn read<R>(
        &mut self,
        deadline: Instant,
        mut take: impl FnMut(&[u8]) -> Option<R>,
    ) -> io::Result<Option<R>> {
        let mut buffer = [0; 2048];
        while let Some(count) = step(deadline, || self.reader.read(&mut buffer, Some(deadline)))? {
            if let Some(taken) = take(claim::read(&buffer, count)?) {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// Writes all of `bytes` and moves them towards the peer; `None` if that took longer than until `deadline`.
    pub(crate) fn write(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<Option<()>> {
        while !bytes.is_empty() {
            match self.write_some(bytes, deadline)? {
                Some(rest) => bytes = rest,
                None => return Ok(None),
            }
        }
        step(deadline, || self.writer.flush(Some(deadline)))
    }

    /// Gives the handshake up. The end of the writing direction is offered to the transport once, since that of TLS is
    /// more than to be dropped.
    pub(crate) fn abandon(mut self) {
        let _ = self.writer.shutdown();
    }

    /// Writes the last bytes and ends the transport so that they arrive: a transport that is dropped with input unread
    /// may take back what it has sent.
    ///
    /// The close deadline runs from one byte taken to the next, and then from the last one to the peer's end. No more
    /// than `max_drain` is thrown away. Fails only if the bytes were not written.
    pub(crate) fn finish(mut self, mut bytes: &[u8], config: &Config) -> io::Result<()> {
        let patience = config.close.min(FAR);
        while !bytes.is_empty() {
            bytes = self.patiently(patience, |this, deadline| this.write_some(bytes, deadline))?;
        }
        self.patiently(patience, |this, deadline| this.write(&[], deadline))?;
        let deadline = Instant::now() + patience;
        // The answer is out. What the peer makes of it, a reset even, changes nothing.
        let _ = step(deadline, || self.writer.shutdown());
        let mut drained = 0_u64;
        let _ = self.read(deadline, |read| {
            drained += read.len() as u64;
            (read.is_empty() || drained > config.max_drain).then_some(())
        });
        Ok(())
    }

    /// Attempts it until it is done, or the transport has got rid of nothing for so long.
    fn patiently<R>(
        &mut self,
        patience: Duration,
        mut attempt: impl FnMut(&mut Self, Instant) -> io::Result<Option<R>>,
    ) -> io::Result<R> {
        loop {
            let drained = self.writer.drained();
            if let Some(done) = attempt(self, Instant::now() + patience)? {
                return Ok(done);
            }
            if self.writer.drained() == drained {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }

    /// Writes a part of `bytes` and gives the rest.
    fn write_some<'a>(
        &mut self,
        bytes: &'a [u8],
        deadline: Instant,
    ) -> io::Result<Option<&'a [u8]>> {
        let run = [IoSlice::new(bytes)];
        let count = step(deadline, || self.writer.write(&run, Some(deadline)))?;
        count.map(|count| claim::rest(bytes, count)).transpose()
    }
}

/// Tries until something has moved; `None` if nothing has by `deadline`.
fn step<R>(deadline: Instant, mut attempt: impl FnMut() -> io::Result<R>) -> io::Result<Option<R>> {
    while Instant::now() < deadline {
        match attempt() {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            moved => return moved.map(Some),
        }
    }
    Ok(None)
}
