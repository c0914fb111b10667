//! Payload patterns that a vector can name instead of spelling the bytes out.

/// Builds the `seq` pattern: byte *i* is *i* mod 251.
///
/// 251 is prime, so that a shift by a mask's length, a block or a page changes every byte.
pub fn seq(len: usize) -> Vec<u8> {
    let unit: Vec<u8> = (0..=250).collect();
    let mut payload = unit.repeat(len.div_ceil(unit.len()));
    payload.truncate(len);
    payload
}

/// Builds the `repeat` pattern: `byte`, `len` times.
pub fn repeat(byte: u8, len: usize) -> Vec<u8> {
    vec![byte; len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seq_restarts_after_251_bytes() {
        let payload = seq(600);
        assert_eq!(payload.len(), 600);
        for (index, &byte) in payload.iter().enumerate() {
            assert_eq!(usize::from(byte), index % 251);
        }
    }
}
