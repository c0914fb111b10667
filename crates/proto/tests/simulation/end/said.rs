//! What was said, and what was heard of it.

use std::collections::VecDeque;

use bowline_frame::{CloseFrame, Message, MessageKind};
use bowline_proto::{EventRef, Reply};
use bytes::BytesMut;

/// What one end has said and the other has not yet heard.
#[derive(Default)]
pub(crate) struct Said {
    pub(super) messages: VecDeque<Message>,
    /// The message that is being sent in fragments.
    pub(super) open: Option<(MessageKind, BytesMut)>,
    pub(super) pings: VecDeque<Ping>,
    pub(super) unanswered: VecDeque<Ping>,
    pub(crate) close: Option<Option<CloseFrame>>,
}

/// The number in a ping or a pong; `None`: it is empty, as the machine's own are.
pub(super) type Ping = Option<u64>;

/// What an event tells, with nothing borrowed, and nothing allocated that would pass for the machine's memory.
pub(super) enum Told {
    Message,
    Chunk { len: usize, last: bool },
    Ping(Ping),
    Pong(Ping),
    Close(Option<CloseFrame>),
}

/// Compares an event with what the peer said; `delivered` of a message that comes in chunks is known.
pub(super) fn told(event: &EventRef<'_>, heard: &Said, delivered: Option<usize>) -> Told {
    let reply = match event {
        EventRef::Ping(payload) => Some(Reply::Pong(payload)),
        EventRef::Close(close) => Some(Reply::Close(
            close.as_ref().map(|close| close.code().into()),
        )),
        _ => None,
    };
    assert_eq!(event.reply(), reply, "a ping and a Close oblige us");
    let next = heard.messages.front();
    match event {
        EventRef::Message(message) => {
            assert!(
                next.is_some_and(|next| next.as_ref() == *message),
                "wrong message"
            );
            Told::Message
        }
        EventRef::Assembled(message) => {
            assert!(next == Some(message), "wrong message");
            Told::Message
        }
        EventRef::Chunk(chunk) => {
            assert_eq!(chunk.first, delivered.is_none(), "one first chunk");
            let (kind, sent) = match (next, &heard.open) {
                (Some(next), _) => (next.kind(), next.as_bytes()),
                (None, Some((kind, open))) => (*kind, &open[..]),
                (None, None) => panic!("a chunk of no message"),
            };
            let rest = &sent[delivered.unwrap_or(0)..];
            assert!(
                kind == chunk.kind && rest.starts_with(chunk.payload),
                "wrong chunk"
            );
            if chunk.last {
                assert!(
                    next.is_some() && rest.len() == chunk.payload.len(),
                    "cut message"
                );
            }
            Told::Chunk {
                len: chunk.payload.len(),
                last: chunk.last,
            }
        }
        EventRef::Ping(payload) => Told::Ping(number(payload)),
        EventRef::Pong(payload) => Told::Pong(number(payload)),
        EventRef::Close(close) => Told::Close(close.clone()),
        _ => unreachable!("an event the simulation does not know"),
    }
}

fn number(payload: &[u8]) -> Ping {
    let number = payload.try_into().map(u64::from_be_bytes).ok();
    assert!(number.is_some() || payload.is_empty(), "altered payload");
    number
}
