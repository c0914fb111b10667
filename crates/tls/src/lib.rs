#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod client;
mod error;
mod pem;
mod protocol;
mod roots;
mod server;
#[cfg(feature = "ring")]
mod unverified;

pub use client::ClientTls;
pub use error::TlsError;
pub use protocol::check_protocol;
pub use server::ServerTls;

pub use rustls;

/// What the constructors without a word for it encrypt with, named so that no choice of the whole program is asked for.
#[cfg(feature = "ring")]
fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::ring::default_provider())
}

/// Why no constructor fails for its provider.
#[cfg(feature = "ring")]
const RING_SPEAKS: &str = "ring speaks both versions";

/// What a read has come to where TLS ended without saying so (`close_notify`): the end, as over TCP.
///
/// Whether anything is missing then is for WebSocket to say, which has an end of its own: the Close frame.
///
/// # Errors
///
/// As the read, if it failed in another way.
pub fn end(read: std::io::Result<usize>) -> std::io::Result<usize> {
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(0),
        read => read,
    }
}

/// What a read that has failed has come to all the same: payload of records that came before the error, if there is
/// some. It is given before the error, however the records came; the error is put in `kept`, for the next read.
///
/// A stream over TLS decrypts what one read of the socket brought, and tells of a record that is not good before it
/// gives what those before it held. `session` is its reader.
///
/// # Errors
///
/// `error`, if there is no such payload.
pub fn before(
    error: std::io::Error,
    mut session: rustls::Reader<'_>,
    buffer: &mut [u8],
    kept: &mut Option<std::io::Error>,
) -> std::io::Result<usize> {
    match std::io::Read::read(&mut session, buffer) {
        Ok(count @ 1..) => {
            *kept = Some(error);
            Ok(count)
        }
        _ => Err(error),
    }
}
