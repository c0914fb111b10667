use std::error::Error;
use std::fmt::{self, Display};

/// Why the program ends with another code than 0.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence, without the program's name.
    pub(crate) text: String,
    /// The exit code: 1; 2 if the arguments are wrong; 130 after a second ctrl-c.
    pub(crate) code: u8,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 1,
        }
    }

    /// What could not be done, and why.
    pub(crate) fn of(what: impl Display, error: &dyn Error) -> Self {
        Self::new(format!("{what}: {}", Chain(error)))
    }

    /// The arguments are wrong.
    pub(crate) fn usage(self) -> Self {
        Self { code: 2, ..self }
    }

    /// A second ctrl-c.
    pub(crate) fn interrupted() -> Self {
        Self {
            text: "interrupted".into(),
            code: 130,
        }
    }
}

/// An error with its causes: `the peer broke the protocol: reserved bit set`.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut error = self.0;
        while let Some(cause) = error.source() {
            write!(f, ": {cause}")?;
            error = cause;
        }
        Ok(())
    }
}
