//! Feeds a connection in every way a shell may, and notes what it says.

// Each test program uses a part of it.
#![allow(dead_code)]

use std::fmt;

use bowline_extension::Extension;
use bowline_frame::{CloseFrame, MaskKeys, Message, MessageKind, Role};
use bowline_proto::{Config, Connection, EventRef, ProtocolError};
use bowline_testing::hex::Shown;
use bowline_testing::vectors;
use bytes::{Buf, BytesMut};

/// What a connection reported, with payloads of its own. Chunks are joined to the message they are part of.
#[derive(Clone, PartialEq)]
pub(crate) enum Seen {
    Message(Message),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseFrame>),
    /// The close code, and the error in words.
    Failed(u16, String),
}

/// Short, whatever the payload.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => write!(f, "{} {}", message.kind(), Shown(message.as_bytes())),
            Self::Ping(payload) => write!(f, "ping {}", Shown(payload)),
            Self::Pong(payload) => write!(f, "pong {}", Shown(payload)),
            Self::Close(Some(close)) => write!(f, "close {close}"),
            Self::Close(None) => f.write_str("close"),
            Self::Failed(code, why) => write!(f, "failed {code} ({why})"),
        }
    }
}

/// Where the bytes go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// `handle` only.
    Whole,
    /// `handle_chunk` only.
    Chunks,
    /// `assembly` whenever there is one, else `handle`.
    Assembly,
    /// `handle_buffer`, then `handle` what it leaves.
    Buffer,
}

/// Every way.
pub(crate) const WAYS: [Way; 4] = [Way::Whole, Way::Chunks, Way::Assembly, Way::Buffer];

/// A connection with the notes of what it said.
pub(crate) struct Driver {
    pub(crate) connection: Connection,
    pub(crate) seen: Vec<Seen>,
    pub(crate) way: Way,
    chunks: Option<(MessageKind, BytesMut)>,
}

impl Driver {
    pub(crate) fn new(connection: Connection, way: Way) -> Self {
        Self {
            connection,
            seen: Vec::new(),
            way,
            chunks: None,
        }
    }

    /// Gives the connection what one read of the transport brought.
    pub(crate) fn feed(&mut self, input: &[u8]) {
        let mut input = input.to_vec();
        let mut rest = &mut input[..];
        loop {
            if self.way == Way::Assembly
                && let Some(space) = self.connection.assembly()
            {
                let fits = rest.len().min(space.capacity() - space.len());
                let (now, later) = rest.split_at_mut(fits);
                space.extend_from_slice(now);
                rest = later;
                match self.connection.handle_assembly() {
                    Ok(event) => note(event, &mut self.seen, &mut self.chunks),
                    Err(error) => return self.failed(&error),
                }
                if fits > 0 {
                    continue;
                }
            }
            if self.way == Way::Buffer {
                let mut buffer = BytesMut::from(&*rest);
                match self.connection.handle_buffer(&mut buffer) {
                    Ok(event) => note(event, &mut self.seen, &mut self.chunks),
                    Err(error) => return self.failed(&error),
                }
                let used = rest.len() - buffer.len();
                rest = &mut rest[used..];
                assert_eq!(buffer, &*rest, "what is left is what came");
                if used > 0 {
                    continue;
                }
            }
            let total = rest.len();
            let handled = match self.way {
                Way::Chunks => self.connection.handle_chunk(rest),
                Way::Whole | Way::Assembly | Way::Buffer => self.connection.handle(rest),
            };
            // The events of an input may borrow it, so it is cut again from the start for the next one.
            let used = match handled {
                Ok((used, None)) => {
                    assert_eq!(used, total, "without an event all input is used");
                    return;
                }
                Ok((used, event)) => {
                    note(event, &mut self.seen, &mut self.chunks);
                    used
                }
                Err(error) => return self.failed(&error),
            };
            rest = &mut rest[used..];
        }
    }

    /// Takes everything that waits to be written.
    pub(crate) fn written(&mut self) -> Vec<u8> {
        let transmit = self.connection.transmit();
        let mut written = Vec::new();
        while transmit.has_remaining() {
            let chunk = transmit.chunk();
            written.extend_from_slice(chunk);
            transmit.advance(chunk.len());
        }
        written
    }

    fn failed(&mut self, error: &ProtocolError) {
        assert!(!self.connection.inbound().is_open());
        self.seen
            .push(Seen::Failed(error.close_code().get(), error.to_string()));
    }
}

fn note(
    event: Option<EventRef<'_>>,
    seen: &mut Vec<Seen>,
    chunks: &mut Option<(MessageKind, BytesMut)>,
) {
    let Some(event) = event else {
        return;
    };
    seen.push(match event {
        EventRef::Message(message) => Seen::Message(message.to_owned()),
        EventRef::Assembled(message) => Seen::Message(message),
        EventRef::Ping(payload) => Seen::Ping(payload.to_vec()),
        EventRef::Pong(payload) => Seen::Pong(payload.to_vec()),
        EventRef::Close(close) => Seen::Close(close),
        EventRef::Decoding => return,
        EventRef::Chunk(chunk) => {
            assert_eq!(
                chunk.first,
                chunks.is_none(),
                "a message has one first chunk"
            );
            let (kind, mut whole) = chunks.take().unwrap_or((chunk.kind, BytesMut::new()));
            assert_eq!(kind, chunk.kind, "a message is of one kind");
            whole.extend_from_slice(chunk.payload);
            if !chunk.last {
                *chunks = Some((kind, whole));
                return;
            }
            Seen::Message(match kind {
                MessageKind::Text => {
                    Message::Text(whole.freeze().try_into().expect("text is checked"))
                }
                MessageKind::Binary => Message::Binary(whole.freeze()),
            })
        }
        _ => unreachable!("an event the driver does not know"),
    });
}

/// A connection whose masking keys are zero, so that what it writes can be read.
pub(crate) fn connection(
    role: Role,
    config: &Config,
    extension: Option<Box<dyn Extension>>,
) -> Connection {
    match role {
        Role::Server => Connection::server(config, extension),
        Role::Client => Connection::client(MaskKeys::new(|keys| keys.fill(0)), config, extension),
    }
}

/// The role of a vector.
pub(crate) fn role(role: vectors::Role) -> Role {
    match role {
        vectors::Role::Client => Role::Client,
        vectors::Role::Server => Role::Server,
    }
}
