use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::text::{Growing, Text};
use crate::{Message, MessageKind, Utf8Error};

/// A message that is put together from pieces of payload as they arrive.
///
/// Text is checked piece by piece, each byte once. The buffer grows with what has arrived, never with
/// what was announced: its capacity stays below twice its length plus 16 KiB.
///
/// # Examples
///
/// ```
/// use bowline_frame::{MessageBuilder, MessageKind};
///
/// let mut message = MessageBuilder::new(MessageKind::Text);
/// message.extend(b"caf\xc3")?;
/// message.extend(b"\xa9")?;
/// assert_eq!(message.finish()?.as_text(), Some("café"));
/// # Ok::<(), bowline_frame::Utf8Error>(())
/// ```
#[derive(Debug)]
pub struct MessageBuilder(State);

#[derive(Debug)]
enum State {
    Text(Growing),
    Binary(BytesMut),
}

impl MessageBuilder {
    /// An empty message of this kind; nothing is allocated.
    pub fn new(kind: MessageKind) -> Self {
        Self(match kind {
            MessageKind::Text => State::Text(Growing::default()),
            MessageKind::Binary => State::Binary(BytesMut::new()),
        })
    }

    /// What the message carries.
    #[inline]
    pub const fn kind(&self) -> MessageKind {
        match self.0 {
            State::Text(_) => MessageKind::Text,
            State::Binary(_) => MessageKind::Binary,
        }
    }

    /// Bytes of payload so far.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            State::Text(text) => text.len(),
            State::Binary(bytes) => bytes.len(),
        }
    }

    /// True if no byte of payload has come.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a copy of `piece`.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] if the message is text and cannot be UTF-8 with this piece, whatever may follow;
    /// nothing was appended then.
    pub fn extend(&mut self, piece: &[u8]) -> Result<(), Utf8Error> {
        match &mut self.0 {
            State::Text(text) => text.extend(piece),
            State::Binary(bytes) => {
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    /// Makes room for the first piece, of `len` bytes, and for `more` bytes that were announced to follow it.
    ///
    /// No more room than three times the piece, or twice and 16 KiB, since what was announced may never come. Does
    /// nothing once a piece has.
    pub fn expect(&mut self, len: usize, more: usize) {
        match &mut self.0 {
            State::Text(text) => text.expect(len, more),
            State::Binary(bytes) => expect(bytes, len, more),
        }
    }

    /// Empty space that lies right behind the payload, to be filled and given to [`append`](Self::append).
    ///
    /// Its capacity is at least the smaller of `want` and 8 KiB, in bytes, and at most the payload's
    /// length plus 16 KiB, so that a peer who announces much and sends little costs little. One space at
    /// a time: what was filled into an earlier one and not appended is lost.
    pub fn spare(&mut self, want: usize) -> BytesMut {
        match &mut self.0 {
            State::Text(text) => text.spare(want),
            State::Binary(bytes) => spare(bytes, want),
        }
    }

    /// As [`spare`](Self::spare), for a message that has at most `most` bytes: what the message takes in all is never
    /// more than that.
    ///
    /// At least 1 byte while the message is shorter than `most`. When the space is used up, the message takes `want`
    /// bytes more or twice what it has, whichever is more.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowline_frame::{MessageBuilder, MessageKind};
    ///
    /// let mut message = MessageBuilder::new(MessageKind::Binary);
    /// let mut space = message.spare_within(1000, 100);
    /// assert_eq!(space.capacity(), 100);
    /// space.extend_from_slice(&[7; 100]);
    /// message.append(space)?;
    /// assert_eq!(message.spare_within(1000, 100).capacity(), 0);
    /// # Ok::<(), bowline_frame::Utf8Error>(())
    /// ```
    pub fn spare_within(&mut self, want: usize, most: usize) -> BytesMut {
        match &mut self.0 {
            State::Text(text) => text.spare_within(want, most),
            State::Binary(bytes) => spare_within(bytes, want, most),
        }
    }

    /// Appends `piece`; no copy if it is the [`spare`](Self::spare) space of this message.
    ///
    /// # Errors
    ///
    /// As [`extend`](Self::extend).
    pub fn append(&mut self, piece: BytesMut) -> Result<(), Utf8Error> {
        match &mut self.0 {
            State::Text(text) => text.unsplit(piece),
            State::Binary(bytes) => {
                bytes.unsplit(piece);
                Ok(())
            }
        }
    }

    /// Ends the message. It takes at most twice its length, or 512 bytes more.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] if the message is text and ends inside a code point.
    pub fn finish(self) -> Result<Message, Utf8Error> {
        match self.0 {
            State::Text(text) => text
                .finish()
                .map(|text| Message::Text(Text::from_validated(text))),
            State::Binary(bytes) => Ok(Message::Binary(freeze(bytes))),
        }
    }
}

/// Splits off the empty space behind `bytes`, after making it larger if little is left.
pub(crate) fn spare(bytes: &mut BytesMut, want: usize) -> BytesMut {
    let enough = want.min(GROWTH / 2);
    if bytes.capacity() - bytes.len() < enough
        && !bytes.try_reclaim(want)
        && !bytes.try_reclaim(enough)
    {
        // Reserving may double the capacity, which is why it waits until the space is nearly used up.
        bytes.reserve(want.min(bytes.len().saturating_add(GROWTH)));
    }
    bytes.split_off(bytes.len())
}

/// Makes room for a first piece and for what follows it, if there is no room yet.
pub(crate) fn expect(bytes: &mut BytesMut, len: usize, more: usize) {
    if bytes.capacity() == 0 {
        bytes.reserve(len.saturating_add(more.min(len.saturating_add(len.min(GROWTH)))));
    }
}

/// Splits off the empty space behind `bytes`, after making it larger if there is none; they never take more than `most`.
pub(crate) fn spare_within(bytes: &mut BytesMut, want: usize, most: usize) -> BytesMut {
    let len = bytes.len();
    if bytes.capacity() == len {
        let capacity = len.saturating_add(want).max(len.saturating_mul(2));
        grow(bytes, capacity.min(most));
    }
    if len == 0 {
        // Nothing to split from, which would take an allocation.
        return core::mem::take(bytes);
    }
    bytes.split_off(len)
}

/// Gives `bytes` this capacity and no more: `reserve` of its own would double what there is.
fn grow(bytes: &mut BytesMut, capacity: usize) {
    if capacity <= bytes.len() {
        return;
    }
    if bytes.is_empty() {
        *bytes = BytesMut::with_capacity(capacity);
        return;
    }
    // None of these steps copies: nobody else holds the bytes.
    let mut vec = Vec::from(core::mem::take(bytes));
    vec.reserve_exact(capacity - vec.len());
    *bytes = BytesMut::from(Bytes::from(vec));
}

/// Gives back memory if most of it is unused, which costs no more than to share it.
pub(crate) fn freeze(bytes: BytesMut) -> Bytes {
    let unused = bytes.capacity() - bytes.len();
    if unused <= bytes.len().max(FORGIVEN) {
        return bytes.freeze();
    }
    Vec::from(bytes).into_boxed_slice().into()
}

/// What an empty message may reserve, in bytes.
const GROWTH: usize = 16 * 1024;

/// What a message may take beyond twice its length, in bytes.
const FORGIVEN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_space_is_contiguous_and_grows_with_what_came() {
        for read in [1, 100, 5000, usize::MAX] {
            let mut message = MessageBuilder::new(MessageKind::Binary);
            let mut total = 0;
            while total < 1 << 18 {
                let mut spare = message.spare(usize::MAX);
                let room = spare.capacity();
                assert!(room <= total + GROWTH, "{room} at {total}");
                assert!(room >= GROWTH / 2, "{room} at {total}");
                let behind = spare.as_ptr();
                spare.resize(room.min(read), 7);
                assert_eq!(spare.as_ptr(), behind);
                total += spare.len();
                message.append(spare).unwrap();
            }
            assert_eq!(message.finish().unwrap().len(), total);
        }
    }

    #[test]
    fn a_first_piece_makes_room_for_what_follows() {
        for (more, room) in [(14, 1014), (2000, 3000), (1 << 30, 3000)] {
            for kind in [MessageKind::Text, MessageKind::Binary] {
                let mut message = MessageBuilder::new(kind);
                message.expect(1000, more);
                message.extend(&[b'a'; 1000]).unwrap();
                assert_eq!(message.spare(1).capacity(), room - 1000, "{more}");
            }
        }
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut message = MessageBuilder::new(MessageKind::Text);
        assert!(message.spare(usize::MAX).capacity() <= GROWTH);
    }

    #[test]
    fn space_within_a_limit_is_contiguous_and_ends_there() {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            for (want, most) in [(1, 1000), (128, 1000), (16, 1), (7, 4096), (5000, 4096)] {
                let mut message = MessageBuilder::new(kind);
                let mut room = 0;
                while message.len() < most {
                    let mut spare = message.spare_within(want, most);
                    let len = message.len();
                    assert!(spare.capacity() > 0 && len + spare.capacity() <= most);
                    if room == 0 {
                        room = spare.capacity();
                        assert!(room >= want.max(len).min(most - len), "{room} at {len}");
                    }
                    let behind = spare.as_ptr();
                    spare.resize(room.min(50), b'a');
                    assert_eq!(spare.as_ptr(), behind);
                    room -= spare.len();
                    message.append(spare).unwrap();
                }
                assert_eq!(message.spare_within(want, most).capacity(), 0);
                let message = message.finish().unwrap();
                assert_eq!(message.as_bytes(), alloc::vec![b'a'; most]);
            }
        }
    }

    #[test]
    fn what_is_unused_in_the_end_is_given_back() {
        for (len, kept) in [(0, 0), (10, 10), (487, 487), (488, 1000), (1000, 1000)] {
            let mut message = MessageBuilder::new(MessageKind::Binary);
            let mut spare = message.spare_within(1000, usize::MAX);
            spare.resize(len, 7);
            message.append(spare).unwrap();
            let bytes = message.finish().unwrap().into_bytes();
            assert_eq!(bytes.len(), len);
            assert_eq!(BytesMut::from(bytes).capacity(), kept);
        }
    }
}
