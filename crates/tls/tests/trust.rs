//! Who is trusted, and who is not: client and server of rustls with our configs, in memory.

use std::error::Error as _;
use std::sync::Arc;

use bowline_testing::certificates::{Authority, Identity, Validity};
use bowline_tls::rustls::crypto::ring;
use bowline_tls::rustls::{
    AlertDescription, CertificateError, ClientConnection, Connection, Error, ServerConnection,
};
use bowline_tls::{ClientTls, ServerTls, TlsError, check_protocol, end};

/// What both ends made of a handshake: the client first.
struct Outcome {
    client: Result<(), Error>,
    server: Result<(), Error>,
    /// What the client knows of the protocol that was chosen.
    protocol: Option<Vec<u8>>,
}

/// Carries bytes to and fro until both have what they need, or one gives up.
fn shake_hands(client: &ClientTls, host: &str, server: &ServerTls) -> Outcome {
    let name = ClientTls::server_name(host).unwrap();
    let client = ClientConnection::new(Arc::clone(client.config()), name).unwrap();
    let server = ServerConnection::new(Arc::clone(server.config())).unwrap();
    let mut ends = [Connection::from(client), Connection::from(server)];
    let mut outcome = [Ok(()), Ok(())];
    let mut moved = true;
    while moved {
        moved = false;
        for from in [0, 1] {
            let mut bytes = Vec::new();
            while ends[from].wants_write() {
                ends[from].write_tls(&mut bytes).unwrap();
            }
            let (to, mut rest) = (1 - from, &bytes[..]);
            while !rest.is_empty() && outcome[to].is_ok() {
                moved = true;
                ends[to].read_tls(&mut rest).unwrap();
                outcome[to] = ends[to].process_new_packets().map(drop);
            }
        }
    }
    let [client, server] = outcome;
    for (end, result) in ends.iter().zip([&client, &server]) {
        assert!(result.is_err() || !end.is_handshaking(), "stuck");
    }
    Outcome {
        client,
        server,
        protocol: ends[0].alpn_protocol().map(<[u8]>::to_vec),
    }
}

fn trusting(authority: &Authority) -> ClientTls {
    ClientTls::authorities(authority.pem.as_bytes()).unwrap()
}

fn serving(identity: &Identity) -> ServerTls {
    ServerTls::certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap()
}

/// Why a client that trusts `authority` refuses the server of `host`.
fn refusal(authority: &Authority, host: &str, identity: &Identity) -> CertificateError {
    let outcome = shake_hands(&trusting(authority), host, &serving(identity));
    // The server is told why.
    assert!(
        matches!(outcome.server, Err(Error::AlertReceived(_))),
        "{:?}",
        outcome.server
    );
    match outcome.client {
        Err(Error::InvalidCertificate(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_certificate_of_a_known_authority_for_the_right_host_is_good() {
    let authority = Authority::new("known");
    let identity = authority.server(&["localhost", "127.0.0.1", "::1"], Validity::Now);
    for host in ["localhost", "127.0.0.1", "::1"] {
        let outcome = shake_hands(&trusting(&authority), host, &serving(&identity));
        outcome.client.unwrap();
        outcome.server.unwrap();
        assert_eq!(outcome.protocol.as_deref(), Some(&b"http/1.1"[..]));
    }
}

#[test]
fn every_other_certificate_is_refused() {
    let (known, unknown) = (Authority::new("known"), Authority::new("unknown"));
    let expired = known.server(&["localhost"], Validity::Expired);
    let error = refusal(&known, "localhost", &expired);
    assert!(
        matches!(error, CertificateError::ExpiredContext { .. }),
        "{error:?}"
    );

    let other = known.server(&["other.example"], Validity::Now);
    let error = refusal(&known, "localhost", &other);
    assert!(
        matches!(error, CertificateError::NotValidForNameContext { .. }),
        "{error:?}"
    );

    let strange = unknown.server(&["localhost"], Validity::Now);
    assert_eq!(
        refusal(&known, "localhost", &strange),
        CertificateError::UnknownIssuer
    );

    let client = known.client("localhost");
    let error = refusal(&known, "localhost", &client);
    assert!(
        matches!(error, CertificateError::InvalidPurposeContext { .. }),
        "{error:?}"
    );
}

#[test]
fn built_in_authorities_know_nobody_of_ours() {
    let strange = Authority::new("ours").server(&["localhost"], Validity::Now);
    // A system may know no authority at all, and its verifier says so.
    let platform = ClientTls::platform_verifier().ok();
    for client in [Some(ClientTls::webpki_roots()), platform]
        .into_iter()
        .flatten()
    {
        let outcome = shake_hands(&client, "localhost", &serving(&strange));
        assert!(
            matches!(outcome.client, Err(Error::InvalidCertificate(_))),
            "{client:?}"
        );
    }
    assert!(Arc::ptr_eq(
        ClientTls::webpki_roots().config(),
        ClientTls::webpki_roots().config()
    ));
}

#[test]
fn the_systems_authorities_are_read() {
    // A machine may have none.
    match ClientTls::native_roots() {
        Ok(client) => {
            let strange = Authority::new("ours").server(&["localhost"], Validity::Now);
            let outcome = shake_hands(&client, "localhost", &serving(&strange));
            assert!(matches!(outcome.client, Err(Error::InvalidCertificate(_))));
        }
        Err(error) => assert!(matches!(error, TlsError::NoCertificate(_)), "{error:?}"),
    }
}

#[test]
fn a_provider_that_is_given_is_used() {
    let mut own = ring::default_provider();
    own.cipher_suites.truncate(1);
    let own = Arc::new(own);
    let identity = Authority::new("ours").server(&["localhost"], Validity::Now);
    // A system may know no authority at all, and says so.
    let made = [
        ClientTls::webpki_roots_with_provider(Arc::clone(&own)).ok(),
        ClientTls::native_roots_with_provider(Arc::clone(&own)).ok(),
        ClientTls::platform_verifier_with_provider(Arc::clone(&own)).ok(),
    ];
    assert!(made[0].is_some());
    for client in made.into_iter().flatten() {
        let config = client.config();
        assert!(Arc::ptr_eq(config.crypto_provider(), &own));
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
        let outcome = shake_hands(&client, "localhost", &serving(&identity));
        assert!(matches!(outcome.client, Err(Error::InvalidCertificate(_))));
    }
}

#[test]
fn a_provider_that_speaks_nothing_is_an_error() {
    let mut mute = ring::default_provider();
    mute.cipher_suites.clear();
    let error = ClientTls::webpki_roots_with_provider(Arc::new(mute)).unwrap_err();
    assert!(matches!(error, TlsError::Rustls(_)), "{error:?}");
}

#[test]
fn without_verification_anybody_will_do_who_has_the_key() {
    let strange = Authority::new("unknown").server(&["other.example"], Validity::Expired);
    let client = ClientTls::dangerous_without_verification();
    let outcome = shake_hands(&client, "localhost", &serving(&strange));
    outcome.client.unwrap();
    outcome.server.unwrap();
}

#[test]
fn a_client_shows_its_certificate_where_it_is_asked_to() {
    let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
    let identity = authority.server(&["localhost"], Validity::Now);
    let server = ServerTls::certificate_for_clients_of(
        clients.pem.as_bytes(),
        identity.chain.as_bytes(),
        identity.key.as_bytes(),
    )
    .unwrap();
    let showing = |mine: Identity| {
        trusting(&authority)
            .client_certificate(mine.chain.as_bytes(), mine.key.as_bytes())
            .unwrap()
    };

    let outcome = shake_hands(&showing(clients.client("me")), "localhost", &server);
    outcome.client.unwrap();
    outcome.server.unwrap();

    let outcome = shake_hands(&trusting(&authority), "localhost", &server);
    assert_eq!(outcome.server.unwrap_err(), Error::NoCertificatesPresented);
    let alert = Error::AlertReceived(AlertDescription::CertificateRequired);
    assert_eq!(outcome.client.unwrap_err(), alert);

    let stranger = Authority::new("others").client("me");
    let outcome = shake_hands(&showing(stranger), "localhost", &server);
    let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(outcome.server.unwrap_err(), unknown);

    // Who doesn't ask isn't shown it, and lets the client in.
    let outcome = shake_hands(
        &showing(clients.client("me")),
        "localhost",
        &serving(&identity),
    );
    outcome.client.unwrap();
}

#[test]
fn a_config_of_ones_own_is_taken_as_it_is() {
    let authority = Authority::new("known");
    let identity = authority.server(&["localhost"], Validity::Now);
    let mut config = trusting(&authority).config().as_ref().clone();
    config.alpn_protocols = vec![b"mine".to_vec()];
    config.enable_sni = false;
    let config = Arc::new(config);
    let client = ClientTls::from(Arc::clone(&config));
    assert!(Arc::ptr_eq(client.config(), &config));
    // The server speaks HTTP/1.1 only, and says so.
    let outcome = shake_hands(&client, "localhost", &serving(&identity));
    let alert = Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    assert_eq!(outcome.client.unwrap_err(), alert);

    let mut config = serving(&identity).config().as_ref().clone();
    config.alpn_protocols = vec![b"mine".to_vec()];
    let outcome = shake_hands(&client, "localhost", &ServerTls::from(config));
    outcome.client.unwrap();
    let error = check_protocol(outcome.protocol.as_deref()).unwrap_err();
    assert!(matches!(&error, TlsError::Protocol(agreed) if agreed == b"mine"));
}

#[test]
fn what_was_agreed_on_is_http_1_1_or_nothing() {
    check_protocol(Some(b"http/1.1")).unwrap();
    check_protocol(None).unwrap();
    for other in [
        &b"h2"[..],
        b"http/1.0",
        b"HTTP/1.1",
        b"http/1.1 ",
        b"",
        b"\xff\n",
    ] {
        let error = check_protocol(Some(other)).unwrap_err();
        assert!(matches!(&error, TlsError::Protocol(agreed) if agreed == other));
    }
    let error = check_protocol(Some(b"h2\n")).unwrap_err();
    let said = "the protocol agreed on is h2\\n, not http/1.1";
    assert_eq!(error.to_string(), said);
    assert!(error.source().is_none());
    let error = std::io::Error::from(error);
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(error.get_ref().unwrap().is::<TlsError>());
}

#[test]
fn what_is_no_pem_or_does_not_belong_together_is_an_error() {
    let authority = Authority::new("known");
    let identity = authority.server(&["localhost"], Validity::Now);
    let other = authority.server(&["localhost"], Validity::Now);
    let (chain, key) = (identity.chain.as_bytes(), identity.key.as_bytes());

    for nothing in [&b""[..], b"no PEM", key] {
        let error = ClientTls::authorities(nothing).unwrap_err();
        assert!(matches!(error, TlsError::NoCertificate(None)), "{error:?}");
        let error = ServerTls::certificate(nothing, key).unwrap_err();
        assert!(matches!(error, TlsError::NoCertificate(None)), "{error:?}");
    }
    let broken = identity.chain.replacen("-----END", "-----ENT", 1);
    let error = ClientTls::authorities(broken.as_bytes()).unwrap_err();
    assert!(matches!(error, TlsError::Pem(_)), "{error:?}");
    let error = ServerTls::certificate(chain, chain).unwrap_err();
    assert!(matches!(error, TlsError::Pem(_)), "{error:?}");
    let error = ServerTls::certificate(chain, other.key.as_bytes()).unwrap_err();
    assert!(matches!(error, TlsError::Rustls(_)), "{error:?}");
    assert!(error.source().is_some());
    let client = trusting(&authority);
    let error = client
        .client_certificate(chain, other.key.as_bytes())
        .unwrap_err();
    assert!(matches!(error, TlsError::Rustls(_)), "{error:?}");

    for host in ["", "a b", "192.0.2.256.", "-"] {
        let error = ClientTls::server_name(host).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{host:?}");
    }
}

#[test]
fn an_end_without_words_is_an_end() {
    let unexpected = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    assert_eq!(end(Err(unexpected())).unwrap(), 0);
    assert_eq!(end(Ok(7)).unwrap(), 7);
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    assert!(end(Err(reset)).is_err());
}
