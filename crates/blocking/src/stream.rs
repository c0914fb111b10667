use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_threads::{Transport, TransportRead, TransportWrite};

/// A TCP stream of std, with `TCP_NODELAY`; encrypted if the URL or the acceptor says so.
///
/// Its halves share one descriptor and keep deadlines with the socket's timeouts. Those of an encrypted stream share
/// the state of TLS under a lock, which is not held while one of them waits for the socket.
pub struct Stream {
    pub(crate) reader: StreamReader,
    pub(crate) writer: StreamWriter,
}

/// The reading half of a [`Stream`].
pub struct StreamReader(pub(crate) Box<dyn TransportRead>);

/// The writing half of a [`Stream`].
pub struct StreamWriter(pub(crate) Box<dyn TransportWrite>);

/// One direction of a socket.
struct Half {
    socket: Arc<TcpStream>,
    timeout: Option<Duration>,
}

/// Sets `TCP_NODELAY`: what is written is wanted at the other end. The socket's own timeouts are replaced.
impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        // They fail only on a socket that is dead, as the first read or write will say.
        let _ = socket.set_nodelay(true);
        let _ = socket.set_nonblocking(false);
        let _ = socket.set_read_timeout(None);
        let _ = socket.set_write_timeout(None);
        let socket = Arc::new(socket);
        let half = |socket| Half {
            socket,
            timeout: None,
        };
        Self {
            reader: StreamReader(Box::new(half(Arc::clone(&socket)))),
            writer: StreamWriter(Box::new(half(socket))),
        }
    }
}

impl Transport for Stream {
    type Reader = StreamReader;
    type Writer = StreamWriter;

    fn divide(self) -> (StreamReader, StreamWriter) {
        (self.reader, self.writer)
    }
}

impl TransportRead for StreamReader {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        self.0.read(buffer, until)
    }

    fn abort(&mut self) {
        self.0.abort();
    }
}

impl TransportWrite for StreamWriter {
    fn write(&mut self, runs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.0.write(runs, until)
    }

    fn is_vectored(&self) -> bool {
        // Records of TLS are filled from several runs, too.
        true
    }

    fn flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        self.0.flush(until)
    }

    fn drained(&self) -> u64 {
        self.0.drained()
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.0.shutdown()
    }

    fn abort(&mut self) {
        self.0.abort();
    }
}

impl TransportRead for Half {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        if let Some(timeout) = change(self.timeout, until) {
            self.socket.set_read_timeout(timeout)?;
            self.timeout = timeout;
        }
        (&*self.socket).read(buffer).map_err(timed_out)
    }

    fn abort(&mut self) {
        abort(&self.socket);
    }
}

impl TransportWrite for Half {
    fn write(&mut self, runs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        if let Some(timeout) = change(self.timeout, until) {
            self.socket.set_write_timeout(timeout)?;
            self.timeout = timeout;
        }
        let written = match runs {
            [run] => (&*self.socket).write(run),
            runs => (&*self.socket).write_vectored(runs),
        };
        written.map_err(timed_out)
    }

    fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
        // The kernel holds nothing back.
        Ok(())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    fn abort(&mut self) {
        abort(&self.socket);
    }
}

/// The timeout to set, if the one that is set doesn't do: it may end a wait early, but not too often.
#[allow(clippy::option_option, reason = "no timeout is something to set, too")]
fn change(set: Option<Duration>, until: Option<Instant>) -> Option<Option<Duration>> {
    let wanted = until.map(|until| {
        let left = until.saturating_duration_since(Instant::now());
        left.max(SHORTEST)
    });
    let does = match (set, wanted) {
        (Some(set), Some(wanted)) => set <= wanted && set >= wanted / 2,
        (set, wanted) => set == wanted,
    };
    (!does).then_some(wanted)
}

/// Windows reports a timeout of the socket as another error.
fn timed_out(error: io::Error) -> io::Error {
    if cfg!(windows) && error.kind() == io::ErrorKind::TimedOut {
        return io::ErrorKind::WouldBlock.into();
    }
    error
}

fn abort(socket: &TcpStream) {
    // A socket that is not connected any more has nobody to wake.
    let _ = socket.shutdown(Shutdown::Both);
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader").finish_non_exhaustive()
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter").finish_non_exhaustive()
    }
}

/// A timeout of zero is none; sockets count in steps of about this.
const SHORTEST: Duration = Duration::from_millis(1);
