use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::{TlsError, pem};

/// What a client encrypts with: whose certificates it trusts and which one it shows itself. Cloning is cheap.
///
/// A config of your own is taken as it is, with its cryptography, its protocols (ALPN) and its verification. If a server
/// chooses another protocol of it than `http/1.1`, connecting fails with [`TlsError::Protocol`](crate::TlsError::Protocol).
/// The constructors offer `http/1.1`, TLS 1.2 and 1.3, use ring or the provider that is given, and don't touch the one of
/// the process.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use bowline_tls::ClientTls;
/// use bowline_tls::rustls::ClientConfig;
///
/// fn with_mine(config: ClientConfig) -> ClientTls {
///     ClientTls::from(Arc::new(config))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    /// The config.
    pub const fn config(&self) -> &Arc<ClientConfig> {
        &self.0
    }

    /// Shows a certificate to servers that ask for one: the chain, the client's own first, and its private key, both as
    /// PEM.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if they can't be read, or don't belong together.
    pub fn client_certificate(self, chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let mut config = ClientConfig::clone(&self.0);
        let certified = CertifiedKey::from_der(
            pem::certificates(chain)?,
            pem::private_key(key)?,
            config.crypto_provider(),
        )?;
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Ok(Self(Arc::new(config)))
    }

    /// The name that the server's certificate must be good for, and that is sent to it (SNI) unless it is an address.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `host` is neither a name of the DNS nor an address.
    pub fn server_name(host: &str) -> io::Result<ServerName<'static>> {
        ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

impl From<Arc<ClientConfig>> for ClientTls {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }
}

impl From<ClientConfig> for ClientTls {
    fn from(config: ClientConfig) -> Self {
        Self(Arc::new(config))
    }
}

/// With ring, so that nobody need name a provider.
#[cfg(feature = "ring")]
mod constructors {
    use std::sync::Arc;

    use rustls::RootCertStore;

    use super::ClientTls;
    use crate::unverified::Unverified;
    use crate::{RING_SPEAKS, TlsError, pem, provider};

    impl ClientTls {
        /// Trusts the authorities in `pem`, one certificate or several, and nobody else.
        ///
        /// # Errors
        ///
        /// [`TlsError`] if there is no certificate in `pem`, or one that can't be an authority.
        pub fn authorities(pem: &[u8]) -> Result<Self, TlsError> {
            let mut roots = RootCertStore::empty();
            for certificate in pem::certificates(pem)? {
                roots.add(certificate)?;
            }
            Self::build(provider(), |config| config.with_root_certificates(roots))
        }

        /// Trusts **anybody**: the stream is encrypted, but whoever stands in between can read and change all of it.
        ///
        /// It is for looking at a server on one's own machine.
        pub fn dangerous_without_verification() -> Self {
            let verifier = Arc::new(Unverified(provider()));
            // `dangerous` is rustls' word for any verifier that is not its own.
            Self::build(provider(), |config| {
                config
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
            })
            .expect(RING_SPEAKS)
        }
    }
}

#[cfg(any(
    feature = "native-roots",
    feature = "platform-verifier",
    feature = "ring",
    feature = "webpki-roots"
))]
mod build {
    use std::sync::Arc;

    use rustls::client::WantsClientCert;
    use rustls::crypto::CryptoProvider;
    use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

    use super::ClientTls;
    use crate::TlsError;
    use crate::protocol::HTTP_1_1;

    impl ClientTls {
        /// What every constructor makes, but for whom it trusts.
        pub(crate) fn build(
            provider: Arc<CryptoProvider>,
            trust: impl FnOnce(
                ConfigBuilder<ClientConfig, WantsVerifier>,
            ) -> ConfigBuilder<ClientConfig, WantsClientCert>,
        ) -> Result<Self, TlsError> {
            let builder = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?;
            let mut config = trust(builder).with_no_client_auth();
            config.alpn_protocols = vec![HTTP_1_1.to_vec()];
            Ok(Self(Arc::new(config)))
        }
    }
}
