//! Bytes to hexadecimal and back, and assertions that show bytes in it.

use std::fmt::{self, Write};

/// Decodes hexadecimal of either case, without separators.
///
/// # Panics
///
/// If `text` has an odd number of characters or one that is not a hexadecimal digit.
pub fn decode(text: &str) -> Vec<u8> {
    try_decode(text).unwrap_or_else(|| panic!("not hexadecimal: {text:?}"))
}

/// Encodes as lower-case hexadecimal without separators.
pub fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}

/// Shows bytes as hexadecimal in `{}` and `{:?}`, at most 64 of them.
///
/// # Examples
///
/// ```
/// assert_eq!(bowline_testing::hex::Shown(&[0x81, 0x00]).to_string(), "[8100]");
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Shown<'a>(
    /// The bytes to show.
    pub &'a [u8],
);

/// Asserts that two byte strings are equal.
///
/// On failure shows both in hexadecimal, around the first byte at which they part.
///
/// # Panics
///
/// If `actual` and `expected` differ; `context` says in what.
#[track_caller]
pub fn assert_bytes_eq(actual: &[u8], expected: &[u8], context: impl fmt::Display) {
    if actual == expected {
        return;
    }
    let index = actual
        .iter()
        .zip(expected)
        .take_while(|(a, e)| a == e)
        .count();
    let start = index.saturating_sub(16);
    panic!(
        "{context}: bytes differ from index {index} on\n   actual, {} bytes, from {start}: {}\n expected, {} bytes, from {start}: {}",
        actual.len(),
        Shown(&actual[start..]),
        expected.len(),
        Shown(&expected[start..]),
    );
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, rest) = self.0.split_at(self.0.len().min(SHOWN_MAX));
        write!(f, "[{}", encode(head))?;
        if !rest.is_empty() {
            write!(f, " and {} more", rest.len())?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(crate) fn try_decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect()
}

fn digit(character: u8) -> Option<u8> {
    // A hexadecimal digit is below 16 and fits.
    char::from(character).to_digit(16).map(|value| value as u8)
}

const SHOWN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&bytes)), bytes);
        assert_eq!(decode(&encode(&bytes).to_uppercase()), bytes);
    }

    #[test]
    fn rejects_what_is_not_hexadecimal() {
        for text in ["0", "0g", " 00", "+1", "é"] {
            assert_eq!(try_decode(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_difference_is_shown_where_it_is() {
        let (left, right) = ([7; 40], [[7; 39].as_slice(), &[8]].concat());
        let failure =
            std::panic::catch_unwind(|| assert_bytes_eq(&left, &right, "frame 3")).unwrap_err();
        let text = failure.downcast_ref::<String>().unwrap();
        assert!(
            text.starts_with("frame 3: bytes differ from index 39 on"),
            "{text}"
        );
        assert!(text.ends_with("0708]"), "{text}");
    }

    #[test]
    fn a_missing_tail_is_a_difference() {
        let failure =
            std::panic::catch_unwind(|| assert_bytes_eq(b"ab", b"a", "tail")).unwrap_err();
        assert!(
            failure
                .downcast_ref::<String>()
                .unwrap()
                .contains("from index 1 on")
        );
    }

    #[test]
    fn long_bytes_are_cut_short() {
        assert!(Shown(&[0; 70]).to_string().ends_with("00 and 6 more]"));
    }
}
