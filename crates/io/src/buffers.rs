//! Buffers that belong to the thread, not to the connection: an idle connection owns none.

use std::cell::Cell;

use bowline_frame::Message;
use bytes::BytesMut;

/// What was read and is not used yet.
///
/// In a box, all of which is pooled: a connection without a block has room for a pointer only.
#[derive(Debug)]
pub(crate) struct Block(Box<Memory>);

#[derive(Debug)]
struct Memory {
    bytes: Box<[u8]>,
    used: usize,
    filled: usize,
    lent: Option<Message>,
}

impl Block {
    /// An empty block of [`BLOCK`] bytes from this thread's pool.
    #[inline]
    pub(crate) fn take() -> Self {
        let pooled = BLOCKS.try_with(Pool::take).ok().flatten();
        pooled.unwrap_or_else(|| Self::new(vec![0; BLOCK].into_boxed_slice(), 0))
    }

    /// A block that holds bytes which were read elsewhere.
    pub(crate) fn holding(bytes: BytesMut) -> Self {
        let bytes = Vec::from(bytes).into_boxed_slice();
        let filled = bytes.len();
        Self::new(bytes, filled)
    }

    /// The same, and a pooled block if they fit.
    pub(crate) fn copied(bytes: BytesMut) -> Self {
        let mut block = Self::take();
        let Some(space) = block.space(true).get_mut(..bytes.len()) else {
            block.give_back();
            return Self::holding(bytes);
        };
        space.copy_from_slice(&bytes);
        block.fill(bytes.len());
        block
    }

    fn new(bytes: Box<[u8]>, filled: usize) -> Self {
        Self(Box::new(Memory {
            bytes,
            used: 0,
            filled,
            lent: None,
        }))
    }

    /// Gives the memory back to this thread's pool.
    #[inline]
    pub(crate) fn give_back(mut self) {
        self.0.lent = None;
        self.fill(0);
        if self.0.bytes.len() == BLOCK {
            // A thread that ends has no pool any more.
            let _ = BLOCKS.try_with(|pool| pool.give_back(self));
        }
    }

    /// The bytes that are not used yet.
    #[inline]
    pub(crate) fn unused(&mut self) -> &mut [u8] {
        &mut self.0.bytes[self.0.used..self.0.filled]
    }

    /// Notes that the first `count` of the unused bytes are used.
    #[inline]
    pub(crate) const fn advance(&mut self, count: usize) {
        self.0.used += count;
    }

    /// Position behind the bytes used so far.
    #[inline]
    pub(crate) const fn position(&self) -> usize {
        self.0.used
    }

    /// Bytes that were used, by position.
    #[inline]
    pub(crate) fn used(&self, range: std::ops::Range<usize>) -> &[u8] {
        &self.0.bytes[range]
    }

    /// The memory to read into while no byte is unused: all of it if `wide`, else [`NARROW`] bytes.
    #[inline]
    pub(crate) fn space(&mut self, wide: bool) -> &mut [u8] {
        let len = self.0.bytes.len();
        let len = if wide { len } else { len.min(NARROW) };
        &mut self.0.bytes[..len]
    }

    /// Notes that `count` bytes were read into [`space`](Self::space).
    #[inline]
    pub(crate) const fn fill(&mut self, count: usize) {
        self.0.used = 0;
        self.0.filled = count;
    }

    #[inline]
    pub(crate) const fn is_used_up(&self) -> bool {
        self.0.used == self.0.filled
    }

    /// Keeps a message that lies elsewhere, while it is lent; `None`: it was.
    #[inline]
    pub(crate) fn lend(&mut self, message: Option<Message>) {
        if message.is_some() || self.0.lent.is_some() {
            self.0.lent = message;
        }
    }

    pub(crate) const fn lent(&self) -> Option<&Message> {
        self.0.lent.as_ref()
    }
}

/// An empty buffer for output from this thread's pool.
#[inline]
pub(crate) fn take_output() -> Vec<u8> {
    let pooled = OUTPUTS.try_with(Pool::take).ok().flatten();
    pooled.unwrap_or_else(|| Vec::with_capacity(OUTPUT))
}

/// Gives a buffer for output back to this thread's pool, unless it has grown.
#[inline]
pub(crate) fn give_back_output(buffer: Vec<u8>) {
    if buffer.capacity() == OUTPUT {
        let _ = OUTPUTS.try_with(|pool| pool.give_back(buffer));
    }
}

/// Buffers of one sort that a thread keeps. The first is in use most of the time, and soon found.
struct Pool<B>([Cell<Option<B>>; KEPT]);

impl<B> Pool<B> {
    const fn new() -> Self {
        Self([const { Cell::new(None) }; KEPT])
    }

    #[inline]
    fn take(&self) -> Option<B> {
        let [first, others @ ..] = &self.0;
        first.take().or_else(|| others.iter().find_map(Cell::take))
    }

    /// Keeps a buffer in the first place; the last one goes if there are more than places.
    #[inline]
    fn give_back(&self, buffer: B) {
        let mut given = Some(buffer);
        for place in &self.0 {
            given = place.replace(given);
            if given.is_none() {
                return;
            }
        }
    }
}

thread_local! {
    static BLOCKS: Pool<Block> = const { Pool::new() };
    static OUTPUTS: Pool<Vec<u8>> = const { Pool::new() };
}

/// How much is read at once in bytes: a full socket buffer's worth, and small enough to stay in the cache. A message of
/// 64 KiB fits with its header, and so do four of 16 KiB: whoever sends that much as a rule sends round numbers.
pub(crate) const NARROW: usize = 64 * 1024 + 64;

/// How much is read at once from a peer who fills [`NARROW`] with messages, in bytes: a call of the system takes as long
/// as to move tens of KiB.
const BLOCK: usize = 2 * NARROW;

/// Size of a buffer for output in bytes: a wide block's worth of replies, and the copied message that goes beyond the soft
/// mark.
const OUTPUT: usize = 132 * 1024 + 64;

/// Buffers of each sort that a thread keeps.
const KEPT: usize = 2;
