use std::sync::Arc;
use std::time::Duration;

use bowline_extension::{Extension, Token};
use bowline_frame::{CloseFrame, Message, MessageKind, MessageRef, Role};
use bowline_proto::{Arrival, Config, Ended, QueueError};
use bytes::{Bytes, BytesMut};

use crate::dialogue::Dialogue;
use crate::shared::Shared;
use crate::{Chunk, Error, Event, Received, Receiver, Sender, Transport};

/// An open connection: a [`Receiver`] and a [`Sender`] in one value.
///
/// It comes from a [`Connector`](crate::Connector) or an [`Acceptor`](crate::Acceptor), or from [`new`](Self::new) if
/// the opening handshake was made elsewhere. Both halves work alike whether they are together or
/// [split](Self::split).
///
/// The receiver is the driver: it answers pings, writes what is queued, and keeps the deadlines, while somebody
/// receives. See [`Sender`] for when a message is written.
///
/// # Examples
///
/// ```
/// # use bowline_threads::{Error, Transport, WebSocket};
/// fn echo<T: Transport>(mut ws: WebSocket<T>) -> Result<(), Error> {
///     while let Some(message) = ws.recv()? {
///         ws.send(message)?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct WebSocket<T: Transport> {
    receiver: Receiver<T>,
    sender: Sender<T>,
    subprotocol: Option<Token>,
}

impl<T: Transport> WebSocket<T> {
    /// A connection on a transport whose opening handshake is done.
    ///
    /// `extension` is what the handshake agreed on, `unread` the bytes that were read behind its head: they are frames.
    pub fn new(
        role: Role,
        transport: T,
        config: &Config,
        extension: Option<Box<dyn Extension>>,
        unread: BytesMut,
    ) -> Self {
        let dialogue = Dialogue::new(transport);
        Self::open(role, dialogue, config, extension, unread, None)
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
        let shared = Arc::new(Shared::new(writer, outbound, config));
        let sender = Sender::new(Arc::clone(&shared));
        Self {
            receiver: Receiver::new(reader, shared, inbound, deadlines, config, unread),
            sender,
            subprotocol,
        }
    }

    /// Receives the next message; `None` after an orderly end. See [`Receiver::recv`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.receiver.recv()
    }

    /// Receives the next message if it comes in time. See [`Receiver::recv_timeout`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use bowline_threads::{Error, Received, Transport, WebSocket};
    /// # use std::time::Duration;
    /// # fn example<T: Transport>(mut ws: WebSocket<T>, mut work: impl FnMut()) -> Result<(), Error> {
    /// loop {
    ///     match ws.recv_timeout(Duration::from_millis(100))? {
    ///         Received::Message(message) => ws.send(message)?,
    ///         Received::Nothing => work(),
    ///         Received::End => return Ok(()),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Received, Error> {
        self.receiver.recv_timeout(timeout)
    }

    /// Lends the next message until the next call, and with it the sender, to answer it. See [`Receiver::recv_ref`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use bowline_threads::{Error, Transport, WebSocket};
    /// # fn echo<T: Transport>(mut ws: WebSocket<T>) -> Result<(), Error> {
    /// while let Some((message, sender)) = ws.recv_ref()? {
    ///     sender.send_ref(message)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_ref(&mut self) -> Result<Option<(MessageRef<'_>, &Sender<T>)>, Error> {
        let message = self.receiver.recv_ref()?;
        Ok(message.map(|message| (message, &self.sender)))
    }

    /// Receives the next message, ping or pong. See [`Receiver::recv_event`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        self.receiver.recv_event()
    }

    /// Receives the next run of a message as it arrives. See [`Receiver::recv_chunk`].
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`].
    pub fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        self.receiver.recv_chunk()
    }

    /// Sends a message. See [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.sender.send(message)
    }

    /// Sends the next fragment of a message. See [`Sender::send_fragment`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send_fragment`].
    pub fn send_fragment(
        &self,
        kind: MessageKind,
        payload: impl Into<Bytes>,
        last: bool,
    ) -> Result<(), Error> {
        self.sender.send_fragment(kind, payload, last)
    }

    /// Waits for room and queues a message. See [`Sender::feed`].
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub fn feed(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.sender.feed(message)
    }

    /// Queues a message without waiting for room. See [`Sender::queue`].
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
    pub fn flush(&self) -> Result<(), Error> {
        self.sender.flush()
    }

    /// Sends a ping of at most 125 bytes. See [`Sender::ping`].
    ///
    /// # Errors
    ///
    /// As [`Sender::ping`].
    pub fn ping(&self, payload: impl AsRef<[u8]>) -> Result<(), Error> {
        self.sender.ping(payload)
    }

    /// Closes the connection: sends what is queued and a Close frame, and waits for the end. Messages that come
    /// meanwhile are dropped.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`]: the end was not orderly. On a connection that is over: none.
    pub fn close(&mut self, close: impl Into<CloseFrame>) -> Result<(), Error> {
        self.sender.start_close(&close.into());
        while self.receiver.recv()?.is_some() {}
        Ok(())
    }

    /// The subprotocol that the opening handshake agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_ref().map(Token::as_str)
    }

    /// How the connection ended; `None` while it is open.
    pub fn ended(&self) -> Option<&Ended> {
        self.receiver.ended()
    }

    /// How the last message came over the wire.
    pub const fn arrival(&self) -> Arrival {
        self.receiver.arrival()
    }

    /// Splits the connection in two, for two threads. Nothing changes but who owns the halves.
    pub fn split(self) -> (Receiver<T>, Sender<T>) {
        (self.receiver, self.sender)
    }

    /// Both halves, borrowed, for scoped threads.
    pub const fn halves(&mut self) -> (&mut Receiver<T>, &Sender<T>) {
        (&mut self.receiver, &self.sender)
    }

    /// A sender on this connection, for other threads.
    pub fn sender(&self) -> Sender<T> {
        self.sender.clone()
    }
}
