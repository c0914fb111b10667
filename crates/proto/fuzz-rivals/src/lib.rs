//! The same bytes for Bowline's machine and for a rival's parser: same messages, same verdict, same close code, or a
//! difference that the table lists with the sentence of the RFC that decides it.

mod bowline;
mod differences;
mod fastwebsockets;
mod frames;
mod streams;
mod tungstenite;
mod wsproto;

pub use bowline_frame::Role;
pub use differences::{DIFFERENCES, Difference, Ours, Rule, Theirs, sort};
pub use frames::Frame;
pub use streams::stream;
pub use wsproto::Wsproto;

/// A parser that Bowline is compared with.
#[derive(Debug)]
pub enum Rival {
    Tungstenite,
    Fastwebsockets,
    Wsproto(Wsproto),
}

impl Rival {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tungstenite => "tungstenite",
            Self::Fastwebsockets => "fastwebsockets",
            Self::Wsproto(_) => "wsproto",
        }
    }
}

/// What became of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Course {
    /// Kind, text or not, and payload of each message.
    pub messages: Vec<(bool, Vec<u8>)>,
    pub end: End,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// More may come.
    Open,
    /// The peer closed, with this code.
    Closed(Option<u16>),
    /// The peer broke a rule, and this code is the answer. A rival doesn't say which rule that was.
    Failed(Option<Rule>, u16),
}

impl End {
    /// The code that the peer gets to see.
    fn answer(self) -> Option<Option<u16>> {
        match self {
            Self::Open => None,
            Self::Closed(code) => Some(code),
            Self::Failed(_, code) => Some(Some(code)),
        }
    }
}

/// Runs one input of the fuzzer: the first byte chooses the role, the others are the peer's.
///
/// # Panics
///
/// If there is a difference that no row of [`DIFFERENCES`] explains.
pub fn compare(rival: &mut Rival, input: &[u8]) {
    let Some((&setting, wire)) = input.split_first() else {
        return;
    };
    let role = if setting & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    if let Err((ours, theirs)) = explain(rival, role, wire) {
        panic!(
            "{} as {role:?}\n  ours   {ours:?}\n  theirs {theirs:?}",
            rival.name()
        );
    }
}

/// Runs both; `None` if they agree, else the row that explains why not.
///
/// # Errors
///
/// Both courses, if they differ and no row explains it.
pub fn explain(
    rival: &mut Rival,
    role: Role,
    wire: &[u8],
) -> Result<Option<&'static Difference>, (Course, Course)> {
    let wire = whole(wire);
    let ours = bowline::run(role, wire);
    let theirs = match rival {
        Rival::Tungstenite => tungstenite::run(role, wire),
        Rival::Fastwebsockets => fastwebsockets::run(role, wire),
        Rival::Wsproto(python) => python.run(role, wire),
    };
    if ours.messages == theirs.messages && ours.end.answer() == theirs.end.answer() {
        return Ok(None);
    }
    let row = differences::find(rival.name(), &frames::frames(wire), &ours, &theirs);
    row.map(Some).ok_or((ours, theirs))
}

/// The whole frames at the beginning of `wire`.
///
/// We judge a header as it comes, rivals when the frame is whole: a frame that is cut would always differ. One that is
/// longer than messages may be stays, since nobody waits for its end.
fn whole(wire: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some(len) = frame_len(&wire[end..]) {
        match end.checked_add(len) {
            Some(behind) if behind <= wire.len() => end = behind,
            Some(behind) if behind - end <= MAX_MESSAGE + 14 => break,
            _ => return wire,
        }
    }
    &wire[..end]
}

/// The length of a frame, header included; `None` if not all of the header is there.
fn frame_len(wire: &[u8]) -> Option<usize> {
    let (&[_, second], rest) = wire.split_first_chunk::<2>()?;
    let (extra, len) = match second & 0x7F {
        126 => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (8, u64::from_be_bytes(*rest.first_chunk()?)),
        len => (0, u64::from(len)),
    };
    let header = 2 + extra + if second & 0x80 == 0 { 0 } else { 4 };
    if wire.len() < header {
        return None;
    }
    Some(header.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)))
}

/// The longest message that all of them take, in bytes.
const MAX_MESSAGE: usize = 512;
