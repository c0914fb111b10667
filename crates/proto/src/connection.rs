use std::time::Instant;

use bowline_extension::{Compress, Extension};
use bowline_frame::{CloseFrame, MaskKeys, Message, MessageKind, MessageRef, Role, Transmit};
use bytes::{Bytes, BytesMut};

use crate::{
    Config, Deadlines, Ended, EventRef, Inbound, Outbound, Prepared, ProtocolError, QueueError,
    SendError, Timeout, Wants,
};

/// A connection whose opening handshake is done: both halves and the deadlines in one value.
///
/// It writes the replies that reading obliges us to by itself. [`split`](Self::split) it when two tasks or
/// threads use it.
///
/// # Examples
///
/// ```
/// use bowline_frame::{Message, MessageRef};
/// use bowline_proto::{Config, Connection, EventRef};
/// use bowline_frame::Role;
/// use bytes::Buf;
///
/// let mut server = Connection::server(&Config::new(Role::Server), None);
/// let mut input = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
/// let (used, event) = server.handle(&mut input)?;
/// assert_eq!(used, 11);
/// assert!(matches!(event, Some(EventRef::Message(MessageRef::Text("Hello")))));
///
/// server.send(Message::from("Hi"))?;
/// assert_eq!(server.transmit().chunk(), b"\x81\x02Hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    inbound: Inbound,
    outbound: Outbound,
    deadlines: Deadlines,
}

impl Connection {
    /// The server's end of a connection, with the extension that the handshake agreed on.
    pub fn server(config: &Config, extension: Option<Box<dyn Extension>>) -> Self {
        let (encode, decode) = extension.map(Extension::split).unzip();
        Self {
            inbound: Inbound::new(Role::Server, config, decode),
            outbound: Outbound::server(config, encode),
            deadlines: Deadlines::new(Role::Server, config),
        }
    }

    /// The client's end of a connection, which masks with keys from `keys`, with the extension that the
    /// handshake agreed on.
    pub fn client(keys: MaskKeys, config: &Config, extension: Option<Box<dyn Extension>>) -> Self {
        let (encode, decode) = extension.map(Extension::split).unzip();
        Self {
            inbound: Inbound::new(Role::Client, config, decode),
            outbound: Outbound::client(keys, config, encode),
            deadlines: Deadlines::new(Role::Client, config),
        }
    }

    /// Takes bytes that arrived, as [`Inbound::handle`]; replies are queued.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol. The Close frame that says so is queued: write it.
    pub fn handle<'a>(
        &'a mut self,
        input: &'a mut [u8],
    ) -> Result<(usize, Option<EventRef<'a>>), ProtocolError> {
        let handled = self.inbound.handle(input);
        answer(&mut self.outbound, &handled);
        handled
    }

    /// Takes bytes that arrived, as [`Inbound::handle_chunk`]; replies are queued.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn handle_chunk<'a>(
        &'a mut self,
        input: &'a mut [u8],
    ) -> Result<(usize, Option<EventRef<'a>>), ProtocolError> {
        let handled = self.inbound.handle_chunk(input);
        answer(&mut self.outbound, &handled);
        handled
    }

    /// A better place to read into, if there is one: see [`Inbound::assembly`].
    pub fn assembly(&mut self) -> Option<&mut BytesMut> {
        self.inbound.assembly()
    }

    /// Takes the bytes that were appended to [`assembly`](Self::assembly); replies are queued.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn handle_assembly(&mut self) -> Result<Option<EventRef<'_>>, ProtocolError> {
        let handled = self.inbound.handle_assembly();
        if let Err(error) = &handled {
            self.outbound.reply(error.reply());
        }
        handled
    }

    /// Takes bytes in memory that is given away, as [`Inbound::handle_buffer`]; replies are queued.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn handle_buffer(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<EventRef<'_>>, ProtocolError> {
        let handled = self.inbound.handle_buffer(buffer);
        if let Err(error) = &handled {
            self.outbound.reply(error.reply());
        }
        handled
    }

    /// Says that the transport has ended: nothing more will come.
    pub fn handle_eof(&mut self) {
        self.inbound.handle_eof();
    }

    /// Says what is wished for the messages that begin from now on: see [`Outbound::compress`].
    pub const fn compress(&mut self, compress: Compress) {
        self.outbound.compress(compress);
    }

    /// Queues a whole message: see [`Outbound::send`].
    ///
    /// # Errors
    ///
    /// As [`Outbound::send`].
    pub fn send(&mut self, message: Message) -> Result<(), SendError> {
        self.outbound.send(message)
    }

    /// Queues a message unless too much waits: see [`Outbound::queue`].
    ///
    /// # Errors
    ///
    /// As [`Outbound::queue`].
    pub fn queue(&mut self, message: Message) -> Result<(), QueueError> {
        self.outbound.queue(message)
    }

    /// Queues a borrowed message: see [`Outbound::send_ref`].
    ///
    /// # Errors
    ///
    /// As [`Outbound::send`].
    pub fn send_ref(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        self.outbound.send_ref(message)
    }

    /// Queues a message that goes to many connections: see [`Outbound::send_prepared`].
    ///
    /// # Errors
    ///
    /// As [`Outbound::send`].
    pub fn send_prepared(&mut self, prepared: &mut Prepared) -> Result<(), SendError> {
        self.outbound.send_prepared(prepared)
    }

    /// Queues the next fragment of a message that is sent in pieces: see [`Outbound::fragment`].
    ///
    /// # Errors
    ///
    /// As [`Outbound::fragment`].
    pub fn fragment(
        &mut self,
        kind: MessageKind,
        payload: Bytes,
        last: bool,
    ) -> Result<(), SendError> {
        self.outbound.fragment(kind, payload, last)
    }

    /// Queues a ping of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`Outbound::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.outbound.ping(payload)
    }

    /// Queues a Close frame behind what waits; false if one was queued before, which stands.
    pub fn close(&mut self, close: Option<&CloseFrame>) -> bool {
        self.outbound.close(close)
    }

    /// The bytes to write.
    pub fn transmit(&mut self) -> &mut Transmit {
        self.outbound.transmit()
    }

    /// What to wait for, and until when: see [`Deadlines::wants`].
    pub fn wants(&mut self, now: Instant) -> Wants {
        let out = self.outbound.status();
        self.deadlines.wants(now, &mut self.inbound, out)
    }

    /// Acts on the deadlines that have passed: see [`Deadlines::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Timeout> {
        self.deadlines
            .handle_timeout(now, &mut self.inbound, &mut self.outbound)
    }

    /// Acts on the deadlines that don't depend on what is still to be read: see
    /// [`Deadlines::handle_overdue`].
    pub fn handle_overdue(&mut self, now: Instant) -> Option<Timeout> {
        self.deadlines
            .handle_overdue(now, &mut self.inbound, &mut self.outbound)
    }

    /// Says that the writing side of the transport was ended, as [`Wants::shutdown`] asked.
    pub const fn shut_down(&mut self) {
        self.deadlines.shut_down();
    }

    /// Says that output moved at `at` that the transmit doesn't count. See [`Deadlines::output_moved`].
    pub fn output_moved(&mut self, at: Instant) {
        self.deadlines.output_moved(at);
    }

    /// How the connection ended, as far as that is known now.
    pub fn ended(&self) -> Ended {
        self.deadlines.ended(&self.inbound, self.outbound.status())
    }

    /// The reading half.
    pub const fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    /// The writing half.
    pub const fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Takes the connection apart. The parts share nothing: replies, status and time are values that the
    /// caller carries from one to the other.
    pub fn split(self) -> (Outbound, Inbound, Deadlines) {
        (self.outbound, self.inbound, self.deadlines)
    }
}

/// Queues what an event or a violation obliges us to write.
fn answer(outbound: &mut Outbound, handled: &Result<(usize, Option<EventRef<'_>>), ProtocolError>) {
    let reply = match handled {
        Ok((_, event)) => event.as_ref().and_then(EventRef::reply),
        Err(error) => Some(error.reply()),
    };
    if let Some(reply) = reply {
        outbound.reply(reply);
    }
}
