use std::sync::Arc;

use rustls::ServerConfig;

/// What a server encrypts with: its certificate and key, and whether it asks clients for theirs. Cloning is cheap.
///
/// A config of your own is taken as it is, with its cryptography and its protocols (ALPN). A client with which it agrees
/// on another protocol than `http/1.1`, such as `h2`, is not served: accepting it fails with
/// [`TlsError::Protocol`](crate::TlsError::Protocol). Who serves others on the same port encrypts the stream first, looks at
/// what was agreed on, and hands over those that speak HTTP/1.1.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bowline_tls::ServerTls;
/// use bowline_tls::rustls::ServerConfig;
///
/// fn with_mine(config: ServerConfig) -> ServerTls {
///     ServerTls::from(Arc::new(config))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ServerConfig>);

impl ServerTls {
    /// The config.
    pub const fn config(&self) -> &Arc<ServerConfig> {
        &self.0
    }
}

impl From<Arc<ServerConfig>> for ServerTls {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self(config)
    }
}

impl From<ServerConfig> for ServerTls {
    fn from(config: ServerConfig) -> Self {
        Self(Arc::new(config))
    }
}

#[cfg(feature = "ring")]
mod constructors {
    use std::sync::Arc;

    use rustls::server::WebPkiClientVerifier;
    use rustls::server::danger::ClientCertVerifier;
    use rustls::{RootCertStore, ServerConfig};

    use super::ServerTls;
    use crate::protocol::HTTP_1_1;
    use crate::{TlsError, pem, provider};

    impl ServerTls {
        /// Shows a certificate: the chain, the server's own first, and its private key, both as PEM. Clients are
        /// asked for none.
        ///
        /// It speaks `http/1.1` (ALPN) over TLS 1.2 and 1.3, uses ring, and doesn't touch the provider of the
        /// process.
        ///
        /// # Errors
        ///
        /// [`TlsError`] if they can't be read, or don't belong together.
        pub fn certificate(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
            Self::verified_by(WebPkiClientVerifier::no_client_auth(), chain, key)
        }

        /// As [`certificate`](Self::certificate), and lets in only clients whose own certificate comes from an
        /// authority in `authorities`.
        ///
        /// # Errors
        ///
        /// [`TlsError`] if they can't be read, or don't belong together.
        pub fn certificate_for_clients_of(
            authorities: &[u8],
            chain: &[u8],
            key: &[u8],
        ) -> Result<Self, TlsError> {
            let mut roots = RootCertStore::empty();
            for certificate in pem::certificates(authorities)? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            Self::verified_by(verifier, chain, key)
        }

        fn verified_by(
            verifier: Arc<dyn ClientCertVerifier>,
            chain: &[u8],
            key: &[u8],
        ) -> Result<Self, TlsError> {
            let mut config = ServerConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()?
                .with_client_cert_verifier(verifier)
                .with_single_cert(pem::certificates(chain)?, pem::private_key(key)?)?;
            config.alpn_protocols = vec![HTTP_1_1.to_vec()];
            Ok(Self(Arc::new(config)))
        }
    }
}
