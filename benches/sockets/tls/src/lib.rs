//! What both servers that encrypt have in common.
#![forbid(unsafe_code)]

use bowline_tokio::ServerTls;
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// Settings with a certificate that nobody vouches for.
///
/// # Panics
///
/// When none can be made.
pub fn server_tls() -> ServerTls {
    let names = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(names).expect("a certificate");
    let key = signing_key.serialize_pem();
    ServerTls::certificate(cert.pem().as_bytes(), key.as_bytes())
        .expect("a certificate and its key")
}
