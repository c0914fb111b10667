//! DEFLATE written by hand.

/// So many zeros, rounded up to a multiple of 258 and one, in one block with the fixed codes: 13 bits for 258 bytes.
pub(crate) fn zeros(len: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    // Not the last block; the fixed codes.
    bits.push(&[0, 1, 0]);
    // The literal 0.
    bits.push(&[0, 0, 1, 1, 0, 0, 0, 0]);
    for _ in 0..(len - 1).div_ceil(258) {
        // 258 bytes more of what is one byte back.
        bits.push(&[1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }
    // The end of the block, and the head of an empty stored one, of which the rest is left out (RFC 7692 §7.2.1).
    bits.push(&[0; 7]);
    bits.push(&[0; 3]);
    bits.bytes
}

/// Bits, the lowest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn push(&mut self, bits: &[u8]) {
        for bit in bits {
            if self.len.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << (self.len % 8);
            }
            self.len += 1;
        }
    }
}
