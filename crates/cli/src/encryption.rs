use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use bowline_tokio::{ClientTls, ServerTls};
use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::failure::{Chain, Failure};
use crate::stderr;

// Plain comments, here and below: clap would take the other kind for what a command does.
// What the user says about the TLS of a server.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Serving {
    /// Serve over TLS, with the certificates in this PEM file, our own first.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate, a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Serve over TLS with a certificate that is made now, for localhost and this address, and that nobody trusts.
    #[arg(long, conflicts_with = "tls_cert")]
    tls_self_signed: bool,
}

// What the user says about the TLS of a client.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Connecting {
    /// Trust the authorities in this PEM file, in place of the system's.
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,

    /// Show a certificate to a server that asks for one: a PEM file, our own first.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// The private key of the certificate, a PEM file; by default in the same one.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Trust any server, whoever it is. Anybody in between can read and change everything.
    #[arg(long, conflicts_with = "cacert")]
    insecure: bool,
}

impl Serving {
    /// What to encrypt with, or `None` if nothing is to be.
    pub(crate) fn tls(&self, address: IpAddr) -> Result<Option<ServerTls>, Failure> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(chain), Some(key)) => ServerTls::certificate(&read(chain)?, &read(key)?)
                .map_err(|error| {
                    let (chain, key) = (chain.display(), key.display());
                    Failure::of(format!("cannot serve with {chain} and {key}"), &error).usage()
                })?,
            _ if self.tls_self_signed => self_signed(address)?,
            _ => return Ok(None),
        };
        Ok(Some(tls))
    }
}

impl Connecting {
    /// What to encrypt with. Warns if it is worth little.
    pub(crate) fn tls(&self) -> Result<ClientTls, Failure> {
        let tls = match &self.cacert {
            Some(file) => ClientTls::authorities(&read(file)?).map_err(|error| {
                Failure::of(format!("cannot trust {}", file.display()), &error).usage()
            })?,
            None if self.insecure => {
                stderr::say(format_args!(
                    "WARNING: --insecure: the server may be anybody, and anybody in between can read and change \
                     everything"
                ));
                ClientTls::dangerous_without_verification()
            }
            // A machine without authorities of its own still knows those of browsers.
            None => ClientTls::platform_verifier().unwrap_or_else(|error| {
                stderr::say(format_args!(
                    "the system doesn't say whom to trust, so it is whom Mozilla trusts: {}",
                    Chain(&error)
                ));
                ClientTls::webpki_roots()
            }),
        };
        let Some(chain) = &self.cert else {
            return Ok(tls);
        };
        let key = self.key.as_ref().unwrap_or(chain);
        tls.client_certificate(&read(chain)?, &read(key)?)
            .map_err(|error| {
                let (chain, key) = (chain.display(), key.display());
                Failure::of(format!("cannot show {chain} with {key}"), &error).usage()
            })
    }
}

fn self_signed(address: IpAddr) -> Result<ServerTls, Failure> {
    let mut names = vec!["localhost".to_owned()];
    for ip in [
        Ipv4Addr::LOCALHOST.into(),
        Ipv6Addr::LOCALHOST.into(),
        address,
    ] {
        let name = ip.to_string();
        if !ip.is_unspecified() && !names.contains(&name) {
            names.push(name);
        }
    }
    let cannot = |error: &dyn std::error::Error| Failure::of("cannot make a certificate", error);
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(names).map_err(|error| cannot(&error))?;
    let (chain, key) = (cert.pem(), signing_key.serialize_pem());
    ServerTls::certificate(chain.as_bytes(), key.as_bytes()).map_err(|error| cannot(&error))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file)
        .map_err(|error| Failure::of(format!("cannot read {}", file.display()), &error).usage())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Serve {
        #[command(flatten)]
        tls: Serving,
    }

    #[derive(Debug, Parser)]
    struct Connect {
        #[command(flatten)]
        tls: Connecting,
    }

    fn words(line: &str) -> impl Iterator<Item = &str> {
        ["bowline"].into_iter().chain(line.split_whitespace())
    }

    #[test]
    fn nothing_is_encrypted_unless_told() {
        let serve = Serve::try_parse_from(words("")).unwrap();
        let tls = serve.tls.tls(Ipv4Addr::LOCALHOST.into()).unwrap();
        assert!(tls.is_none());
        let serve = Serve::try_parse_from(words("--tls-self-signed")).unwrap();
        for address in ["127.0.0.1", "0.0.0.0", "192.0.2.1", "2001:db8::1"] {
            let tls = serve.tls.tls(address.parse().unwrap()).unwrap();
            assert!(tls.is_some(), "{address}");
        }
    }

    #[test]
    fn options_that_contradict_or_lack_another_are_refused() {
        for bad in [
            "--tls-cert a",
            "--tls-key a",
            "--tls-cert a --tls-key b --tls-self-signed",
        ] {
            assert!(Serve::try_parse_from(words(bad)).is_err(), "{bad}");
        }
        for bad in ["--key a", "--insecure --cacert a"] {
            assert!(Connect::try_parse_from(words(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let line = "--tls-cert no/such/file --tls-key no/such/key";
        let serve = Serve::try_parse_from(words(line)).unwrap();
        let failure = serve.tls.tls(Ipv4Addr::LOCALHOST.into()).unwrap_err();
        assert!(
            failure.text.starts_with("cannot read no/such/file: "),
            "{}",
            failure.text
        );
        assert_eq!(failure.code, 2);
        let connect = Connect::try_parse_from(words("--cacert no/such/file")).unwrap();
        let failure = connect.tls.tls().unwrap_err();
        assert!(
            failure.text.starts_with("cannot read no/such/file: "),
            "{}",
            failure.text
        );
    }
}
