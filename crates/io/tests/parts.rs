//! A connection taken apart and put together again, in the middle of everything, loses no byte.

mod common;

use std::pin::pin;

use bowline_io::{CloseCode, Config, Error, Message, MessageKind, Role, Timeout, WebSocket};
use bowline_testing::hex;
use bowline_testing::wire::{
    BINARY, CLOSE, CONT, FIN, PING, PONG, TEXT, close_frame, frame, frame_from, whole_frames,
};
use bytes::BytesMut;

use common::{Executor, Script, Socket, advance, complete, poll_once, server};

fn again(socket: Socket) -> Socket {
    WebSocket::from_parts(socket.into_parts().expect("not over"))
}

fn session(receiver: Role) -> Vec<u8> {
    [
        frame(receiver, TEXT | FIN, "Hello"),
        frame(receiver, TEXT, "frag"),
        frame(receiver, PING, "between"),
        frame(receiver, CONT | FIN, "ment"),
        frame(receiver, BINARY | FIN, vec![7; 300]),
        close_frame(receiver, 1000, "bye"),
    ]
    .concat()
}

/// Receives what is there.
fn receive(socket: &mut Socket, messages: &mut Vec<Message>) -> bool {
    loop {
        match poll_once(pin!(socket.recv())) {
            std::task::Poll::Ready(Ok(Some(message))) => messages.push(message),
            std::task::Poll::Ready(Ok(None)) => return true,
            std::task::Poll::Ready(Err(error)) => panic!("{error}"),
            std::task::Poll::Pending => return false,
        }
    }
}

#[test]
fn a_stream_cut_anywhere_goes_on_in_the_new_socket() {
    let wire = session(Role::Server);
    let expected = [
        "Hello".into(),
        "fragment".into(),
        Message::from(vec![7; 300]),
    ];
    for cut in 0..wire.len() {
        let (script, mut socket) = server();
        let mut messages = Vec::new();
        script.send(&wire[..cut]);
        assert!(!receive(&mut socket, &mut messages));
        let mut socket = again(socket);
        script.send(&wire[cut..]);
        script.end();
        assert!(receive(&mut socket, &mut messages));
        assert_eq!(messages, expected, "cut at {cut}");
        hex::assert_bytes_eq(
            &script.output(),
            &[
                frame_from(Role::Server, PONG, "between"),
                frame_from(Role::Server, CLOSE, [3, 0xE8]),
            ]
            .concat(),
            format_args!("cut at {cut}"),
        );
    }
}

#[test]
fn messages_that_were_read_and_not_received_are_in_the_parts() {
    for taken in 0..=2 {
        let (script, mut socket) = server();
        script.send(session(Role::Server));
        script.end();
        for _ in 0..taken {
            complete(socket.recv()).unwrap().unwrap();
        }
        let parts = socket.into_parts().unwrap();
        assert_eq!(parts.unread.is_empty(), taken == 0);
        let mut socket = WebSocket::from_parts(parts);
        let mut messages = Vec::new();
        assert!(receive(&mut socket, &mut messages));
        assert_eq!(messages.len(), 3 - taken);
    }
}

#[test]
fn a_large_message_goes_on_in_the_buffer_it_was_begun_in() {
    let payload = bowline_testing::payload::seq(100_000);
    let wire = frame(Role::Server, BINARY | FIN, &payload);
    for cut in [1, 9, 10, 14, 15, 16_400, 65_536, 99_999] {
        let (script, mut socket) = server();
        let mut messages = Vec::new();
        script.send(&wire[..cut]);
        receive(&mut socket, &mut messages);
        let mut socket = again(socket);
        receive(&mut socket, &mut messages);
        let mut socket = again(socket);
        script.send(&wire[cut..]);
        receive(&mut socket, &mut messages);
        assert!(messages == [Message::from(&payload[..])], "cut at {cut}");
    }
}

#[test]
fn output_that_waits_goes_out_from_the_new_socket() {
    for room in [0, 1, 7, 20, 5_000] {
        let (script, socket) = server();
        script.state().room = room;
        complete(socket.feed("small")).unwrap();
        complete(socket.feed(vec![5; 10_000])).unwrap();
        // Queued, but not written.
        let fragment = socket.send_fragment(MessageKind::Text, "be", false);
        assert!(poll_once(pin!(fragment)).is_pending());
        let old = socket.sender();
        let socket = again(socket);
        assert!(matches!(complete(old.send("old")), Err(Error::Closed)));
        script.room(usize::MAX);
        complete(socket.send_fragment(MessageKind::Text, "gun", true)).unwrap();
        hex::assert_bytes_eq(
            &script.output(),
            &[
                frame_from(Role::Server, TEXT | FIN, "small"),
                frame_from(Role::Server, BINARY | FIN, vec![5; 10_000]),
                frame_from(Role::Server, TEXT, "be"),
                frame_from(Role::Server, CONT | FIN, "gun"),
            ]
            .concat(),
            format_args!("room for {room}"),
        );
    }
}

#[test]
fn bytes_that_the_transport_holds_back_are_flushed_by_the_new_socket() {
    let (script, socket) = server();
    script.state().holding = true;
    script.state().flush_blocked = true;
    assert!(poll_once(pin!(socket.send("held"))).is_pending());
    let mut socket = again(socket);
    assert_eq!(script.output(), b"");
    script.state().flush_blocked = false;
    assert!(poll_once(pin!(socket.recv())).is_pending());
    assert_eq!(
        script.output(),
        frame_from(Role::Server, TEXT | FIN, "held")
    );
}

#[test]
fn a_sender_that_waits_is_told_when_the_socket_is_taken_apart() {
    let (script, socket) = server();
    script.state().room = 0;
    let sender = socket.sender();
    let mut executor = Executor::new();
    let waiting = executor.spawn(async move { sender.send("waits").await });
    executor.run();
    let parts = socket.into_parts().unwrap();
    assert!(matches!(executor.finish(&waiting), Err(Error::Closed)));
    // Its message was queued, and is in the parts.
    script.room(100);
    let socket = WebSocket::from_parts(parts);
    complete(socket.flush()).unwrap();
    assert_eq!(
        script.output(),
        frame_from(Role::Server, TEXT | FIN, "waits")
    );
}

#[test]
fn taking_apart_sends_nothing_and_drops_neither_half() {
    let (script, socket) = server();
    let parts = socket.into_parts().unwrap();
    assert_eq!(script.output(), b"");
    assert!(!script.state().reader_dropped && !script.state().writer_dropped);
    drop(WebSocket::from_parts(parts));
    assert_eq!(whole_frames(&script.output()), [(CLOSE, vec![3, 0xE9])]);
}

#[test]
fn a_violation_that_nobody_was_told_is_told_by_the_new_socket() {
    let (script, mut socket) = server();
    script.send(frame(Role::Server, FIN | 3, ""));
    assert!(poll_once(pin!(socket.recv())).is_pending());
    let mut socket = again(socket);
    script.end();
    let told = complete(socket.recv());
    assert!(matches!(told, Err(Error::Protocol(_))), "{told:?}");
    assert_eq!(whole_frames(&script.output()).len(), 1);
}

#[test]
fn a_closing_handshake_goes_on_in_the_new_socket_with_its_deadline() {
    let second = std::time::Duration::from_secs(1);
    for answered in [true, false] {
        let (script, mut socket) = server();
        assert!(poll_once(pin!(socket.close(CloseCode::NORMAL))).is_pending());
        advance(3 * second);
        let mut socket = again(socket);
        let mut executor = Executor::new();
        let closing = executor.spawn(async move {
            let closed = socket.close(CloseCode::NORMAL).await;
            (closed, socket.ended().cloned())
        });
        executor.run();
        if answered {
            script.send(close_frame(Role::Server, 1000, ""));
            script.end();
        } else {
            advance(2 * second);
        }
        let (closed, ended) = executor.finish(&closing);
        assert_eq!(ended.unwrap().clean, answered);
        if answered {
            closed.unwrap();
        } else {
            assert!(matches!(closed, Err(Error::Timeout(Timeout::Close { .. }))));
        }
        assert_eq!(whole_frames(&script.output()).len(), 1);
    }
}

#[test]
fn a_connection_that_is_over_has_no_parts() {
    let (script, mut socket) = server();
    script.send(close_frame(Role::Server, 1000, ""));
    script.end();
    assert_eq!(complete(socket.recv()).unwrap(), None);
    assert!(socket.into_parts().is_none());
}

#[test]
fn bytes_read_behind_the_handshake_are_frames() {
    for role in [Role::Server, Role::Client] {
        let wire = session(role);
        for cut in 0..=wire.len() {
            let (script, transport) = Script::new();
            let unread = BytesMut::from(&wire[..cut]);
            let config = Config::new(role);
            let mut socket = WebSocket::new(role, transport, &config, None, unread);
            script.send(&wire[cut..]);
            script.end();
            let mut messages = Vec::new();
            assert!(receive(&mut socket, &mut messages));
            assert_eq!(messages.len(), 3, "cut at {cut}");
        }
    }
}
