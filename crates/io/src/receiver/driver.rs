//! How a receiver moves: what it reads, writes and waits for in one poll.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use bowline_frame::MessageRef;
use bowline_proto::{
    Deadlines, EndedBy, EventRef, Inbound, Outbound, OutboundStatus, ProtocolError, Timeout,
};
use bowline_shell::{claim, end};
use bytes::{Bytes, BytesMut};

use super::{Handing, Receiver};
use crate::buffers::{Block, NARROW};
use crate::shared::Shared;
use crate::{Error, PollRead, PollWrite, Timer, Transport};

/// A timer that is set.
pub(super) struct Armed<T> {
    timer: T,
    deadline: Instant,
    /// It was polled for the task that drives the connection.
    asked: bool,
}

/// Work done since the task last waited: a byte counts one or an eighth, an event and a read as much as a KiB.
#[derive(Default)]
pub(super) struct Run(u32);

impl<T: Transport> Receiver<T> {
    /// Receives until `take` takes an event. With the event comes the position in the block behind it.
    pub(super) fn poll_next<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(EventRef<'_>, usize) -> Option<R>,
    ) -> Poll<Result<Option<R>, Error>> {
        loop {
            if self.over.is_some() {
                return Poll::Ready(Ok(None));
            }
            if self.run.is_long() {
                // Messages that lie in memory don't use up a runtime's budget; others want to run.
                self.run = Run::default();
                // A peer that never pauses puts off no deadline but those that its bytes could meet.
                self.act(cx, Deadlines::handle_overdue);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(taken) = self.take_event(&mut take) {
                return Poll::Ready(Ok(Some(taken)));
            }
            // An extension may have more to give of what has come.
            if self.has_unused() || self.run.is_long() {
                continue;
            }
            if self.inbound.is_open() && !self.shared.is_busy() {
                match self.poll_read(cx, &mut take) {
                    Poll::Ready(None) => continue,
                    Poll::Ready(Some(taken)) => return Poll::Ready(Ok(Some(taken))),
                    Poll::Pending => {}
                }
                drop(stand_by(&self.shared, &mut self.timer, cx));
                // What was queued before the waker was known woke nobody.
                if self.shared.is_busy() || self.poll_deadline(cx).is_ready() {
                    continue;
                }
                self.run = Run::default();
                return Poll::Pending;
            }
            match ready!(self.poll_busy(cx, &mut take)) {
                Progress::Taken(taken) => return Poll::Ready(Ok(Some(taken))),
                Progress::Moved => {}
                Progress::Over => return Poll::Ready(self.finish()),
            }
        }
    }

    /// Takes the next message if that is all there is to do, which it is for most: what
    /// [`poll_next`](Self::poll_next) would find, for less. With it comes the position in the block behind it.
    #[inline(always)]
    pub(super) fn take_message<R>(
        &mut self,
        take: impl FnOnce(MessageRef<'_>, usize) -> R,
    ) -> Option<R> {
        let block = self.block.as_mut().filter(|_| !self.run.is_long())?;
        let start = block.position();
        let (used, taken) = match self.inbound.handle_message(block.unused()) {
            Ok(Some((used, message))) => (used, take(message, start + used)),
            Ok(None) => return None,
            Err(error) => {
                self.violated(error);
                return None;
            }
        };
        block.advance(used);
        self.run.event();
        self.run.took(used as u64);
        Some(taken)
    }

    /// Handles bytes that were read, up to the first event that is taken or to their end.
    #[inline]
    fn take_event<R>(
        &mut self,
        take: &mut impl FnMut(EventRef<'_>, usize) -> Option<R>,
    ) -> Option<R> {
        loop {
            if self.run.is_long() {
                return None;
            }
            let before = self.inbound.volume().payload;
            let block = self.block.as_mut();
            let (input, start) = match block {
                Some(block) => {
                    let start = block.position();
                    (block.unused(), start)
                }
                // There may be an event without input.
                None if self.inbound.has_more() => (&mut [][..], 0),
                None => return None,
            };
            let handled = if self.handing == Handing::Chunks {
                self.inbound.handle_chunk(input)
            } else {
                self.inbound.handle(input)
            };
            let (used, event) = match handled {
                Ok((used, event)) => (used, event),
                Err(error) => {
                    self.violated(error);
                    return None;
                }
            };
            let Some(event) = event else {
                self.took(used, before);
                self.give_back();
                return None;
            };
            if let Some(reply) = event.reply() {
                let mut out = self.shared.lock();
                out.lend_buffer();
                out.reply(reply);
            }
            self.run.event();
            let taken = take(event, start + used);
            self.took(used, before);
            if let Some(block) = &mut self.block {
                block.advance(used);
            }
            if taken.is_some() {
                return taken;
            }
        }
    }

    /// Charges bytes that were used, and what an extension made of them since it had made `before`: a few bytes may
    /// have become many, and those are the work.
    #[inline]
    fn took(&mut self, used: usize, before: u64) {
        let decoded = self.inbound.volume().payload.saturating_sub(before);
        self.run.took(decoded.saturating_add(used as u64));
    }

    /// Reads once. Ready without a value: bytes or the end have come.
    fn poll_read<R>(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(EventRef<'_>, usize) -> Option<R>,
    ) -> Poll<Option<R>> {
        if let Some(expected) = self.foreseen() {
            return self.poll_read_foreseen(cx, expected, take);
        }
        let Some(reader) = &mut self.reader else {
            return Poll::Pending;
        };
        if let Some(buffer) = self.inbound.assembly() {
            self.wide = false;
            let (filled, room) = (buffer.len(), buffer.capacity());
            match ready!(reader.poll_read_buf(cx, buffer)) {
                Ok(0) => self.inbound.handle_eof(),
                Ok(count) if count > room - filled || buffer.len() != filled + count => {
                    self.read_failed(claim::overread());
                }
                Ok(count) => {
                    self.run.read();
                    self.run.placed(count as u64);
                    self.foresight.read(count, usize::MAX);
                    match self.inbound.handle_assembly() {
                        Ok(Some(event)) => {
                            self.run.event();
                            return Poll::Ready(take(event, 0));
                        }
                        Ok(None) => {}
                        Err(error) => violated(&self.shared, &mut self.error, error),
                    }
                }
                Err(error) => self.read_failed(error),
            }
            return Poll::Ready(None);
        }
        let mut block = self.block.take().unwrap_or_else(Block::take);
        let space = block.space(self.wide);
        let room = space.len();
        match reader.poll_read(cx, space) {
            Poll::Ready(Ok(0)) => {
                block.give_back();
                self.inbound.handle_eof();
            }
            Poll::Ready(Ok(count)) => {
                if count > room {
                    block.give_back();
                    self.read_failed(claim::overread());
                    return Poll::Ready(None);
                }
                self.run.read();
                self.wide |= count == room;
                self.foresight.read(count, room);
                block.fill(count);
                self.block = Some(block);
            }
            Poll::Ready(Err(error)) => {
                block.give_back();
                self.read_failed(error);
            }
            Poll::Pending => {
                block.give_back();
                self.foresight.wait();
                return Poll::Pending;
            }
        }
        Poll::Ready(None)
    }

    /// How many bytes the next read should bring, if they are to have memory of their own.
    #[inline]
    fn foreseen(&mut self) -> Option<usize> {
        if self.block.is_some() || !self.inbound.takes_buffer() {
            return None;
        }
        let expected = self.foresight.room(&self.inbound.arrival())?;
        match self.handing {
            Handing::Owned => Some(expected),
            // What one read brings to a block is lent from there.
            Handing::Lent => (expected > NARROW).then_some(expected),
            Handing::Chunks => None,
        }
    }

    /// Reads once, into memory for the message that should come now.
    #[inline(never)]
    fn poll_read_foreseen<R>(
        &mut self,
        cx: &mut Context<'_>,
        expected: usize,
        take: &mut impl FnMut(EventRef<'_>, usize) -> Option<R>,
    ) -> Poll<Option<R>> {
        let Some(reader) = &mut self.reader else {
            return Poll::Pending;
        };
        // One byte more: a read that fills its room says nothing about whether there is more, and costs another call.
        let mut buffer = BytesMut::with_capacity(expected + 1);
        let room = buffer.capacity();
        match ready!(reader.poll_read_buf(cx, &mut buffer)) {
            Ok(0) => self.inbound.handle_eof(),
            Ok(count) if count > room || buffer.len() != count => {
                self.read_failed(claim::overread());
            }
            Ok(count) => {
                self.run.read();
                self.foresight.read(count, room);
                let mut taken = None;
                if count >= LEAST {
                    self.run.placed(count as u64);
                    // What was not filled is not to be held meanwhile.
                    if count < room / 2 {
                        buffer = shrunk(buffer);
                    }
                    match self.inbound.handle_buffer(&mut buffer) {
                        Ok(Some(event)) => {
                            self.run.event();
                            taken = take(event, 0);
                        }
                        Ok(None) => {}
                        Err(error) => {
                            violated(&self.shared, &mut self.error, error);
                            return Poll::Ready(None);
                        }
                    }
                }
                if !buffer.is_empty() {
                    self.block = Some(Block::copied(buffer));
                }
                return Poll::Ready(taken);
            }
            Err(error) => self.read_failed(error),
        }
        Poll::Ready(None)
    }

    /// Sees to the writing side, to the end of the connection, and reads meanwhile.
    fn poll_busy<R>(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(EventRef<'_>, usize) -> Option<R>,
    ) -> Poll<Progress<R>> {
        let mut out = self.shared.lock();
        let driven = out.poll_drive_receiving(cx);
        if let Some(cause) = out.take_cause()
            && self.inbound.is_open()
        {
            if let Error::Timeout(_) = cause {
                self.deadlines.give_up(EndedBy::Deadline);
            }
            self.error.get_or_insert_with(|| Box::new(cause));
        }
        if driven.is_ready() && self.inbound.is_open() && !out.is_closed() {
            return Poll::Ready(Progress::Moved);
        }
        // While the lock is held nobody queues anything, so nobody misses whom to wake.
        let before = stand_by(&self.shared, &mut self.timer, cx);
        let now = T::Timer::now();
        let mut wants = self.deadlines.wants(now, &mut self.inbound, out.status());
        if wants.shutdown && out.poll_shutdown(cx).is_ready() {
            self.deadlines.shut_down();
            wants = self.deadlines.wants(now, &mut self.inbound, out.status());
        }
        drop(out);
        drop(before);
        if wants.is_over() {
            return Poll::Ready(Progress::Over);
        }
        if wants.read
            && let Poll::Ready(taken) = self.poll_read(cx, take)
        {
            return Poll::Ready(taken.map_or(Progress::Moved, Progress::Taken));
        }
        if self.poll_deadline(cx).is_ready() {
            return Poll::Ready(Progress::Moved);
        }
        self.run = Run::default();
        Poll::Pending
    }

    /// Waits for the next deadline. Ready: one has come and was acted on.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let status = if self.shared.is_timed() {
            self.shared.lock().status()
        } else {
            OutboundStatus::default()
        };
        let now = T::Timer::now();
        let Some(deadline) = self.deadlines.wants(now, &mut self.inbound, status).until else {
            return Poll::Pending;
        };
        match &mut self.timer {
            // A timer that fires early is set again then: one setting per period, not per message.
            Some(armed) if armed.deadline <= deadline => {
                // It wakes this task in time, and to ask it takes longer than to look at the clock.
                if armed.asked && now < armed.deadline {
                    return Poll::Pending;
                }
            }
            Some(armed) => {
                armed.timer.reset(deadline);
                armed.deadline = deadline;
                armed.asked = false;
            }
            None => {
                self.timer = Some(Armed {
                    timer: T::Timer::at(deadline),
                    deadline,
                    asked: false,
                });
            }
        }
        let Some(armed) = &mut self.timer else {
            return Poll::Pending;
        };
        armed.asked = true;
        ready!(Pin::new(&mut armed.timer).poll(cx));
        // A timer must not be polled again once it was ready.
        self.timer = None;
        self.act(cx, Deadlines::handle_timeout);
        Poll::Ready(())
    }

    /// Acts on the deadlines that have passed.
    fn act(
        &mut self,
        cx: &mut Context<'_>,
        handle: fn(&mut Deadlines, Instant, &mut Inbound, &mut Outbound) -> Option<Timeout>,
    ) {
        let mut out = self.shared.lock();
        out.lend_buffer();
        let now = T::Timer::now();
        if let Some(timeout) = handle(&mut self.deadlines, now, &mut self.inbound, &mut out) {
            if !matches!(timeout, Timeout::Idle { .. }) {
                // What is queued, such as a Close that says why, is offered once.
                let _ = out.poll_drive(cx);
            }
            self.error.get_or_insert_with(|| Box::new(timeout.into()));
        }
    }

    #[cold]
    fn violated(&mut self, error: ProtocolError) {
        violated(&self.shared, &mut self.error, error);
        // What is behind the violation is drained with what follows.
        self.give_back();
    }

    fn read_failed(&mut self, error: std::io::Error) {
        if self.error.is_none() && self.inbound.is_open() {
            self.error = Some(Box::new(Error::from_transport(error)));
        }
        self.inbound.handle_eof();
        self.deadlines.give_up(EndedBy::Transport);
        self.shared.lock().wake_all();
    }

    /// The connection is over: lets go of everything and says how it ended.
    fn finish<R>(&mut self) -> Result<Option<R>, Error> {
        let mut out = self.shared.lock();
        let ended = self.deadlines.ended(&self.inbound, out.status());
        out.finish();
        drop(out);
        let pinged = self.deadlines.unanswered(T::Timer::now());
        self.reader = None;
        self.timer = None;
        self.give_back();
        self.over = Some(Box::new(ended));
        let error = self.error.take().map(|error| *error);
        end::outcome(error, self.inbound.is_peer_closed(), pinged).map(|()| None)
    }

    fn has_unused(&self) -> bool {
        self.block.as_ref().is_some_and(|block| !block.is_used_up())
    }

    /// An idle connection owns no buffer.
    #[inline]
    pub(super) fn give_back_block(&mut self) {
        if self.block.as_ref().is_some_and(Block::is_used_up) {
            self.give_back();
        }
    }

    #[inline]
    pub(super) fn give_back(&mut self) {
        if let Some(block) = self.block.take() {
            block.give_back();
        }
    }
}

/// Lets the writing side wake this task. The timer is asked anew if it knows another one. Gives the waker that was kept
/// before, to be dropped while no lock is held.
fn stand_by<W: PollWrite, S>(
    shared: &Shared<W>,
    timer: &mut Option<Armed<S>>,
    cx: &Context<'_>,
) -> Option<Waker> {
    let (knew, before) = shared.set_driver(cx.waker());
    if !knew && let Some(armed) = timer {
        armed.asked = false;
    }
    before
}

/// The bytes without room behind them.
fn shrunk(bytes: BytesMut) -> BytesMut {
    BytesMut::from(Bytes::from(Vec::from(bytes).into_boxed_slice()))
}

/// What `poll_busy` achieved.
enum Progress<R> {
    Taken(R),
    Moved,
    Over,
}

impl Run {
    /// Charges bytes that came or that an extension made of them.
    #[inline]
    fn took(&mut self, bytes: u64) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.0 = self.0.saturating_add(bytes);
    }

    /// Charges bytes that were read to where their message needs them, an eighth each: they cost little more than that,
    /// and messages which all lie half-read while others have their turn cost twice as much.
    #[inline]
    fn placed(&mut self, bytes: u64) {
        self.took(bytes / 8);
    }

    #[inline]
    const fn event(&mut self) {
        self.0 = self.0.saturating_add(1024);
    }

    #[inline]
    const fn read(&mut self) {
        self.0 = self.0.saturating_add(1024);
    }

    /// Enough for one turn: others want to run.
    #[inline]
    const fn is_long(&self) -> bool {
        self.0 >= 256 * 1024
    }
}

/// Queues the Close that names the violation, and keeps the error until that is out.
#[cold]
fn violated<W: PollWrite>(shared: &Shared<W>, kept: &mut Option<Box<Error>>, error: ProtocolError) {
    let mut out = shared.lock();
    out.lend_buffer();
    out.reply(error.reply());
    drop(out);
    kept.get_or_insert_with(|| Box::new(error.into()));
}

/// Less is copied, if it came where a large message was expected, in bytes.
const LEAST: usize = 16 * 1024;
