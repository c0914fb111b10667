//! What a transport says that it did, checked: a count that can't be true would make us handle bytes that never came, or
//! skip bytes that were never sent.

use std::io;

/// The part of `buffer` that a transport says it has read into.
///
/// # Errors
///
/// There is no such part.
pub fn read(buffer: &[u8], count: usize) -> io::Result<&[u8]> {
    buffer.get(..count).ok_or_else(overread)
}

/// What is left of `bytes` when a transport says that it took some of them.
///
/// # Errors
///
/// It took none, which is how a transport says that it never will, or more than there were.
pub fn rest(bytes: &[u8], count: usize) -> io::Result<&[u8]> {
    taken(count, bytes.len())?;
    Ok(&bytes[count..])
}

/// Checks a transport that says it took `count` of `len` bytes.
///
/// # Errors
///
/// As [`rest`].
#[inline]
pub fn taken(count: usize, len: usize) -> io::Result<()> {
    match count {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count if count > len => Err(overtaken()),
        _ => Ok(()),
    }
}

/// A transport has read more than there was room for, by its own account.
#[cold]
pub fn overread() -> io::Error {
    io::Error::other("transport read more than there was room")
}

/// A transport has panicked, and nobody knows what it has taken.
#[cold]
pub fn panicked() -> io::Error {
    io::Error::other("the transport panicked")
}

#[cold]
fn overtaken() -> io::Error {
    io::Error::other("transport took more than it was given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_can_be_true_is_believed() {
        assert_eq!(read(b"abc", 0).unwrap(), b"");
        assert_eq!(read(b"abc", 3).unwrap(), b"abc");
        assert_eq!(rest(b"abc", 1).unwrap(), b"bc");
        assert_eq!(rest(b"abc", 3).unwrap(), b"");
    }

    #[test]
    fn a_count_that_can_not_be_true_is_an_error() {
        assert!(read(b"abc", 4).is_err());
        assert_eq!(rest(b"abc", 4).unwrap_err().kind(), io::ErrorKind::Other);
        let none = rest(b"abc", 0).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::WriteZero);
    }
}
