use std::borrow::Cow;
use std::time::Duration;

use bowline_frame::Role;
use bowline_proto::{Config, Keepalive};

use crate::wire::Frame;

/// One attack and its outcome.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the attacker does, in words.
    pub name: Cow<'static, str>,
    pub(super) steps: Vec<Step>,
    pub(super) outcome: Outcome,
    pub(super) before: Before,
    pub(super) short: Short,
    pub(super) conduct: Conduct,
    pub(super) verdict: Option<Verdict>,
    pub(super) memory: usize,
    pub(super) may_reset: bool,
}

impl Case {
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        steps: impl Into<Vec<Step>>,
        outcome: Outcome,
    ) -> Self {
        Self {
            name: name.into(),
            steps: steps.into(),
            outcome,
            before: Before::Frames(Vec::new()),
            short: Short::Nothing,
            conduct: Conduct::Echo,
            verdict: None,
            memory: CONNECTION,
            may_reset: false,
        }
    }

    /// On an open connection, sends `bytes`.
    pub(super) fn open(
        name: impl Into<Cow<'static, str>>,
        bytes: impl Into<Vec<u8>>,
        outcome: Outcome,
    ) -> Self {
        let steps = [Step::Open(Vec::new()), Step::Write(bytes.into())];
        Self::new(name, steps, outcome)
    }

    /// These frames come before the end.
    pub(super) fn after(mut self, frames: impl Into<Vec<Frame>>) -> Self {
        self.before = Before::Frames(frames.into());
        self
    }

    /// Any number of these frames comes before the end.
    pub(super) fn after_any(mut self, frame: Frame) -> Self {
        self.before = Before::Any(frame);
        self
    }

    pub(super) fn short(mut self, short: Short) -> Self {
        self.short = short;
        self
    }

    /// The victim is a client that says something of its own accord.
    pub(super) fn talk(mut self) -> Self {
        self.conduct = Conduct::Talk;
        self
    }

    /// The client says this, and not what its outcome suggests.
    pub(super) fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }

    /// The victim may hold so much beyond what a connection costs.
    pub(super) fn memory(mut self, bytes: usize) -> Self {
        self.memory = CONNECTION + bytes;
        self
    }

    /// The victim gives up on an attacker who goes on: what it said may be lost in a reset.
    pub(super) fn may_reset(mut self) -> Self {
        self.may_reset = true;
        self
    }
}

/// What the attacker does next. It reads meanwhile, unless told otherwise.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Makes the opening handshake as it should be; the bytes are in the same write.
    Open(Vec<u8>),
    /// The same, but each byte is a write of its own.
    OpenDripping(Vec<u8>),
    /// Makes the opening handshake and agrees on permessage-deflate.
    OpenCompressed,
    /// Reads the request of a client without answering it.
    Request,
    /// Answers it: `{accept}` and `{key}` in the text stand for what fits the request.
    Answer(Vec<u8>),
    Write(Vec<u8>),
    /// Each byte is a write of its own, and a record if it is encrypted.
    Drip(Vec<u8>),
    /// Encrypts it as a whole, of which each byte is a write of its own.
    DripBelow(Vec<u8>),
    /// Encrypts it and writes only so many bytes of that.
    Part(Vec<u8>, usize),
    /// Makes the handshake of TLS, and writes all that follows in records made by hand.
    ByHand,
    /// So many records of this content type, made by hand.
    Records(u8, Vec<u8>, usize),
    /// Changes the keys of TLS so often, and asks for it to be answered.
    KeyUpdates(usize),
    /// Writes it as it is, encrypted or not.
    Below(Vec<u8>),
    /// The same now and then, until the victim has ended its direction.
    TrickleBelow(Vec<u8>),
    Repeat(Vec<u8>, usize),
    /// Writes it again and again until the victim is gone.
    Flood(Vec<u8>),
    /// Writes it now and then until the victim has ended its direction.
    Trickle(Vec<u8>),
    /// Writes it now and then until the victim is gone.
    Cling(Vec<u8>),
    /// Reads nothing up to the last step, and then keeps only the beginning.
    Unread,
    /// Waits for a frame with this first byte.
    Await(u8),
    EndWriting,
    /// The same, without a word of TLS.
    Cut,
    /// Writes it and leaves the answer unread and the transport with it, which makes the kernel reset the connection.
    Reset(Vec<u8>),
}

/// How the victim ends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// A server answers with this status, and nothing follows the answer.
    Refused(u16),
    /// The opening handshake ends without an answer.
    Silent,
    /// The handshake of TLS fails. The last thing that the victim says of it is an alert with this number, if it says so.
    Unencrypted(Option<u8>, Verdict),
    /// A client gives the opening handshake up, sends nothing more, and says so.
    GivenUp(Verdict),
    /// A violation: a Close with this code.
    Failed(u16),
    /// A Close with this code answers the attacker's; 1005 stands for one without a body.
    Closed(u16),
    /// A deadline passes: a Close with this code.
    TimedOut(u16),
    /// The transport ends without a Close.
    Lost,
    /// The same, because the victim waited long enough.
    Abandoned,
    /// The attacker reads no more, so that only what stays behind can be judged.
    Gone,
}

/// What the victim sends before the end.
#[derive(Clone, Debug)]
pub(super) enum Before {
    Frames(Vec<Frame>),
    Any(Frame),
}

/// The one deadline that is short.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Short {
    /// None is.
    #[default]
    Nothing,
    /// The opening handshake.
    Handshake,
    /// The end, after a Close.
    Close,
    /// Output of which nothing is taken.
    Write,
    /// Silence, and the time to answer a ping.
    Keepalive,
    /// The time without a message, and the end that follows it.
    Idle,
}

impl Short {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Handshake,
        Self::Close,
        Self::Write,
        Self::Keepalive,
        Self::Idle,
    ];

    fn or_long(self, deadline: Self) -> Duration {
        if self == deadline { SOON } else { LATE }
    }
}

/// What a client does on its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Conduct {
    /// Sends back each message until the server closes.
    Echo,
    /// Sends `hello`, waits for one message, and closes with 1000.
    Talk,
}

/// What a client says about its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It ended in order.
    Done,
    /// The server answered with another status than 101.
    Refused(u16),
    /// The server's answer was no opening handshake.
    NoHandshake,
    /// The opening handshake was cut short.
    Incomplete,
    /// The server broke the protocol or passed a limit, and was told so with this close code.
    Violation(u16),
    /// TLS could not be agreed on, or refused what came later.
    Unencrypted,
    /// A deadline passed.
    TimedOut,
    /// The transport ended or failed without a Close.
    Lost,
    /// Anything else, which no case expects.
    Other,
}

/// The limits and deadlines of a victim.
pub fn config(role: Role, short: Short) -> Config {
    let keepalive = short.or_long(Short::Keepalive);
    let close = match short {
        Short::Close | Short::Idle => SOON,
        _ => LATE,
    };
    Config::new(role)
        .max_message(MAX_MESSAGE)
        .keepalive(Some(Keepalive::new(keepalive, keepalive)))
        .idle(Some(short.or_long(Short::Idle)))
        .close(close)
        .write(Some(short.or_long(Short::Write)))
}

/// How long a victim gives the opening handshake.
pub fn handshake_timeout(short: Short) -> Duration {
    short.or_long(Short::Handshake)
}

/// The longest message that a victim takes, in bytes.
pub const MAX_MESSAGE: u64 = 1024 * 1024;

/// What a thread keeps for the next connection, in bytes: two blocks for input and two for output, of 128 KiB and 132 KiB
/// and a little more.
pub(super) const KEPT: usize = 4 * 131 * 1024;

/// The soft mark of output in bytes, as it is by default.
pub(super) const SOFT_MARK: usize = 128 * 1024;

/// What a connection may hold beside its messages, in bytes: blocks, output up to the soft mark, and as much again for a
/// head of 16 KiB with its copies and for what the attacker keeps.
pub(super) const CONNECTION: usize = KEPT + 2 * SOFT_MARK;

/// What TLS may cost beside that, at both ends of a connection, in bytes: a record to read and some to write.
pub(super) const TLS: usize = 256 * 1024;

/// Long enough to come before the deadline on a machine that is not busy, short enough to wait for.
const SOON: Duration = Duration::from_millis(120);

/// Longer than any case takes.
const LATE: Duration = Duration::from_secs(120);
