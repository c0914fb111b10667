use std::io::{self, ErrorKind, Read as _};
use std::net::TcpStream;

use crate::Result;
use crate::arguments::{Arguments, Kind};
use crate::handshake;
use crate::histogram::Histogram;
use crate::messages::Messages;
use crate::receiving::Receiving;
use crate::sending::Sending;

/// A connection to the server that is measured.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) sending: Sending,
    pub(crate) receiving: Receiving,
}

impl Connection {
    /// Connects, and opens the WebSocket unless the server is a raw one.
    pub(crate) fn open(arguments: &Arguments, index: usize) -> Result<Self> {
        let mut stream = TcpStream::connect(arguments.address)?;
        stream.set_nodelay(true)?;
        let deflate = arguments.kind == Kind::Deflate;
        if !arguments.raw {
            handshake::open(&mut stream, deflate)?;
        }
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream,
            sending: Sending::new(arguments.depth),
            receiving: Receiving::new(arguments.raw, deflate && !arguments.raw, index == 0),
        })
    }

    /// Sends what may be sent.
    pub(crate) fn send(&mut self, messages: &Messages, now: u64) -> io::Result<()> {
        self.sending.send(&mut self.stream, messages, now)
    }

    /// Reads once, and returns how many messages ended.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        messages: &Messages,
        histogram: &mut Histogram,
        now: u64,
    ) -> Result<u64> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err("the server ended a connection".into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let before = self.receiving.received;
        let sending = &self.sending;
        self.receiving
            .receive(&buffer[..count], messages, |number| {
                histogram.record(now.saturating_sub(sending.stamp(number)));
            })?;
        Ok(self.receiving.received - before)
    }
}
