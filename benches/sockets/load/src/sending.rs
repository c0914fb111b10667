use std::io::{self, ErrorKind, IoSlice, Write as _};
use std::net::TcpStream;

use crate::messages::Messages;

/// The outbound direction of a connection.
pub(crate) struct Sending {
    /// The message to be sent next, or that is being sent.
    next: usize,
    /// What is sent of it, in bytes.
    offset: usize,
    /// How many may be sent, the one that has begun included.
    due: u64,
    /// When the messages in flight were given to the kernel, each in its place modulo the depth.
    stamps: Box<[u64]>,
    /// How many were begun.
    begun: u64,
    /// The kernel takes no more for now.
    pub(crate) blocked: bool,
}

impl Sending {
    pub(crate) fn new(depth: usize) -> Self {
        Sending {
            next: 0,
            offset: 0,
            due: 0,
            stamps: vec![0; depth].into(),
            begun: 0,
            blocked: false,
        }
    }

    /// Allows `count` more messages.
    pub(crate) fn allow(&mut self, count: u64) {
        self.due += count;
    }

    /// When a message was given to the kernel.
    #[inline]
    pub(crate) fn stamp(&self, number: u64) -> u64 {
        self.stamps[number as usize % self.stamps.len()]
    }

    /// Sends what is allowed and what the kernel takes.
    pub(crate) fn send(
        &mut self,
        stream: &mut TcpStream,
        messages: &Messages,
        now: u64,
    ) -> io::Result<()> {
        self.blocked = false;
        while self.due > 0 {
            let start = messages.bounds[self.next] + self.offset;
            let last = self.next as u64 + self.due;
            let count = messages.count() as u64;
            let written = if last <= count {
                stream.write(&messages.wire[start..messages.bounds[last as usize]])
            } else {
                let end = messages.bounds[(last - count).min(count) as usize];
                let runs = [
                    IoSlice::new(&messages.wire[start..]),
                    IoSlice::new(&messages.wire[..end]),
                ];
                stream.write_vectored(&runs)
            };
            match written {
                Ok(written) => self.advance(written, messages, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn advance(&mut self, mut written: usize, messages: &Messages, now: u64) {
        while written > 0 {
            if self.offset == 0 {
                let place = self.begun as usize % self.stamps.len();
                self.stamps[place] = now;
                self.begun += 1;
            }
            let len = messages.bounds[self.next + 1] - messages.bounds[self.next];
            let part = written.min(len - self.offset);
            written -= part;
            self.offset += part;
            if self.offset == len {
                self.offset = 0;
                self.due -= 1;
                self.next = (self.next + 1) % messages.count();
            }
        }
    }
}
