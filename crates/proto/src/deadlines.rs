use std::fmt;
use std::time::{Duration, Instant};

use bowline_frame::{CloseCode, CloseFrame, Role};

use crate::config::Keepalive;
use crate::{Config, Ended, EndedBy, Inbound, Outbound, OutboundStatus};

/// What a connection waits for, and until when. Time is data: the caller brings it.
///
/// Reading and writing only note *that* something happened. [`wants`](Self::wants), called once before the
/// caller waits, turns the notes into instants. So there is no clock reading and no timer per message.
#[derive(Debug)]
pub struct Deadlines {
    role: Role,
    /// The keepalive: silence before a ping, and time for the answer.
    silence: Span,
    answer: Span,
    idle: Span,
    close: Span,
    write: Span,
    max_drain: u64,
    /// From where moments count.
    began: Option<Instant>,
    heard: Moment,
    pinged: Moment,
    message: Moment,
    /// When output last moved while it waits, or the Close went out.
    moved: Moment,
    written: u64,
    /// In a box, since few extensions hold memory.
    release: Option<Box<Release>>,
    was_waiting: bool,
    closing: bool,
    /// What began the end, once it was noted.
    by: Option<EndedBy>,
    gave_up: bool,
    shut_down: bool,
}

/// A message went out through an extension that wants to give back memory.
#[derive(Debug)]
struct Release {
    since: Moment,
    after: Span,
    encoded: u64,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wants {
    /// Read, and give what comes to [`Inbound`]; after the end of events to have it thrown away.
    pub read: bool,
    /// Write what [`Outbound::transmit`] holds.
    pub write: bool,
    /// End the transport's writing side now, and tell [`Deadlines::shut_down`].
    pub shutdown: bool,
    /// Call [`Deadlines::handle_timeout`] at this instant, if none of the others came before.
    pub until: Option<Instant>,
}

impl Wants {
    /// Nothing is left to wait for: drop the transport.
    pub const fn is_over(&self) -> bool {
        !self.read && !self.write && !self.shutdown
    }
}

/// A deadline that has passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Timeout {
    /// The peer didn't answer our ping. A Close with 1011 is queued, to be offered once.
    Pong {
        /// How long we waited.
        after: Duration,
    },
    /// No message came. A Close with 1008 is queued; the closing handshake begins.
    Idle {
        /// How long we waited.
        after: Duration,
    },
    /// The peer didn't finish the closing handshake or end the transport.
    Close {
        /// How long we waited.
        after: Duration,
    },
    /// The transport took no byte of our output.
    Write {
        /// How long we waited.
        after: Duration,
    },
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pong { after } => write!(f, "no answer to our ping in {after:?}"),
            Self::Idle { after } => write!(f, "no message in {after:?}"),
            Self::Close { after } => {
                write!(f, "the peer did not end the connection in {after:?}")
            }
            Self::Write { after } => write!(f, "no byte of our output was taken in {after:?}"),
        }
    }
}

impl std::error::Error for Timeout {}

impl Deadlines {
    /// The deadlines of a connection that opens now, for the end that has this role.
    ///
    /// Time runs from the first [`wants`](Self::wants).
    pub const fn new(role: Role, config: &Config) -> Self {
        let (silence, answer) = match config.keepalive {
            Some(Keepalive { after, answer }) => (Span::of(Some(after)), Span::of(Some(answer))),
            None => (Span::EVER, Span::EVER),
        };
        Self {
            role,
            silence,
            answer,
            idle: Span::of(config.idle),
            close: Span::of(Some(config.close)),
            write: Span::of(config.write),
            max_drain: config.max_drain,
            began: None,
            heard: Moment::NEVER,
            pinged: Moment::NEVER,
            message: Moment::NEVER,
            moved: Moment::NEVER,
            written: 0,
            release: None,
            was_waiting: false,
            closing: false,
            by: None,
            gave_up: false,
            shut_down: false,
        }
    }

    /// Says what to wait for and until when. Call it before every wait and whenever it was obeyed.
    ///
    /// The instants are those of `now`'s clock. The answer changes with time, with
    /// [`Inbound::handle`], and with whatever is queued or written.
    pub fn wants(&mut self, now: Instant, inbound: &mut Inbound, out: OutboundStatus) -> Wants {
        self.note(now, inbound, out);
        if self.gave_up {
            return Wants::default();
        }
        let ending = out.closed || !inbound.is_open();
        Wants {
            read: !inbound.is_eof() && inbound.drained() <= self.max_drain,
            write: out.waiting,
            shutdown: !self.shut_down && self.may_shut_down(inbound, out),
            until: self.until(ending, inbound, out),
        }
    }

    /// Acts on the deadlines that have passed at `now`; gives the one that ends the connection.
    ///
    /// Call it when the instant of [`wants`](Self::wants) has come and everything that has arrived was
    /// read: what arrived late but in time counts. It may queue a ping or a Close.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        inbound: &mut Inbound,
        outbound: &mut Outbound,
    ) -> Option<Timeout> {
        if let Some(timeout) = self.handle_overdue(now, inbound, outbound) {
            return Some(timeout);
        }
        if self.gave_up || outbound.is_closed() || !inbound.is_open() {
            return None;
        }
        let moment = self.moment(now);
        if self.pinged.is_over(self.answer, moment) {
            let after = self.answer.duration();
            let timeout = Timeout::Pong { after };
            self.close_for(&timeout, CloseCode::INTERNAL_ERROR, outbound);
            inbound.abort();
            self.give_up(EndedBy::Deadline);
            return Some(timeout);
        }
        if self.pinged == Moment::NEVER && self.heard.is_over(self.silence, moment) {
            // An empty ping is always accepted while we are open.
            let _ = outbound.ping(&[]);
            self.pinged = moment;
        }
        None
    }

    /// As [`handle_timeout`](Self::handle_timeout), for those deadlines that don't depend on what is still to
    /// be read: the end, output that doesn't move, no message, and memory that an extension can give back.
    ///
    /// Call it now and then while input never runs dry, or a peer who sends without a pause would never
    /// meet them.
    pub fn handle_overdue(
        &mut self,
        now: Instant,
        inbound: &mut Inbound,
        outbound: &mut Outbound,
    ) -> Option<Timeout> {
        let out = outbound.status();
        self.note(now, inbound, out);
        if self.gave_up {
            return None;
        }
        let moment = self.moment(now);
        if out.closed || !inbound.is_open() {
            if self.moved.is_over(self.close, moment) {
                self.gave_up = true;
                let after = self.close.duration();
                return Some(Timeout::Close { after });
            }
            return None;
        }
        if out.waiting && self.moved.is_over(self.write, moment) {
            self.give_up(EndedBy::Deadline);
            let after = self.write.duration();
            return Some(Timeout::Write { after });
        }
        if self.message.is_over(self.idle, moment) {
            let after = self.idle.duration();
            let timeout = Timeout::Idle { after };
            self.close_for(&timeout, CloseCode::POLICY_VIOLATION, outbound);
            return Some(timeout);
        }
        self.release(moment, inbound, outbound);
        None
    }

    /// Lets the extension's halves give back memory that was not needed for a while.
    fn release(&mut self, now: Moment, inbound: &mut Inbound, outbound: &mut Outbound) {
        let after = Span::of(inbound.release_after());
        if self.message.is_over(after, now) {
            inbound.release();
        }
        if let Some(release) = &self.release
            && release.since.is_over(release.after, now)
        {
            outbound.release();
            self.release = None;
        }
    }

    /// Says that the writing side of the transport was ended.
    pub const fn shut_down(&mut self) {
        self.shut_down = true;
    }

    /// Says that output moved at `at` that [`Outbound`] doesn't count: bytes that the transport had taken and held
    /// back, such as records of TLS. The deadlines of writing and closing run from there then, as from a byte written.
    ///
    /// It means something while a deadline runs: call it behind [`wants`](Self::wants), and before
    /// [`handle_timeout`](Self::handle_timeout).
    pub fn output_moved(&mut self, at: Instant) {
        let at = self.moment(at);
        if self.moved == Moment::NEVER || self.moved < at {
            self.moved = at;
        }
    }

    /// Says that the transport failed: there is nothing to wait for.
    pub const fn give_up(&mut self, by: EndedBy) {
        self.gave_up = true;
        if self.by.is_none() {
            self.by = Some(by);
        }
    }

    /// How long our last ping has been waiting for an answer at `now`, if it is.
    pub fn unanswered(&self, now: Instant) -> Option<Duration> {
        if self.pinged == Moment::NEVER {
            return None;
        }
        let pinged = self
            .began?
            .checked_add(Duration::from_nanos(self.pinged.0))?;
        Some(now.saturating_duration_since(pinged))
    }

    /// How the connection ended, as far as that is known now.
    pub fn ended(&self, inbound: &Inbound, out: OutboundStatus) -> Ended {
        Ended {
            by: self.by.unwrap_or_else(|| began(inbound, out)),
            close: inbound.close_frame().cloned(),
            clean: inbound.is_peer_closed() && out.done,
            peer_closed: inbound.is_peer_closed(),
        }
    }

    fn close_for(&mut self, timeout: &Timeout, code: CloseCode, outbound: &mut Outbound) {
        outbound.close(Some(&CloseFrame::truncated(code, &timeout.to_string())));
        self.by = Some(EndedBy::Deadline);
    }

    /// Turns what was noted into instants.
    fn note(&mut self, now: Instant, inbound: &mut Inbound, out: OutboundStatus) {
        self.began.get_or_insert(now);
        let now = self.moment(now);
        if inbound.take_heard() || self.heard == Moment::NEVER {
            self.heard = now;
            self.pinged = Moment::NEVER;
        }
        if inbound.take_message_seen() || self.message == Moment::NEVER {
            self.message = now;
        }
        let closing = out.closed || !inbound.is_open();
        let begins = closing && !self.closing || out.waiting && !self.was_waiting;
        if begins || out.written != self.written {
            self.moved = now;
        }
        if closing && self.by.is_none() {
            self.by = Some(began(inbound, out));
        }
        if let Some(after) = out.release_after {
            let encoded = out.encoded;
            let new = || Release {
                since: now,
                after: Span::of(Some(after)),
                encoded,
            };
            match &mut self.release {
                Some(release) if release.encoded == encoded => {}
                Some(release) => **release = new(),
                release @ None => *release = Some(Box::new(new())),
            }
        }
        self.closing = closing;
        self.was_waiting = out.waiting;
        self.written = out.written;
    }

    fn until(&self, ending: bool, inbound: &Inbound, out: OutboundStatus) -> Option<Instant> {
        let next = if ending {
            self.moved.after(self.close)
        } else {
            let write = match out.waiting {
                true => self.moved.after(self.write),
                false => Moment::NEVER,
            };
            let alive = match self.pinged {
                Moment::NEVER => self.heard.after(self.silence),
                pinged => pinged.after(self.answer),
            };
            let release = self.release.as_ref();
            write
                .min(alive)
                .min(self.message.after(self.idle))
                .min(self.message.after(Span::of(inbound.release_after())))
                .min(release.map_or(Moment::NEVER, |release| release.since.after(release.after)))
        };
        if next == Moment::NEVER {
            return None;
        }
        self.began?.checked_add(Duration::from_nanos(next.0))
    }

    /// `now`, as a moment of this connection.
    fn moment(&self, now: Instant) -> Moment {
        let began = self.began.unwrap_or(now);
        Moment(Span::of(Some(now.saturating_duration_since(began))).0)
    }

    /// RFC 6455 §7.1.1: the server ends TCP first; whoever fails the connection doesn't wait either.
    const fn may_shut_down(&self, inbound: &Inbound, out: OutboundStatus) -> bool {
        if out.waiting {
            return false;
        }
        if inbound.is_peer_closed() {
            out.closed && matches!(self.role, Role::Server)
        } else {
            inbound.is_failed() && out.closed
        }
    }
}

/// A duration in nanoseconds: half the size of what std has. The longest is for ever.
#[derive(Clone, Copy, Debug)]
struct Span(u64);

/// A moment in nanoseconds since the connection began to wait.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Moment(u64);

impl Span {
    const EVER: Self = Self(u64::MAX);

    /// `None`, and more than five centuries: for ever.
    const fn of(duration: Option<Duration>) -> Self {
        let Some(duration) = duration else {
            return Self::EVER;
        };
        let nanoseconds = duration.as_nanos();
        if nanoseconds < Self::EVER.0 as u128 {
            Self(nanoseconds as u64)
        } else {
            Self::EVER
        }
    }

    const fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl Moment {
    const NEVER: Self = Self(u64::MAX);

    const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// True if it was this long ago.
    fn is_over(self, span: Span, now: Self) -> bool {
        let end = self.after(span);
        end != Self::NEVER && end <= now
    }
}

/// Which of what has happened came first.
fn began(inbound: &Inbound, out: OutboundStatus) -> EndedBy {
    if out.asked {
        // After the Close or a violation of the peer it would have been a reply.
        EndedBy::Us
    } else if inbound.is_failed() {
        EndedBy::Violation
    } else if inbound.is_peer_closed() {
        EndedBy::Peer
    } else if inbound.is_eof() || out.lost {
        EndedBy::Transport
    } else {
        EndedBy::Us
    }
}
