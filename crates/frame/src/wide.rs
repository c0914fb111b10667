//! Words with a key over them, by AVX2 where the processor has it.
//!
//! Beside `text` the one file that may hold unsafe code.
#![allow(unsafe_code)]

/// XORs `key` over each of `words`.
#[inline]
pub(crate) fn xor_all(words: &mut [[u8; 8]], key: u64) {
    #[cfg(all(feature = "std", any(target_arch = "x86", target_arch = "x86_64")))]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, and that is all that is asked of a caller.
        return unsafe { xor_all_avx2(words, key) };
    }
    xor_each(words, key);
}

#[cfg(all(feature = "std", any(target_arch = "x86", target_arch = "x86_64")))]
#[target_feature(enable = "avx2")]
fn xor_all_avx2(words: &mut [[u8; 8]], key: u64) {
    xor_each(words, key);
}

/// Vectorises as far as the caller may use vectors.
#[inline(always)]
fn xor_each(words: &mut [[u8; 8]], key: u64) {
    for word in words {
        xor(word, key);
    }
}

#[inline]
pub(crate) fn xor(word: &mut [u8; 8], key: u64) {
    *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_gives_the_same() {
        let key = 0x0123_4567_89AB_CDEF;
        for len in 0..100 {
            let plain = core::array::from_fn::<_, 100, _>(|i| [i as u8; 8]);
            let (mut one, mut all, mut each) = (plain, plain, plain);
            one[..len].iter_mut().for_each(|word| xor(word, key));
            xor_all(&mut all[..len], key);
            xor_each(&mut each[..len], key);
            assert_eq!(all, one, "{len} words");
            assert_eq!(each, one, "{len} words");
        }
    }
}
