//! How connections end: what the peer gets, what the caller hears, and when.

mod common;

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use bowline_extension::ExtensionError;
use bowline_io::{
    CloseCode, CloseFrame, Config, EndedBy, Error, Keepalive, Message, ProtocolError, QueueError,
    Role, SendError, Timeout, WebSocket,
};
use bowline_testing::extension::RunLength;
use bowline_testing::vectors;
use bowline_testing::wire::{
    BINARY, CLOSE, CONT, FIN, PING, PONG, RSV3, TEXT, close_frame, frame, frame_from, whole_frames,
};
use bytes::BytesMut;

use common::{
    Executor, Fault, Gate, Input, Script, Socket, advance, complete, open, poll_once, server,
    timers_made, timers_reset,
};

const SECOND: Duration = Duration::from_secs(1);

/// A program that drops the connection as soon as it hears of an error.
async fn careless(mut socket: Socket) -> (Vec<Message>, Result<(), Error>) {
    let mut messages = Vec::new();
    loop {
        match socket.recv().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, Ok(())),
            Err(error) => return (messages, Err(error)),
        }
    }
}

/// The close codes of the frames that reached the peer.
fn close_codes(script: &Script) -> Vec<u16> {
    whole_frames(&script.output())
        .into_iter()
        .filter(|(first, _)| *first == CLOSE)
        .map(|(_, body)| u16::from_be_bytes([body[0], body[1]]))
        .collect()
}

// covers WS-7.1.7-01
#[test]
fn a_caller_who_drops_on_error_leaves_the_peer_with_the_close_frame_of_every_violation() {
    let config = Config::new(Role::Server).max_message(1000);
    let frame = |first, payload: &[u8]| frame(Role::Server, first, payload);
    let empty = frame(CONT, b"").repeat(200);
    let crumbs = [frame(TEXT, b"!"), frame(CONT, b"")].concat();
    let tiny = frame(CONT, b"x");
    type IsRight = fn(&ProtocolError) -> bool;
    let violations: [(&str, Vec<u8>, u16, IsRight); 7] = [
        ("opcode", frame(FIN | 3, b""), 1002, |error| {
            matches!(error, ProtocolError::Frame(_))
        }),
        ("UTF-8", frame(TEXT | FIN, b"\xFF"), 1007, |error| {
            matches!(error, ProtocolError::Frame(_))
        }),
        (
            "announced",
            frame(BINARY | FIN, &[0; 1001]),
            1009,
            |error| matches!(error, ProtocolError::MessageTooBig { limit: 1000 }),
        ),
        (
            "put together",
            [frame(BINARY, &[0; 999]), frame(CONT | FIN, &[0; 2])].concat(),
            1009,
            |error| matches!(error, ProtocolError::MessageTooBig { limit: 1000 }),
        ),
        ("empty", [crumbs, empty].concat(), 1009, |error| {
            matches!(error, ProtocolError::TooManyEmptyFragments)
        }),
        (
            "fragments",
            // 17,001 frames, of which every hundredth has a byte.
            [
                frame(BINARY, b""),
                [frame(CONT, b"").repeat(99), tiny].concat().repeat(170),
            ]
            .concat(),
            1009,
            |error| matches!(error, ProtocolError::TooManyFragments { .. }),
        ),
        (
            "extension",
            frame(RSV3 | FIN | TEXT, b"no"),
            1002,
            |error| matches!(error, ProtocolError::Extension(_)),
        ),
    ];
    for (name, wire, code, is_right) in violations {
        for rest in [0, 1, 100_000] {
            let (script, transport) = Script::new();
            let extension = (name == "extension").then(|| RunLength::new(9).boxed());
            let socket =
                WebSocket::new(Role::Server, transport, &config, extension, BytesMut::new());
            let mut executor = Executor::new();
            let caller = executor.spawn(careless(socket));
            script.send(frame(TEXT | FIN, b"fine"));
            script.send(&wire);
            script.send(vec![0; rest]);
            executor.run();
            // The Close is out and our direction ended, but the caller hasn't heard yet: input may still come.
            assert_eq!(close_codes(&script), [code], "{name}");
            assert!(script.state().shut_down, "{name}");
            assert!(
                !caller.is_done() && !script.state().reader_dropped,
                "{name}"
            );
            // Nobody answers a failed connection; what comes is thrown away.
            script.send(vec![0; 1000]);
            executor.run();
            assert!(!caller.is_done(), "{name}");
            script.end();
            let (messages, result) = executor.finish(&caller);
            assert_eq!(messages, [Message::from("fine")], "{name}");
            let Err(Error::Protocol(error)) = result else {
                panic!("{name}: {result:?}");
            };
            assert!(is_right(&error), "{name}: {error:?}");
            assert_eq!(error.close_code().get(), code, "{name}");
            let state = script.state();
            assert_eq!(state.output.len(), state.output_at_shutdown);
            assert!(state.reader_dropped && state.writer_dropped);
        }
    }
}

#[test]
fn every_invalid_frame_is_answered_before_the_caller_hears_of_it() {
    let mut checked = 0;
    for vector in vectors::frame_invalid::load() {
        if vector.negotiated.is_some() {
            continue;
        }
        checked += 1;
        let role = match vector.receiver {
            vectors::Role::Client => Role::Client,
            vectors::Role::Server => Role::Server,
        };
        let mut config = Config::new(role);
        if let Some(limits) = vector.limits {
            config = config.max_message(limits.max_frame);
        }
        let (script, socket) = open(role, &config);
        script.send(&*vector.wire);
        let mut executor = Executor::new();
        let caller = executor.spawn(careless(socket));
        executor.run();
        assert_eq!(close_codes(&script), [vector.expect_close], "{}", vector.id);
        assert!(!caller.is_done(), "{}", vector.id);
        script.end();
        let (_, result) = executor.finish(&caller);
        assert!(matches!(result, Err(Error::Protocol(_))), "{}", vector.id);
    }
    assert_eq!(checked, 141);
}

#[test]
fn a_violation_is_told_at_the_close_deadline_if_the_peer_never_ends() {
    let (script, socket) = server();
    let mut executor = Executor::new();
    let caller = executor.spawn(careless(socket));
    script.send(frame(Role::Server, FIN | 3, ""));
    executor.run();
    advance(4 * SECOND);
    executor.run();
    assert!(!caller.is_done());
    advance(2 * SECOND);
    let (_, result) = executor.finish(&caller);
    assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
}

#[test]
fn no_more_than_the_limit_is_drained_of_a_peer_who_goes_on_after_a_violation() {
    let config = Config::new(Role::Server).max_drain(100_000);
    let (script, socket) = open(Role::Server, &config);
    let mut executor = Executor::new();
    let caller = executor.spawn(careless(socket));
    script.send(frame(Role::Server, FIN | 3, ""));
    script.push(Input::Make(Box::new(|buffer| buffer.len())));
    let (_, result) = executor.finish(&caller);
    assert!(matches!(result, Err(Error::Protocol(_))));
    let read = script.state().bytes_read;
    assert!((100_000..100_000 + 3 * 65_536).contains(&read), "{read}");
}

#[test]
fn the_close_of_a_violation_waits_behind_stuck_output_and_is_still_sent_first() {
    let (script, socket) = server();
    script.state().room = 3;
    complete(socket.feed("queued before")).unwrap();
    let mut executor = Executor::new();
    let caller = executor.spawn(careless(socket));
    script.send(frame(Role::Server, FIN | 3, ""));
    executor.run();
    assert!(!script.state().shut_down && !caller.is_done());
    script.room(1000);
    executor.run();
    assert!(script.state().shut_down && !caller.is_done());
    let frames = whole_frames(&script.output());
    assert_eq!(frames[0], (TEXT | FIN, b"queued before".to_vec()));
    assert_eq!(close_codes(&script), [1002]);
    script.end();
    executor.finish(&caller).1.unwrap_err();
}

// covers WS-7.1.1-02
#[test]
fn the_server_ends_the_transport_first_and_the_client_waits_for_it() {
    for role in [Role::Server, Role::Client] {
        let (script, mut socket) = open(role, &Config::new(role));
        let mut executor = Executor::new();
        let closing = executor.spawn(async move {
            let closed = socket.close(CloseCode::NORMAL).await;
            (closed, socket.ended().cloned())
        });
        executor.run();
        assert_eq!(close_codes(&script), [1000]);
        assert!(!script.state().shut_down);
        script.send(close_frame(role, 1000, ""));
        executor.run();
        assert_eq!(script.state().shut_down, role == Role::Server);
        assert!(!closing.is_done(), "{role:?}");
        script.end();
        let (closed, ended) = executor.finish(&closing);
        closed.unwrap();
        let ended = ended.unwrap();
        assert_eq!(
            (ended.by, ended.code(), ended.clean),
            (EndedBy::Us, 1000, true)
        );
    }
}

// covers WS-5.5.1-03
#[test]
fn a_close_of_the_peer_is_answered_and_ends_in_none_with_its_code_and_reason() {
    for role in [Role::Server, Role::Client] {
        let (script, mut socket) = open(role, &Config::new(role));
        let sender = socket.sender();
        script.send(frame(role, TEXT | FIN, "last"));
        script.send(close_frame(role, 4321, "see you"));
        script.end();
        assert_eq!(complete(socket.recv()).unwrap(), Some("last".into()));
        assert!(socket.ended().is_none());
        for _ in 0..3 {
            assert_eq!(complete(socket.recv()).unwrap(), None);
        }
        assert_eq!(close_codes(&script), [4321]);
        let ended = socket.ended().unwrap();
        assert_eq!(
            (ended.by, ended.code(), ended.reason(), ended.clean),
            (EndedBy::Peer, 4321, "see you", true)
        );
        assert!(complete(socket.recv_ref()).unwrap().is_none());
        assert_eq!(complete(socket.recv_event()).unwrap(), None);
        assert_eq!(complete(socket.recv_chunk()).unwrap(), None);
        assert!(sender.is_closed());
        assert!(matches!(complete(sender.send("late")), Err(Error::Closed)));
        assert!(matches!(complete(sender.feed("late")), Err(Error::Closed)));
        assert!(matches!(complete(sender.flush()), Err(Error::Closed)));
        assert!(matches!(complete(sender.ping("")), Err(Error::Closed)));
        assert!(matches!(
            complete(sender.close(CloseCode::NORMAL)),
            Err(Error::Closed)
        ));
        assert!(matches!(
            sender.queue("late"),
            Err(QueueError::Send(SendError::Closed))
        ));
        complete(socket.close(CloseCode::NORMAL)).unwrap();
    }
}

#[test]
fn a_peer_that_answers_the_close_but_keeps_the_transport_open_is_left_at_the_deadline() {
    for role in [Role::Server, Role::Client] {
        let (script, mut socket) = open(role, &Config::new(role).close(3 * SECOND));
        let mut executor = Executor::new();
        let closing = executor.spawn(async move {
            let closed = socket.close(CloseCode::NORMAL).await;
            (closed, socket.ended().cloned())
        });
        script.send(close_frame(role, 1000, ""));
        executor.run();
        advance(2 * SECOND);
        executor.run();
        assert!(!closing.is_done());
        advance(2 * SECOND);
        let (closed, ended) = executor.finish(&closing);
        // Both Close frames were exchanged: nothing is amiss.
        closed.unwrap();
        assert!(ended.unwrap().clean);
        assert!(script.state().reader_dropped && script.state().writer_dropped);
    }
}

#[test]
fn a_peer_that_never_answers_the_close_is_an_error_at_the_deadline() {
    let (script, mut socket) = server();
    let mut executor = Executor::new();
    let closing = executor.spawn(async move {
        let closed = socket.close(CloseCode::GOING_AWAY).await;
        (closed, socket.ended().cloned())
    });
    executor.run();
    advance(6 * SECOND);
    let (closed, ended) = executor.finish(&closing);
    assert!(matches!(
        closed,
        Err(Error::Timeout(Timeout::Close { after })) if after == 5 * SECOND
    ));
    let ended = ended.unwrap();
    assert_eq!(
        (ended.by, ended.code(), ended.clean),
        (EndedBy::Us, 1006, false)
    );
    assert_eq!(close_codes(&script), [1001]);
}

#[test]
fn messages_that_come_after_our_close_are_delivered_to_recv_and_dropped_by_close() {
    for receiving in [true, false] {
        let (script, mut socket) = server();
        complete(socket.sender().close(CloseCode::NORMAL)).unwrap();
        script.send(frame(Role::Server, TEXT | FIN, "crossed"));
        script.send(frame(Role::Server, PING, "crossed"));
        script.send(close_frame(Role::Server, 1000, ""));
        script.end();
        if receiving {
            assert_eq!(complete(socket.recv()).unwrap(), Some("crossed".into()));
            assert_eq!(complete(socket.recv()).unwrap(), None);
        } else {
            complete(socket.close(CloseCode::NORMAL)).unwrap();
        }
        // Nothing follows a Close frame.
        assert_eq!(whole_frames(&script.output()).len(), 1);
    }
}

#[test]
fn closing_twice_sends_the_first_code_and_is_no_error() {
    let (script, mut socket) = server();
    let sender = socket.sender();
    complete(sender.close(CloseFrame::new(CloseCode::NORMAL, "first").unwrap())).unwrap();
    complete(sender.close(CloseCode::GOING_AWAY)).unwrap();
    script.send(close_frame(Role::Server, 1000, ""));
    script.end();
    complete(socket.close(CloseCode::GOING_AWAY)).unwrap();
    complete(socket.close(CloseCode::GOING_AWAY)).unwrap();
    assert_eq!(
        script.output(),
        frame_from(Role::Server, CLOSE, b"\x03\xe8first")
    );
}

#[test]
fn a_close_from_a_sender_wakes_a_receiver_in_another_task() {
    let (script, socket) = server();
    let (receiver, sender) = socket.split();
    let mut executor = Executor::new();
    let receiving = executor.spawn(async move {
        let mut receiver = receiver;
        let received = receiver.recv().await;
        (received, receiver.ended().cloned())
    });
    executor.run();
    let closing = executor.spawn(async move { sender.close(CloseCode::NORMAL).await });
    executor.finish(&closing).unwrap();
    // The receiver knows that time is running.
    advance(6 * SECOND);
    let (received, ended) = executor.finish(&receiving);
    assert!(matches!(
        received,
        Err(Error::Timeout(Timeout::Close { .. }))
    ));
    assert_eq!(ended.unwrap().by, EndedBy::Us);
    assert_eq!(close_codes(&script), [1000]);
}

#[test]
fn a_peer_that_vanishes_is_lost_and_the_error_says_how_long_a_ping_was_unanswered() {
    let keepalive = Keepalive::new(10 * SECOND, 10 * SECOND);
    for pinged in [false, true] {
        let config = Config::new(Role::Server).keepalive(Some(keepalive));
        let (script, socket) = open(Role::Server, &config);
        let mut executor = Executor::new();
        let caller = executor.spawn(careless(socket));
        executor.run();
        if pinged {
            advance(10 * SECOND);
            executor.run();
            assert_eq!(script.output(), frame_from(Role::Server, PING, ""));
            advance(3 * SECOND);
        }
        script.end();
        let (_, result) = executor.finish(&caller);
        let Err(error @ Error::Lost { pinged: after }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(after, pinged.then_some(3 * SECOND));
        assert_eq!(
            error.to_string().ends_with("3.0s after our ping"),
            pinged,
            "{error}"
        );
    }
}

#[test]
fn an_unfinished_message_is_not_delivered_when_the_peer_vanishes() {
    let (script, socket) = server();
    script.send(frame(Role::Server, TEXT | FIN, "whole"));
    script.send(frame(Role::Server, TEXT, "half"));
    script.send(&frame(Role::Server, CONT | FIN, "cut")[..7]);
    script.end();
    let (messages, result) = complete(careless(socket));
    assert_eq!(messages, [Message::from("whole")]);
    assert!(matches!(result, Err(Error::Lost { .. })));
}

#[test]
fn what_is_queued_still_goes_out_to_a_peer_that_has_ended_its_direction() {
    let (script, mut socket) = server();
    script.state().room = 2;
    complete(socket.feed("for you")).unwrap();
    script.end();
    let mut executor = Executor::new();
    let caller = executor.spawn(async move {
        let received = socket.recv().await;
        (received, socket.ended().cloned())
    });
    executor.run();
    assert!(!caller.is_done());
    script.room(100);
    let (received, ended) = executor.finish(&caller);
    assert!(matches!(received, Err(Error::Lost { .. })));
    assert_eq!(ended.unwrap().by, EndedBy::Transport);
    assert_eq!(
        script.output(),
        frame_from(Role::Server, TEXT | FIN, "for you")
    );
}

#[test]
fn a_read_error_is_told_after_the_messages_before_it() {
    let (script, mut socket) = server();
    script.send(frame(Role::Server, TEXT | FIN, "before"));
    script.push(Input::Error(ErrorKind::ConnectionReset));
    assert_eq!(complete(socket.recv()).unwrap(), Some("before".into()));
    let Err(Error::Transport(error)) = complete(socket.recv()) else {
        panic!("not told");
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(complete(socket.recv()).unwrap(), None);
    let ended = socket.ended().unwrap();
    assert_eq!((ended.by, ended.code()), (EndedBy::Transport, 1006));
}

#[test]
fn a_transport_that_claims_to_have_read_more_than_there_was_room_has_failed() {
    // Into a block, and into the buffer of a large message.
    for begun in [false, true] {
        let (script, mut socket) = server();
        if begun {
            let large = frame(Role::Server, BINARY | FIN, vec![1; 100_000]);
            script.send(&large[..50_000]);
        }
        script.push(Input::Overclaim);
        script.end();
        let received = complete(socket.recv());
        assert!(matches!(received, Err(Error::Transport(_))), "{received:?}");
    }
}

#[test]
fn messages_before_a_write_error_and_before_the_peers_close_are_delivered() {
    for sender_knows in [false, true] {
        for peer_closes in [false, true] {
            let (script, mut socket) = server();
            script.state().fault = Some((0, Fault::Error(ErrorKind::BrokenPipe)));
            script.send(frame(Role::Server, TEXT | FIN, "one"));
            script.send(frame(Role::Server, TEXT | FIN, "two"));
            if peer_closes {
                script.send(close_frame(Role::Server, 1000, "done"));
            }
            script.end();
            if sender_knows {
                assert!(matches!(
                    complete(socket.send("x")),
                    Err(Error::Transport(_))
                ));
            } else {
                complete(socket.feed("x")).unwrap();
            }
            assert_eq!(complete(socket.recv()).unwrap(), Some("one".into()));
            assert_eq!(complete(socket.recv()).unwrap(), Some("two".into()));
            let last = complete(socket.recv());
            let ended = socket.ended().unwrap();
            if peer_closes {
                // It had said that it takes nothing more.
                assert_eq!(last.unwrap(), None);
                assert_eq!((ended.code(), ended.reason()), (1000, "done"));
            } else {
                let Err(Error::Transport(error)) = last else {
                    panic!("{last:?}");
                };
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                assert_eq!(ended.by, EndedBy::Transport);
            }
            assert!(!ended.clean);
        }
    }
}

#[test]
fn a_write_error_wakes_a_receiver_in_another_task_and_everybody_is_told() {
    let config = Config::new(Role::Server).keepalive(None);
    let (script, socket) = open(Role::Server, &config);
    script.state().room = 0;
    let (mut receiver, sender) = socket.split();
    let mut executor = Executor::new();
    let receiving = executor.spawn(async move {
        let received = receiver.recv().await;
        (received, receiver.ended().cloned())
    });
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let sender = sender.clone();
            executor.spawn(async move { sender.send("waits").await })
        })
        .collect();
    executor.run();
    script.state().fault = Some((0, Fault::Error(ErrorKind::ConnectionReset)));
    script.room(1);
    executor.run();
    let results: Vec<_> = waiting
        .iter()
        .map(|sending| sending.take().expect("everybody is told"))
        .collect();
    assert!(results.iter().all(Result::is_err));
    assert!(matches!(complete(sender.send("late")), Err(Error::Closed)));
    // The peer may have sent something before: that is read, up to the close deadline.
    assert!(!receiving.is_done());
    advance(6 * SECOND);
    let (received, ended) = executor.finish(&receiving);
    let Err(Error::Transport(error)) = received else {
        panic!("{received:?}");
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ended.unwrap().by, EndedBy::Transport);
}

#[test]
fn a_write_error_that_a_sender_finds_at_once_wakes_the_receiver() {
    let config = Config::new(Role::Server).keepalive(None);
    for queue in [false, true] {
        let (script, socket) = open(Role::Server, &config);
        let (receiver, sender) = socket.split();
        let mut executor = Executor::new();
        let receiving = executor.spawn(async move {
            let mut receiver = receiver;
            receiver.recv().await
        });
        executor.run();
        script.state().fault = Some((0, Fault::Error(ErrorKind::BrokenPipe)));
        if queue {
            sender.queue("lost").unwrap();
        } else {
            complete(sender.send("lost")).unwrap_err();
        }
        executor.run();
        advance(6 * SECOND);
        let received = executor.finish(&receiving);
        assert!(matches!(received, Err(Error::Transport(_))), "{received:?}");
    }
}

#[test]
fn a_write_error_that_queue_finds_is_told_to_the_next_caller() {
    let (script, socket) = server();
    script.state().fault = Some((0, Fault::Zero));
    socket.queue("lost").unwrap();
    assert!(matches!(
        socket.queue("refused"),
        Err(QueueError::Send(SendError::Closed))
    ));
    let Err(Error::Transport(error)) = complete(socket.send("late")) else {
        panic!("nobody was told");
    };
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    assert!(matches!(complete(socket.send("later")), Err(Error::Closed)));
}

#[test]
fn dropping_the_receiver_offers_what_is_queued_and_a_close_once() {
    for room in [usize::MAX, 9, 3, 0] {
        let (script, socket) = server();
        script.state().room = room;
        let sender = socket.sender();
        complete(sender.feed("parting")).unwrap();
        let mut executor = Executor::new();
        let waiting = sender.clone();
        let waiting = executor.spawn(async move { waiting.flush().await });
        if room < 9 {
            executor.run();
        }
        drop(socket);
        let all = [
            frame_from(Role::Server, TEXT | FIN, "parting"),
            frame_from(Role::Server, CLOSE, [3, 0xE9]),
        ]
        .concat();
        assert_eq!(script.output(), all[..room.min(all.len())]);
        let state = script.state();
        assert!(state.reader_dropped && state.writer_dropped);
        drop(state);
        assert!(matches!(complete(sender.send("late")), Err(Error::Closed)));
        let flushed = executor.finish(&waiting);
        assert!(flushed.is_err(), "{room}");
    }
}

#[test]
fn dropping_the_receiver_in_a_panic_says_1011() {
    let (script, socket) = server();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _socket = socket;
        panic!("the handler panics");
    }));
    assert!(panicked.is_err());
    assert_eq!(close_codes(&script), [1011]);
}

#[test]
fn dropping_the_receiver_after_a_close_or_after_the_end_sends_nothing_more() {
    let (script, socket) = server();
    complete(socket.sender().close(CloseCode::NORMAL)).unwrap();
    drop(socket);
    assert_eq!(close_codes(&script), [1000]);

    let (script, mut socket) = server();
    script.send(close_frame(Role::Server, 1000, ""));
    script.end();
    assert_eq!(complete(socket.recv()).unwrap(), None);
    drop(socket);
    assert_eq!(close_codes(&script), [1000]);
}

#[test]
fn a_socket_that_a_thread_keeps_to_its_end_says_goodbye() {
    thread_local! {
        static KEPT: std::cell::RefCell<Option<Socket>> = const { std::cell::RefCell::new(None) };
    }
    let script = std::thread::spawn(|| {
        // First in use, last destroyed: after the thread's pool of buffers.
        KEPT.with_borrow(Option::is_none);
        let (script, socket) = server();
        complete(socket.send("hello")).unwrap();
        KEPT.set(Some(socket));
        script
    })
    .join()
    .unwrap();
    assert_eq!(close_codes(&script), [1001]);
}

#[test]
fn a_flush_that_fails_is_told_to_who_waits_for_it() {
    let (script, mut socket) = server();
    script.state().holding = true;
    script.state().flush_fault = Some(ErrorKind::BrokenPipe);
    // Taken is not written, where it is held back.
    let error = complete(socket.send("lost")).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert!(matches!(complete(socket.send("more")), Err(Error::Closed)));
    script.end();
    let error = complete(socket.recv()).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert_eq!(script.output(), b"");
}

#[test]
fn a_transport_that_panics_while_it_writes_leaves_the_others_able_to_go_on() {
    let (script, mut socket) = server();
    script.state().fault = Some((0, Fault::Panic));
    let sender = socket.sender();
    let panicked = catch_unwind(AssertUnwindSafe(|| complete(sender.send("boom"))));
    assert!(panicked.is_err());
    script.state().fault = None;
    complete(sender.send("after")).unwrap();
    script.send(frame(Role::Server, TEXT | FIN, "hello"));
    assert_eq!(complete(socket.recv()).unwrap(), Some("hello".into()));
    let texts = whole_frames(&script.output());
    assert_eq!(texts.last().unwrap().1, b"after");
}

#[test]
fn silence_is_answered_with_a_ping_and_more_silence_with_the_end() {
    let keepalive = Keepalive::new(10 * SECOND, 5 * SECOND);
    let config = Config::new(Role::Server).keepalive(Some(keepalive));
    let (script, mut socket) = open(Role::Server, &config);
    let mut executor = Executor::new();
    let caller = executor.spawn(async move {
        let received = socket.recv().await;
        (received, socket.ended().cloned())
    });
    executor.run();
    let ping = frame_from(Role::Server, PING, "");
    for _ in 0..3 {
        advance(10 * SECOND);
        executor.run();
        assert_eq!(script.take_output(), ping);
        advance(4 * SECOND);
        script.send(frame(Role::Server, PONG, ""));
        executor.run();
        assert_eq!(script.take_output(), b"");
    }
    advance(10 * SECOND);
    executor.run();
    assert_eq!(script.take_output(), ping);
    advance(5 * SECOND);
    let (received, ended) = executor.finish(&caller);
    assert!(matches!(
        received,
        Err(Error::Timeout(Timeout::Pong { after })) if after == 5 * SECOND
    ));
    assert_eq!(ended.unwrap().by, EndedBy::Deadline);
    assert_eq!(close_codes(&script), [1011]);
}

#[test]
fn a_busy_program_kills_nobody_whose_answer_has_arrived() {
    let keepalive = Keepalive::new(10 * SECOND, 5 * SECOND);
    let config = Config::new(Role::Server).keepalive(Some(keepalive));
    let (script, mut socket) = open(Role::Server, &config);
    assert!(poll_once(pin!(socket.recv())).is_pending());
    advance(10 * SECOND);
    assert!(poll_once(pin!(socket.recv())).is_pending());
    assert_eq!(whole_frames(&script.output()).len(), 1);
    // The answer came in time, but nobody was receiving.
    script.send(frame(Role::Server, PONG, ""));
    advance(100 * SECOND);
    script.send(frame(Role::Server, TEXT | FIN, "alive"));
    assert_eq!(complete(socket.recv()).unwrap(), Some("alive".into()));
    assert!(poll_once(pin!(socket.recv())).is_pending());
}

#[test]
fn an_idle_peer_is_closed_in_order_with_1008() {
    let config = Config::new(Role::Server).idle(Some(60 * SECOND));
    let (script, mut socket) = open(Role::Server, &config);
    let mut executor = Executor::new();
    let caller = executor.spawn(async move {
        let first = socket.recv().await;
        (
            first,
            socket.recv().await,
            socket.recv().await,
            socket.ended().cloned(),
        )
    });
    executor.run();
    // Answers to our pings are no messages.
    for _ in 0..6 {
        advance(10 * SECOND);
        script.send(frame(Role::Server, PONG, ""));
        executor.run();
    }
    assert_eq!(close_codes(&script), [1008]);
    script.send(frame(Role::Server, TEXT | FIN, "too late, but here"));
    script.send(close_frame(Role::Server, 1008, ""));
    script.end();
    let (first, second, third, ended) = executor.finish(&caller);
    assert_eq!(first.unwrap(), Some("too late, but here".into()));
    assert!(matches!(second, Err(Error::Timeout(Timeout::Idle { .. }))));
    assert_eq!(third.unwrap(), None);
    let ended = ended.unwrap();
    assert_eq!((ended.by, ended.clean), (EndedBy::Deadline, true));
}

#[test]
fn messages_set_no_timer() {
    let (script, mut socket) = server();
    let gate = Gate::new();
    let done = gate.clone();
    let mut executor = Executor::new();
    executor.spawn(async move {
        while let Some(message) = socket.recv().await.unwrap() {
            socket.send(message).await.unwrap();
        }
        done.wait().await;
    });
    executor.run();
    let before = (timers_made(), timers_reset());
    // Ten thousand messages in a thousand batches over 15 seconds.
    for _ in 0..1000 {
        script.send(frame(Role::Server, TEXT | FIN, "hello").repeat(10));
        advance(Duration::from_millis(15));
        executor.run();
    }
    assert_eq!(whole_frames(&script.output()).len(), 10_000);
    assert_eq!((timers_made(), timers_reset()), before);
    // Once per period.
    for _ in 0..1000 {
        script.send(frame(Role::Server, TEXT | FIN, "hello").repeat(10));
        advance(Duration::from_millis(100));
        executor.run();
    }
    let made = timers_made() - before.0;
    assert!((4..=7).contains(&made), "{made}");
    assert_eq!(timers_reset(), before.1);
}

#[test]
fn an_extension_that_cannot_encode_closes_the_connection_and_the_receiver_sends_the_close() {
    use bowline_extension::{Decode, Encode, Extension, Outgoing, Progress};
    use bowline_frame::Rsv;

    struct Broken;
    impl Extension for Broken {
        fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
            let (_, decode) = RunLength::new(9).boxed().split();
            (self, decode)
        }
    }
    impl Encode for Broken {
        fn begin(&mut self, _: &Outgoing) -> Option<Rsv> {
            Some(Rsv::RSV2)
        }

        fn encode(
            &mut self,
            _: &mut &[u8],
            _: bool,
            _: &mut BytesMut,
            _: usize,
        ) -> Result<Progress, ExtensionError> {
            Err(ExtensionError::internal("out of order"))
        }
    }

    for queue in [false, true] {
        let (script, transport) = Script::new();
        let config = Config::new(Role::Server);
        let socket = WebSocket::new(
            Role::Server,
            transport,
            &config,
            Some(Box::new(Broken)),
            BytesMut::new(),
        );
        let sender = socket.sender();
        let mut executor = Executor::new();
        let caller = executor.spawn(careless(socket));
        executor.run();
        if queue {
            let queued = sender.queue("can't be encoded");
            assert!(matches!(
                queued,
                Err(QueueError::Send(SendError::Extension(_)))
            ));
        } else {
            let sent = complete(sender.send("can't be encoded"));
            assert!(matches!(sent, Err(Error::Send(_))), "{sent:?}");
        }
        executor.run();
        assert_eq!(close_codes(&script), [1011]);
        script.send(close_frame(Role::Server, 1011, ""));
        script.end();
        executor.finish(&caller).1.unwrap();
    }
}

#[test]
fn a_write_deadline_that_a_sender_found_is_told_to_the_receiver_too() {
    let config = Config::new(Role::Server).keepalive(None);
    let (script, socket) = open(Role::Server, &config);
    script.state().room = 0;
    let (mut receiver, sender) = socket.split();
    let mut executor = Executor::new();
    // The sender's timer comes first.
    let sending = executor.spawn(async move { sender.send("stuck").await });
    executor.run();
    advance(29 * SECOND);
    let receiving = executor.spawn(async move {
        let received = receiver.recv().await;
        (received, receiver.ended().cloned())
    });
    executor.run();
    advance(SECOND);
    let sent = executor.finish(&sending);
    assert!(matches!(sent, Err(Error::Timeout(Timeout::Write { .. }))));
    let (received, ended) = executor.finish(&receiving);
    assert!(
        matches!(received, Err(Error::Timeout(Timeout::Write { .. }))),
        "{received:?}"
    );
    assert_eq!(ended.unwrap().by, EndedBy::Deadline);
}

#[test]
fn display_says_what_was_missing() {
    let (script, socket) = server();
    script.end();
    let (_, result) = complete(careless(socket));
    assert_eq!(
        result.unwrap_err().to_string(),
        "the peer ended the transport without a Close frame"
    );
}

// RFC 8446 §6.1: over TLS, each party says when its writing direction ends. To drop the transport is not to say so.
#[test]
fn our_direction_is_ended_however_the_connection_ends() {
    for role in [Role::Server, Role::Client] {
        for orderly in [true, false] {
            let (script, mut socket) = open(role, &Config::new(role));
            if orderly {
                script.send(close_frame(role, 1000, ""));
            }
            script.end();
            assert_eq!(complete(socket.recv()).is_ok(), orderly);
            assert!(script.state().shut_down, "{role:?}, orderly: {orderly}");
        }
        let (script, socket) = open(role, &Config::new(role));
        drop(socket);
        let state = script.state();
        assert!(state.shut_down, "{role:?}, dropped");
        assert_eq!(state.output_at_shutdown, state.output.len());
    }
}
