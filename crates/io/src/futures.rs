//! `Stream` and `Sink`, for programs that are built from them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bowline_frame::{CloseCode, Message};
use futures_core::Stream;
use futures_core::stream::FusedStream;
use futures_sink::Sink;

use crate::{Error, Receiver, Sender, Transport, WebSocket};

/// The messages, up to an orderly end or an error; after either, none.
impl<T: Transport> Stream for Receiver<T> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Result::transpose)
    }
}

impl<T: Transport> FusedStream for Receiver<T> {
    fn is_terminated(&self) -> bool {
        self.ended().is_some()
    }
}

/// As [`Receiver`]'s.
impl<T: Transport> Stream for WebSocket<T> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.halves().0.poll_recv(cx).map(Result::transpose)
    }
}

impl<T: Transport> FusedStream for WebSocket<T> {
    fn is_terminated(&self) -> bool {
        self.ended().is_some()
    }
}

/// Ready while there is room below the soft mark; `start_send` queues, `poll_flush` hands over to the transport,
/// `poll_close` sends a Close with code 1000 and hands that over. The receiver sees the closing handshake through,
/// and keeps the write deadline: without one, a peer that doesn't read holds the sink up.
impl<T: Transport> Sink<Message> for Sender<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.start(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Self::poll_flush(&self, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.start_close(CloseCode::NORMAL.into());
        match ready!(Self::poll_flush(&self, cx)) {
            // Over already: what there was to close is closed.
            Err(Error::Closed) => Poll::Ready(Ok(())),
            closed => Poll::Ready(closed),
        }
    }
}

/// As [`Sender`]'s, but `poll_close` sees the closing handshake through: messages that come meanwhile are dropped.
impl<T: Transport> Sink<Message> for WebSocket<T> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.halves().1.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.halves().1.start(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.halves().1.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (receiver, sender) = self.halves();
        sender.start_close(CloseCode::NORMAL.into());
        while ready!(receiver.poll_recv(cx))?.is_some() {}
        Poll::Ready(Ok(()))
    }
}
