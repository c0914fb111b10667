use core::error::Error;
use core::fmt;

/// Checks text that arrives in pieces, and stops at the first byte that cannot be right.
///
/// A piece may end inside a code point; what is open waits here, at most three bytes. Non-characters
/// and NUL are valid; overlong forms, surrogates and values above U+10FFFF are not (RFC 3629).
///
/// Implements RFC 6455 §8.1.
///
/// # Examples
///
/// ```
/// use bowline_frame::Utf8Validator;
///
/// let mut text = Utf8Validator::new();
/// text.push(b"caf\xc3")?;
/// assert!(!text.is_complete());
/// text.push(b"\xa9")?;
/// assert!(text.is_complete());
/// assert_eq!(text.push(b"a\xffb").unwrap_err().at(), 1);
/// # Ok::<(), bowline_frame::Utf8Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Utf8Validator {
    open: [u8; 3],
    len: u8,
}

impl Utf8Validator {
    /// A validator at the start of a text.
    pub const fn new() -> Self {
        Self {
            open: [0; 3],
            len: 0,
        }
    }

    /// Checks the next piece of the text.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] names the byte of this piece that makes the text wrong whatever may follow. The
    /// validator then stands where it stood before the call.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Utf8Error> {
        let (carried, rest) = if self.len == 0 {
            (0, bytes)
        } else {
            match self.resume(bytes)? {
                Some(carried) => (carried, bytes.get(carried..).unwrap_or_default()),
                None => return Ok(()),
            }
        };
        match check(rest) {
            Ok(_) => self.len = 0,
            Err((valid, false)) => self.keep(rest.get(valid..).unwrap_or_default()),
            Err((valid, true)) => {
                let bad = rest.get(valid..).unwrap_or_default();
                return Err(Utf8Error {
                    at: carried + valid + first_bad(bad),
                });
            }
        }
        Ok(())
    }

    /// True if the text may end here: no code point is open.
    #[inline]
    pub const fn is_complete(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the open code point that have arrived: 0 to 3.
    #[inline]
    pub const fn open_bytes(&self) -> usize {
        self.len as usize
    }

    /// Goes on with the open code point. `Some(n)`: it ended with the first `n` bytes; `None`: all
    /// bytes went into it and it is still open.
    fn resume(&mut self, bytes: &[u8]) -> Result<Option<usize>, Utf8Error> {
        let mut open = [0; 4];
        let mut len = self.len as usize;
        open[..3].copy_from_slice(&self.open);
        for (at, &byte) in bytes.iter().enumerate() {
            let so_far = open.get(..len).unwrap_or_default();
            match next(so_far, byte) {
                Next::Wrong => return Err(Utf8Error { at }),
                Next::Ends => return Ok(Some(at + 1)),
                Next::Open => {
                    if let Some(slot) = open.get_mut(len) {
                        *slot = byte;
                    }
                    len += 1;
                }
            }
        }
        self.keep(open.get(..len).unwrap_or_default());
        Ok(None)
    }

    fn keep(&mut self, open: &[u8]) {
        self.open = [0; 3];
        for (slot, &byte) in self.open.iter_mut().zip(open) {
            *slot = byte;
        }
        self.len = open.len() as u8;
    }
}

/// Text that is not UTF-8.
///
/// A peer who sends it is answered with close code 1007 (RFC 6455 §8.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Utf8Error {
    at: usize,
}

impl Utf8Error {
    /// Index, in the bytes just given, of the first byte that cannot continue a valid text; the
    /// length of those bytes if they are a valid text cut short.
    pub const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn cut_short(len: usize) -> Self {
        Self { at: len }
    }
}

impl fmt::Display for Utf8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text is not UTF-8 at byte {}", self.at)
    }
}

impl Error for Utf8Error {}

/// Checks a whole text in one go.
#[inline]
pub(crate) fn to_str(bytes: &[u8]) -> Result<&str, Utf8Error> {
    check(bytes).map_err(|(valid, wrong)| Utf8Error {
        at: if wrong {
            valid + first_bad(bytes.get(valid..).unwrap_or_default())
        } else {
            bytes.len()
        },
    })
}

/// `Err((valid, wrong))`: the first `valid` bytes are whole code points; behind them stands a wrong
/// byte, or else a code point that is cut short.
#[inline]
fn check(bytes: &[u8]) -> Result<&str, (usize, bool)> {
    // Setting up the vector check costs more than it saves on a few bytes.
    if bytes.len() < 32 {
        core::str::from_utf8(bytes)
            .map_err(|error| (error.valid_up_to(), error.error_len().is_some()))
    } else {
        simdutf8::compat::from_utf8(bytes)
            .map_err(|error| (error.valid_up_to(), error.error_len().is_some()))
    }
}

/// Index of the first byte that cannot be right, in bytes that begin with a wrong sequence.
fn first_bad(bytes: &[u8]) -> usize {
    (0..bytes.len().min(4))
        .find(|&at| {
            let (so_far, rest) = bytes.split_at_checked(at).unwrap_or_default();
            rest.first()
                .is_some_and(|&byte| matches!(next(so_far, byte), Next::Wrong))
        })
        .unwrap_or(0)
}

enum Next {
    Open,
    Ends,
    Wrong,
}

/// What `byte` does to a code point of which `open` is there (RFC 3629 §4).
fn next(open: &[u8], byte: u8) -> Next {
    let (fits, last) = match *open {
        [] => match byte {
            0x00..=0x7F => (true, true),
            0xC2..=0xF4 => (true, false),
            _ => (false, false),
        },
        [0xC2..=0xDF] => (matches!(byte, 0x80..=0xBF), true),
        [0xE0] => (matches!(byte, 0xA0..=0xBF), false),
        [0xED] => (matches!(byte, 0x80..=0x9F), false),
        [0xF0] => (matches!(byte, 0x90..=0xBF), false),
        [0xF4] => (matches!(byte, 0x80..=0x8F), false),
        [_] => (matches!(byte, 0x80..=0xBF), false),
        [0xE0..=0xEF, _] => (matches!(byte, 0x80..=0xBF), true),
        [_, _] => (matches!(byte, 0x80..=0xBF), false),
        _ => (matches!(byte, 0x80..=0xBF), true),
    };
    match (fits, last) {
        (false, _) => Next::Wrong,
        (true, true) => Next::Ends,
        (true, false) => Next::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers WS-8.1-02
    #[test]
    fn the_step_function_agrees_with_std_on_every_short_string() {
        // All strings of up to four bytes over the bytes where the rules change.
        const EDGES: [u8; 20] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE1, 0xED,
            0xEF, 0xF0, 0xF3, 0xF4, 0xF5, 0xFF,
        ];
        let total = EDGES.len();
        for n in 0..total.pow(4) {
            let text = [
                EDGES[n % total],
                EDGES[n / total % total],
                EDGES[n / total.pow(2) % total],
                EDGES[n / total.pow(3)],
            ];
            for len in 1..=4 {
                let text = &text[..len];
                let mut bytewise = Utf8Validator::new();
                let wrong_at = text
                    .iter()
                    .position(|byte| bytewise.push(&[*byte]).is_err());
                let mut whole = Utf8Validator::new();
                match core::str::from_utf8(text) {
                    Ok(_) => {
                        assert_eq!(whole.push(text), Ok(()), "{text:02x?}");
                        assert_eq!(wrong_at, None, "{text:02x?}");
                        assert!(whole.is_complete() && bytewise.is_complete());
                    }
                    Err(error) if error.error_len().is_none() => {
                        assert_eq!(whole.push(text), Ok(()), "{text:02x?}");
                        assert_eq!(wrong_at, None, "{text:02x?}");
                        assert_eq!(whole.open_bytes(), len - error.valid_up_to());
                        assert_eq!(bytewise.open_bytes(), whole.open_bytes());
                        assert_eq!(to_str(text), Err(Utf8Error { at: len }));
                    }
                    Err(_) => {
                        let at = whole.push(text).unwrap_err().at();
                        assert_eq!(wrong_at, Some(at), "{text:02x?}");
                        assert_eq!(to_str(text), Err(Utf8Error { at }));
                    }
                }
            }
        }
    }
}
