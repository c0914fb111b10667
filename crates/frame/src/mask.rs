/// A masking key: four bytes that a client XORs over a frame's payload.
///
/// Masking twice with the same key gives the payload back.
///
/// Implements RFC 6455 §5.3.
///
/// # Examples
///
/// ```
/// use bowline_frame::Mask;
///
/// let mask = Mask::new([0x37, 0xfa, 0x21, 0x3d]);
/// let mut payload = *b"Hello";
/// mask.apply(&mut payload);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// mask.apply(&mut payload);
/// assert_eq!(&payload, b"Hello");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Mask([u8; 4]);

impl Mask {
    /// A key from the four bytes as they stand on the wire.
    #[inline]
    pub const fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// The four bytes as they stand on the wire.
    #[inline]
    pub const fn bytes(self) -> [u8; 4] {
        self.0
    }

    /// Masks or unmasks `payload` in place; its first byte meets the first byte of the key.
    ///
    /// For a payload that comes in pieces, [`rotate`](Self::rotate) the key by the length of each
    /// piece before the next.
    #[inline]
    pub fn apply(self, payload: &mut [u8]) {
        let key = u32::from_ne_bytes(self.0);
        let wide = u64::from(key) << 32 | u64::from(key);
        // Whole words vectorise without unsafe code; what that takes to set up, few of them don't repay.
        let (words, tail) = payload.as_chunks_mut::<8>();
        if words.len() > FEW {
            mask_words(words, wide);
        } else {
            let (pairs, single) = words.as_chunks_mut::<2>();
            for [first, second] in pairs {
                *first = (u64::from_ne_bytes(*first) ^ wide).to_ne_bytes();
                *second = (u64::from_ne_bytes(*second) ^ wide).to_ne_bytes();
            }
            if let [word] = single {
                *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
            }
        }
        let (half, tail) = tail.as_chunks_mut::<4>();
        if let [word] = half {
            *word = (u32::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
        for (byte, key) in tail.iter_mut().zip(self.0) {
            *byte ^= key;
        }
    }

    /// The key for the rest of a payload of which `done` bytes are behind us.
    #[inline]
    #[must_use]
    pub const fn rotate(self, done: usize) -> Self {
        let [a, b, c, d] = self.0;
        match done % 4 {
            1 => Self([b, c, d, a]),
            2 => Self([c, d, a, b]),
            3 => Self([d, a, b, c]),
            _ => self,
        }
    }
}

fn mask_words(words: &mut [[u8; 8]], wide: u64) {
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
}

/// Words that are masked one by one.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    // covers WS-5.3-02
    #[test]
    fn every_length_equals_the_byte_loop() {
        let key = [0x12, 0x34, 0x56, 0x78];
        for len in 0..200 {
            let plain: Vec<u8> = (0..len).map(|i| i as u8 ^ 0x5A).collect();
            let mut masked = plain.clone();
            Mask::new(key).apply(&mut masked);
            for (i, (m, p)) in masked.iter().zip(&plain).enumerate() {
                assert_eq!(m ^ p, key[i % 4], "length {len}, byte {i}");
            }
        }
    }
}
