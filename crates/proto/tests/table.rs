//! State by input: a row per line, with the event and the bytes on the wire.

mod driver;

use bowline_frame::{CloseCode, CloseFrame, Message, MessageKind, Role};
use bowline_proto::{Config, SendError};
use bowline_testing::hex::assert_bytes_eq;
use bowline_testing::wire::{BINARY, CLOSE, CONT, FIN, PING, PONG, TEXT, frame};
use bytes::Bytes;

use driver::{Driver, Way, connection};

/// How far a connection has come.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing has happened.
    Open,
    /// The first fragment of a message has arrived.
    Inside,
    /// The first fragment of a message was sent.
    Sending,
    /// Our Close with 1001 waits to be written.
    CloseQueued,
    /// Our Close with 1001 is written.
    CloseDone,
    /// The peer's Close with 1000 has arrived; the answer waits.
    PeerClosed,
    /// Both Close frames are out, ours first.
    BothClosed,
    /// The peer broke the protocol; the answer waits.
    Failed,
    /// The transport has ended.
    Ended,
}

#[derive(Clone, Copy, Debug)]
enum Input {
    Text,
    Fragment,
    Last,
    Ping,
    Pong,
    Close,
    EmptyClose,
    BadClose,
    Violation,
    Eof,
    SendText,
    SendFragment,
    SendPing,
    SendClose,
}

const HI: &[u8] = b"\x81\x02hi";
const CONTINUED: &[u8] = b"\x00\x01f";
const PINGED: &[u8] = b"\x89\x01s";
const PONGED: &[u8] = b"\x8A\x01p";
const NORMAL: &[u8] = b"\x88\x02\x03\xE8";
const AWAY: &[u8] = b"\x88\x02\x03\xE9";
const EMPTY: &[u8] = b"\x88\x00";
const BAD_CODE: &[u8] = b"\x88\x29\x03\xEAclose code 1005 must not be on the wire";
const OPCODE: &[u8] = b"\x88\x15\x03\xEAreserved opcode 0x3";
const NO_START: &[u8] = b"\x88\x2D\x03\xEAcontinuation frame while no message is open";
const NO_END: &[u8] = b"\x88\x28\x03\xEAtext frame inside a fragmented message";
const FRAGMENT: &[u8] = b"\x02\x01f";
const NOTHING: &[u8] = b"";

/// State, input, what is said of it, and all bytes that wait afterwards.
#[rustfmt::skip]
const TABLE: &[(State, Input, &str, &[u8])] = &{
    use Input::*;
    use State::*;
    [
        (Open, Text, "text [6162]", NOTHING),
        (Open, Fragment, "", NOTHING),
        (Open, Last, "failed 1002", NO_START),
        (Open, Ping, "ping [70]", PONGED),
        (Open, Pong, "pong [71]", NOTHING),
        (Open, Close, "close 1000", NORMAL),
        (Open, EmptyClose, "close", EMPTY),
        (Open, BadClose, "failed 1002", BAD_CODE),
        (Open, Violation, "failed 1002", OPCODE),
        (Open, Eof, "", NOTHING),
        (Open, SendText, "ok", HI),
        (Open, SendFragment, "ok", FRAGMENT),
        (Open, SendPing, "ok", PINGED),
        (Open, SendClose, "queued", NORMAL),

        (Inside, Text, "failed 1002", NO_END),
        (Inside, Fragment, "failed 1002", b"\x88\x2A\x03\xEAbinary frame inside a fragmented message"),
        (Inside, Last, "binary [666c]", NOTHING),
        (Inside, Ping, "ping [70]", PONGED),
        (Inside, Pong, "pong [71]", NOTHING),
        (Inside, Close, "close 1000", NORMAL),
        (Inside, EmptyClose, "close", EMPTY),
        (Inside, BadClose, "failed 1002", BAD_CODE),
        (Inside, Violation, "failed 1002", OPCODE),
        (Inside, Eof, "", NOTHING),
        (Inside, SendText, "ok", HI),

        (Sending, Text, "text [6162]", NOTHING),
        (Sending, Ping, "ping [70]", PONGED),
        (Sending, Close, "close 1000", NORMAL),
        (Sending, Violation, "failed 1002", OPCODE),
        (Sending, SendText, "inside a message", NOTHING),
        (Sending, SendFragment, "ok", CONTINUED),
        (Sending, SendPing, "ok", PINGED),
        (Sending, SendClose, "queued", NORMAL),

        (CloseQueued, Text, "text [6162]", AWAY),
        (CloseQueued, Last, "failed 1002", AWAY),
        (CloseQueued, Ping, "ping [70]", AWAY),
        (CloseQueued, Pong, "pong [71]", AWAY),
        (CloseQueued, Close, "close 1000", AWAY),
        (CloseQueued, EmptyClose, "close", AWAY),
        (CloseQueued, BadClose, "failed 1002", AWAY),
        (CloseQueued, Violation, "failed 1002", AWAY),
        (CloseQueued, Eof, "", AWAY),
        (CloseQueued, SendText, "closed", AWAY),
        (CloseQueued, SendFragment, "closed", AWAY),
        (CloseQueued, SendPing, "closed", AWAY),
        (CloseQueued, SendClose, "refused", AWAY),

        (CloseDone, Text, "text [6162]", NOTHING),
        (CloseDone, Ping, "ping [70]", NOTHING),
        (CloseDone, Pong, "pong [71]", NOTHING),
        (CloseDone, Close, "close 1000", NOTHING),
        (CloseDone, EmptyClose, "close", NOTHING),
        (CloseDone, Violation, "failed 1002", NOTHING),
        (CloseDone, Eof, "", NOTHING),
        (CloseDone, SendText, "closed", NOTHING),
        (CloseDone, SendPing, "closed", NOTHING),
        (CloseDone, SendClose, "refused", NOTHING),

        (PeerClosed, Text, "", NORMAL),
        (PeerClosed, Fragment, "", NORMAL),
        (PeerClosed, Last, "", NORMAL),
        (PeerClosed, Ping, "", NORMAL),
        (PeerClosed, Close, "", NORMAL),
        (PeerClosed, Violation, "", NORMAL),
        (PeerClosed, Eof, "", NORMAL),
        (PeerClosed, SendText, "closed", NORMAL),
        (PeerClosed, SendFragment, "closed", NORMAL),
        (PeerClosed, SendPing, "closed", NORMAL),
        (PeerClosed, SendClose, "refused", NORMAL),

        (BothClosed, Text, "", NOTHING),
        (BothClosed, Ping, "", NOTHING),
        (BothClosed, Close, "", NOTHING),
        (BothClosed, Violation, "", NOTHING),
        (BothClosed, Eof, "", NOTHING),
        (BothClosed, SendText, "closed", NOTHING),
        (BothClosed, SendClose, "refused", NOTHING),

        (Failed, Text, "", OPCODE),
        (Failed, Ping, "", OPCODE),
        (Failed, Close, "", OPCODE),
        (Failed, Violation, "", OPCODE),
        (Failed, Eof, "", OPCODE),
        (Failed, SendText, "closed", OPCODE),
        (Failed, SendPing, "closed", OPCODE),
        (Failed, SendClose, "refused", OPCODE),

        (Ended, Eof, "", NOTHING),
        (Ended, SendText, "ok", HI),
        (Ended, SendClose, "queued", NORMAL),
    ]
};

// covers WS-5.4-05, WS-5.4-06, WS-5.5.1-05, WS-5.5.1-06, WS-5.5.1-07, WS-5.5.1-09, WS-5.5.1-10, WS-5.5.1-11,
// WS-5.5.2-01, WS-5.5.3-01, WS-5.5.3-03, WS-6.1-01, WS-7.1.2-01, WS-7.1.7-02, WS-7.1.7-03, WS-5.1-05,
// WS-7.1.3-01, WS-7.3-01, WS-12-01, WB-25
#[test]
fn each_input_in_each_state_has_its_event_and_its_bytes() {
    for role in [Role::Server, Role::Client] {
        for &(state, input, event, wire) in TABLE {
            for way in driver::WAYS {
                let mut driver = reach(role, state, way);
                let said = give(&mut driver, role, input);
                let context = format!("{role}, {state:?}, {input:?}, {way:?}");
                assert_eq!(said, event, "{context}");
                assert_bytes_eq(&driver.written(), &as_written_by(role, wire), context);
            }
        }
    }
}

fn reach(role: Role, state: State, way: Way) -> Driver {
    let mut driver = Driver::new(connection(role, &Config::new(role), None), way);
    let away = CloseFrame::from(CloseCode::GOING_AWAY);
    match state {
        State::Open => {}
        State::Inside => driver.feed(&frame(role, BINARY, b"f")),
        State::Sending => {
            give(&mut driver, role, Input::SendFragment);
            driver.written();
        }
        State::CloseQueued => assert!(driver.connection.close(Some(&away))),
        State::CloseDone => {
            driver.connection.close(Some(&away));
            driver.written();
        }
        State::PeerClosed => driver.feed(&frame(role, CLOSE, b"\x03\xE8")),
        State::BothClosed => {
            driver.connection.close(Some(&away));
            driver.written();
            driver.feed(&frame(role, CLOSE, b"\x03\xE8"));
        }
        State::Failed => driver.feed(&frame(role, FIN | 3, b"")),
        State::Ended => driver.connection.handle_eof(),
    }
    driver.seen.clear();
    driver
}

/// What the input was answered with, in a word or two.
fn give(driver: &mut Driver, role: Role, input: Input) -> String {
    let connection = &mut driver.connection;
    let sent = match input {
        Input::SendText => connection.send(Message::from("hi")),
        Input::SendPing => connection.ping(b"s"),
        Input::SendFragment => {
            connection.fragment(MessageKind::Binary, Bytes::from_static(b"f"), false)
        }
        Input::SendClose => {
            let queued = connection.close(Some(&CloseCode::NORMAL.into()));
            return if queued { "queued" } else { "refused" }.into();
        }
        Input::Eof => {
            connection.handle_eof();
            return String::new();
        }
        _ => {
            driver.feed(&match input {
                Input::Text => frame(role, FIN | TEXT, b"ab"),
                Input::Fragment => frame(role, BINARY, b"f"),
                Input::Last => frame(role, FIN | CONT, b"l"),
                Input::Ping => frame(role, PING, b"p"),
                Input::Pong => frame(role, PONG, b"q"),
                Input::Close => frame(role, CLOSE, b"\x03\xE8"),
                Input::EmptyClose => frame(role, CLOSE, b""),
                Input::BadClose => frame(role, CLOSE, b"\x03\xED"),
                _ => frame(role, FIN | 3, b""),
            });
            let said: Vec<_> = driver.seen.iter().map(|seen| format!("{seen:?}")).collect();
            let said = said.join(", ");
            // The words of an error are on the wire, in the other column.
            return match said.split_once(" (") {
                Some((code, _)) => code.into(),
                None => said,
            };
        }
    };
    match sent {
        Ok(()) => "ok",
        Err(SendError::Closed) => "closed",
        Err(SendError::InsideMessage) => "inside a message",
        Err(error) => panic!("{error}"),
    }
    .into()
}

/// The table shows a server's frames; a client's are masked, in the tests with zeros.
fn as_written_by(role: Role, mut wire: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    while let [first, len, rest @ ..] = wire {
        let (payload, rest) = rest.split_at(usize::from(*len));
        written.extend(frame(role.peer(), *first, payload));
        wire = rest;
    }
    written
}
