use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Transport, TransportRead, TransportWrite};

/// A TCP stream of std, with `TCP_NODELAY`.
///
/// Its halves share one descriptor and keep deadlines with the socket's timeouts.
#[derive(Debug)]
pub struct Stream(TcpStream);

/// The reading half of a [`Stream`].
#[derive(Debug)]
pub struct StreamReader {
    socket: Arc<TcpStream>,
    timeout: Option<Duration>,
}

/// The writing half of a [`Stream`].
#[derive(Debug)]
pub struct StreamWriter {
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
        Self(socket)
    }
}

impl Transport for Stream {
    type Reader = StreamReader;
    type Writer = StreamWriter;

    fn divide(self) -> (StreamReader, StreamWriter) {
        let socket = Arc::new(self.0);
        let reader = StreamReader {
            socket: Arc::clone(&socket),
            timeout: None,
        };
        let writer = StreamWriter {
            socket,
            timeout: None,
        };
        (reader, writer)
    }
}

impl TransportRead for StreamReader {
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

impl TransportWrite for StreamWriter {
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

    fn is_vectored(&self) -> bool {
        true
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

/// A timeout of zero is none; sockets count in steps of about this.
const SHORTEST: Duration = Duration::from_millis(1);
