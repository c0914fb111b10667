//! Buffers that belong to the thread, not to the connection: an idle connection owns none.

use std::cell::RefCell;

use bytes::BytesMut;

/// What was read and is not used yet.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Box<[u8]>,
    used: usize,
    filled: usize,
}

impl Block {
    /// An empty block of [`BLOCK`] bytes from this thread's pool.
    pub(crate) fn take() -> Self {
        let pooled = pooled(|pool| pool.blocks.pop()).flatten();
        Self {
            bytes: pooled.unwrap_or_else(|| vec![0; BLOCK].into_boxed_slice()),
            used: 0,
            filled: 0,
        }
    }

    /// A block that holds bytes which were read elsewhere.
    pub(crate) fn holding(bytes: BytesMut) -> Self {
        let bytes = Vec::from(bytes).into_boxed_slice();
        Self {
            used: 0,
            filled: bytes.len(),
            bytes,
        }
    }

    /// Gives the memory back to this thread's pool.
    pub(crate) fn give_back(self) {
        if self.bytes.len() == BLOCK {
            pooled(|pool| {
                if pool.blocks.len() < KEPT {
                    pool.blocks.push(self.bytes);
                }
            });
        }
    }

    /// The bytes that are not used yet.
    #[inline]
    pub(crate) fn unused(&mut self) -> &mut [u8] {
        &mut self.bytes[self.used..self.filled]
    }

    /// Notes that the first `count` of the unused bytes are used.
    #[inline]
    pub(crate) const fn advance(&mut self, count: usize) {
        self.used += count;
    }

    /// Position behind the bytes used so far.
    #[inline]
    pub(crate) const fn position(&self) -> usize {
        self.used
    }

    /// Bytes that were used, by position.
    #[inline]
    pub(crate) fn used(&self, range: std::ops::Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// The whole memory, to read into while no byte is unused.
    #[inline]
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Notes that `count` bytes were read into [`space`](Self::space).
    #[inline]
    pub(crate) const fn fill(&mut self, count: usize) {
        self.used = 0;
        self.filled = count;
    }

    #[inline]
    pub(crate) const fn is_used_up(&self) -> bool {
        self.used == self.filled
    }
}

/// An empty buffer for output from this thread's pool.
pub(crate) fn take_output() -> Vec<u8> {
    let pooled = pooled(|pool| pool.outputs.pop()).flatten();
    pooled.unwrap_or_else(|| Vec::with_capacity(BLOCK))
}

/// Gives a buffer for output back to this thread's pool, unless it has grown.
pub(crate) fn give_back_output(buffer: Vec<u8>) {
    if buffer.capacity() == BLOCK {
        pooled(|pool| {
            if pool.outputs.len() < KEPT {
                pool.outputs.push(buffer);
            }
        });
    }
}

/// Uses this thread's pool; `None` if it is gone, because the thread is ending.
fn pooled<R>(use_it: impl FnOnce(&mut Pool) -> R) -> Option<R> {
    POOL.try_with(|pool| use_it(&mut pool.borrow_mut())).ok()
}

#[derive(Default)]
struct Pool {
    blocks: Vec<Box<[u8]>>,
    outputs: Vec<Vec<u8>>,
}

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { blocks: Vec::new(), outputs: Vec::new() })
    };
}

/// Size of a buffer in bytes: a full socket buffer's worth, and small enough to stay in the cache.
pub(crate) const BLOCK: usize = 64 * 1024;

/// Buffers of each sort that a thread keeps.
const KEPT: usize = 4;
