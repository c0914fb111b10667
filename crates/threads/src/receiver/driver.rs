//! How a receiver moves: what it reads, writes and waits for.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use bowline_frame::Message;
use bowline_proto::{
    Deadlines, EndedBy, EventRef, Inbound, Outbound, OutboundStatus, ProtocolError, Timeout, Wants,
};
use bowline_shell::{claim, end};
use bytes::BytesMut;

use super::Receiver;
use crate::shared::{Locked, Shared};
use crate::{Error, Transport, TransportRead, TransportWrite};

/// What came of receiving.
pub(super) enum Next<R> {
    Taken(R),
    /// The time of the caller is up.
    Nothing,
    End,
}

impl<T: Transport> Receiver<T> {
    /// Receives until `take` takes an event, or `until`. With the event comes the position in the block behind it.
    pub(super) fn next<R>(
        &mut self,
        until: Option<Instant>,
        mut take: impl FnMut(EventRef<'_>, usize) -> Option<R>,
    ) -> Result<Next<R>, Error> {
        let mut late = false;
        loop {
            if self.over.is_some() {
                return Ok(Next::End);
            }
            if let Some(taken) = self.take_event(&mut take) {
                return Ok(Next::Taken(taken));
            }
            if late {
                return Ok(Next::Nothing);
            }
            match self.wait(until, &mut take) {
                Waited::Taken(taken) => return Ok(Next::Taken(taken)),
                Waited::Until(now) => late = until.is_some_and(|until| now >= until),
                Waited::Over => return self.finish(),
            }
        }
    }

    /// Takes the next message if that is all there is to do, which it is for most: what [`next`](Self::next) would find,
    /// for less.
    #[inline]
    pub(super) fn take_message(&mut self) -> Option<Message> {
        match self.inbound.handle_message(self.block.unused()) {
            Ok(Some((used, message))) => {
                let message = message.to_owned();
                self.block.used += used;
                Some(message)
            }
            Ok(None) => None,
            Err(error) => {
                self.violated(error);
                None
            }
        }
    }

    /// Handles bytes that were read, up to the first event that is taken or to their end.
    fn take_event<R>(
        &mut self,
        take: &mut impl FnMut(EventRef<'_>, usize) -> Option<R>,
    ) -> Option<R> {
        loop {
            let start = self.block.used;
            let input = self.block.unused();
            // There may be an event without input.
            if input.is_empty() && !self.inbound.has_more() {
                return None;
            }
            let handled = if self.chunked {
                self.inbound.handle_chunk(input)
            } else {
                self.inbound.handle(input)
            };
            let (used, event) = match handled {
                Ok(handled) => handled,
                Err(error) => {
                    self.violated(error);
                    return None;
                }
            };
            let Some(event) = event else {
                self.block.clear();
                return None;
            };
            if let Some(reply) = event.reply() {
                self.shared.lock().outbound.reply(reply);
            }
            let taken = take(event, start + used);
            self.block.used += used;
            if taken.is_some() {
                return taken;
            }
        }
    }

    #[cold]
    fn violated(&mut self, error: ProtocolError) {
        violated(&self.shared, &mut self.error, error);
        // What is behind the violation is drained with what follows.
        self.block.clear();
    }

    /// Sees to the writing side and the deadlines, and reads once.
    fn wait<R>(
        &mut self,
        until: Option<Instant>,
        take: &mut impl FnMut(EventRef<'_>, usize) -> Option<R>,
    ) -> Waited<R> {
        let now = Instant::now();
        let (wants, stuck) = self.see_to_output(now);
        if wants.is_over() {
            return Waited::Over;
        }
        let retry = stuck.then(|| now + self.retry);
        let deadlines = [wants.until, until, retry, now.checked_add(self.tick)];
        let deadline = deadlines.into_iter().flatten().min();
        let Some(reader) = self.reader.as_mut().filter(|_| wants.read) else {
            // Another thread writes the last of it, or the transport takes none: time will tell.
            std::thread::sleep(self.retry);
            return self.timed_out(wants.until);
        };
        let read = match self.inbound.assembly() {
            Some(buffer) => {
                // A message with a buffer of its own needs no large block beside it.
                self.block.rest();
                read_buffer(reader, buffer, deadline)
            }
            None => reader
                .read(self.block.space(), deadline)
                .map(|count| self.block.fill(count)),
        };
        match read {
            Ok(Filled::End) => {
                self.take_cause();
                self.inbound.handle_eof();
            }
            Ok(Filled::Block) => {}
            Ok(Filled::Assembly) => match self.inbound.handle_assembly() {
                Ok(Some(event)) => {
                    if let Some(taken) = take(event, 0) {
                        return Waited::Taken(taken);
                    }
                }
                Ok(None) => {}
                Err(error) => violated(&self.shared, &mut self.error, error),
            },
            Ok(Filled::Overclaimed) => {
                self.read_failed(claim::overread());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return self.timed_out(wants.until);
            }
            Err(error) => self.read_failed(error),
        }
        if wants.until.is_some_and(|until| now >= until) {
            // A peer that never pauses puts off no deadline but those that its bytes could meet.
            self.act(now, Deadlines::handle_overdue);
        }
        Waited::Until(now)
    }

    /// Writes what the transport takes now, and gives what to wait for, and whether it took all.
    fn see_to_output(&mut self, now: Instant) -> (Wants, bool) {
        let mut status = OutboundStatus::default();
        let mut stuck = false;
        if self.shared.is_busy() {
            let before = self.shared.lock();
            let written = before.outbound.status().written;
            let mut out = self.shared.offer_receiving(before, now);
            if let Some(at) = out.take_ending() {
                // The end began while nobody received, and so did its deadline.
                self.deadlines
                    .wants(at, &mut self.inbound, out.outbound.status());
            }
            if let Some(at) = out.take_drained() {
                self.deadlines.output_moved(at);
            }
            status = out.outbound.status();
            let mut shutdown = self
                .deadlines
                .wants(now, &mut self.inbound, status)
                .shutdown;
            if shutdown {
                let done;
                (out, done) = self.shared.shutdown(out);
                if done {
                    shutdown = false;
                    self.deadlines.shut_down();
                    status = out.outbound.status();
                }
            }
            // A thread that writes needs no help, but it may leave before all is written, when its time is up.
            let helped = out.is_waiting() && !out.is_free() && !status.closed;
            stuck = out.is_waiting() || shutdown;
            self.retry = if helped {
                LONGEST_RETRY
            } else if stuck && status.written == written {
                (self.retry * 2).min(self.tick).min(LONGEST_RETRY)
            } else {
                RETRY
            };
            drop(out);
            self.take_cause();
        }
        let wants = self.deadlines.wants(now, &mut self.inbound, status);
        (wants, stuck)
    }

    /// Nothing came: acts on the deadlines that have passed.
    fn timed_out<R>(&mut self, until: Option<Instant>) -> Waited<R> {
        self.block.rest();
        let now = Instant::now();
        if until.is_some_and(|until| now >= until) {
            self.act(now, Deadlines::handle_timeout);
        }
        Waited::Until(now)
    }

    fn act(
        &mut self,
        now: Instant,
        handle: fn(&mut Deadlines, Instant, &mut Inbound, &mut Outbound) -> Option<Timeout>,
    ) {
        let mut out = self.shared.lock();
        if let Some(at) = out.take_drained() {
            self.deadlines.output_moved(at);
        }
        let outbound = &mut out.outbound;
        if let Some(timeout) = handle(&mut self.deadlines, now, &mut self.inbound, outbound) {
            if !matches!(timeout, Timeout::Idle { .. }) {
                // What is queued, such as a Close that says why, is offered once.
                drop(self.shared.offer_receiving(out, now));
            }
            self.error.get_or_insert(timeout.into());
        }
    }

    /// Takes over why writing failed.
    fn take_cause(&mut self) {
        if let Some(cause) = self.shared.lock().take_cause()
            && self.inbound.is_open()
        {
            if let Error::Timeout(_) = cause {
                self.deadlines.give_up(EndedBy::Deadline);
            }
            self.error.get_or_insert(cause);
        }
    }

    fn read_failed(&mut self, error: io::Error) {
        self.take_cause();
        if self.error.is_none() && self.inbound.is_open() {
            self.error = Some(Error::from_transport(error));
        }
        self.inbound.handle_eof();
        self.deadlines.give_up(EndedBy::Transport);
    }

    /// The connection is over: lets go of everything and says how it ended.
    fn finish<R>(&mut self) -> Result<Next<R>, Error> {
        let out = self.shared.lock();
        let ended = self.deadlines.ended(&self.inbound, out.outbound.status());
        let_go(&mut self.reader, &self.shared, out);
        let pinged = self.deadlines.unanswered(Instant::now());
        self.block = Block::default();
        self.over = Some(Box::new(ended));
        let outcome = end::outcome(self.error.take(), self.inbound.is_peer_closed(), pinged);
        outcome.map(|()| Next::End)
    }
}

/// Lets go of the transport, even if a thread is writing.
pub(super) fn let_go<R: TransportRead, W: TransportWrite>(
    reader: &mut Option<R>,
    shared: &Shared<W>,
    out: Locked<'_, W>,
) {
    if let Some(mut reader) = reader.take()
        && shared.end(out)
    {
        reader.abort();
    }
}

enum Waited<R> {
    Taken(R),
    /// The time is at least this.
    Until(Instant),
    Over,
}

/// Where the bytes went that were read.
enum Filled {
    Block,
    Assembly,
    End,
    Overclaimed,
}

/// Reads into the spare capacity of `buffer`, but not so much that clearing it costs more than reading.
fn read_buffer(
    reader: &mut impl TransportRead,
    buffer: &mut BytesMut,
    until: Option<Instant>,
) -> io::Result<Filled> {
    let filled = buffer.len();
    buffer.resize(buffer.capacity().min(filled + READ), 0);
    let room = buffer.len() - filled;
    let read = reader.read(&mut buffer[filled..], until);
    buffer.truncate(filled + read.as_ref().map_or(0, |count| *count.min(&room)));
    Ok(match read? {
        0 => Filled::End,
        count if count > room => Filled::Overclaimed,
        _ => Filled::Assembly,
    })
}

/// What was read and is not used yet.
#[derive(Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    used: usize,
    filled: usize,
    /// The last read filled it: more waits.
    full: bool,
}

impl Block {
    /// A block that holds bytes which were read elsewhere.
    pub(super) fn holding(bytes: BytesMut) -> Self {
        Self {
            used: 0,
            filled: bytes.len(),
            bytes: bytes.into(),
            full: false,
        }
    }

    fn unused(&mut self) -> &mut [u8] {
        &mut self.bytes[self.used..self.filled]
    }

    /// The bytes at these positions.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// The whole memory, to read into while no byte is unused.
    fn space(&mut self) -> &mut [u8] {
        let len = if self.full {
            self.bytes.len() * 4
        } else {
            self.bytes.len()
        };
        let len = len.clamp(SMALL, BLOCK);
        if self.bytes.len() != len {
            self.bytes = vec![0; len];
        }
        &mut self.bytes
    }

    /// Notes that `count` bytes were read into [`space`](Self::space).
    fn fill(&mut self, count: usize) -> Filled {
        if count > self.bytes.len() {
            return Filled::Overclaimed;
        }
        self.used = 0;
        self.filled = count;
        self.full = count == self.bytes.len();
        if count == 0 {
            Filled::End
        } else {
            Filled::Block
        }
    }

    fn clear(&mut self) {
        self.used = 0;
        self.filled = 0;
    }

    /// Gives back a large block: nothing came for a while, or it goes elsewhere.
    fn rest(&mut self) {
        if self.bytes.len() > SMALL {
            *self = Self::default();
        }
    }
}

/// Queues the Close that names the violation, and keeps the error until that is out.
#[cold]
fn violated<W: TransportWrite>(shared: &Shared<W>, kept: &mut Option<Error>, error: ProtocolError) {
    shared.lock().outbound.reply(error.reply());
    kept.get_or_insert(error.into());
}

/// Size of the block of a connection on which little comes, in bytes.
const SMALL: usize = 4 * 1024;

/// What it grows to while much comes: a full socket buffer's worth, and small enough to stay in the cache.
const BLOCK: usize = 64 * 1024;

/// The most that is read at once into a message's own buffer, in bytes.
const READ: usize = 128 * 1024;

/// The first wait before output is offered again to a transport that took none.
pub(super) const RETRY: Duration = Duration::from_millis(1);

/// The longest such wait.
const LONGEST_RETRY: Duration = Duration::from_millis(64);
