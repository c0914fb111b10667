//! A seeded generator for tests.

/// A SplitMix64 generator: the same seed gives the same numbers on every machine.
///
/// Never a source of masking keys outside tests: one output tells all that follow.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts from `seed`. Every seed is as good as any other.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Draws 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number in `0..bound`.
    ///
    /// # Panics
    ///
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        assert_ne!(bound, 0, "no number is below 0");
        // The high half of a 128-bit product is below `bound`, so it fits.
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Fills `bytes`. Fits where a crate asks for a `fn(&mut [u8])` as its randomness.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Says which seed tests start from: the environment variable `BOWLINE_SEED`, else a fixed one.
///
/// # Panics
///
/// If the variable is set to something that is not a decimal number below 2^64.
pub fn seed() -> u64 {
    match std::env::var("BOWLINE_SEED") {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("BOWLINE_SEED is not a number: {text:?}")),
        Err(std::env::VarError::NotPresent) => DEFAULT_SEED,
        Err(error) => panic!("BOWLINE_SEED: {error}"),
    }
}

const DEFAULT_SEED: u64 = 6455;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_sequence() {
        // The first outputs for seed 1234567 in the reference implementation of SplitMix64.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn below_reaches_every_number_and_no_other() {
        let mut random = Random::new(1);
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[random.below(7)] = true;
        }
        assert_eq!(seen, [true; 7]);
    }

    #[test]
    fn fill_leaves_no_tail_untouched() {
        let mut random = Random::new(2);
        let mut bytes = [0; 13];
        let mut changed = [false; 13];
        for _ in 0..64 {
            random.fill(&mut bytes);
            for (changed, byte) in changed.iter_mut().zip(bytes) {
                *changed |= byte != 0;
            }
        }
        assert_eq!(changed, [true; 13]);
    }
}
