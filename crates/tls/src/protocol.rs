use crate::TlsError;

/// The one protocol that is offered for a connection (ALPN, RFC 7301): WebSockets begin as HTTP/1.1.
pub(crate) const HTTP_1_1: &[u8] = b"http/1.1";

/// Checks what both ends agreed to speak (ALPN, RFC 7301): nothing said, or HTTP/1.1. Either role asks for it once the
/// handshake of TLS is done.
///
/// With what the constructors make it can't be anything else. A config of one's own may offer other protocols, and then
/// the peer waits for one of these: it must not be spoken to in HTTP/1.1.
///
/// # Errors
///
/// [`TlsError::Protocol`] if it is another.
pub fn check_protocol(agreed: Option<&[u8]>) -> Result<(), TlsError> {
    match agreed {
        None | Some(HTTP_1_1) => Ok(()),
        Some(other) => Err(TlsError::Protocol(other.to_vec())),
    }
}
