//! `Stream` and `Sink`: the same connection for programs that are built from them.

#![cfg(feature = "futures")]

mod common;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bowline_io::{Config, Error, Message, Receiver, Role, Sender};
use bowline_testing::wire::{CLOSE, FIN, TEXT, close_frame, frame, frame_from, whole_frames};
use futures_core::Stream;
use futures_core::stream::FusedStream;
use futures_sink::Sink;

use common::{Executor, Scripted, Socket, open, server};

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// Reads the stream into the sink as `StreamExt::forward` does: flushing when there is nothing to read.
async fn forward<R, W>(mut stream: R, mut sink: W) -> Result<(), Error>
where
    R: Stream<Item = Result<Message, Error>> + Unpin,
    W: Sink<Message, Error = Error> + Unpin,
{
    let mut held = None;
    poll_fn(|cx| {
        loop {
            if let Some(message) = held.take() {
                match Pin::new(&mut sink).poll_ready(cx)? {
                    Poll::Ready(()) => Pin::new(&mut sink).start_send(message)?,
                    Poll::Pending => {
                        held = Some(message);
                        return Poll::Pending;
                    }
                }
            }
            match Pin::new(&mut stream).poll_next(cx)? {
                Poll::Ready(Some(message)) => held = Some(message),
                Poll::Ready(None) => return Pin::new(&mut sink).poll_close(cx),
                Poll::Pending => {
                    let _moving = Pin::new(&mut sink).poll_flush(cx)?;
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}

#[test]
fn the_stream_gives_the_messages_and_then_none() {
    let (script, mut socket) = server();
    script.send(frame(Role::Server, TEXT | FIN, "one"));
    script.send(frame(Role::Server, TEXT | FIN, "two"));
    script.send(close_frame(Role::Server, 1000, ""));
    script.end();
    let mut executor = Executor::new();
    let reading = executor.spawn(async move {
        let mut messages = Vec::new();
        while let Some(message) = next(&mut socket).await {
            assert!(!socket.is_terminated());
            messages.push(message.unwrap());
        }
        assert!(socket.is_terminated());
        assert!(next(&mut socket).await.is_none());
        messages
    });
    assert_eq!(executor.finish(&reading), ["one".into(), "two".into()]);
}

#[test]
fn the_stream_gives_an_error_once_and_then_none() {
    let (script, socket) = server();
    let (mut receiver, _sender) = socket.split();
    script.send(frame(Role::Server, FIN | 3, ""));
    script.end();
    let mut executor = Executor::new();
    let reading = executor.spawn(async move {
        let first = next(&mut receiver).await;
        (
            first,
            next(&mut receiver).await.is_none(),
            receiver.is_terminated(),
        )
    });
    let (first, none, terminated) = executor.finish(&reading);
    assert!(matches!(first, Some(Err(Error::Protocol(_)))));
    assert!(none && terminated);
}

#[test]
fn forwarding_the_receiver_to_the_sender_is_an_echo_that_ends_in_order() {
    let (script, socket) = server();
    let (receiver, sender) = socket.split();
    let mut executor = Executor::new();
    let echo = executor.spawn(forward(receiver, sender));
    script.send(frame(Role::Server, TEXT | FIN, "hello").repeat(10));
    executor.run();
    assert_eq!(
        script.output(),
        frame_from(Role::Server, TEXT | FIN, "hello").repeat(10)
    );
    script.send(close_frame(Role::Server, 1000, ""));
    script.end();
    executor.finish(&echo).unwrap();
    assert_eq!(whole_frames(&script.output()).len(), 11);
}

#[test]
fn the_sink_is_ready_below_the_soft_mark_and_again_when_the_peer_has_read() {
    let config = Config::new(Role::Server).soft_mark(10);
    let (script, socket) = open(Role::Server, &config);
    script.state().room = 0;
    let mut sender = socket.sender();
    let mut executor = Executor::new();
    let sending = executor.spawn(async move {
        for text in ["over the mark", "waits"] {
            poll_fn(|cx| Sink::<Message>::poll_ready(Pin::new(&mut sender), cx)).await?;
            Pin::new(&mut sender).start_send(text.into())?;
        }
        poll_fn(|cx| Sink::<Message>::poll_flush(Pin::new(&mut sender), cx)).await
    });
    executor.run();
    assert!(!sending.is_done());
    script.room(100);
    executor.finish(&sending).unwrap();
    assert_eq!(
        script.output(),
        [
            frame_from(Role::Server, TEXT | FIN, "over the mark"),
            frame_from(Role::Server, TEXT | FIN, "waits"),
        ]
        .concat()
    );
}

#[test]
fn closing_the_sink_of_the_whole_socket_sees_the_closing_handshake_through() {
    let (script, socket) = server();
    let mut executor = Executor::new();
    let closing = executor.spawn(close(socket));
    executor.run();
    assert_eq!(script.output(), frame_from(Role::Server, CLOSE, [3, 0xE8]));
    assert!(!closing.is_done());
    script.send(frame(Role::Server, TEXT | FIN, "late"));
    script.send(close_frame(Role::Server, 1000, ""));
    script.end();
    executor.finish(&closing).unwrap();
}

#[test]
fn closing_the_sink_of_a_sender_hands_the_close_over_and_again_is_no_error() {
    let (script, socket) = server();
    let mut sender = socket.sender();
    for _ in 0..2 {
        let mut cx = Context::from_waker(Waker::noop());
        let closed = Sink::<Message>::poll_close(Pin::new(&mut sender), &mut cx);
        assert!(matches!(closed, Poll::Ready(Ok(()))));
    }
    assert_eq!(script.output(), frame_from(Role::Server, CLOSE, [3, 0xE8]));
    drop(socket);
    let mut cx = Context::from_waker(Waker::noop());
    let closed = Sink::<Message>::poll_close(Pin::new(&mut sender), &mut cx);
    assert!(matches!(closed, Poll::Ready(Ok(()))));
    let sent = Pin::new(&mut sender).start_send("late".into());
    assert!(matches!(sent, Err(Error::Closed)));
}

#[test]
fn both_halves_and_the_whole_can_be_used_as_they_are() {
    fn stream<S: Stream<Item = Result<Message, Error>> + FusedStream + Unpin>() {}
    fn sink<S: Sink<Message, Error = Error> + Unpin>() {}
    stream::<Socket>();
    stream::<Receiver<Scripted>>();
    sink::<Socket>();
    sink::<Sender<Scripted>>();
}

async fn close(mut socket: Socket) -> Result<(), Error> {
    let mut socket = pin!(&mut socket);
    poll_fn(|cx| Sink::<Message>::poll_close(Pin::new(&mut **socket), cx)).await
}
