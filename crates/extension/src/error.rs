use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::error::Error;
use core::fmt;

use bowline_frame::CloseCode;

/// The text is not a [`Token`](crate::Token): empty, or with a byte that a token may not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidToken;

/// How a `Sec-WebSocket-Extensions` header breaks the grammar of RFC 6455 §9.1.
///
/// The peer is at fault and the opening handshake fails: a server answers 400, a client gives up. Positions count the
/// bytes of the header line from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ParseError {
    /// The header is present but has no element.
    EmptyList,
    /// Something other than an extension's name begins an element.
    NameExpected {
        /// Where the name should begin.
        at: usize,
    },
    /// No parameter name follows a semicolon.
    ParamNameExpected {
        /// Where the name should begin.
        at: usize,
    },
    /// Neither a token nor a quoted string follows an equals sign.
    ParamValueExpected {
        /// Where the value should begin.
        at: usize,
    },
    /// A quoted value without its quotes and escapes is not a token.
    QuotedValueNotToken {
        /// Where the opening quote is.
        at: usize,
    },
    /// A quoted string has no closing quote.
    QuoteNotClosed {
        /// Where the opening quote is.
        at: usize,
    },
    /// A byte that can't follow what is before it.
    UnexpectedByte {
        /// The byte.
        byte: u8,
        /// Where it is.
        at: usize,
    },
    /// More elements than are read.
    TooManyOffers {
        /// How many are read.
        limit: usize,
    },
    /// More parameters in one element than are read.
    TooManyParams {
        /// How many are read.
        limit: usize,
    },
}

/// Why a client's extension can't live with the server's answer: the opening handshake fails.
///
/// Implements RFC 6455 §9.1: a client fails the connection when parameters are not supported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfirmError {
    reason: Cow<'static, str>,
}

impl ConfirmError {
    /// Makes an error. `reason` is one lower-case phrase without a full stop, written for people.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// Why an extension can't encode or decode a message. The connection fails with [`close_code`](Self::close_code).
///
/// One pointer in size. The extension isn't used again afterwards.
///
/// # Examples
///
/// ```
/// use bowline_extension::ExtensionError;
/// use bowline_frame::CloseCode;
///
/// let error = ExtensionError::invalid_payload("run of length zero");
/// assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD);
/// assert_eq!(error.to_string(), "run of length zero");
/// ```
#[derive(Debug)]
pub struct ExtensionError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: CloseCode,
    reason: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ExtensionError {
    /// The peer used the extension against its rules, for example a reserved bit where it may not be: 1002.
    pub fn protocol(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CloseCode::PROTOCOL_ERROR, reason)
    }

    /// The peer sent payload that can't be decoded: 1007.
    pub fn invalid_payload(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CloseCode::INVALID_PAYLOAD, reason)
    }

    /// The message needs more memory or work than the extension allows: 1009.
    pub fn too_big(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CloseCode::MESSAGE_TOO_BIG, reason)
    }

    /// The extension itself failed; the peer is not to blame: 1011.
    pub fn internal(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CloseCode::INTERNAL_ERROR, reason)
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns the code of the Close frame that ends the connection: 1002, 1007, 1009 or 1011.
    ///
    /// Implements RFC 6455 §7.4.1.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        self.0.code
    }

    fn new(code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            reason: reason.into(),
            source: None,
        }))
    }
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a token")
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyList => f.write_str("list without an element"),
            Self::NameExpected { at } => write!(f, "extension name expected at byte {at}"),
            Self::ParamNameExpected { at } => write!(f, "parameter name expected at byte {at}"),
            Self::ParamValueExpected { at } => write!(f, "parameter value expected at byte {at}"),
            Self::QuotedValueNotToken { at } => {
                write!(f, "quoted value at byte {at} is not a token")
            }
            Self::QuoteNotClosed { at } => write!(f, "quote at byte {at} is not closed"),
            Self::UnexpectedByte { byte, at } => {
                write!(f, "unexpected byte {byte:#04x} at byte {at}")
            }
            Self::TooManyOffers { limit } => write!(f, "more than {limit} extensions"),
            Self::TooManyParams { limit } => {
                write!(f, "more than {limit} parameters of one extension")
            }
        }
    }
}

impl fmt::Display for ConfirmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl fmt::Display for ExtensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.reason)
    }
}

impl Error for InvalidToken {}

impl Error for ParseError {}

impl Error for ConfirmError {}

impl Error for ExtensionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
