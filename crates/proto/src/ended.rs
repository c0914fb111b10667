use std::fmt;

use bowline_frame::CloseFrame;

/// How a connection ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ended {
    /// Who or what ended it.
    pub by: EndedBy,
    /// The body of the peer's Close frame; `None` if it had none or never came (see
    /// [`code`](Self::code)).
    pub close: Option<CloseFrame>,
    /// Both Close frames were exchanged (RFC 6455 §7.1.4).
    pub clean: bool,
    /// The peer's Close frame came, with or without a body.
    pub(crate) peer_closed: bool,
}

/// Who or what ended a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EndedBy {
    /// Our Close frame came first.
    Us,
    /// The peer's Close frame came first.
    Peer,
    /// The peer broke the protocol.
    Violation,
    /// A deadline passed.
    Deadline,
    /// The transport ended or failed without a Close frame.
    Transport,
}

impl Ended {
    /// The close code as RFC 6455 §7.1.5 defines it: the peer's; 1005 if its Close frame had none; 1006 if
    /// none came.
    pub fn code(&self) -> u16 {
        match &self.close {
            Some(close) => close.code().get(),
            None if self.peer_closed => 1005,
            None => 1006,
        }
    }

    /// The peer's close reason; empty if there is none (RFC 6455 §7.1.6).
    pub fn reason(&self) -> &str {
        self.close.as_ref().map_or("", CloseFrame::reason)
    }
}

/// `closed by the peer: 1001 (bye)`
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.by {
            EndedBy::Us => "closed by us: ",
            EndedBy::Peer => "closed by the peer: ",
            EndedBy::Violation => "failed by the peer's violation: ",
            EndedBy::Deadline => "given up at a deadline: ",
            EndedBy::Transport => "lost: ",
        })?;
        match &self.close {
            Some(close) => close.fmt(f),
            None => self.code().fmt(f),
        }
    }
}
