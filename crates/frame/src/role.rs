use core::fmt;

/// Which end of a connection we are. The client masks what it sends, the server does not.
///
/// Complete by definition: RFC 6455 §1.2 knows two.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// The end that opened the connection.
    Client,
    /// The end that accepted it.
    Server,
}

impl Role {
    /// The role at the other end.
    #[inline]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// True if frames sent in this role are masked (RFC 6455 §5.1).
    #[inline]
    pub const fn masks(self) -> bool {
        matches!(self, Self::Client)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}
