use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::time::Instant;

/// What moves bytes: a TCP or TLS stream, a pair in memory.
///
/// It is divided once, at birth, so that one thread reads while another writes.
///
/// Its halves wait no longer than they are told. A half that can't tell time, such as [`Halves`] of streams without
/// timeouts, leaves deadlines to pass unnoticed until something moves.
pub trait Transport: 'static {
    /// The half that reads.
    type Reader: TransportRead;
    /// The half that writes.
    type Writer: TransportWrite;

    /// Divides the transport into its halves.
    fn divide(self) -> (Self::Reader, Self::Writer);
}

/// The reading half of a [`Transport`].
///
/// Dropping it releases the half; nothing is called after an error or the end. An error of the kind
/// [`InvalidData`](io::ErrorKind::InvalidData) says that what came is not the peer's, as a record of TLS that was
/// changed: it is told as [`Error::Tls`](crate::Error::Tls). So it is where writing fails.
pub trait TransportRead: Send + 'static {
    /// Reads into `buffer`, which is not empty, and gives the number of bytes read; 0 is the end. Waits for the first
    /// byte no longer than `until`.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing came; it may be early, and is asked again then.
    /// [`Interrupted`](io::ErrorKind::Interrupted) is asked again, too. Else the transport failed. No byte was read.
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize>;

    /// Ends both directions at once, so that a thread that waits in the other half returns. Provided: does nothing.
    fn abort(&mut self) {}
}

/// The writing half of a [`Transport`].
///
/// Dropping it releases the half. A thread that writes is given `until` an instant that has passed where it must not
/// wait; a half that can't tell that short a time may wait the shortest that it can, as sockets do (a millisecond).
pub trait TransportWrite: Send + 'static {
    /// Writes a part of `runs`, in order, and gives how many bytes it took. None of the runs is empty; there is one
    /// unless writing [is vectored](Self::is_vectored). Waits for room no longer than `until`.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing was taken; it may be early, and is asked again then.
    /// [`Interrupted`](io::ErrorKind::Interrupted) is asked again, too. Else the transport failed.
    fn write(&mut self, runs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize>;

    /// True if several runs cost no more than one. Else output is joined into runs of 16 KiB.
    ///
    /// Constant for the life of the transport. Provided: false.
    fn is_vectored(&self) -> bool {
        false
    }

    /// Moves what the transport itself holds back towards the peer.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    fn flush(&mut self, until: Option<Instant>) -> io::Result<()>;

    /// How many bytes of what it held back the transport has got rid of so far; only that it grows is looked at.
    ///
    /// A transport that takes more than it passes on at once, as TLS does with its records, tells here that the rest
    /// moves: the write deadline counts from the last byte that did. Provided: 0, for one that holds nothing back.
    fn drained(&self) -> u64 {
        0
    }

    /// Ends the writing direction, after what was written: the peer reads the end. It doesn't wait.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it would have to; it is asked again then. Else the transport failed.
    fn shutdown(&mut self) -> io::Result<()>;

    /// Ends both directions at once, so that a thread that waits in the other half returns. Provided: does nothing.
    fn abort(&mut self) {}
}

/// Two values of std's traits as a transport, one that reads and one that writes, such as the two ends of pipes, or a
/// stream and its clone.
///
/// These traits know neither deadlines nor the end of a direction. Deadlines are looked at when something has moved;
/// set timeouts on the stream for more, whose errors are taken as a look at the clock. The writing direction ends when
/// the connection is over and its halves are dropped.
#[derive(Clone, Copy)]
pub struct Halves<R, W>(
    /// The value that reads.
    pub R,
    /// The value that writes.
    pub W,
);

impl<R: Read + Send + 'static, W: Write + Send + 'static> Transport for Halves<R, W> {
    type Reader = HalvesReader<R>;
    type Writer = HalvesWriter<W>;

    fn divide(self) -> (HalvesReader<R>, HalvesWriter<W>) {
        (HalvesReader(self.0), HalvesWriter(self.1))
    }
}

/// The reading half of a [`Halves`] transport.
pub struct HalvesReader<R>(R);

/// The writing half of a [`Halves`] transport.
pub struct HalvesWriter<W>(W);

impl<R: Read + Send + 'static> TransportRead for HalvesReader<R> {
    fn read(&mut self, buffer: &mut [u8], _: Option<Instant>) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<W: Write + Send + 'static> TransportWrite for HalvesWriter<W> {
    fn write(&mut self, runs: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
        self.0.write_vectored(runs)
    }

    fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
        self.0.flush()
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R, W> fmt::Debug for Halves<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halves").finish_non_exhaustive()
    }
}
