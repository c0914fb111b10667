//! Authorities that somebody else keeps, each behind a feature of its own.

/// Mozilla's.
#[cfg(feature = "webpki-roots")]
mod webpki {
    use std::sync::Arc;

    use rustls::crypto::CryptoProvider;

    use crate::{ClientTls, TlsError};

    impl ClientTls {
        /// Trusts the authorities that Mozilla trusts, as they were when this crate was built. Needs nothing of the
        /// machine.
        ///
        /// All connections share one config, and with it the sessions that make a second handshake cheaper.
        #[cfg(feature = "ring")]
        pub fn webpki_roots() -> Self {
            static SHARED: std::sync::OnceLock<ClientTls> = std::sync::OnceLock::new();
            let shared = SHARED.get_or_init(|| {
                Self::webpki_roots_with_provider(crate::provider()).expect(crate::RING_SPEAKS)
            });
            shared.clone()
        }

        /// Trusts the authorities that Mozilla trusts, with cryptography of your choice. Make it once and give out
        /// clones.
        ///
        /// # Errors
        ///
        /// [`TlsError::Rustls`] if `provider` speaks neither TLS 1.2 nor 1.3.
        pub fn webpki_roots_with_provider(provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
            let roots: rustls::RootCertStore =
                webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
            Self::build(provider, |config| config.with_root_certificates(roots))
        }
    }
}

/// Those of the operating system.
#[cfg(feature = "native-roots")]
mod native {
    use std::sync::Arc;

    use rustls::RootCertStore;
    use rustls::crypto::CryptoProvider;

    use crate::{ClientTls, TlsError};

    impl ClientTls {
        /// Trusts the authorities that the operating system lists now, or the file and folder that `SSL_CERT_FILE`
        /// and `SSL_CERT_DIR` name. Reads files: make it once.
        ///
        /// Certificates that can't be used are passed over, as there are some on many machines.
        ///
        /// # Errors
        ///
        /// [`TlsError::NoCertificate`] if there is none.
        #[cfg(feature = "ring")]
        pub fn native_roots() -> Result<Self, TlsError> {
            Self::native_roots_with_provider(crate::provider())
        }

        /// Trusts the authorities that the operating system lists now, with cryptography of your choice. Reads files:
        /// make it once.
        ///
        /// # Errors
        ///
        /// [`TlsError::NoCertificate`] if there is none, [`TlsError::Rustls`] if `provider` speaks neither TLS 1.2
        /// nor 1.3.
        pub fn native_roots_with_provider(provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
            let mut found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.pop().map(Into::into);
                return Err(TlsError::NoCertificate(why));
            }
            Self::build(provider, |config| config.with_root_certificates(roots))
        }
    }
}

/// The operating system itself.
#[cfg(feature = "platform-verifier")]
mod platform {
    use std::sync::Arc;

    use rustls::crypto::CryptoProvider;

    use crate::{ClientTls, TlsError};

    impl ClientTls {
        /// Leaves the judgement of certificates to the operating system, with what its owner or administrator has
        /// set. Make it once.
        ///
        /// # Errors
        ///
        /// [`TlsError::Rustls`] if the operating system's verifier can't be set up.
        #[cfg(feature = "ring")]
        pub fn platform_verifier() -> Result<Self, TlsError> {
            Self::platform_verifier_with_provider(crate::provider())
        }

        /// Leaves the judgement of certificates to the operating system, with cryptography of your choice. Make it
        /// once.
        ///
        /// # Errors
        ///
        /// [`TlsError::Rustls`] if the operating system's verifier can't be set up, or `provider` speaks neither
        /// TLS 1.2 nor 1.3.
        pub fn platform_verifier_with_provider(
            provider: Arc<CryptoProvider>,
        ) -> Result<Self, TlsError> {
            let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&provider))?;
            // `dangerous` is rustls' word for any verifier that is not its own.
            Self::build(provider, |config| {
                config
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
            })
        }
    }
}
