//! Each asynchronous method, dropped after every number of polls and called again, over transports that are pending
//! at every other poll and move one byte at a time.

mod common;

use std::fmt::{self, Debug};

use bowline_io::{
    CloseCode, CloseFrame, Config, Error, Event, Message, MessageKind, Role, WebSocket,
};
use bowline_testing::extension::RunLength;
use bowline_testing::hex::Shown;
use bowline_testing::wire::{
    BINARY, CLOSE, CONT, FIN, PING, PONG, RSV2, RSV3, TEXT, close_frame, frame, frame_from,
    whole_frames,
};
use bytes::BytesMut;

use common::{Script, Socket, complete, open, poll_times, server};

/// What a run showed: what was delivered, and the bytes that reached the peer.
#[derive(PartialEq)]
struct Trace {
    delivered: Vec<String>,
    wire: Vec<u8>,
}

impl Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#?}, {}", self.delivered, Shown(&self.wire))
    }
}

/// Everything that may come: whole messages, fragments with a ping between them, a pong, and the end.
fn session(receiver: Role) -> Vec<u8> {
    [
        frame(receiver, TEXT | FIN, "Hello"),
        frame(receiver, TEXT, "caf\u{e9}".as_bytes().split_at(4).0),
        frame(receiver, PING, "between"),
        frame(receiver, CONT, ""),
        frame(receiver, CONT | FIN, &"caf\u{e9}".as_bytes()[4..]),
        frame(receiver, PONG, "unasked"),
        frame(receiver, BINARY | FIN, [7; 130]),
        frame(receiver, PING, ""),
        frame(receiver, BINARY | FIN, ""),
        close_frame(receiver, 1000, "bye"),
    ]
    .concat()
}

/// As the session, for a connection with an extension: encoded and not, whole and in fragments, and one message that
/// takes several turns.
fn encoded_session(receiver: Role) -> Vec<u8> {
    let encoded = RSV2 | RSV3;
    [
        frame(receiver, TEXT | FIN | encoded, [3, b'a', 2, 1]),
        frame(receiver, TEXT | FIN, "plain"),
        frame(receiver, BINARY | encoded, [200, 7]),
        frame(receiver, PING, "between"),
        frame(receiver, CONT, [255]),
        frame(receiver, CONT | FIN, [0]),
        frame(receiver, BINARY | FIN | encoded, [255, 1].repeat(3_000)),
        frame(receiver, PING, ""),
        frame(receiver, BINARY | FIN | encoded, ""),
        close_frame(receiver, 1000, "bye"),
    ]
    .concat()
}

/// A server's end with an extension.
fn decoding() -> (Script, Socket) {
    let (script, transport) = Script::new();
    let extension = Some(RunLength::new(255).boxed());
    let config = Config::new(Role::Server);
    let socket = WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new());
    (script, socket)
}

/// Calls `recv` until it gives `None`, dropping each call after every `polls` polls.
fn receive(
    open: fn() -> (Script, Socket),
    polls: usize,
    dropped: &mut bool,
    input: &[u8],
    step: usize,
    recv: &mut impl AsyncFnMut(&mut Socket) -> Result<Option<String>, Error>,
) -> Trace {
    let (script, mut socket) = open();
    script.stutter();
    script.state().read_max = step;
    script.state().write_max = step;
    script.send(input);
    script.end();
    let mut delivered = Vec::new();
    loop {
        let received = if polls == 0 {
            // A future that is never polled does nothing.
            drop(recv(&mut socket));
            complete(recv(&mut socket))
        } else {
            let Some(received) = poll_times(recv(&mut socket), polls) else {
                *dropped = true;
                continue;
            };
            received
        };
        match received.expect("an orderly end") {
            Some(what) => delivered.push(what),
            None => break,
        }
    }
    let wire = script.output();
    Trace { delivered, wire }
}

#[track_caller]
fn receiving_is_cancel_safe(
    input: &[u8],
    step: usize,
    recv: &mut impl AsyncFnMut(&mut Socket) -> Result<Option<String>, Error>,
) {
    receiving_is_cancel_safe_on(server, input, step, recv);
}

#[track_caller]
fn receiving_is_cancel_safe_on(
    open: fn() -> (Script, Socket),
    input: &[u8],
    step: usize,
    recv: &mut impl AsyncFnMut(&mut Socket) -> Result<Option<String>, Error>,
) {
    let undropped = receive(open, usize::MAX, &mut false, input, step, recv);
    assert!(!undropped.delivered.is_empty());
    assert!(!undropped.wire.is_empty());
    assert_eq!(receive(open, 0, &mut false, input, step, recv), undropped);
    for polls in 1.. {
        let mut dropped = false;
        let trace = receive(open, polls, &mut dropped, input, step, recv);
        assert!(trace == undropped, "dropped every {polls} polls: {trace:?}");
        if !dropped {
            break;
        }
    }
}

#[test]
fn recv_loses_nothing_when_it_is_dropped() {
    receiving_is_cancel_safe(&session(Role::Server), 1, &mut async |socket| {
        Ok(socket.recv().await?.map(|message| format!("{message:?}")))
    });
}

#[test]
fn encoded_messages_are_not_lost_when_receiving_is_dropped() {
    let session = encoded_session(Role::Server);
    for step in [1_000, 10_000] {
        receiving_is_cancel_safe_on(decoding, &session, step, &mut async |socket| {
            let message = socket.recv().await?;
            Ok(message.map(|message| Shown(message.as_bytes()).to_string()))
        });
        receiving_is_cancel_safe_on(decoding, &session, step, &mut async |socket| {
            let chunk = socket.recv_chunk().await?;
            Ok(chunk.map(|chunk| format!("{} {}", Shown(&chunk.payload), chunk.last)))
        });
    }
}

#[test]
fn recv_ref_loses_nothing_when_it_is_dropped() {
    receiving_is_cancel_safe(&session(Role::Server), 1, &mut async |socket| {
        let lent = socket.recv_ref().await?;
        Ok(lent.map(|(message, _)| format!("{message:?}")))
    });
}

#[test]
fn recv_event_loses_nothing_when_it_is_dropped() {
    receiving_is_cancel_safe(&session(Role::Server), 1, &mut async |socket| {
        Ok(socket.recv_event().await?.map(|event| match event {
            Event::Message(message) => format!("{message:?}"),
            other => format!("{other:?}"),
        }))
    });
}

#[test]
fn recv_chunk_loses_nothing_when_it_is_dropped() {
    receiving_is_cancel_safe(&session(Role::Server), 1, &mut async |socket| {
        Ok(socket.recv_chunk().await?.map(|chunk| format!("{chunk:?}")))
    });
}

/// Large enough to be read into a buffer of its own.
#[test]
fn a_large_message_loses_nothing_when_its_recv_is_dropped() {
    let payload = bowline_testing::payload::seq(70_000);
    let input = [
        frame(Role::Server, BINARY, &payload[..40_000]),
        frame(Role::Server, PING, "!"),
        frame(Role::Server, CONT | FIN, &payload[40_000..]),
        frame(Role::Server, TEXT | FIN, "after"),
        close_frame(Role::Server, 1000, ""),
    ]
    .concat();
    receiving_is_cancel_safe(&input, 1000, &mut async |socket| {
        Ok(socket.recv().await?.map(|message| format!("{message:?}")))
    });
}

/// Sends `before`, calls `act` and drops it after `polls` polls, sends `after` and flushes.
fn send(
    polls: Option<usize>,
    act: &mut impl AsyncFnMut(&Socket) -> Result<(), Error>,
) -> (Vec<u8>, bool) {
    let (script, socket) = server();
    script.stutter();
    complete(socket.send("before")).unwrap();
    let done = match polls {
        Some(polls) => {
            let done = poll_times(act(&socket), polls);
            done.is_some_and(|result| {
                result.unwrap();
                true
            })
        }
        None => false,
    };
    complete(socket.feed("after")).unwrap();
    complete(socket.flush()).unwrap();
    (script.output(), done)
}

/// Below the soft mark one poll queues the message: it is sent whole and in its place, however the future ends. A
/// future that was never polled sends nothing.
#[track_caller]
fn sending_is_cancel_safe(act: &mut impl AsyncFnMut(&Socket) -> Result<(), Error>) {
    let (without, _) = send(None, act);
    let (whole, done) = send(Some(usize::MAX), act);
    assert!(done);
    assert_ne!(whole, without);
    assert_eq!(send(Some(0), act), (without, false));
    for polls in 1.. {
        let (wire, done) = send(Some(polls), act);
        assert!(wire == whole, "dropped after {polls} polls: {wire:02x?}");
        if done {
            break;
        }
    }
}

#[test]
fn send_sends_the_message_whole_when_it_is_dropped() {
    sending_is_cancel_safe(&mut async |socket| socket.send("the message").await);
}

#[test]
fn send_ref_sends_the_message_whole_when_it_is_dropped() {
    sending_is_cancel_safe(&mut async |socket| {
        let message = Message::from("the message");
        socket.sender().send_ref(message.as_ref()).await
    });
}

#[test]
fn feed_queues_the_message_whole_when_it_is_dropped() {
    sending_is_cancel_safe(&mut async |socket| socket.feed("the message").await);
}

#[test]
fn ping_sends_the_ping_whole_when_it_is_dropped() {
    sending_is_cancel_safe(&mut async |socket| socket.ping("are you there").await);
}

#[test]
fn send_fragment_sends_the_fragment_whole_when_it_is_dropped() {
    let run = |polls: usize| {
        let (script, socket) = server();
        script.stutter();
        let fragment = |payload: &'static str, last| {
            socket.send_fragment(MessageKind::Text, payload.as_bytes(), last)
        };
        complete(fragment("one ", false)).unwrap();
        let done = poll_times(fragment("two ", false), polls);
        complete(fragment("three", true)).unwrap();
        (whole_frames(&script.output()), done.is_some())
    };
    let (undropped, _) = run(usize::MAX);
    let expected = [(TEXT, "one "), (CONT, "two "), (CONT | FIN, "three")];
    assert_eq!(
        undropped,
        expected.map(|(first, payload)| (first, payload.as_bytes().to_vec()))
    );
    let (unpolled, _) = run(0);
    assert_eq!(unpolled, [undropped[0].clone(), undropped[2].clone()]);
    for polls in 1.. {
        let (frames, done) = run(polls);
        assert_eq!(frames, undropped, "dropped after {polls} polls");
        if done {
            break;
        }
    }
}

/// Above the soft mark a message waits outside: it is queued at some poll, and from then on it is sent whole.
#[test]
fn send_above_the_mark_has_queued_all_of_the_message_or_nothing_when_it_is_dropped() {
    let config = Config::new(Role::Server).soft_mark(20);
    let first = "x".repeat(60);
    let run = |polls: usize, retry: bool| {
        let (script, socket) = open(Role::Server, &config);
        script.state().room = 0;
        complete(socket.feed(first.as_str())).unwrap();
        script.stutter();
        script.room(usize::MAX);
        let done = poll_times(socket.send("second"), polls).is_some();
        if retry {
            complete(socket.send("third")).unwrap();
        }
        complete(socket.flush()).unwrap();
        (whole_frames(&script.output()), done)
    };
    let text = |payload: &str| (TEXT | FIN, payload.as_bytes().to_vec());
    let mut queued_at = None;
    for polls in 0.. {
        let (frames, done) = run(polls, false);
        let (longer, _) = run(polls, true);
        if queued_at.is_some() || frames.len() == 2 {
            queued_at.get_or_insert(polls);
            assert_eq!(frames, [text(&first), text("second")], "{polls} polls");
            assert_eq!(longer, [text(&first), text("second"), text("third")]);
        } else {
            assert_eq!(frames, [text(&first)], "{polls} polls");
            assert_eq!(longer, [text(&first), text("third")], "{polls} polls");
        }
        if done {
            assert!(
                queued_at > Some(1) && queued_at < Some(polls),
                "{queued_at:?}"
            );
            break;
        }
    }
}

/// Gives what `run` shows when nothing is dropped, which must be the same when its future is dropped after every 0, 1, 2
/// and more polls, until `run` says that nothing was.
#[track_caller]
fn the_same_however_it_is_dropped<T: Debug + PartialEq>(run: impl Fn(usize) -> (T, bool)) -> T {
    let (undropped, dropped) = run(usize::MAX);
    assert!(!dropped);
    for polls in 0.. {
        let (shown, dropped) = run(polls);
        assert_eq!(shown, undropped, "dropped every {polls} polls");
        if !dropped {
            break;
        }
    }
    undropped
}

#[test]
fn flush_loses_nothing_when_it_is_dropped_and_called_again() {
    let run = |polls: usize| {
        let (script, socket) = server();
        for text in ["one", "two", "three"] {
            complete(socket.feed(text)).unwrap();
        }
        script.stutter();
        script.state().holding = true;
        let mut dropped = false;
        while polls == 0 || poll_times(socket.flush(), polls).is_none() {
            dropped = true;
            if polls == 0 {
                drop(socket.flush());
                complete(socket.flush()).unwrap();
                break;
            }
        }
        (script.output(), dropped)
    };
    let undropped = the_same_however_it_is_dropped(run);
    assert_eq!(whole_frames(&undropped).len(), 3);
}

#[test]
fn closing_again_after_a_drop_sends_one_close_frame() {
    let run = |polls: usize| {
        let (script, socket) = server();
        complete(socket.feed("last words")).unwrap();
        script.stutter();
        let sender = socket.sender();
        let close = || sender.close(CloseFrame::new(CloseCode::NORMAL, "bye").unwrap());
        let mut dropped = false;
        if polls == 0 {
            drop(close());
            complete(close()).unwrap();
            dropped = true;
        } else {
            while poll_times(close(), polls).is_none() {
                dropped = true;
            }
        }
        (script.output(), dropped)
    };
    let undropped = the_same_however_it_is_dropped(run);
    assert_eq!(
        undropped,
        [
            frame_from(Role::Server, TEXT | FIN, "last words"),
            frame_from(Role::Server, CLOSE, b"\x03\xe8bye"),
        ]
        .concat()
    );
}

#[test]
fn closing_the_whole_socket_goes_on_where_it_was_dropped() {
    for role in [Role::Server, Role::Client] {
        let run = |polls: usize| {
            let (script, mut socket) = open(role, &Config::new(role));
            script.stutter();
            complete(socket.feed("last words")).unwrap();
            script.send(frame(role, TEXT | FIN, "late"));
            script.send(frame(role, PING, "late"));
            script.send(close_frame(role, 1000, ""));
            script.end();
            let mut dropped = false;
            if polls == 0 {
                drop(socket.close(CloseCode::NORMAL));
                complete(socket.close(CloseCode::NORMAL)).unwrap();
                dropped = true;
            }
            if polls > 0 {
                while poll_times(socket.close(CloseCode::NORMAL), polls)
                    .map(Result::unwrap)
                    .is_none()
                {
                    dropped = true;
                }
            }
            let ended = socket.ended().cloned().expect("over");
            let frames = whole_frames(&script.output());
            ((role, frames, ended, shut(&script)), dropped)
        };
        let (_, frames, ended, _) = the_same_however_it_is_dropped(run);
        assert_eq!(
            frames,
            [
                (TEXT | FIN, b"last words".to_vec()),
                (CLOSE, vec![0x03, 0xE8])
            ]
        );
        assert!(ended.clean);
    }
}

/// Whether our direction was ended, and the halves let go.
fn shut(script: &Script) -> (bool, bool, bool) {
    let state = script.state();
    (state.shut_down, state.reader_dropped, state.writer_dropped)
}
