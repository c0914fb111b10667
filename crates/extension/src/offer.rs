use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::token::{is_space, is_token_byte};
use crate::{ParseError, Token};

/// One element of `Sec-WebSocket-Extensions`: an extension's name with its parameters, in the order written.
///
/// A client's header is a list of offers, a server's answer a list of what it accepts. `Display` writes the canonical
/// form, `name; flag; key=value`; a value is never quoted, because a legal value is a token.
///
/// Implements RFC 6455 §9.1.
///
/// # Examples
///
/// ```
/// use bowline_extension::{Offer, Param, Token};
///
/// let offer = Offer::new(Token::from_static("permessage-deflate"))
///     .with(Param::flag(Token::from_static("client_no_context_takeover")))
///     .with(Param::new(Token::from_static("server_max_window_bits"), Token::from(12)));
/// let text = "permessage-deflate; client_no_context_takeover; server_max_window_bits=12";
/// assert_eq!(offer.to_string(), text);
/// assert_eq!(Offer::parse_header([text.as_bytes()])?, [offer]);
/// # Ok::<(), bowline_extension::ParseError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Offer {
    name: Token,
    params: Vec<Param>,
}

impl Offer {
    /// Makes an offer without parameters.
    #[must_use]
    pub const fn new(name: Token) -> Self {
        Self {
            name,
            params: Vec::new(),
        }
    }

    /// Adds a parameter behind the others. A name that is there already is added once more.
    #[must_use]
    pub fn with(mut self, param: Param) -> Self {
        self.params.push(param);
        self
    }

    /// Parses all lines of a `Sec-WebSocket-Extensions` header, in order; without a line there are no offers.
    ///
    /// Duplicates are kept, names and values are as written: what they mean is the extension's affair. Spaces around
    /// `;`, `=` and `,` and empty list elements are tolerated, as RFC 6455 §4.3 wants. Looks at each byte once and reads
    /// at most 32 offers of 16 parameters.
    ///
    /// Implements RFC 6455 §9.1.
    ///
    /// # Errors
    ///
    /// A [`ParseError`] for whatever the grammar doesn't allow: the handshake fails, no part of the header counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowline_extension::Offer;
    ///
    /// let lines: [&[u8]; 2] = [b"foo, bar; baz=\"2\"", b"foo; old"];
    /// let offers = Offer::parse_header(lines)?;
    /// assert_eq!(offers.len(), 3);
    /// assert_eq!(offers[1].params()[0].value(), Some("2"));
    /// # Ok::<(), bowline_extension::ParseError>(())
    /// ```
    pub fn parse_header<'a>(
        lines: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Self>, ParseError> {
        let mut offers = Vec::new();
        let mut present = false;
        for line in lines {
            present = true;
            // Joining lines with commas could only put a comma where an element ends or where the grammar forbids one,
            // so each line can be read by itself.
            Scanner { rest: line, at: 0 }.line(&mut offers)?;
        }
        if present && offers.is_empty() {
            return Err(ParseError::EmptyList);
        }
        Ok(offers)
    }

    /// Returns the extension's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the parameters in the order written, duplicates included.
    #[must_use]
    pub fn params(&self) -> &[Param] {
        &self.params
    }
}

/// A parameter of an [`Offer`]: a name, with or without a value.
///
/// Implements RFC 6455 §9.1 (`extension-param`).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Param {
    name: Token,
    value: Option<Token>,
}

impl Param {
    /// Makes a parameter with a value.
    #[must_use]
    pub const fn new(name: Token, value: Token) -> Self {
        Self {
            name,
            value: Some(value),
        }
    }

    /// Makes a parameter without a value.
    #[must_use]
    pub const fn flag(name: Token) -> Self {
        Self { name, value: None }
    }

    /// Returns the parameter's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the value without quotes and escapes; `None` if there is none. Never an empty string.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

/// What is left of one header line.
struct Scanner<'a> {
    rest: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn line(mut self, offers: &mut Vec<Offer>) -> Result<(), ParseError> {
        while let Some(byte) = self.peek() {
            if byte == b',' {
                self.bump();
            } else if offers.len() == MAX_OFFERS {
                return Err(ParseError::TooManyOffers { limit: MAX_OFFERS });
            } else {
                offers.push(self.offer()?);
            }
        }
        Ok(())
    }

    /// Ends behind the offer, at a comma or at the end of the line.
    fn offer(&mut self) -> Result<Offer, ParseError> {
        let at = self.at;
        let name = self.token().ok_or(ParseError::NameExpected { at })?;
        let mut offer = Offer::new(name);
        loop {
            match self.peek() {
                None | Some(b',') => return Ok(offer),
                Some(b';') if offer.params.len() == MAX_PARAMS => {
                    return Err(ParseError::TooManyParams { limit: MAX_PARAMS });
                }
                Some(b';') => {
                    self.bump();
                    offer.params.push(self.param()?);
                }
                Some(byte) => return Err(ParseError::UnexpectedByte { byte, at: self.at }),
            }
        }
    }

    fn param(&mut self) -> Result<Param, ParseError> {
        self.skip_space();
        let at = self.at;
        let name = self.token().ok_or(ParseError::ParamNameExpected { at })?;
        if self.peek() != Some(b'=') {
            return Ok(Param::flag(name));
        }
        self.bump();
        let value = match self.peek() {
            Some(b'"') => self.quoted()?,
            _ => {
                let at = self.at;
                self.token().ok_or(ParseError::ParamValueExpected { at })?
            }
        };
        Ok(Param::new(name, value))
    }

    /// The next byte that isn't a space, if any.
    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest.first().copied()
    }

    fn skip_space(&mut self) {
        while self.rest.first().copied().is_some_and(is_space) {
            self.bump();
        }
    }

    fn bump(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.at += 1;
        Some(*first)
    }

    fn token(&mut self) -> Option<Token> {
        let mut text = String::new();
        while self.rest.first().copied().is_some_and(is_token_byte) {
            text.extend(self.bump().map(char::from));
        }
        Token::try_from(text).ok()
    }

    /// RFC 6455 §9.1: "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST
    /// conform to the 'token' ABNF."
    fn quoted(&mut self) -> Result<Token, ParseError> {
        let at = self.at;
        let mut text = String::new();
        self.bump();
        loop {
            let mut byte = self.bump();
            if byte == Some(b'"') {
                return Token::try_from(text).map_err(|_| ParseError::QuotedValueNotToken { at });
            }
            if byte == Some(b'\\') {
                byte = self.bump();
            }
            // Whatever isn't ASCII becomes a character that no token has.
            text.push(byte.ok_or(ParseError::QuoteNotClosed { at })?.into());
        }
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.params
            .iter()
            .try_for_each(|param| write!(f, "; {param}"))
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

/// Far above what anyone sends; a browser offers one.
const MAX_OFFERS: usize = 32;

/// permessage-deflate, the only registered extension with parameters, has four.
const MAX_PARAMS: usize = 16;
