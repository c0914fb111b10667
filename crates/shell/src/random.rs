//! Randomness from the operating system, a block at a time.

use std::cell::RefCell;

/// Fills `bytes` with unpredictable bytes, each given out once.
///
/// # Panics
///
/// If the operating system has no randomness to give, which leaves nothing safe to do.
pub fn fill(bytes: &mut [u8]) {
    POOL.with_borrow_mut(|pool| {
        for byte in bytes {
            *byte = pool.take();
        }
    });
}

/// A nonce for a `Sec-WebSocket-Key`.
pub fn nonce() -> [u8; 16] {
    let mut nonce = [0; 16];
    fill(&mut nonce);
    nonce
}

struct Pool {
    bytes: [u8; POOL_LEN],
    left: usize,
}

impl Pool {
    fn take(&mut self) -> u8 {
        if self.left == 0 {
            getrandom::fill(&mut self.bytes).expect("the operating system gives randomness");
            self.left = POOL_LEN;
        }
        self.left -= 1;
        // A byte that was given out is forgotten.
        std::mem::take(&mut self.bytes[self.left])
    }
}

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { bytes: [0; POOL_LEN], left: 0 })
    };
}

/// Bytes that one system call gives: enough for 256 masking keys.
const POOL_LEN: usize = 1024;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    // covers WS-4.1-12
    #[test]
    fn nonces_are_distinct() {
        let nonces: BTreeSet<[u8; 16]> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(nonces.len(), 1000);
    }
}
