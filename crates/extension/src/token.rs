use alloc::borrow::{Cow, ToOwned};
use alloc::string::{String, ToString};
use core::fmt;
use core::ops::Deref;
use core::str::{self, FromStr};

use crate::InvalidToken;

/// A token: one or more letters, digits or ``!#$%&'*+-.^_`|~``, compared byte by byte.
///
/// Extension names, parameters and subprotocols are tokens. Since a value of this type can hold nothing else, what is
/// built from it can be written into a header line without another look.
///
/// Implements RFC 9110 §5.6.2.
///
/// # Examples
///
/// ```
/// use bowline_extension::Token;
///
/// const NAME: Token = Token::from_static("permessage-deflate");
/// assert_eq!(NAME.as_str(), "permessage-deflate");
/// assert!(Token::try_from("two words").is_err());
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Token(Cow<'static, str>);

impl Token {
    /// Makes a token of a literal, without allocating; in a `const` the check happens while compiling.
    ///
    /// # Panics
    ///
    /// If `name` is not a token. Use `try_from` for names that aren't literals.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(is_token(name.as_bytes()), "not a token");
        Self(Cow::Borrowed(name))
    }

    /// Returns the token's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells whether `bytes` are a token: not empty, and only bytes that a token may have.
///
/// Implements RFC 9110 §5.6.2.
#[must_use]
pub const fn is_token(bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return false;
    }
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if !is_token_byte(*first) {
            return false;
        }
        rest = tail;
    }
    true
}

/// Splits the lines of a list header into its elements: without the spaces and tabs around them, without empty ones.
///
/// Several lines are one list, in order. Knows nothing of quoted strings, so it fits `Connection`, `Upgrade` and
/// `Sec-WebSocket-Protocol`; [`Offer::parse_header`](crate::Offer::parse_header) reads `Sec-WebSocket-Extensions`.
///
/// Implements RFC 9110 §5.6.1.2.
///
/// # Examples
///
/// ```
/// let lines: [&[u8]; 2] = [b"keep-alive, ,", b"\tUpgrade "];
/// assert!(bowline_extension::list(lines).eq([&b"keep-alive"[..], b"Upgrade"]));
/// ```
pub fn list<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    lines
        .into_iter()
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// Tells whether a list header has the element `token`, in any mix of ASCII upper and lower case.
///
/// Implements RFC 6455 §4.2.1, items 3 and 4.
///
/// # Examples
///
/// ```
/// let connection: [&[u8]; 1] = [b"keep-alive, upgrade"];
/// assert!(bowline_extension::contains_token(connection, "Upgrade"));
/// assert!(!bowline_extension::contains_token(connection, "up"));
/// ```
pub fn contains_token<'a>(lines: impl IntoIterator<Item = &'a [u8]>, token: &str) -> bool {
    list(lines).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~'
    )
}

pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(mut element: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = element
        && is_space(*first)
    {
        element = rest;
    }
    while let [rest @ .., last] = element
        && is_space(*last)
    {
        element = rest;
    }
    element
}

impl AsRef<str> for Token {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Deref for Token {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// A number's decimal digits are a token.
impl From<u64> for Token {
    fn from(number: u64) -> Self {
        Self(Cow::Owned(number.to_string()))
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(name: &str) -> Result<Self, InvalidToken> {
        Self::try_from(name)
    }
}

impl PartialEq<str> for Token {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Token {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl TryFrom<&[u8]> for Token {
    type Error = InvalidToken;

    fn try_from(name: &[u8]) -> Result<Self, InvalidToken> {
        str::from_utf8(name)
            .map_err(|_| InvalidToken)
            .and_then(Self::try_from)
    }
}

impl TryFrom<&str> for Token {
    type Error = InvalidToken;

    fn try_from(name: &str) -> Result<Self, InvalidToken> {
        if is_token(name.as_bytes()) {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(InvalidToken)
        }
    }
}

impl TryFrom<String> for Token {
    type Error = InvalidToken;

    fn try_from(name: String) -> Result<Self, InvalidToken> {
        if is_token(name.as_bytes()) {
            Ok(Self(Cow::Owned(name)))
        } else {
            Err(InvalidToken)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_token, is_token_byte};

    #[test]
    fn token_bytes_are_the_77_of_the_rfc() {
        const SIGNS: &[u8] = b"!#$%&'*+-.^_`|~";
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || SIGNS.contains(&byte);
            assert_eq!(is_token_byte(byte), expected, "{byte:#04x}");
        }
    }

    #[test]
    fn nothing_is_not_a_token() {
        assert!(!is_token(b""));
    }
}
