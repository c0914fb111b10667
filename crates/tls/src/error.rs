use std::error;
use std::fmt;
use std::io;

use rustls::pki_types::pem;

/// Why a client or server can't be set up to encrypt, or a stream that is encrypted can't be used.
///
/// In an [`io::Error`] it is found again with [`get_ref`](io::Error::get_ref) and `downcast_ref`.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The text is no PEM, or not of the kind that is wanted.
    Pem(pem::Error),
    /// There is no certificate in the text, or the operating system lists none.
    NoCertificate(Option<Box<dyn error::Error + Send + Sync>>),
    /// Certificates and key can't be used, alone or together.
    Rustls(rustls::Error),
    /// Both ends agreed on a protocol (ALPN) other than `http/1.1`: this one.
    Protocol(Vec<u8>),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(_) => f.write_str("the PEM can't be read"),
            Self::NoCertificate(_) => f.write_str("there is no certificate"),
            Self::Rustls(_) => f.write_str("the certificates can't be used"),
            Self::Protocol(agreed) => {
                let agreed = agreed.escape_ascii();
                write!(f, "the protocol agreed on is {agreed}, not http/1.1")
            }
        }
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Pem(error) => Some(error),
            Self::NoCertificate(Some(error)) => Some(error.as_ref()),
            Self::NoCertificate(None) | Self::Protocol(_) => None,
            Self::Rustls(error) => Some(error),
        }
    }
}

impl From<pem::Error> for TlsError {
    fn from(error: pem::Error) -> Self {
        Self::Pem(error)
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(error)
    }
}

/// `InvalidData` for a protocol, which is the peer's doing too, else `Other`.
impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        let kind = match error {
            TlsError::Protocol(_) => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
