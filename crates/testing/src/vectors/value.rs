//! What several vector files have in common.

use std::fmt;
use std::ops::Deref;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::hex::{self, Shown};

/// Bytes that the file spells in hexadecimal. Dereferences to `[u8]`.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Hex(
    /// The bytes.
    pub Vec<u8>,
);

/// An HTTP head, of which the file spells each byte as one character, U+0000 to U+00FF. Dereferences to `[u8]`.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Latin1(
    /// The bytes.
    pub Vec<u8>,
);

/// An end of a connection.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sends masked frames and reads unmasked ones.
    Client,
    /// Sends unmasked frames and reads masked ones.
    Server,
}

/// How binding a vector's expectation is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq)]
pub enum Level {
    /// The RFC demands it.
    #[serde(rename = "MUST")]
    Must,
    /// The RFC recommends it.
    #[serde(rename = "SHOULD")]
    Should,
    /// The RFC leaves it open, and the vector recommends it.
    #[serde(rename = "policy")]
    Policy,
}

/// Limits that a vector assumes, in bytes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The largest payload of one frame.
    pub max_frame: u64,
    /// The largest message.
    pub max_message: u64,
}

impl Role {
    /// The end that reads what this one sends.
    pub fn peer(self) -> Self {
        match self {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }
}

impl Deref for Hex {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Latin1 {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Shown(&self.0), f)
    }
}

impl fmt::Debug for Latin1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::try_decode(&text)
            .map(Hex)
            .ok_or_else(|| D::Error::custom(format_args!("not hexadecimal: {text:?}")))
    }
}

impl<'de> Deserialize<'de> for Latin1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.chars()
            .map(|character| {
                u8::try_from(character)
                    .map_err(|_| D::Error::custom(format_args!("above U+00FF: {character:?}")))
            })
            .collect::<Result<_, _>>()
            .map(Latin1)
    }
}

/// Reads a number that the file spells as a decimal string, because JSON readers may round large ones.
pub(super) fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::parse;

    #[test]
    fn latin1_keeps_each_byte() {
        assert_eq!(
            &*parse::<Latin1>(r#""G\u00ff\u0000é\r\n""#),
            b"G\xff\0\xe9\r\n"
        );
    }

    #[test]
    #[should_panic(expected = "above U+00FF")]
    fn latin1_refuses_wider_characters() {
        parse::<Latin1>(r#""€""#);
    }

    #[test]
    #[should_panic(expected = "not hexadecimal")]
    fn hex_refuses_half_a_byte() {
        parse::<Hex>(r#""818""#);
    }
}
