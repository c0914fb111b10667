use crate::wide::{xor, xor_all};

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
        let (words, tail) = payload.as_chunks_mut::<8>();
        // What it takes to set up a loop over vectors, few words don't repay.
        if words.len() > FEW {
            return self.apply_to_many(payload);
        }
        let key = self.word();
        let (fours, words) = words.as_chunks_mut::<4>();
        for four in fours {
            four.iter_mut().for_each(|word| xor(word, key));
        }
        let (two, one) = words.as_chunks_mut::<2>();
        if let [[first, second]] = two {
            xor(first, key);
            xor(second, key);
        }
        if let [word] = one {
            xor(word, key);
        }
        self.apply_to_rest(tail);
    }

    #[inline(never)]
    fn apply_to_many(self, payload: &mut [u8]) {
        // Vectors that cross lines of the cache take up to twice as long.
        let start = match payload.len() {
            ..LONG => 0,
            len => payload.as_ptr().align_offset(LINE).min(len),
        };
        let (head, rest) = payload.split_at_mut(start);
        let (words, tail) = head.as_chunks_mut::<8>();
        words.iter_mut().for_each(|word| xor(word, self.word()));
        self.apply_to_rest(tail);
        let mask = self.rotate(start);
        let (words, tail) = rest.as_chunks_mut::<8>();
        xor_all(words, mask.word());
        mask.apply_to_rest(tail);
    }

    /// Masks what is left behind words of eight bytes.
    #[inline]
    fn apply_to_rest(self, tail: &mut [u8]) {
        let key = u32::from_ne_bytes(self.0);
        let (half, tail) = tail.as_chunks_mut::<4>();
        if let [word] = half {
            *word = (u32::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
        for (byte, key) in tail.iter_mut().zip(self.0) {
            *byte ^= key;
        }
    }

    /// The key twice.
    #[inline]
    fn word(self) -> u64 {
        let key = u32::from_ne_bytes(self.0);
        u64::from(key) << 32 | u64::from(key)
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

/// Words that are masked one by one.
const FEW: usize = 31;

/// From how many bytes on it pays to begin at a line of the cache.
const LONG: usize = 1024;

/// Bytes in a line of the cache; a vector may be as long.
const LINE: usize = 64;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    // covers WS-5.3-02
    #[test]
    fn every_length_equals_the_byte_loop() {
        let key = [0x12, 0x34, 0x56, 0x78];
        for len in 0..300 {
            let plain: Vec<u8> = (0..len).map(|i| i as u8 ^ 0x5A).collect();
            let mut masked = plain.clone();
            Mask::new(key).apply(&mut masked);
            for (i, (m, p)) in masked.iter().zip(&plain).enumerate() {
                assert_eq!(m ^ p, key[i % 4], "length {len}, byte {i}");
            }
        }
    }

    // covers WS-5.3-02
    #[test]
    fn it_makes_no_difference_where_a_payload_lies() {
        let mask = Mask::new([0x12, 0x34, 0x56, 0x78]);
        let mut bytes = [0; LINE + LONG + 17];
        for len in [FEW * 8 + 8, LONG - 1, LONG, LONG + 1, LONG + 17] {
            for start in 0..LINE {
                bytes.fill(0xA5);
                mask.apply(&mut bytes[start..start + len]);
                for (i, byte) in bytes.iter().enumerate() {
                    let inside = (start..start + len).contains(&i);
                    let key = if inside { mask.0[(i - start) % 4] } else { 0 };
                    assert_eq!(*byte ^ 0xA5, key, "{len} bytes at {start}, byte {i}");
                }
            }
        }
    }
}
