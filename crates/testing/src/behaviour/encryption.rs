//! Who is trusted over TLS, and who is not. These cases run over TLS only.

use std::sync::Arc;

use bowline_frame::Role;
use bowline_io::Error;
use bowline_proto::EndedBy;
use bowline_tls::rustls::server::{ClientHello, ResolvesServerCert};
use bowline_tls::rustls::sign::CertifiedKey;
use bowline_tls::rustls::{ClientConfig, ServerConfig};
use bowline_tls::{ClientTls, ServerTls, TlsError};

use super::bench::Bench;
use super::carrier::{Carrier, Settings};
use super::end::Whole;
use super::peer::Peer;
use super::run::topic;
use super::wire::{Trust, showing, trust, trusting};
use crate::certificates::{Authority, Identity, Validity};
use crate::head::REQUEST;
use crate::payload;
use crate::wire::{BINARY, FIN, TEXT, frame};

topic!(encryption;
    both: [
        http_1_1_is_agreed_on,
        a_peer_that_names_no_protocol_is_let_in,
        another_protocol_than_http_1_1_is_refused,
        a_certificate_of_a_client_is_asked_for_and_shown,
        a_peer_that_does_not_encrypt_is_refused,
        a_reset_while_encrypting_is_a_failure_of_the_transport,
        an_end_while_encrypting_is_one_of_the_opening_handshake,
        a_record_that_was_changed_is_refused_behind_what_came_before,
        a_client_without_a_certificate_is_refused_where_one_is_asked_for,
        a_client_with_a_certificate_of_an_unknown_authority_is_refused,
        a_server_of_an_unknown_authority_is_refused,
        a_server_with_an_expired_certificate_is_refused,
        a_server_with_a_certificate_for_another_host_is_refused,
    ];
    server: [
        a_request_may_come_with_the_end_of_the_handshake,
    ];
    client: [
        a_server_of_an_unknown_authority_is_refused_by_default,
        the_server_is_told_which_host_is_wanted,
    ]
);

fn http_1_1_is_agreed_on<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, peer) = bench.open();
    assert_eq!(peer.protocol().as_deref(), Some(&b"http/1.1"[..]));
    bench.part(&mut ws, peer);
}

fn a_peer_that_names_no_protocol_is_let_in<C: Carrier>(bench: &Bench<C>) {
    let bench = bench.trusting(speaking(&[], &[b"h2", b"http/1.1"]));
    let (mut ws, peer) = bench.open();
    assert_eq!(peer.protocol(), None);
    bench.part(&mut ws, peer);
}

fn another_protocol_than_http_1_1_is_refused<C: Carrier>(bench: &Bench<C>) {
    // Whichever end offers only this one, it is what is agreed on.
    for (client, server) in [
        (&[&b"http/1.1"[..], b"h2"][..], &[&b"h2"[..]][..]),
        (&[b"h2"], &[b"h2", b"http/1.1"]),
    ] {
        let bench = bench.trusting(speaking(client, server));
        let (ws, _) = bench.attempt(&bench.settings(), |peer| {
            assert_eq!(peer.protocol().as_deref(), Some(&b"h2"[..]));
            // Neither a request nor an answer comes.
            assert!(!matches!(peer.try_hear(), Ok(true)));
        });
        let error = match ws.map(drop) {
            Err(Error::Tls(error)) => error,
            other => panic!("{other:?}"),
        };
        match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(TlsError::Protocol(agreed)) => assert_eq!(agreed, b"h2"),
            other => panic!("{other:?}"),
        }
    }
}

/// A client and a server that offer these protocols, with configs of their own.
fn speaking(client: &[&[u8]], server: &[&[u8]]) -> Trust {
    let protocols = |names: &[&[u8]]| names.iter().map(|name| name.to_vec()).collect();
    let trust = trust();
    let mut own = ClientConfig::clone(trust.client.config());
    own.alpn_protocols = protocols(client);
    let mut shown = ServerConfig::clone(trust.server.config());
    shown.alpn_protocols = protocols(server);
    Trust {
        client: own.into(),
        server: shown.into(),
    }
}

fn a_certificate_of_a_client_is_asked_for_and_shown<C: Carrier>(bench: &Bench<C>) {
    let (authority, server) = asking();
    let client = presenting(&authority, &authority.client("somebody"));
    let bench = bench.trusting(Trust { client, server });
    let (mut ws, peer) = bench.open();
    bench.part(&mut ws, peer);
}

fn a_client_without_a_certificate_is_refused_where_one_is_asked_for<C: Carrier>(bench: &Bench<C>) {
    let (authority, server) = asking();
    let client = trusting(&authority);
    is_not_let_in(bench, Trust { client, server });
}

fn a_client_with_a_certificate_of_an_unknown_authority_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (authority, server) = asking();
    let client = presenting(&authority, &Authority::new("of nobody").client("somebody"));
    is_not_let_in(bench, Trust { client, server });
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

// What fails below TLS, or ends, is named as where nothing is encrypted.
fn a_reset_while_encrypting_is_a_failure_of_the_transport<C: Carrier>(bench: &Bench<C>) {
    let (ws, _) = bench.attempt_unencrypted(&bench.settings(), |peer| {
        peer.begin_to_encrypt();
        peer.reset();
    });
    match ws.map(drop) {
        Err(Error::Transport(_)) => {}
        other => panic!("{other:?}"),
    }
}

fn an_end_while_encrypting_is_one_of_the_opening_handshake<C: Carrier>(bench: &Bench<C>) {
    let (ws, _) = bench.attempt_unencrypted(&bench.settings(), |peer| {
        peer.begin_to_encrypt();
        peer.cut();
        peer.rest_of_tcp();
    });
    match ws.map(drop) {
        Err(Error::Incomplete) => {}
        other => panic!("{other:?}"),
    }
}

fn a_record_that_was_changed_is_refused_behind_what_came_before<C: Carrier>(bench: &Bench<C>) {
    let good = [
        frame(bench.role, TEXT | FIN, "one"),
        frame(bench.role, BINARY | FIN, payload::seq(30_000)),
    ];
    let bad = frame(bench.role, TEXT | FIN, "not this");
    // In one run of the socket, or in several.
    for good in [&good[..1], &good[..]] {
        let (mut ws, mut peer) = bench.open();
        peer.write_spoiled(&good.concat(), &bad);
        ws.expect("one");
        if good.len() > 1 {
            ws.expect(payload::seq(30_000));
        }
        match ws.error() {
            Error::Tls(_) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(ws.ended().by, EndedBy::Transport);
    }
}

fn a_request_may_come_with_the_end_of_the_handshake<C: Carrier>(bench: &Bench<C>) {
    let (ws, peer) = bench.attempt_unencrypted(&bench.settings(), |peer| {
        let behind = frame(Role::Server, TEXT | FIN, "early");
        peer.encrypt_with(&[REQUEST, &behind].concat());
        peer.opened();
    });
    let mut ws = opened::<C>(ws);
    ws.expect("early");
    bench.part(&mut ws, peer);
}

fn the_server_is_told_which_host_is_wanted<C: Carrier>(bench: &Bench<C>) {
    let authority = Authority::new("known");
    let server = showing(&authority.server(&["localhost"], Validity::Now));
    let mut config = ServerConfig::clone(server.config());
    config.cert_resolver = Arc::new(ForLocalhost(config.cert_resolver));
    let bench = bench.trusting(Trust {
        client: trusting(&authority),
        server: config.into(),
    });
    let (ws, peer) = bench.connect_to("localhost", &bench.settings(), |peer| {
        peer.encrypt();
        peer.let_in("", b"");
    });
    bench.part(&mut opened::<C>(ws), peer);
}

#[track_caller]
fn opened<C: Carrier>(ws: Result<Whole<C>, Error>) -> Whole<C> {
    ws.unwrap_or_else(|error| panic!("not opened: {error:?}"))
}

/// Has a certificate for those who ask for `localhost`, and none for others.
#[derive(Debug)]
struct ForLocalhost(Arc<dyn ResolvesServerCert>);

impl ResolvesServerCert for ForLocalhost {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let wanted = hello.server_name() == Some("localhost");
        wanted.then(|| self.0.resolve(hello)).flatten()
    }
}

/// A server that asks for a certificate of an authority, which has issued its own too.
fn asking() -> (Authority, ServerTls) {
    let authority = Authority::new("of all");
    let server = authority.server(&["127.0.0.1"], Validity::Now);
    let server = ServerTls::certificate_for_clients_of(
        authority.pem.as_bytes(),
        server.chain.as_bytes(),
        server.key.as_bytes(),
    );
    (authority, server.expect("a certificate"))
}

/// A client that trusts this authority, and has a certificate to show.
fn presenting(authority: &Authority, identity: &Identity) -> ClientTls {
    trusting(authority)
        .client_certificate(identity.chain.as_bytes(), identity.key.as_bytes())
        .expect("a certificate")
}

/// The client trusts the server, which doesn't let it in; both are told, whichever is the carrier's.
#[track_caller]
fn is_not_let_in<C: Carrier>(bench: &Bench<C>, trust: Trust) {
    let (ws, _) = refused(bench, trust);
    match ws.map(drop) {
        // A client of TLS 1.3 hears of it when it reads.
        Err(Error::Tls(_) | Error::Transport(_)) => {}
        other => panic!("{other:?}"),
    }
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
