//! TLS over the halves of a stream, with rustls.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bowline_tls::rustls::{ClientConnection, Connection, ServerConnection};
pub(crate) use bowline_tls::{ClientTls, ServerTls};

use crate::stream::{Stream, StreamReader, StreamWriter};
use crate::{TransportRead, TransportWrite};

/// Encrypts a stream as the client of `host`; `None` if that took longer than until `deadline`.
pub(crate) fn connect(
    stream: Stream,
    host: &str,
    tls: &ClientTls,
    deadline: Instant,
) -> io::Result<Option<Stream>> {
    let name = ClientTls::server_name(host)?;
    let client = ClientConnection::new(Arc::clone(tls.config()), name).map_err(io::Error::other)?;
    shake_hands(stream, client.into(), deadline)
}

/// Encrypts a stream as the server.
pub(crate) fn accept(
    stream: Stream,
    tls: &ServerTls,
    deadline: Instant,
) -> io::Result<Option<Stream>> {
    let server = ServerConnection::new(Arc::clone(tls.config())).map_err(io::Error::other)?;
    shake_hands(stream, server.into(), deadline)
}

fn shake_hands(
    stream: Stream,
    mut connection: Connection,
    deadline: Instant,
) -> io::Result<Option<Stream>> {
    let mut whole = Whole { stream, deadline };
    while connection.is_handshaking() || connection.wants_write() {
        if Instant::now() >= deadline {
            return Ok(None);
        }
        match connection.complete_io(&mut whole) {
            Err(error)
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                // The peer is told why, if it can be: that may be behind other records.
                while connection.wants_write()
                    && matches!(connection.write_tls(&mut whole), Ok(1..))
                {}
                return Err(error);
            }
            _ => {}
        }
    }
    bowline_tls::check_protocol(connection.alpn_protocol())?;
    let connection = Arc::new(Mutex::new(connection));
    let reader = Reader {
        socket: whole.stream.reader,
        connection: Arc::clone(&connection),
        input: Vec::new(),
        unused: 0..0,
        failed: None,
    };
    let writer = Writer::new(whole.stream.writer, connection);
    Ok(Some(Stream {
        reader: StreamReader(Box::new(reader)),
        writer: StreamWriter(Box::new(writer)),
    }))
}

/// A stream with std's traits, for the handshake.
struct Whole {
    stream: Stream,
    deadline: Instant,
}

impl Whole {
    /// Gives the deadline while it has not passed. One call of rustls is many of these, and a peer that never pauses is
    /// late, too.
    fn until(&self) -> io::Result<Option<Instant>> {
        if Instant::now() < self.deadline {
            Ok(Some(self.deadline))
        } else {
            Err(ErrorKind::WouldBlock.into())
        }
    }
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let until = self.until()?;
        self.stream.reader.read(buffer, until)
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let until = self.until()?;
        self.stream.writer.write(&[IoSlice::new(bytes)], until)
    }

    fn flush(&mut self) -> io::Result<()> {
        let until = self.until()?;
        self.stream.writer.flush(until)
    }
}

struct Reader {
    socket: StreamReader,
    connection: Arc<Mutex<Connection>>,
    /// Bytes of the socket, in `unused` those that TLS has not taken yet.
    input: Vec<u8>,
    unused: Range<usize>,
    /// What TLS said behind payload that is given first.
    failed: Option<io::Error>,
}

impl Reader {
    /// Decrypts what was read; `None` if that is no payload, or not all of it.
    fn decrypt(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut connection = lock(&self.connection);
        let mut count = 0;
        while count < buffer.len() {
            match bowline_tls::end(connection.reader().read(&mut buffer[count..])) {
                Ok(0) => return Ok(Some(count)),
                Ok(read) => count += read,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if self.unused.is_empty() => {
                    return match self.failed.take() {
                        Some(error) if count == 0 => Err(error),
                        failed => {
                            self.failed = failed;
                            Ok((count > 0).then_some(count))
                        }
                    };
                }
                Err(_) => {
                    let mut input = &self.input[self.unused.clone()];
                    self.unused.start += connection.read_tls(&mut input)?;
                    if let Err(error) = connection.process_new_packets() {
                        self.failed = Some(io::Error::new(ErrorKind::InvalidData, error));
                        self.unused = 0..0;
                    }
                }
            }
        }
        Ok(Some(count))
    }
}

impl TransportRead for Reader {
    fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let mut late = false;
        loop {
            if let Some(count) = self.decrypt(buffer)? {
                return Ok(count);
            }
            // What came was no payload, or not all of a record. It may go on like that for ever.
            if late {
                return Err(ErrorKind::WouldBlock.into());
            }
            if self.input.is_empty() {
                self.input = vec![0; INPUT];
            }
            // Without the lock: another thread may want to write meanwhile.
            match self.socket.read(&mut self.input, until) {
                Ok(0) => {
                    lock(&self.connection).read_tls(&mut io::empty())?;
                }
                Ok(count) => self.unused = 0..count.min(self.input.len()),
                Err(error) => {
                    self.input = Vec::new();
                    return Err(error);
                }
            }
            late = until.is_some_and(|until| Instant::now() >= until);
        }
    }

    fn abort(&mut self) {
        self.socket.abort();
    }
}

struct Writer {
    socket: StreamWriter,
    connection: Arc<Mutex<Connection>>,
    /// Encrypted bytes, of which so many were written.
    output: Vec<u8>,
    written: usize,
    /// Encrypted bytes that were written since the beginning.
    drained: u64,
    /// The peer was told that nothing follows.
    notified: bool,
}

impl Writer {
    const fn new(socket: StreamWriter, connection: Arc<Mutex<Connection>>) -> Self {
        Self {
            socket,
            connection,
            output: Vec::new(),
            written: 0,
            drained: 0,
            notified: false,
        }
    }

    /// Writes what is encrypted.
    fn drain(&mut self, until: Option<Instant>) -> io::Result<()> {
        if self.output.is_empty() {
            let mut connection = lock(&self.connection);
            while connection.wants_write() {
                connection.write_tls(&mut self.output)?;
            }
        }
        while self.written < self.output.len() {
            let rest = [IoSlice::new(&self.output[self.written..])];
            // Not under the lock: another thread may want to decrypt meanwhile.
            match self.socket.write(&rest, until)? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => {
                    self.written += count;
                    self.drained += count as u64;
                }
            }
            // A peer that takes a little at a time may take the rest for ever.
            if self.written < self.output.len()
                && until.is_some_and(|until| Instant::now() >= until)
            {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        self.written = 0;
        self.output.clear();
        if self.output.capacity() > KEPT {
            self.output = Vec::new();
        }
        Ok(())
    }
}

impl TransportWrite for Writer {
    fn write(&mut self, runs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.drain(until)?;
        let count = lock(&self.connection).writer().write_vectored(runs)?;
        match self.drain(until) {
            // It is taken; the rest goes with what follows.
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            drained => drained?,
        }
        Ok(count)
    }

    fn flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        self.drain(until)?;
        self.socket.flush(until)
    }

    fn drained(&self) -> u64 {
        self.drained
    }

    fn shutdown(&mut self) -> io::Result<()> {
        let until = Some(Instant::now());
        if !self.notified {
            // What was encrypted before goes before it, or it would be left behind.
            self.drain(until)?;
            self.notified = true;
            lock(&self.connection).send_close_notify();
        }
        self.drain(until)?;
        self.socket.shutdown()
    }

    fn abort(&mut self) {
        self.socket.abort();
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is read of the socket at once, in bytes: a full record.
const INPUT: usize = 17 * 1024;

/// Capacity of a buffer that an idle connection keeps, in bytes.
const KEPT: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use bowline_testing::certificates::{Authority, Validity};

    use super::*;
    use crate::bytes::BytesMut;
    use crate::{Config, Error, Message, Role, Timeout, WebSocket};

    /// A peer that sends the longest record, byte by byte, and never lets anybody wait for the next one. The first comes
    /// when the time is up.
    struct Dripping {
        until: Instant,
        given: Arc<AtomicUsize>,
    }

    impl TransportRead for Dripping {
        fn read(&mut self, buffer: &mut [u8], _: Option<Instant>) -> io::Result<usize> {
            thread::sleep(self.until.saturating_duration_since(Instant::now()));
            // The head of the record, then that of a hello.
            const BEGIN: [u8; 9] = [22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc];
            let given = self.given.fetch_add(1, Ordering::SeqCst);
            buffer[0] = BEGIN.get(given).copied().unwrap_or(0);
            Ok(1)
        }
    }

    struct Sink;

    impl TransportWrite for Sink {
        fn write(&mut self, runs: &[IoSlice<'_>], _: Option<Instant>) -> io::Result<usize> {
            Ok(runs[0].len())
        }

        fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
            Ok(())
        }

        fn shutdown(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn dripping(until: Instant) -> (StreamReader, Arc<AtomicUsize>) {
        let given = Arc::new(AtomicUsize::new(0));
        let reader = Dripping {
            until,
            given: Arc::clone(&given),
        };
        (StreamReader(Box::new(reader)), given)
    }

    fn server() -> ServerTls {
        let server = Authority::new("tests").server(&["localhost"], Validity::Now);
        ServerTls::certificate(server.chain.as_bytes(), server.key.as_bytes()).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(10)
    }

    #[test]
    fn a_handshake_that_never_pauses_is_late_all_the_same() {
        let (server, deadline) = (server(), soon());
        let (reader, given) = dripping(deadline);
        let writer = StreamWriter(Box::new(Sink));
        let accepted = accept(Stream { reader, writer }, &server, deadline);
        assert!(matches!(accepted, Ok(None)), "{accepted:?}");
        assert_eq!(given.load(Ordering::SeqCst), 1);
    }

    /// A peer that takes a little of each record at a time, or nothing at all.
    struct Slow {
        takes: usize,
        /// It has taken some since it refused.
        took: bool,
    }

    impl TransportWrite for Slow {
        fn write(&mut self, runs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
            self.took = !self.took && self.takes > 0;
            if self.took {
                return Ok(runs[0].len().min(self.takes));
            }
            if let Some(until) = until {
                thread::sleep(until.saturating_duration_since(Instant::now()));
            }
            Err(ErrorKind::WouldBlock.into())
        }

        fn flush(&mut self, _: Option<Instant>) -> io::Result<()> {
            Ok(())
        }

        fn shutdown(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A peer that says nothing.
    struct Silent;

    impl TransportRead for Silent {
        fn read(&mut self, _: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
            if let Some(until) = until {
                thread::sleep(until.saturating_duration_since(Instant::now()));
            }
            Err(ErrorKind::WouldBlock.into())
        }
    }

    /// A server whose handshake of TLS is done, and whose peer takes so many bytes at a time.
    fn server_writing_to(takes: usize, config: &Config) -> WebSocket {
        let authority = Authority::new("tests");
        let server = authority.server(&["localhost"], Validity::Now);
        let server =
            ServerTls::certificate(server.chain.as_bytes(), server.key.as_bytes()).unwrap();
        let client = ClientTls::authorities(authority.pem.as_bytes()).unwrap();
        let name = ClientTls::server_name("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::clone(client.config()), name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(server.config())).unwrap();
        while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            let mut wire = &wire[..];
            while !wire.is_empty() {
                server.read_tls(&mut wire).unwrap();
                server.process_new_packets().unwrap();
            }
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut wire = &wire[..];
            while !wire.is_empty() {
                client.read_tls(&mut wire).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        let slow = Slow { takes, took: false };
        let writer = Writer::new(
            StreamWriter(Box::new(slow)),
            Arc::new(Mutex::new(server.into())),
        );
        let stream = Stream {
            reader: StreamReader(Box::new(Silent)),
            writer: StreamWriter(Box::new(writer)),
        };
        WebSocket::new(Role::Server, stream, config, None, BytesMut::new())
    }

    #[test]
    fn the_write_deadline_counts_bytes_that_the_peer_takes() {
        const SHORT: Duration = Duration::from_millis(20);
        let config = Config::new(Role::Server).write(Some(SHORT));
        let message = || Message::from(vec![7; 100_000]);
        // More than TLS encrypts at once, and each part of it takes far longer than the deadline.
        server_writing_to(1000, &config).send(message()).unwrap();
        let error = server_writing_to(0, &config).send(message()).unwrap_err();
        let Error::Timeout(Timeout::Write { after: SHORT }) = error else {
            panic!("{error:?}");
        };
    }

    #[test]
    fn a_record_that_never_pauses_is_late_all_the_same() {
        let connection = ServerConnection::new(Arc::clone(server().config())).unwrap();
        let until = soon();
        let (socket, given) = dripping(until);
        let mut reader = Reader {
            socket,
            connection: Arc::new(Mutex::new(connection.into())),
            input: Vec::new(),
            unused: 0..0,
            failed: None,
        };
        let read = reader.read(&mut [0; 16], Some(until));
        assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(given.load(Ordering::SeqCst), 1);
    }
}
