use std::time::Duration;

use bowline_frame::Role;

/// Limits and deadlines of a connection. Every field has a setter of its own name.
///
/// # Examples
///
/// ```
/// use bowline_frame::Role;
/// use bowline_proto::Config;
/// use std::time::Duration;
///
/// let config = Config::new(Role::Server)
///     .max_message(1024 * 1024)
///     .idle(Some(Duration::from_secs(300)));
/// assert_eq!(config.soft_mark, 128 * 1024);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The longest message taken, in bytes of payload after every extension. Default: 16 MiB for a server,
    /// 64 MiB for a client.
    ///
    /// A longer one is answered with close code 1009. Memory follows what arrives, so a high limit costs
    /// only what peers send. What [`handle_chunk`](crate::Inbound::handle_chunk) hands out isn't limited.
    pub max_message: u64,
    /// Sends a ping when the peer was silent, and gives up when it stays silent. Default: on, 20 s and 20 s.
    ///
    /// `None` leaves dead peers to TCP, which may take hours to notice them.
    pub keepalive: Option<Keepalive>,
    /// Closes with 1008 when no message came for this long. Default: `None`, never.
    ///
    /// A chunk that was handed out counts, pings, pongs and unfinished messages don't.
    pub idle: Option<Duration>,
    /// How long the end may take: from our Close on the wire to the end of the transport, and, before
    /// that, from one byte of output taken to the next. Default: 5 s.
    pub close: Duration,
    /// How long output may wait without one byte being taken. Default: 30 s; `None`: for ever.
    pub write: Option<Duration>,
    /// Output above this many bytes slows senders down, and pongs down to one. Default: 128 KiB.
    ///
    /// Smaller costs throughput, larger costs memory per slow peer.
    pub soft_mark: usize,
    /// Above this many bytes of output a message is given back instead of queued. Default: 1 MiB.
    ///
    /// A message is queued whole while no more waits, so that what waits is at most this plus one message.
    pub hard_mark: usize,
    /// Input thrown away after the end, in bytes, so that a Close is not lost in a reset. Default: 1 MiB.
    pub max_drain: u64,
}

/// When to ask whether the peer is there, and how long to wait for a sign of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Keepalive {
    /// Silence after which a ping goes out. Default: 20 s.
    pub after: Duration,
    /// Time from the ping to any byte from the peer. Default: 20 s.
    ///
    /// It counts only once everything that has arrived was read, so a busy program kills nobody.
    pub answer: Duration,
}

impl Config {
    /// The defaults for the end that has this role.
    pub const fn new(role: Role) -> Self {
        Self {
            max_message: match role {
                Role::Server => 16 * 1024 * 1024,
                Role::Client => 64 * 1024 * 1024,
            },
            keepalive: Some(Keepalive::new(
                Duration::from_secs(20),
                Duration::from_secs(20),
            )),
            idle: None,
            close: Duration::from_secs(5),
            write: Some(Duration::from_secs(30)),
            soft_mark: 128 * 1024,
            hard_mark: 1024 * 1024,
            max_drain: 1024 * 1024,
        }
    }

    /// Sets [`max_message`](Self::max_message), in bytes.
    #[must_use]
    pub const fn max_message(mut self, bytes: u64) -> Self {
        self.max_message = bytes;
        self
    }

    /// Sets [`keepalive`](Self::keepalive); `None` turns it off.
    #[must_use]
    pub const fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// Sets [`idle`](Self::idle).
    #[must_use]
    pub const fn idle(mut self, idle: Option<Duration>) -> Self {
        self.idle = idle;
        self
    }

    /// Sets [`close`](Self::close).
    #[must_use]
    pub const fn close(mut self, close: Duration) -> Self {
        self.close = close;
        self
    }

    /// Sets [`write`](Self::write).
    #[must_use]
    pub const fn write(mut self, write: Option<Duration>) -> Self {
        self.write = write;
        self
    }

    /// Sets [`soft_mark`](Self::soft_mark), in bytes.
    #[must_use]
    pub const fn soft_mark(mut self, bytes: usize) -> Self {
        self.soft_mark = bytes;
        self
    }

    /// Sets [`hard_mark`](Self::hard_mark), in bytes.
    #[must_use]
    pub const fn hard_mark(mut self, bytes: usize) -> Self {
        self.hard_mark = bytes;
        self
    }

    /// Sets [`max_drain`](Self::max_drain), in bytes.
    #[must_use]
    pub const fn max_drain(mut self, bytes: u64) -> Self {
        self.max_drain = bytes;
        self
    }
}

/// Frames that one message may have: each costs work, however small.
pub(crate) fn max_fragments(max_message: u64) -> u64 {
    (max_message / 64).max(MIN_FRAGMENTS)
}

impl Keepalive {
    /// A ping after so much silence, and so long to answer it.
    pub const fn new(after: Duration, answer: Duration) -> Self {
        Self { after, answer }
    }
}

/// What a message may have in frames however low its limit.
const MIN_FRAGMENTS: u64 = 16_384;

/// Frames without payload that may follow each other in one message.
pub(crate) const MAX_EMPTY_FRAGMENTS: u32 = 128;
