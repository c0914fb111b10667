//! The recorded sessions over open connections, however the transport cuts them, and broken at every byte.

mod common;

use std::io::ErrorKind;

use bowline_io::{Config, Error, Message, Role};
use bowline_testing::vectors::frame_sequences::{Event as Expected, FrameSequence};
use bowline_testing::wire::{
    BINARY, CLOSE, FIN, PING, PONG, TEXT, close_frame, frame, frame_from, whole_frames,
};
use bowline_testing::{feed, hex, vectors};

use common::{Executor, Fault, Input, Script, Socket, complete, open};

/// The sessions that need no permessage-deflate.
fn sessions() -> impl Iterator<Item = FrameSequence> {
    vectors::frame_sequences::load()
        .vectors
        .into_iter()
        .filter(|session| session.negotiated.is_none())
}

fn role(session: &FrameSequence) -> Role {
    match session.receiver {
        vectors::Role::Client => Role::Client,
        vectors::Role::Server => Role::Server,
    }
}

fn socket(session: &FrameSequence) -> (Script, Socket) {
    let role = role(session);
    let mut config = Config::new(role);
    if let Some(limits) = session.limits {
        config = config.max_message(limits.max_message);
    }
    open(role, &config)
}

/// Receives until the end or an error.
fn received(socket: &mut Socket) -> (Vec<Message>, Option<Error>) {
    let mut messages = Vec::new();
    loop {
        match complete(socket.recv()) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

/// The messages that the session holds.
fn messages(session: &FrameSequence) -> Vec<Message> {
    let events = session.expect_events.iter();
    events
        .filter_map(|event| match event {
            Expected::Text { data } => Some(Message::from(&**data)),
            Expected::Binary { data } => Some(Message::from(&**data)),
            _ => None,
        })
        .collect()
}

fn check(session: &FrameSequence, script: &Script, socket: &mut Socket) {
    let id = &session.id;
    let (got, error) = received(socket);
    assert_eq!(got, messages(session), "{id}");
    let ended = socket.ended().expect("over");
    let close = session.expect_events.iter().find_map(|event| match event {
        Expected::Close { code, reason } => Some((*code, &**reason)),
        _ => None,
    });
    match (session.expect_close, close) {
        (Some(code), _) => {
            let Some(Error::Protocol(error)) = error else {
                panic!("{id}: {error:?}");
            };
            assert_eq!(error.close_code().get(), code, "{id}");
        }
        (None, Some(close)) => {
            assert!(error.is_none(), "{id}: {error:?}");
            assert_eq!((ended.code(), ended.reason()), close, "{id}");
        }
        (None, None) => assert!(matches!(error, Some(Error::Lost { .. })), "{id}: {error:?}"),
    }
    let mut replies: Vec<(u8, Vec<u8>)> = Vec::new();
    for reply in session.expect_replies.iter().flatten() {
        replies.push((FIN | reply.opcode, reply.payload.to_vec()));
    }
    let mut written = whole_frames(&script.output());
    if let Some(code) = session.expect_close {
        let (first, body) = written.pop().expect("a Close");
        assert_eq!(
            (first, &body[..2]),
            (CLOSE, &code.to_be_bytes()[..]),
            "{id}"
        );
    }
    assert_eq!(written, replies, "{id}");
}

#[test]
fn sessions_give_their_messages_and_replies_however_they_are_read() {
    let mut checked = 0;
    for session in sessions() {
        checked += 1;
        feed::each_chunking(&session.wire, |chunks| {
            let (script, mut socket) = socket(&session);
            for chunk in chunks {
                script.send(chunk);
            }
            script.end();
            check(&session, &script, &mut socket);
        });
    }
    assert_eq!(checked, 56);
}

#[test]
fn sessions_give_the_same_over_a_transport_that_stutters() {
    for session in sessions() {
        let (script, mut socket) = socket(&session);
        script.stutter();
        script.send(&*session.wire);
        script.end();
        check(&session, &script, &mut socket);
    }
}

#[test]
fn a_session_cut_at_any_byte_gives_whole_messages_and_says_that_the_peer_is_lost() {
    for session in sessions() {
        let all = messages(&session);
        let mut before = 0;
        for cut in 0..session.wire.len() {
            let (script, mut socket) = socket(&session);
            script.send(&session.wire[..cut]);
            script.end();
            let (got, error) = received(&mut socket);
            assert!(
                all.starts_with(&got),
                "{} cut at {cut}: {got:?}",
                session.id
            );
            assert!(got.len() >= before, "{} cut at {cut}", session.id);
            before = got.len();
            match error {
                None => assert!(socket.ended().unwrap().clean, "{}", session.id),
                Some(Error::Protocol(_)) => assert!(session.expect_close.is_some()),
                Some(Error::Lost { .. }) => {}
                Some(error) => panic!("{} cut at {cut}: {error:?}", session.id),
            }
        }
    }
}

/// A server that sends small and large messages, answers a ping, and closes.
fn speak(script: &Script, socket: &mut Socket) -> Result<(), Error> {
    complete(socket.send("one"))?;
    complete(socket.feed("two"))?;
    script.send(frame(Role::Server, PING, "?"));
    script.send(frame(Role::Server, TEXT | FIN, "hello"));
    assert_eq!(complete(socket.recv())?, Some("hello".into()));
    complete(socket.send(vec![7; 5000]))?;
    complete(socket.flush())?;
    script.send(close_frame(Role::Server, 1000, ""));
    script.push(Input::End);
    complete(socket.close(bowline_io::CloseCode::NORMAL))
}

fn spoken() -> Vec<u8> {
    [
        frame_from(Role::Server, TEXT | FIN, "one"),
        frame_from(Role::Server, TEXT | FIN, "two"),
        frame_from(Role::Server, PONG, "?"),
        frame_from(Role::Server, BINARY | FIN, [7; 5000]),
        frame_from(Role::Server, CLOSE, [3, 0xE8]),
    ]
    .concat()
}

#[test]
fn whatever_runs_a_transport_takes_the_bytes_are_the_same() {
    for vectored in [true, false] {
        for (step, stutter) in [
            (1, false),
            (1, true),
            (7, true),
            (4096, false),
            (usize::MAX, true),
        ] {
            let (script, transport) = Script::new();
            {
                let mut state = script.state();
                state.vectored = vectored;
                state.write_max = step;
                state.stutter = stutter;
            }
            let config = Config::new(Role::Server);
            let mut socket = bowline_io::WebSocket::new(
                Role::Server,
                transport,
                &config,
                None,
                bytes::BytesMut::new(),
            );
            speak(&script, &mut socket).unwrap();
            hex::assert_bytes_eq(
                &script.output(),
                &spoken(),
                format_args!("{vectored} {step}"),
            );
        }
    }
}

#[test]
fn a_transport_that_fails_after_any_byte_has_got_those_before_it_once() {
    let all = spoken();
    let faults = [
        Fault::Error(ErrorKind::ConnectionReset),
        Fault::Zero,
        Fault::Overclaim,
    ];
    for (at, vectored) in (0..all.len()).flat_map(|at| [(at, true), (at, false)]) {
        for fault in faults {
            let (script, transport) = Script::new();
            script.state().vectored = vectored;
            script.state().fault = Some((at, fault));
            let config = Config::new(Role::Server);
            let mut socket = bowline_io::WebSocket::new(
                Role::Server,
                transport,
                &config,
                None,
                bytes::BytesMut::new(),
            );
            let spoke = speak(&script, &mut socket);
            hex::assert_bytes_eq(
                &script.output(),
                &all[..at],
                format_args!("{fault:?} at {at}"),
            );
            // Only the peer's Close, which has come by then, excuses that its answer is lost.
            let closing = at >= all.len() - 4;
            assert_eq!(spoke.is_ok(), closing, "{fault:?} at {at}: {spoke:?}");
            if let Err(error) = spoke {
                assert!(matches!(error, Error::Transport(_)), "{error:?}");
            }
            drop(socket);
            hex::assert_bytes_eq(&script.output(), &all[..at], "nothing after the failure");
        }
    }
}

#[test]
fn a_transport_that_is_full_after_any_byte_loses_and_repeats_none() {
    let all = spoken();
    for at in 0..all.len() {
        let (script, socket) = open(Role::Server, &Config::new(Role::Server));
        script.state().room = at;
        let mut executor = common::Executor::new();
        let peer = script.clone();
        let speaking = executor.spawn(async move {
            let mut socket = socket;
            socket.send("one").await?;
            socket.feed("two").await?;
            peer.send(frame(Role::Server, PING, "?"));
            peer.send(frame(Role::Server, TEXT | FIN, "hello"));
            assert_eq!(socket.recv().await?, Some("hello".into()));
            socket.send(vec![7; 5000]).await?;
            peer.send(close_frame(Role::Server, 1000, ""));
            peer.push(Input::End);
            socket.close(bowline_io::CloseCode::NORMAL).await
        });
        executor.run();
        assert!(!speaking.is_done());
        hex::assert_bytes_eq(&script.output(), &all[..at], format_args!("full at {at}"));
        script.room(1);
        executor.run();
        script.room(usize::MAX);
        executor.finish(&speaking).unwrap();
        hex::assert_bytes_eq(&script.output(), &all, format_args!("full at {at}"));
    }
}

#[test]
fn a_large_message_that_has_come_takes_few_turns_but_not_one() {
    // Read to where it belongs, of which a turn takes 2 MiB.
    for (len, turns) in [(1 << 20, 1..=1), (15 << 20, 3..=10)] {
        let (script, mut socket) = open(Role::Server, &Config::new(Role::Server));
        script.send(frame(Role::Server, BINARY | FIN, vec![7; len]));
        let mut executor = Executor::new();
        let reading = executor.spawn(async move {
            let message = socket.recv().await.unwrap();
            message.map(|message| message.len())
        });
        executor.run();
        assert_eq!(reading.take(), Some(Some(len)));
        assert!(turns.contains(&executor.polls), "{} turns", executor.polls);
    }
}
