//! Who is trusted over TLS, and who is not. These cases run over TLS only.

use bowline_io::Error;
use bowline_tls::{ClientTls, ServerTls};

use super::bench::Bench;
use super::carrier::{Carrier, Settings};
use super::end::Whole;
use super::peer::Peer;
use super::run::topic;
use super::wire::{Trust, showing, trusting};
use crate::certificates::{Authority, Validity};
use crate::head::REQUEST;

topic!(encryption;
    both: [
        http_1_1_is_agreed_on,
        a_certificate_of_a_client_is_asked_for_and_shown,
        a_peer_that_does_not_encrypt_is_refused,
        a_client_with_a_certificate_of_an_unknown_authority_is_refused,
        a_server_of_an_unknown_authority_is_refused,
        a_server_with_an_expired_certificate_is_refused,
        a_server_with_a_certificate_for_another_host_is_refused,
    ];
    server: [];
    client: [
        a_server_of_an_unknown_authority_is_refused_by_default,
    ]
);

fn http_1_1_is_agreed_on<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, peer) = bench.open();
    assert_eq!(peer.protocol().as_deref(), Some(&b"http/1.1"[..]));
    bench.part(&mut ws, peer);
}

fn a_certificate_of_a_client_is_asked_for_and_shown<C: Carrier>(bench: &Bench<C>) {
    let (client, server) = asking();
    let trust = Trust { client, server };
    let bench = bench.trusting(trust);
    let (mut ws, peer) = bench.open();
    bench.part(&mut ws, peer);
}

fn a_client_with_a_certificate_of_an_unknown_authority_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (shows, server) = asking();
    // It trusts whom it should, and what it shows is of an authority that the server doesn't know.
    let shown = Authority::new("of nobody").client("somebody");
    let client = shows
        .client_certificate(shown.chain.as_bytes(), shown.key.as_bytes())
        .expect("a certificate");
    let (ws, _) = refused(bench, Trust { client, server });
    match ws.map(drop) {
        // A client of TLS 1.3 hears of it when it reads.
        Err(Error::Tls(_) | Error::Transport(_)) => {}
        other => panic!("{other:?}"),
    }
}

fn a_server_of_an_unknown_authority_is_refused<C: Carrier>(bench: &Bench<C>) {
    let client = trusting(&Authority::new("known"));
    let authority = Authority::new("unknown");
    let server = showing(&authority.server(&["127.0.0.1"], Validity::Now));
    distrusts(bench, Trust { client, server });
}

fn a_server_with_an_expired_certificate_is_refused<C: Carrier>(bench: &Bench<C>) {
    let authority = Authority::new("known");
    let client = trusting(&authority);
    let server = showing(&authority.server(&["127.0.0.1"], Validity::Expired));
    distrusts(bench, Trust { client, server });
}

fn a_server_with_a_certificate_for_another_host_is_refused<C: Carrier>(bench: &Bench<C>) {
    let authority = Authority::new("known");
    let client = trusting(&authority);
    let server = showing(&authority.server(&["127.0.0.2", "localhost"], Validity::Now));
    distrusts(bench, Trust { client, server });
}

fn a_server_of_an_unknown_authority_is_refused_by_default<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.client_tls = None;
    let (ws, _) = bench.attempt_unencrypted(&settings, |peer| {
        assert!(peer.try_encrypt().is_err());
    });
    match ws.map(drop) {
        Err(Error::Tls(_)) => {}
        other => panic!("{other:?}"),
    }
}

fn a_peer_that_does_not_encrypt_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (ws, _) = bench.attempt_unencrypted(&bench.settings(), |peer| {
        peer.write_tcp(REQUEST);
        peer.rest_of_tcp();
    });
    match ws.map(drop) {
        Err(Error::Tls(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// A client that trusts the server and shows it a certificate, and the server that asks for it.
fn asking() -> (ClientTls, ServerTls) {
    let authority = Authority::new("of all");
    let server = authority.server(&["127.0.0.1"], Validity::Now);
    let shown = authority.client("somebody");
    let server = ServerTls::certificate_for_clients_of(
        authority.pem.as_bytes(),
        server.chain.as_bytes(),
        server.key.as_bytes(),
    );
    let client = trusting(&authority)
        .client_certificate(shown.chain.as_bytes(), shown.key.as_bytes())
        .expect("a certificate");
    (client, server.expect("a certificate"))
}

/// Client and server can't come together; both are told, whichever is the carrier's.
#[track_caller]
fn distrusts<C: Carrier>(bench: &Bench<C>, trust: Trust) {
    let (ws, _) = refused(bench, trust);
    match ws.map(drop) {
        Err(Error::Tls(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// Tries to open a connection whose ends are to fail, the peer's too.
#[track_caller]
fn refused<C: Carrier>(bench: &Bench<C>, trust: Trust) -> (Result<Whole<C>, Error>, Peer) {
    let bench = bench.trusting(trust);
    let settings: Settings = bench.settings();
    bench.attempt_unencrypted(&settings, |peer| {
        let encrypted = peer.try_encrypt();
        // A client of TLS 1.3 hears of it when it reads.
        assert!(encrypted.is_err() || peer.try_hear().is_err());
    })
}
