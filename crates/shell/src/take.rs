//! What a receiver takes of the events that proto gives it: each function is for one way to receive, and gives `None`
//! for an event that is passed over.

use std::ops::Range;

use bowline_frame::{Message, MessageKind, MessageRef};
use bowline_proto::EventRef;
use bytes::Bytes;

/// Something that arrived; `recv_event` gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// A ping. The receiver sees to the answer.
    Ping(Bytes),
    /// A pong, asked for or not.
    Pong(Bytes),
}

/// A run of a message; `recv_chunk` gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Chunk {
    /// What the message carries.
    pub kind: MessageKind,
    /// The run. Text was checked up to here, but may be cut inside a code point.
    pub payload: Bytes,
    /// The message begins with this run.
    pub first: bool,
    /// The message ends with this run, which may be empty.
    pub last: bool,
}

/// Where a message lies that is to be lent.
#[derive(Clone, Debug)]
pub struct Place(Option<(MessageKind, Range<usize>)>);

/// A message.
#[inline]
pub fn message(event: EventRef<'_>) -> Option<Message> {
    match event {
        EventRef::Message(message) => Some(message.to_owned()),
        EventRef::Assembled(message) => Some(message),
        // A message that was begun in chunks and is not finished in chunks is passed over.
        _ => None,
    }
}

/// A message, ping or pong.
#[inline]
pub fn event(event: EventRef<'_>) -> Option<Event> {
    match event {
        EventRef::Ping(payload) => Some(Event::Ping(Bytes::copy_from_slice(payload))),
        EventRef::Pong(payload) => Some(Event::Pong(Bytes::copy_from_slice(payload))),
        event => message(event).map(Event::Message),
    }
}

/// A run of a message. One that was begun as a whole comes as one run.
#[inline]
pub fn chunk(event: EventRef<'_>) -> Option<Chunk> {
    match event {
        EventRef::Chunk(chunk) => Some(Chunk {
            kind: chunk.kind,
            payload: Bytes::copy_from_slice(chunk.payload),
            first: chunk.first,
            last: chunk.last,
        }),
        EventRef::Assembled(message) => Some(Chunk {
            kind: message.kind(),
            payload: message.into_bytes(),
            first: true,
            last: true,
        }),
        _ => None,
    }
}

/// The place of a message in the block that it was read into, all of which is used up to `end`. One that has memory of
/// its own is put `aside`.
#[inline]
pub fn place(event: EventRef<'_>, end: usize, aside: &mut Option<Message>) -> Option<Place> {
    match event {
        // A message that lies in the block ends where the bytes used so far end.
        EventRef::Message(message) => Some(Place(Some((message.kind(), end - message.len()..end)))),
        EventRef::Assembled(message) => {
            *aside = Some(message);
            Some(Place(None))
        }
        _ => None,
    }
}

impl Place {
    /// Lends the message: out of the block, of which `block` gives the bytes at these positions, or what was put
    /// `aside`.
    #[inline]
    pub fn lend<'a>(
        self,
        block: impl FnOnce(Range<usize>) -> &'a [u8],
        aside: Option<&'a Message>,
    ) -> Option<MessageRef<'a>> {
        match self.0 {
            // The text was checked a moment ago; the borrow could not outlive that check.
            Some((kind, range)) => {
                Some(MessageRef::new(kind, block(range)).expect("checked when it arrived"))
            }
            None => aside.map(Message::as_ref),
        }
    }
}
