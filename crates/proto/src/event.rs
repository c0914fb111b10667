use bowline_frame::{CloseFrame, Message, MessageKind, MessageRef, Rsv};

/// What reading told us. Payloads may be borrowed from the input or from the machine.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventRef<'a> {
    /// A whole message that lies in the input.
    Message(MessageRef<'a>),
    /// A whole message that had to be put together, with a payload of its own.
    Assembled(Message),
    /// A run of a message that is read by [`handle_chunk`](crate::Inbound::handle_chunk).
    Chunk(ChunkRef<'a>),
    /// An extension has decoded as much of a message as is good in one call, at most about 256 KiB; the rest of what
    /// came waits. Call again, with input or without it: others may be served before.
    Decoding,
    /// A ping; its [`reply`](Self::reply) is due.
    Ping(&'a [u8]),
    /// A pong, asked for or not.
    Pong(&'a [u8]),
    /// The peer's Close frame; its [`reply`](Self::reply) is due. Nothing follows it.
    Close(Option<CloseFrame>),
}

impl<'a> EventRef<'a> {
    /// What the event obliges us to write: give it to [`Outbound::reply`](crate::Outbound::reply).
    ///
    /// A ping is answered with its payload (RFC 6455 §5.5.3), a Close with its code (§5.5.1).
    #[inline]
    pub fn reply(&self) -> Option<Reply<'a>> {
        match self {
            Self::Ping(payload) => Some(Reply::Pong(payload)),
            Self::Close(close) => Some(Reply::Close(
                close.as_ref().map(|close| close.code().into()),
            )),
            Self::Message(_)
            | Self::Assembled(_)
            | Self::Chunk(_)
            | Self::Decoding
            | Self::Pong(_) => None,
        }
    }
}

/// What reading obliges us to write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply<'a> {
    /// A pong with this payload, at most 125 bytes.
    Pong(&'a [u8]),
    /// A Close frame, unless ours is out already.
    Close(Option<CloseFrame>),
}

/// A run of the payload of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChunkRef<'a> {
    /// What the message carries.
    pub kind: MessageKind,
    /// The run, after every extension. Text was checked up to here, but may be cut inside a code point.
    pub payload: &'a [u8],
    /// The message begins with this run.
    pub first: bool,
    /// The message ends with this run, which may be empty.
    pub last: bool,
}

/// How the last whole message came over the wire.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Arrival {
    /// Frames it was made of, at least 1.
    pub fragments: u64,
    /// Their payloads in bytes, before any extension.
    pub wire_len: u64,
    /// The reserved bits of the first.
    pub rsv: Rsv,
}
