//! Beside `wide` the one file that may hold unsafe code.
#![allow(unsafe_code)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use bytes::{Bytes, BytesMut};

use crate::{Utf8Error, builder, utf8};

/// A shared run of bytes known to be UTF-8: the payload of a text message.
///
/// Cloning shares the bytes. It derefs to `str`, converts from `String` without a copy and from `&str`
/// with one.
///
/// # Examples
///
/// ```
/// use bowline_frame::Text;
///
/// let text = Text::from(String::from("grüße"));
/// assert_eq!(text.len(), 7);
/// assert!(text.starts_with("gr"));
/// ```
// Invariant: the bytes are UTF-8. Every constructor in this file checks them or takes them from a `str`.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Text(Bytes);

impl Text {
    /// A text that lives as long as the program; nothing is allocated or copied.
    #[inline]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text as a `str`.
    #[inline]
    pub fn as_str(&self) -> &str {
        // SAFETY: the bytes are UTF-8 by the invariant of the type: every constructor in this file
        // validated them or took them from a `str`, and no method hands out `&mut` access.
        unsafe { core::str::from_utf8_unchecked(&self.0) }
    }

    /// The bytes of the text; shared, not copied.
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// For [`MessageBuilder`](crate::MessageBuilder), which validated the bytes as they came.
    #[inline]
    pub(crate) fn from_validated(text: Validated) -> Self {
        Self(builder::freeze(text.bytes))
    }
}

/// Bytes that were validated as they were put together: whole text up to what `open` holds.
// Invariant: `bytes` without its last `open.open_bytes()` bytes is UTF-8, and those are the start of
// one code point. The fields are private to this file.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    bytes: BytesMut,
    open: utf8::Utf8Validator,
}

impl Growing {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn extend(&mut self, piece: &[u8]) -> Result<(), Utf8Error> {
        self.open.push(piece)?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Takes what was filled into [`spare`](Self::spare); no copy if it is the same memory.
    pub(crate) fn unsplit(&mut self, piece: BytesMut) -> Result<(), Utf8Error> {
        self.open.push(&piece)?;
        self.bytes.unsplit(piece);
        Ok(())
    }

    /// Room for the first piece; nothing is read or written through it.
    pub(crate) fn expect(&mut self, len: usize, more: usize) {
        builder::expect(&mut self.bytes, len, more);
    }

    pub(crate) fn spare(&mut self, want: usize) -> BytesMut {
        builder::spare(&mut self.bytes, want)
    }

    pub(crate) fn spare_within(&mut self, want: usize, most: usize) -> BytesMut {
        builder::spare_within(&mut self.bytes, want, most)
    }

    pub(crate) fn finish(self) -> Result<Validated, Utf8Error> {
        if self.open.is_complete() {
            Ok(Validated { bytes: self.bytes })
        } else {
            Err(Utf8Error::cut_short(self.bytes.len()))
        }
    }
}

// Invariant: `bytes` is UTF-8; only `Growing::finish` makes one.
pub(crate) struct Validated {
    bytes: BytesMut,
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<String> for Text {
    #[inline]
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

/// Copies the text; [`Text::from_static`] does not.
impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        Self(Box::<[u8]>::from(text.as_bytes()).into())
    }
}

impl From<Text> for Bytes {
    #[inline]
    fn from(text: Text) -> Self {
        text.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().into()
    }
}

/// Checks the bytes; no copy.
impl TryFrom<Bytes> for Text {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        utf8::to_str(&bytes)?;
        Ok(Self(bytes))
    }
}

/// Checks the bytes; no copy.
impl TryFrom<BytesMut> for Text {
    type Error = Utf8Error;

    fn try_from(bytes: BytesMut) -> Result<Self, Utf8Error> {
        Self::try_from(bytes.freeze())
    }
}

/// Checks the bytes; no copy.
impl TryFrom<Vec<u8>> for Text {
    type Error = Utf8Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Utf8Error> {
        Self::try_from(Bytes::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text_only_if_they_are_utf8() {
        assert_eq!(
            Text::try_from(Bytes::from_static("ä".as_bytes())).unwrap(),
            "ä"
        );
        let cut = Text::try_from(alloc::vec![b'a', 0xC3]).unwrap_err();
        assert_eq!(cut.at(), 2);
        assert_eq!(
            Text::try_from(BytesMut::from(&b"a\xFF"[..]))
                .unwrap_err()
                .at(),
            1
        );
    }

    #[test]
    fn a_growing_text_is_text_only_when_whole() {
        let mut text = Growing::default();
        text.extend(b"a\xC3").unwrap();
        assert!(text.extend(b"\xFF").is_err());
        assert_eq!(text.len(), 2);
        assert!(text.extend(b"\xA4").is_ok());
        assert_eq!(Text::from_validated(text.finish().ok().unwrap()), "aä");

        let mut text = Growing::default();
        text.extend(b"a\xC3").unwrap();
        assert!(text.finish().is_err());
    }
}
