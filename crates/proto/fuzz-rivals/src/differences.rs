//! The differences that are known.

use crate::{Course, End};

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
    /// `None` if we see none broken.
    pub rule: Option<Rule>,
    pub theirs: Theirs,
    /// Section and ID of the requirement in docs/compliance/rfc6455.md.
    pub requirement: &'static str,
    /// The sentence of the RFC that decides.
    pub sentence: &'static str,
}

/// The row that explains how the courses differ.
pub(crate) fn find(rival: &str, ours: &Course, theirs: &Course) -> Option<&'static Difference> {
    let (rule, what) = sort(ours, theirs)?;
    let row = |what| {
        let mut rows = DIFFERENCES.iter();
        rows.find(|row| row.rival == rival && row.rule == rule && row.theirs == what)
    };
    // Who permits one thing may find another behind it.
    row(what).or_else(|| rule.and_then(|_| row(Permits)))
}

/// The sort of difference; `None` if there is no such sort, since different messages came.
pub fn sort(ours: &Course, theirs: &Course) -> Option<(Option<Rule>, Theirs)> {
    match (ours.end, theirs.end) {
        // Up to the violation both have seen the same.
        (End::Failed(rule, _), End::Failed(_, code)) if ours.messages == theirs.messages => {
            Some((rule, Theirs::Code(code)))
        }
        (End::Failed(rule, _), _) if theirs.messages.starts_with(&ours.messages) => {
            Some((rule, Theirs::Permits))
        }
        (End::Open | End::Closed(_), End::Failed(_, code))
            if ours.messages.starts_with(&theirs.messages) =>
        {
            Some((None, Theirs::Refuses(code)))
        }
        (End::Closed(_), End::Closed(Some(code))) if ours.messages == theirs.messages => {
            Some((None, Theirs::Refuses(code)))
        }
        _ => None,
    }
}

use Theirs::{Code, Permits, Refuses};

/// All of them. What isn't here is a finding.
pub static DIFFERENCES: &[Difference] = &[
    row(
        "tungstenite",
        Some(Rule::NonMinimalLength),
        Permits,
        &SHORTEST,
    ),
    row(
        "tungstenite",
        Some(Rule::ControlTooLong),
        Permits,
        &SHORTEST,
    ),
    row(
        "tungstenite",
        Some(Rule::LengthOverflow),
        Code(1009),
        &TOP_BIT,
    ),
    row(
        "tungstenite",
        Some(Rule::ControlFragmented),
        Code(1009),
        &EITHER,
    ),
    row("tungstenite", Some(Rule::Masking), Code(1009), &EITHER),
    row("tungstenite", Some(Rule::ReservedBits), Code(1009), &EITHER),
    row(
        "tungstenite",
        Some(Rule::UnexpectedContinuation),
        Code(1009),
        &EITHER,
    ),
    row(
        "tungstenite",
        Some(Rule::ExpectedContinuation),
        Code(1009),
        &EITHER,
    ),
    row("tungstenite", Some(Rule::CloseCode), Code(1007), &EITHER),
    row("tungstenite", None, Refuses(1002), &REGISTERED),
    row(
        "fastwebsockets",
        Some(Rule::NonMinimalLength),
        Permits,
        &SHORTEST,
    ),
    row(
        "fastwebsockets",
        Some(Rule::ControlTooLong),
        Permits,
        &CONTROL,
    ),
    row(
        "fastwebsockets",
        Some(Rule::LengthOverflow),
        Code(1009),
        &TOP_BIT,
    ),
    row("fastwebsockets", Some(Rule::Masking), Permits, &MASKED),
    row(
        "fastwebsockets",
        Some(Rule::ExpectedContinuation),
        Permits,
        &INTERLEAVED,
    ),
    row(
        "fastwebsockets",
        Some(Rule::MessageTooBig),
        Permits,
        &LIMITS,
    ),
    row("fastwebsockets", Some(Rule::Utf8), Permits, &UTF8),
    row(
        "fastwebsockets",
        Some(Rule::UnexpectedContinuation),
        Code(1009),
        &EITHER,
    ),
    row("fastwebsockets", Some(Rule::CloseCode), Code(1007), &EITHER),
    row("fastwebsockets", None, Refuses(1002), &REGISTERED),
    row("wsproto", Some(Rule::MessageTooBig), Permits, &LIMITS),
    row("wsproto", Some(Rule::CloseReason), Code(1002), &REGISTERED),
    row("wsproto", None, Refuses(1002), &REGISTERED),
    row(
        "tungstenite",
        Some(Rule::TooManyFragments),
        Permits,
        &LIMITS,
    ),
    row(
        "fastwebsockets",
        Some(Rule::TooManyFragments),
        Permits,
        &LIMITS,
    ),
    row("wsproto", Some(Rule::TooManyFragments), Permits, &LIMITS),
];

const fn row(
    rival: &'static str,
    rule: Option<Rule>,
    theirs: Theirs,
    decided: &Decided,
) -> Difference {
    let (requirement, sentence) = *decided;
    Difference {
        rival,
        rule,
        theirs,
        requirement,
        sentence,
    }
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
