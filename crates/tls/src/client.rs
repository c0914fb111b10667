use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

/// What a client encrypts with: whose certificates it trusts and which one it shows itself. Cloning is cheap.
///
/// A config of your own is taken as it is, with its cryptography, its protocols (ALPN) and its verification. If a server
/// chooses another protocol of it than `http/1.1`, connecting fails with [`TlsError::Protocol`](crate::TlsError::Protocol).
/// The constructors offer `http/1.1`, TLS 1.2 and 1.3, use ring, and don't touch the provider of the process.
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

#[cfg(feature = "ring")]
mod constructors {
    use std::sync::Arc;

    use rustls::client::WantsClientCert;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

    use super::ClientTls;
    use crate::protocol::HTTP_1_1;
    use crate::unverified::Unverified;
    use crate::{TlsError, pem, provider};

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
            Ok(Self::trusting(roots))
        }

        /// Trusts the authorities that Mozilla trusts, as they were when this crate was built. Needs nothing of the
        /// machine.
        ///
        /// All connections share one config, and with it the sessions that make a second handshake cheaper.
        #[cfg(feature = "webpki-roots")]
        pub fn webpki_roots() -> Self {
            static SHARED: std::sync::OnceLock<ClientTls> = std::sync::OnceLock::new();
            let shared = SHARED.get_or_init(|| {
                Self::trusting(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
            });
            shared.clone()
        }

        /// Trusts the authorities that the operating system lists now, or the file and folder that `SSL_CERT_FILE`
        /// and `SSL_CERT_DIR` name. Reads files: make it once.
        ///
        /// Certificates that can't be used are passed over, as there are some on many machines.
        ///
        /// # Errors
        ///
        /// [`TlsError::NoCertificate`] if there is none.
        #[cfg(feature = "native-roots")]
        pub fn native_roots() -> Result<Self, TlsError> {
            let mut found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.pop().map(Into::into);
                return Err(TlsError::NoCertificate(why));
            }
            Ok(Self::trusting(roots))
        }

        /// Leaves the judgement of certificates to the operating system, with what its owner or administrator has
        /// set. Make it once.
        ///
        /// # Errors
        ///
        /// [`TlsError`] if the operating system's verifier can't be set up.
        #[cfg(feature = "platform-verifier")]
        pub fn platform_verifier() -> Result<Self, TlsError> {
            let verifier = rustls_platform_verifier::Verifier::new(provider())?;
            Ok(Self::verified_by(Arc::new(verifier)))
        }

        /// Trusts **anybody**: the stream is encrypted, but whoever stands in between can read and change all of it.
        ///
        /// It is for looking at a server on one's own machine.
        pub fn dangerous_without_verification() -> Self {
            Self::verified_by(Arc::new(Unverified(provider())))
        }

        /// Shows a certificate to servers that ask for one: the chain, the client's own first, and its private key,
        /// both as PEM.
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

        fn trusting(roots: RootCertStore) -> Self {
            Self::finish(builder().with_root_certificates(roots))
        }

        fn verified_by(verifier: Arc<dyn ServerCertVerifier>) -> Self {
            // `dangerous` is rustls' word for any verifier that is not its own.
            let builder = builder().dangerous();
            Self::finish(builder.with_custom_certificate_verifier(verifier))
        }

        fn finish(builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> Self {
            let mut config = builder.with_no_client_auth();
            config.alpn_protocols = vec![HTTP_1_1.to_vec()];
            Self(Arc::new(config))
        }
    }

    fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
        ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring speaks both versions")
    }
}
