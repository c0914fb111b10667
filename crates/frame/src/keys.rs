use core::fmt;

use crate::Mask;

/// A small pool of masking keys, filled from a source of randomness that the caller gives.
///
/// Every key is four bytes fresh from the source and is used once (RFC 6455 §5.3, §10.3). Asking for
/// 16 keys at a time keeps a system call off the path of most frames. It can't be cloned: two pools would
/// give the same keys.
pub struct MaskKeys {
    fill: fn(&mut [u8]),
    pool: [[u8; 4]; POOL],
    left: u8,
}

impl MaskKeys {
    /// A pool that is empty until the first key is asked for.
    ///
    /// `fill` writes unpredictable bytes over the whole slice, which is 64 bytes long: the operating
    /// system's source, or a generator of cryptographic strength seeded by it. A peer who can guess
    /// the keys can choose the bytes on the wire.
    pub const fn new(fill: fn(&mut [u8])) -> Self {
        Self {
            fill,
            pool: [[0; 4]; POOL],
            left: 0,
        }
    }

    /// Takes the next key; fills the pool first if it is empty.
    #[inline]
    pub fn take(&mut self) -> Mask {
        if self.left == 0 {
            (self.fill)(self.pool.as_flattened_mut());
            self.left = POOL as u8;
        }
        self.left -= 1;
        // `left` is below POOL here, so a key is always there; the pool forgets the key it gives.
        let key = self.pool.get_mut(usize::from(self.left));
        Mask::new(key.map(core::mem::take).unwrap_or_default())
    }
}

/// Hides the keys: whoever knows them can choose the bytes on the wire.
impl fmt::Debug for MaskKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskKeys")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Keys that one call of the source gives.
const POOL: usize = 16;

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use core::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    static CALLS: AtomicU32 = AtomicU32::new(0);

    fn count(bytes: &mut [u8]) {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (call as usize * bytes_per_call() + i) as u8;
        }
    }

    fn bytes_per_call() -> usize {
        4 * POOL
    }

    // covers WS-5.3-01, WS-10.3-01
    #[test]
    fn no_key_is_given_twice() {
        let mut keys = MaskKeys::new(count);
        let taken: BTreeSet<[u8; 4]> = (0..2 * POOL).map(|_| keys.take().bytes()).collect();
        assert_eq!(taken.len(), 2 * POOL);
        assert_eq!(CALLS.load(Ordering::Relaxed), 2);
    }
}
