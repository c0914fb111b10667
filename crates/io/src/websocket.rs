use std::sync::Arc;
use std::time::Duration;

use bowline_extension::{Extension, Token};
use bowline_frame::{CloseFrame, Message, MessageKind, MessageRef, Role};
use bowline_proto::{Arrival, Config, Deadlines, Ended, Inbound, Outbound, QueueError};
use bytes::{Bytes, BytesMut};

use crate::buffers::Block;
use crate::dialogue::Dialogue;
use crate::shared::Shared;
use crate::{Chunk, Error, Event, Receiver, Sender, Transport};

/// An open connection: a [`Receiver`] and a [`Sender`] in one value.
///
/// It comes from a `Connector` or an `Acceptor`, or from [`new`](Self::new) if the opening handshake was made
/// elsewhere. Both halves work alike whether they are together or [split](Self::split).
///
/// The receiver is the driver: it answers pings, writes what is queued, and keeps the deadlines, while somebody
/// awaits it. See [`Sender`] for when a message is written.
///
/// # Examples
///
/// ```
/// # use bowline_io::{Error, Transport, WebSocket};
/// async fn echo<T: Transport>(mut ws: WebSocket<T>) -> Result<(), Error> {
///     while let Some(message) = ws.recv().await? {
///         ws.send(message).await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct WebSocket<T: Transport> {
    receiver: Receiver<T>,
    sender: Sender<T>,
    /// In a box, since most have none.
    subprotocol: Option<Box<Token>>,
}

/// A connection taken apart; [`WebSocket::from_parts`] puts it together again without losing a byte.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<T: Transport> {
    /// The reading half of the transport.
    pub reader: T::Reader,
    /// The writing half of the transport.
    pub writer: T::Writer,
    /// Bytes that were read and not handled yet.
    pub unread: BytesMut,
    /// The reading half of the protocol, which may hold a part of a frame or message.
    pub inbound: Inbound,
    /// The writing half of the protocol; its transmit may hold bytes to write.
    pub outbound: Outbound,
    /// The deadlines.
    pub deadlines: Deadlines,
    /// How long output may wait without a byte being taken.
    pub write_deadline: Option<Duration>,
    /// The subprotocol that the handshake agreed on.
    pub subprotocol: Option<Token>,
    /// The writer may hold written bytes back.
    pub(crate) unflushed: bool,
    /// The writing direction has ended.
    pub(crate) shut_down: bool,
    /// Why the connection fails, which nobody was told yet.
    pub(crate) error: Option<Error>,
}

impl<T: Transport> WebSocket<T> {
    /// A connection on a transport whose opening handshake is done.
    ///
    /// `extension` is what the handshake agreed on, `unread` the bytes that were read behind its head: they are
    /// frames.
    pub fn new(
        role: Role,
        transport: T,
        config: &Config,
        extension: Option<Box<dyn Extension>>,
        unread: BytesMut,
    ) -> Self {
        Self::open(
            role,
            Dialogue::new(transport),
            config,
            extension,
            unread,
            None,
        )
    }

    pub(crate) fn open(
        role: Role,
        dialogue: Dialogue<T>,
        config: &Config,
        extension: Option<Box<dyn Extension>>,
        unread: BytesMut,
        subprotocol: Option<Token>,
    ) -> Self {
        let connection = bowline_shell::connection(role, config, extension);
        let (outbound, inbound, deadlines) = connection.split();
        let Dialogue { reader, writer } = dialogue;
        Self::from_parts(Parts {
            reader,
            writer,
            unread,
            inbound,
            outbound,
            deadlines,
            write_deadline: config.write,
            subprotocol,
            unflushed: false,
            shut_down: false,
            error: None,
        })
    }

    /// Puts a connection together again.
    pub fn from_parts(parts: Parts<T>) -> Self {
        let shared = Arc::new(Shared::new(
            parts.writer,
            parts.outbound,
            parts.unflushed,
            parts.shut_down,
            parts.write_deadline,
        ));
        let block = (!parts.unread.is_empty()).then(|| Block::holding(parts.unread));
        Self {
            receiver: Receiver::new(
                parts.reader,
                Arc::clone(&shared),
                parts.inbound,
                parts.deadlines,
                block,
                parts.error,
            ),
            sender: Sender::new(shared),
            subprotocol: parts.subprotocol.map(Box::new),
        }
    }

    /// Takes the connection apart, without losing a byte; `None` if it is over.
    ///
    /// Clones of the sender find the connection closed.
    pub fn into_parts(self) -> Option<Parts<T>> {
        let subprotocol = self.subprotocol.map(|name| *name);
        self.receiver.into_parts(subprotocol)
    }

    /// Receives the next message; `None` after an orderly end. See [`Receiver::recv`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch wins, no message was taken.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        self.receiver.recv()
    }

    /// Lends the next message until the next call, and with it the sender, to answer it. See
    /// [`Receiver::recv_ref`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch wins, no message was taken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bowline_io::{Error, Transport, WebSocket};
    /// # async fn echo<T: Transport>(mut ws: WebSocket<T>) -> Result<(), Error> {
    /// while let Some((message, sender)) = ws.recv_ref().await? {
    ///     sender.send_ref(message).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_ref(&mut self) -> Result<Option<(MessageRef<'_>, &Sender<T>)>, Error> {
        let found = self.receiver.find().await?;
        let message = found.and_then(|found| self.receiver.lend(found));
        Ok(message.map(|message| (message, &self.sender)))
    }

    /// Receives the next message, ping or pong. See [`Receiver::recv_event`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch wins, no event was taken.
    pub async fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        self.receiver.recv_event().await
    }

    /// Receives the next run of a message as it arrives. See [`Receiver::recv_chunk`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch wins, no chunk was taken.
    pub async fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        self.receiver.recv_chunk().await
    }

    /// Sends a message. See [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the message was not queued, or it will be sent whole.
    pub fn send(&self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        self.sender.send(message)
    }

    /// Sends the next fragment of a message. See [`Sender::send_fragment`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send_fragment`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send), for the fragment.
    pub fn send_fragment(
        &self,
        kind: MessageKind,
        payload: impl Into<Bytes>,
        last: bool,
    ) -> impl Future<Output = Result<(), Error>> {
        self.sender.send_fragment(kind, payload, last)
    }

    /// Waits for room and queues a message. See [`Sender::feed`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn feed(&self, message: impl Into<Message>) -> impl Future<Output = Result<(), Error>> {
        self.sender.feed(message)
    }

    /// Queues a message without waiting. See [`Sender::queue`].
    ///
    /// # Errors
    ///
    /// As [`Sender::queue`].
    pub fn queue(&self, message: impl Into<Message>) -> Result<(), QueueError> {
        self.sender.queue(message)
    }

    /// Waits until all that was queued is handed to the transport. See [`Sender::flush`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost; call it again to go on waiting.
    pub async fn flush(&self) -> Result<(), Error> {
        self.sender.flush().await
    }

    /// Sends a ping of at most 125 bytes. See [`Sender::ping`].
    ///
    /// # Errors
    ///
    /// As [`Sender::ping`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn ping(&self, payload: impl AsRef<[u8]>) -> impl Future<Output = Result<(), Error>> {
        self.sender.ping(payload)
    }

    /// Closes the connection: sends what is queued and a Close frame, and waits for the end. Messages that come
    /// meanwhile are dropped.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`]: the end was not orderly. On a connection that is over: none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, call it again, or go on receiving.
    pub async fn close(&mut self, close: impl Into<CloseFrame>) -> Result<(), Error> {
        self.sender.start_close(close.into());
        while self.receiver.recv().await?.is_some() {}
        Ok(())
    }

    /// The subprotocol that the opening handshake agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref().map(Token::as_str)
    }

    /// How the connection ended; `None` while it is open.
    pub fn ended(&self) -> Option<&Ended> {
        self.receiver.ended()
    }

    /// How the last message came over the wire.
    pub const fn arrival(&self) -> Arrival {
        self.receiver.arrival()
    }

    /// Splits the connection in two, for two tasks. Nothing changes but who owns the halves.
    pub fn split(self) -> (Receiver<T>, Sender<T>) {
        (self.receiver, self.sender)
    }

    /// Both halves, borrowed, for one `select!`.
    pub const fn halves(&mut self) -> (&mut Receiver<T>, &Sender<T>) {
        (&mut self.receiver, &self.sender)
    }

    /// A sender on this connection, for other tasks.
    pub fn sender(&self) -> Sender<T> {
        self.sender.clone()
    }
}
