//! Certificates for one run.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::Lab;
use crate::Result;

/// Makes an authority that nobody knows and a certificate of its for whoever serves on this machine, and writes them to
/// where the peers look for them. The authority's key is forgotten.
pub(super) fn make(lab: &Lab) -> Result<()> {
    let mut authority = CertificateParams::new(Vec::new())?;
    let name = "Bowline's tests";
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let ours = authority.self_signed(&key)?.pem();
    let issuer = Issuer::new(authority, key);

    let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Python's verification is strict about it.
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?.pem();

    fs::create_dir_all(lab.tls())?;
    fs::write(lab.authority(), ours)?;
    fs::write(lab.certificate(), certificate)?;
    fs::write(lab.key(), key.serialize_pem())?;
    Ok(())
}
