//! The differences that are known.

use crate::frames::Frame;
use crate::{Course, End, MAX_MESSAGE};

/// The rule that we say the peer broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    ReservedOpCode,
    ReservedBits,
    ControlFragmented,
    ControlTooLong,
    NonMinimalLength,
    LengthOverflow,
    Masking,
    UnexpectedContinuation,
    ExpectedContinuation,
    MessageTooBig,
    TooManyFragments,
    CloseTooShort,
    CloseCode,
    CloseReason,
    Utf8,
}

/// What we do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ours {
    /// We see no rule broken, and go on.
    Open,
    /// We see no rule broken, and answer a Close with this code.
    Closed(Option<u16>),
    /// We say that this rule was broken.
    Failed(Rule),
}

/// What the rival does instead of what we do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Theirs {
    /// It takes what breaks the rule, and goes on.
    Permits,
    /// It fails the connection too, with this code.
    Code(u16),
    /// It fails the connection or answers a Close, with this code, where we see no rule broken.
    Refuses(u16),
}

/// A row: where a rival and we differ, and who is right.
#[derive(Debug)]
pub struct Difference {
    pub rival: &'static str,
    pub ours: Ours,
    pub theirs: Theirs,
    /// What the peer must have sent, else it is another difference.
    pub sent: fn(&[Frame]) -> bool,
    /// Section and ID of the requirement in docs/compliance/rfc6455.md.
    pub requirement: &'static str,
    /// The sentence of the RFC that decides.
    pub sentence: &'static str,
}

/// The row that explains how the courses differ, for the frames that the peer sent.
pub(crate) fn find(
    rival: &str,
    sent: &[Frame],
    ours: &Course,
    theirs: &Course,
) -> Option<&'static Difference> {
    let (ours, theirs) = sort(ours, theirs)?;
    let row = |theirs| {
        let mut rows = DIFFERENCES.iter();
        rows.find(|row| {
            row.rival == rival && row.ours == ours && row.theirs == theirs && (row.sent)(sent)
        })
    };
    // Who permits one thing may find another behind it.
    row(theirs).or_else(|| matches!(ours, Failed(_)).then(|| row(Permits))?)
}

/// The sort of difference; `None` if there is no such sort, since different messages came.
pub fn sort(ours: &Course, theirs: &Course) -> Option<(Ours, Theirs)> {
    let same = ours.messages == theirs.messages;
    match (ours.end, theirs.end) {
        // Up to the violation both have seen the same.
        (End::Failed(Some(rule), _), End::Failed(_, code)) if same => {
            Some((Failed(rule), Code(code)))
        }
        (End::Failed(Some(rule), _), _) if theirs.messages.starts_with(&ours.messages) => {
            Some((Failed(rule), Permits))
        }
        (End::Open, End::Failed(_, code)) if ours.messages.starts_with(&theirs.messages) => {
            Some((Open, Refuses(code)))
        }
        (End::Closed(answer), End::Failed(_, code) | End::Closed(Some(code))) if same => {
            Some((Closed(answer), Refuses(code)))
        }
        _ => None,
    }
}

use Ours::{Closed, Failed, Open};
use Theirs::{Code, Permits, Refuses};

/// All of them. What isn't here is a finding.
pub static DIFFERENCES: &[Difference] = &[
    row(
        "tungstenite",
        Failed(Rule::NonMinimalLength),
        Permits,
        long_form,
        &SHORTEST,
    ),
    row(
        "tungstenite",
        Failed(Rule::ControlTooLong),
        Permits,
        long_form,
        &SHORTEST,
    ),
    row(
        "tungstenite",
        Failed(Rule::ControlTooLong),
        Code(1009),
        too_long,
        &EITHER,
    ),
    row(
        "tungstenite",
        Failed(Rule::LengthOverflow),
        Code(1009),
        top_bit,
        &TOP_BIT,
    ),
    row(
        "tungstenite",
        Failed(Rule::ControlFragmented),
        Code(1009),
        too_long,
        &EITHER,
    ),
    row(
        "tungstenite",
        Failed(Rule::Masking),
        Code(1009),
        too_long,
        &EITHER,
    ),
    row(
        "tungstenite",
        Failed(Rule::ReservedBits),
        Code(1009),
        too_long,
        &EITHER,
    ),
    row(
        "tungstenite",
        Failed(Rule::UnexpectedContinuation),
        Code(1009),
        too_long,
        &EITHER,
    ),
    row(
        "tungstenite",
        Failed(Rule::ExpectedContinuation),
        Code(1009),
        too_long,
        &EITHER,
    ),
    row(
        "tungstenite",
        Failed(Rule::CloseCode),
        Code(1007),
        close_not_utf8,
        &EITHER,
    ),
    row(
        "tungstenite",
        Closed(Some(1014)),
        Refuses(1002),
        any,
        &REGISTERED,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::NonMinimalLength),
        Permits,
        long_form,
        &SHORTEST,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::ControlTooLong),
        Permits,
        control_too_long,
        &CONTROL,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::LengthOverflow),
        Code(1009),
        top_bit,
        &TOP_BIT,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::Masking),
        Permits,
        any,
        &MASKED,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::ExpectedContinuation),
        Permits,
        fragmented,
        &INTERLEAVED,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::MessageTooBig),
        Permits,
        too_much,
        &LIMITS,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::Utf8),
        Permits,
        fragmented_text,
        &UTF8,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::UnexpectedContinuation),
        Code(1009),
        too_long,
        &EITHER,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::CloseCode),
        Code(1007),
        close_not_utf8,
        &EITHER,
    ),
    row(
        "fastwebsockets",
        Closed(Some(1014)),
        Refuses(1002),
        any,
        &REGISTERED,
    ),
    row(
        "wsproto",
        Failed(Rule::MessageTooBig),
        Permits,
        too_much,
        &LIMITS,
    ),
    row(
        "wsproto",
        Failed(Rule::CloseReason),
        Code(1002),
        close_1014,
        &REGISTERED,
    ),
    row(
        "wsproto",
        Closed(Some(1014)),
        Refuses(1002),
        any,
        &REGISTERED,
    ),
    row(
        "tungstenite",
        Failed(Rule::TooManyFragments),
        Permits,
        many_fragments,
        &LIMITS,
    ),
    row(
        "fastwebsockets",
        Failed(Rule::TooManyFragments),
        Permits,
        many_fragments,
        &LIMITS,
    ),
    row(
        "wsproto",
        Failed(Rule::TooManyFragments),
        Permits,
        many_fragments,
        &LIMITS,
    ),
];

const fn row(
    rival: &'static str,
    ours: Ours,
    theirs: Theirs,
    sent: fn(&[Frame]) -> bool,
    decided: &Decided,
) -> Difference {
    let (requirement, sentence) = *decided;
    Difference {
        rival,
        ours,
        theirs,
        sent,
        requirement,
        sentence,
    }
}

fn any(_: &[Frame]) -> bool {
    true
}

fn long_form(sent: &[Frame]) -> bool {
    sent.iter().any(|frame| frame.is_long_form)
}

fn top_bit(sent: &[Frame]) -> bool {
    sent.iter().any(|frame| frame.len >> 63 == 1)
}

fn control_too_long(sent: &[Frame]) -> bool {
    sent.iter()
        .any(|frame| frame.is_control() && (frame.is_long_form || frame.len > 125))
}

/// A frame is longer than a message may be.
fn too_long(sent: &[Frame]) -> bool {
    sent.iter().any(|frame| frame.len > MAX_MESSAGE as u64)
}

/// Together they are longer than a message may be.
fn too_much(sent: &[Frame]) -> bool {
    let lens = sent.iter().map(|frame| frame.len);
    lens.fold(0, u64::saturating_add) > MAX_MESSAGE as u64
}

/// More fragments without content than we take.
fn many_fragments(sent: &[Frame]) -> bool {
    let fragments = sent.iter().filter(|frame| !frame.is_control());
    fragments.filter(|frame| frame.len == 0).count() > 128
}

fn fragmented(sent: &[Frame]) -> bool {
    sent.iter().any(|frame| !frame.is_fin())
}

fn fragmented_text(sent: &[Frame]) -> bool {
    sent.iter()
        .any(|frame| frame.op_code() == 1 && !frame.is_fin())
}

fn close_1014(sent: &[Frame]) -> bool {
    sent.iter()
        .any(|frame| frame.op_code() == 8 && frame.payload.starts_with(&1014_u16.to_be_bytes()))
}

fn close_not_utf8(sent: &[Frame]) -> bool {
    sent.iter().any(|frame| {
        let reason = frame.payload.get(2..).unwrap_or_default();
        frame.op_code() == 8 && str::from_utf8(reason).is_err()
    })
}

/// Section, ID and sentence.
type Decided = (&'static str, &'static str);

const SHORTEST: Decided = (
    "5.2 WS-5.2-03",
    "Note that in all cases, the minimal number of bytes MUST be used to encode the length.",
);

const TOP_BIT: Decided = (
    "5.2 WS-5.2-04",
    "If 127, the following 8 bytes interpreted as a 64-bit unsigned integer (the most significant bit \
     MUST be 0) are the payload length.",
);

const CONTROL: Decided = (
    "5.5 WS-5.5-01",
    "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented.",
);

/// fastwebsockets limits the frame, wsproto nothing, and only we count empty fragments.
const LIMITS: Decided = (
    "10.4 WS-10.4-01",
    "Implementations that have implementation- and/or platform-specific limitations regarding the frame \
     size or total message size after reassembly from multiple frames MUST protect themselves against \
     exceeding those limits.",
);

/// A frame that breaks two rules may get the code of either.
const EITHER: Decided = (
    "7.1.7 WS-7.1.7-02",
    "If _The WebSocket Connection is Established_ prior to the point where the endpoint is required to \
     _Fail the WebSocket Connection_, the endpoint SHOULD send a Close frame with an appropriate status \
     code (Section 7.4) before proceeding to _Close the WebSocket Connection_.",
);

const INTERLEAVED: Decided = (
    "5.4 WS-5.4-05",
    "The fragments of one message MUST NOT be interleaved between the fragments of another message unless \
     an extension has been negotiated that can interpret the interleaving.",
);

const MASKED: Decided = (
    "5.1 WS-5.1-02, WS-5.1-04",
    "The server MUST close the connection upon receiving a frame that is not masked. [...] A client MUST \
     close a connection if it detects a masked frame.",
);

/// A fragmented message that ends inside a code point passes, without the bytes of that.
const UTF8: Decided = (
    "8.1 WS-8.1-01",
    "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in \
     fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_.",
);

/// IANA's registry has 1014, so a peer may send it.
const REGISTERED: Decided = (
    "7.4.2 WS-7.4-02",
    "Status codes in the range 1000-2999 are reserved for definition by this protocol, its future \
     revisions, and extensions specified in a permanent and readily available public specification.",
);

#[cfg(test)]
mod tests {
    use super::*;

    const RIVALS: [&str; 3] = ["tungstenite", "fastwebsockets", "wsproto"];

    fn course(messages: usize, end: End) -> Course {
        Course {
            messages: vec![(true, b"Hello".to_vec()); messages],
            end,
        }
    }

    #[test]
    fn what_only_we_take_is_not_explained() {
        let refused = course(0, End::Failed(None, 1002));
        for rival in RIVALS {
            let delivered = course(1, End::Open);
            assert!(find(rival, &[], &delivered, &refused).is_none(), "{rival}");
            for code in [None, Some(1000), Some(1015), Some(2999)] {
                let closed = course(0, End::Closed(code));
                assert!(find(rival, &[], &closed, &refused).is_none(), "{rival}");
            }
        }
    }

    #[test]
    fn code_1014_explains_nothing_before_it() {
        let closed = course(1, End::Closed(Some(1014)));
        for rival in RIVALS {
            let at_close = course(1, End::Failed(None, 1002));
            assert!(find(rival, &[], &closed, &at_close).is_some(), "{rival}");
            let before = course(0, End::Failed(None, 1002));
            assert!(find(rival, &[], &closed, &before).is_none(), "{rival}");
        }
    }

    #[test]
    fn a_limit_that_is_kept_is_not_explained() {
        let permitted = course(1, End::Open);
        let short = [Frame::read(b"\x01\x05Hello").unwrap().0];
        for rival in RIVALS {
            for rule in [Rule::MessageTooBig, Rule::TooManyFragments] {
                let failed = course(0, End::Failed(Some(rule), 1009));
                assert!(
                    find(rival, &short, &failed, &permitted).is_none(),
                    "{rival}"
                );
            }
        }
    }
}
