use bowline_frame::MessageKind;

/// What is known of a message before its payload is encoded.
///
/// # Examples
///
/// ```
/// use bowline_extension::{Compress, Outgoing};
/// use bowline_frame::MessageKind;
///
/// let outgoing = Outgoing::new(MessageKind::Text)
///     .with_len(5)
///     .with_compress(Compress::Never);
/// assert_eq!(outgoing.len, Some(5));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Outgoing {
    /// Text or binary.
    pub kind: MessageKind,
    /// The payload's length in bytes before encoding; `None` (the default) while the message is still being produced.
    pub len: Option<u64>,
    /// What the sender wishes; [`Compress::Auto`] by default.
    pub compress: Compress,
}

impl Outgoing {
    /// Describes a message of unknown length whose compression is left to the extension.
    #[must_use]
    pub const fn new(kind: MessageKind) -> Self {
        Self {
            kind,
            len: None,
            compress: Compress::Auto,
        }
    }

    /// Sets the payload's length in bytes, before encoding.
    #[must_use]
    pub const fn with_len(mut self, len: u64) -> Self {
        self.len = Some(len);
        self
    }

    /// Sets what the sender wishes.
    #[must_use]
    pub const fn with_compress(mut self, compress: Compress) -> Self {
        self.compress = compress;
        self
    }
}

/// A sender's wish for one message. Complete by definition.
///
/// An extension that doesn't compress is free to ignore it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Compress {
    /// The extension decides, for example by length. The default.
    #[default]
    Auto,
    /// Compress even what the extension would leave alone.
    Always,
    /// Send as it is: for payload that is compressed already, or that mixes secrets with what an attacker chooses.
    Never,
}
