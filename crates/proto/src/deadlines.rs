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
    keepalive: Option<Keepalive>,
    idle: Option<Duration>,
    close: Duration,
    write: Option<Duration>,
    max_drain: u64,
    heard: Option<Instant>,
    pinged: Option<Instant>,
    message: Option<Instant>,
    /// When output last moved while it waits, or the Close went out.
    moved: Option<Instant>,
    written: u64,
    /// When a message last went out through an extension that wants to give back memory, and after how long.
    encoded_at: Option<(Instant, Duration)>,
    encoded: u64,
    was_waiting: bool,
    closing: bool,
    /// What began the end, once it was noted.
    by: Option<EndedBy>,
    gave_up: bool,
    shut_down: bool,
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
        Self {
            role,
            keepalive: config.keepalive,
            idle: config.idle,
            close: config.close,
            write: config.write,
            max_drain: config.max_drain,
            heard: None,
            pinged: None,
            message: None,
            moved: None,
            written: 0,
            encoded_at: None,
            encoded: 0,
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
        let keepalive = self.keepalive?;
        let after = keepalive.answer;
        if has_passed(now, self.pinged, after) {
            let timeout = Timeout::Pong { after };
            self.close_for(&timeout, CloseCode::INTERNAL_ERROR, outbound);
            inbound.abort();
            self.give_up(EndedBy::Deadline);
            return Some(timeout);
        }
        if self.pinged.is_none() && has_passed(now, self.heard, keepalive.after) {
            // An empty ping is always accepted while we are open.
            let _ = outbound.ping(&[]);
            self.pinged = Some(now);
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
        if out.closed || !inbound.is_open() {
            if has_passed(now, self.moved, self.close) {
                self.gave_up = true;
                return Some(Timeout::Close { after: self.close });
            }
            return None;
        }
        if let Some(after) = self.write
            && out.waiting
            && has_passed(now, self.moved, after)
        {
            self.give_up(EndedBy::Deadline);
            return Some(Timeout::Write { after });
        }
        if let Some(after) = self.idle
            && has_passed(now, self.message, after)
        {
            let timeout = Timeout::Idle { after };
            self.close_for(&timeout, CloseCode::POLICY_VIOLATION, outbound);
            return Some(timeout);
        }
        self.release(now, inbound, outbound);
        None
    }

    /// Lets the extension's halves give back memory that was not needed for a while.
    fn release(&mut self, now: Instant, inbound: &mut Inbound, outbound: &mut Outbound) {
        if let Some(after) = inbound.release_after()
            && has_passed(now, self.message, after)
        {
            inbound.release();
        }
        if let Some((since, after)) = self.encoded_at
            && has_passed(now, Some(since), after)
        {
            outbound.release();
            self.encoded_at = None;
        }
    }

    /// Says that the writing side of the transport was ended.
    pub const fn shut_down(&mut self) {
        self.shut_down = true;
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
        Some(now.saturating_duration_since(self.pinged?))
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
        if inbound.take_heard() || self.heard.is_none() {
            self.heard = Some(now);
            self.pinged = None;
        }
        if inbound.take_message_seen() || self.message.is_none() {
            self.message = Some(now);
        }
        let closing = out.closed || !inbound.is_open();
        let begins = closing && !self.closing || out.waiting && !self.was_waiting;
        if begins || out.written != self.written {
            self.moved = Some(now);
        }
        if closing && self.by.is_none() {
            self.by = Some(began(inbound, out));
        }
        if let Some(after) = out.release_after
            && (out.encoded != self.encoded || self.encoded_at.is_none())
        {
            self.encoded_at = Some((now, after));
            self.encoded = out.encoded;
        }
        self.closing = closing;
        self.was_waiting = out.waiting;
        self.written = out.written;
    }

    fn until(&self, ending: bool, inbound: &Inbound, out: OutboundStatus) -> Option<Instant> {
        let after = |since: Option<Instant>, after| since?.checked_add(after);
        if ending {
            return after(self.moved, self.close);
        }
        let write = self.write.filter(|_| out.waiting);
        let alive = self.keepalive.and_then(|keepalive| {
            after(self.pinged, keepalive.answer).or_else(|| after(self.heard, keepalive.after))
        });
        [
            write.and_then(|write| after(self.moved, write)),
            alive,
            self.idle.and_then(|idle| after(self.message, idle)),
            inbound
                .release_after()
                .and_then(|release| after(self.message, release)),
            self.encoded_at
                .and_then(|(since, release)| after(Some(since), release)),
        ]
        .into_iter()
        .flatten()
        .min()
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

fn has_passed(now: Instant, since: Option<Instant>, after: Duration) -> bool {
    since.is_some_and(|since| now.saturating_duration_since(since) >= after)
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
