//! `bowline serve` and `bowline connect` over TLS.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use bowline_testing::certificates::{Authority, Identity, Validity};
use bowline_tokio::{Acceptor, ServerTls};
use tokio::net::TcpListener;

use common::{Server, run, run_async, said, within};
#[cfg(target_os = "linux")]
use common::{bowline, run_as};

/// A folder of files for one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is overwritten by the next run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server with this certificate.
fn serving(folder: &Folder, identity: &Identity) -> Server {
    let chain = folder.write("server.pem", &identity.chain);
    let key = folder.write("server.key", &identity.key);
    Server::start(&["--tls-cert", &chain, "--tls-key", &key])
}

/// What `connect --one` says of a server to whom it says "hi".
fn asked(server: &Server, options: &[&str]) -> (String, String, Option<i32>) {
    let url = server.url("/echo");
    let arguments = [&["connect", &url, "--one"], options].concat();
    let output = run(&arguments, b"hi\n");
    let (stdout, stderr, code) = said(&output);
    (stdout.into(), stderr.into(), code)
}

/// What `connect --one` says where the system trusts the authorities in this file, which may be missing.
#[cfg(target_os = "linux")]
fn asked_where_the_system_trusts(file: &str, server: &Server) -> (String, String, Option<i32>) {
    let mut command = bowline(["connect", &server.url("/echo"), "--one"]);
    command
        .env("SSL_CERT_FILE", file)
        .env_remove("SSL_CERT_DIR");
    let output = run_as(command, b"hi\n");
    let (stdout, stderr, code) = said(&output);
    (stdout.into(), stderr.into(), code)
}

#[cfg(target_os = "linux")]
#[test]
fn a_system_that_trusts_nobody_is_told_of() {
    let folder = Folder::new("system");
    let authority = Authority::new("ours");
    let server = serving(&folder, &authority.server(&["127.0.0.1"], Validity::Now));
    let said_so = "the system doesn't say whom to trust, so it is whom Mozilla trusts: ";

    let ours = folder.write("ours.pem", &authority.pem);
    let (stdout, stderr, code) = asked_where_the_system_trusts(&ours, &server);
    assert_eq!((stdout.as_str(), code), ("hi\n", Some(0)), "{stderr}");
    assert!(!stderr.contains(said_so), "{stderr}");

    let (stdout, stderr, code) = asked_where_the_system_trusts("no/such/file", &server);
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    let reason = stderr.lines().find_map(|line| line.strip_prefix(said_so));
    assert!(reason.unwrap().contains("CA certificates"), "{stderr}");
    assert!(stderr.contains("UnknownIssuer"), "{stderr}");
}

#[test]
fn a_server_that_is_trusted_is_talked_to_and_no_other() {
    let folder = Folder::new("trust");
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (ours, theirs) = (
        (folder.write("ours.pem", &ours.pem), ours),
        folder.write("theirs.pem", &theirs.pem),
    );
    let (ours, authority) = ours;

    let server = serving(&folder, &authority.server(&["127.0.0.1"], Validity::Now));
    assert!(server.url("").starts_with("wss://"));
    let (stdout, _, code) = asked(&server, &["--cacert", &ours]);
    assert_eq!((stdout.as_str(), code), ("hi\n", Some(0)));

    for options in [&["--cacert", &theirs][..], &[]] {
        let (stdout, stderr, code) = asked(&server, options);
        assert_eq!((stdout.as_str(), code), ("", Some(1)), "{options:?}");
        let why = "encryption failed: invalid peer certificate: UnknownIssuer";
        assert!(stderr.contains(why), "{stderr}");
    }

    let server = serving(
        &folder,
        &authority.server(&["127.0.0.1"], Validity::Expired),
    );
    let (_, stderr, code) = asked(&server, &["--cacert", &ours]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("certificate expired"), "{stderr}");

    let server = serving(&folder, &authority.server(&["localhost"], Validity::Now));
    let (_, stderr, code) = asked(&server, &["--cacert", &ours]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("certificate not valid for name \"127.0.0.1\""),
        "{stderr}"
    );
}

#[test]
fn a_self_signed_server_is_trusted_on_demand_and_loudly() {
    let server = Server::start(&["--tls-self-signed"]);
    let (stdout, stderr, code) = asked(&server, &[]);
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    assert!(!stderr.contains("WARNING"), "{stderr}");
    let (stdout, stderr, code) = asked(&server, &["--insecure"]);
    assert_eq!((stdout.as_str(), code), ("hi\n", Some(0)));
    assert!(stderr.starts_with("WARNING: --insecure: "), "{stderr}");
}

#[test]
fn a_client_without_tls_is_no_harm_to_a_server_with() {
    let mut server = Server::start(&["--tls-self-signed"]);
    let answer = server.ask_bytes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // An alert of TLS, and no word of HTTP.
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    let line = server.logged("encryption failed");
    assert!(line.contains("ended before its request did"), "{line}");
    let (stdout, _, code) = asked(&server, &["--insecure"]);
    assert_eq!((stdout.as_str(), code), ("hi\n", Some(0)));
}

#[test]
fn tls_to_a_server_without_fails_at_once() {
    let server = Server::start(&[]);
    let url = server.url("/echo").replace("ws://", "wss://");
    let output = run(&["connect", &url, "--insecure"], b"");
    let (_, stderr, code) = said(&output);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("encryption failed"), "{stderr}");
}

#[tokio::test]
async fn a_certificate_is_shown_where_it_is_asked_for() {
    let folder = Folder::new("client");
    let authority = Authority::new("both");
    let identity = authority.server(&["127.0.0.1"], Validity::Now);
    let tls = ServerTls::certificate_for_clients_of(
        authority.pem.as_bytes(),
        identity.chain.as_bytes(),
        identity.key.as_bytes(),
    )
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let acceptor = Acceptor::new().tls(tls);
    let serving = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.unwrap();
            let served: Result<(), bowline_tokio::Error> = acceptor
                .serve(stream, async |ws| {
                    while let Some(message) = ws.recv().await? {
                        ws.send(message).await?;
                    }
                    Ok(())
                })
                .await;
            outcomes.push(served.is_ok());
        }
        outcomes
    });

    let cacert = folder.write("authority.pem", &authority.pem);
    let client = authority.client("me");
    let (cert, key) = (
        folder.write("me.pem", &client.chain),
        folder.write("me.key", &client.key),
    );
    let both = folder.write("both.pem", &format!("{}{}", client.key, client.chain));
    let mut codes = Vec::new();
    for options in [
        &["--cert", &cert, "--key", &key][..],
        &["--cert", &both],
        &[],
    ] {
        let arguments = [&["connect", &url, "--one", "--cacert", &cacert], options].concat();
        codes.push(run_async(&arguments, b"hi\n").await.status.code());
    }
    assert_eq!(codes, [Some(0), Some(0), Some(1)]);
    assert_eq!(within(serving).await.unwrap(), [true, true, false]);

    // A key of somebody else, and no key at all.
    let strange = folder.write("strange.key", &authority.client("other").key);
    for wrong in [&strange, &cert] {
        let arguments = ["connect", &url, "--cert", &cert, "--key", wrong];
        let output = run_async(&arguments, b"").await;
        let (_, stderr, code) = said(&output);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("cannot show"), "{stderr}");
    }
}
