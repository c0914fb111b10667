//! `bowline connect` in a pipe.

mod common;

use std::future::Future;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use bowline_tokio::{Acceptor, CloseCode, CloseFrame, Error, Opening, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use common::{Server, bowline, ended, run, run_async, said, within};

/// A server of the test's own, for one connection.
async fn serve<F, T>(
    handler: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> (String, JoinHandle<T>)
where
    F: Future<Output = T> + Send,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        handler(Acceptor::new().accept(stream).await.unwrap()).await
    });
    (url, serving)
}

fn spawn(arguments: &[&str]) -> Child {
    bowline(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn one_message_is_sent_and_one_is_printed() {
    let mut server = Server::start(&[]);
    let output = run(
        &["connect", &server.url("/echo"), "--one"],
        "Grüße\nrest\n".as_bytes(),
    );
    assert_eq!(said(&output), ("Grüße\n", "closed by us: 1000\n", Some(0)));
    assert!(
        server
            .logged("ended")
            .ends_with("closed by the peer: 1000; 1 message")
    );
}

#[test]
fn every_line_is_sent_and_every_reply_printed() {
    let server = Server::start(&[]);
    let lines: String = (0..20_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    let output = run(&["connect", &server.url("/echo")], lines.as_bytes());
    assert!(
        output.stdout == lines.as_bytes(),
        "{} bytes",
        output.stdout.len()
    );
    assert_eq!(output.status.code(), Some(0));

    let output = run(&["connect", &server.url("/echo")], b"\r\n\nlast");
    assert_eq!(
        said(&output),
        ("\n\nlast\n", "closed by us: 1000\n", Some(0))
    );
    let output = run(&["connect", &server.url("/echo")], b"");
    assert_eq!(said(&output), ("", "closed by us: 1000\n", Some(0)));
}

#[test]
fn binary_goes_through_a_pipe_as_it_is() {
    let server = Server::start(&[]);
    let arguments = ["connect", &server.url("/echo"), "--binary"];
    let output = run(&arguments, b"\xff\r\n\x00\x1b\nlast");
    assert_eq!(output.stdout, b"\xff\r\x00\x1blast");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn text_goes_through_a_pipe_as_it_is() {
    let server = Server::start(&[]);
    let output = run(
        &["connect", &server.url("/echo"), "--text", "--one"],
        b"\x1b[2J\n",
    );
    assert_eq!(output.stdout, b"\x1b[2J\n");
}

#[test]
fn text_that_is_none_ends_with_an_error() {
    let server = Server::start(&[]);
    let output = run(&["connect", &server.url("/echo")], b"good\n\xff\nnever\n");
    let expected = "bowline: line 2 of the input is not UTF-8; --binary sends it as it is\n";
    assert_eq!(said(&output), ("good\n", expected, Some(1)));
}

#[test]
fn verbose_shows_both_heads() {
    let server = Server::start(&[]);
    let output = run(
        &[
            "connect",
            &server.url("/echo"),
            "-v",
            "--one",
            "-H",
            "X-A: b",
        ],
        b"hi\n",
    );
    let (stdout, stderr, code) = said(&output);
    assert_eq!((stdout, code), ("hi\n", Some(0)));
    let (sent, received) = stderr.split_once("\n< ").unwrap();
    assert!(sent.starts_with("> GET /echo HTTP/1.1\n> Host: "), "{sent}");
    assert!(sent.contains("\n> x-a: b"), "{sent}");
    assert!(received.starts_with("HTTP/1.1 101 Switching Protocols\n< "));
    assert!(
        received.contains("\n< sec-websocket-accept: "),
        "{received}"
    );
    assert!(received.contains("closed by us: 1000\n"), "{received}");
}

#[test]
fn messages_are_compressed_unless_one_end_declines() {
    let line = "to and fro, ".repeat(100) + "\n";
    let talk = |server: &Server, more: &[&str]| {
        let url = server.url("/echo");
        let arguments = [&["connect", &url, "-v"], more].concat();
        let output = run(&arguments, line.as_bytes());
        assert_eq!(output.stdout, line.as_bytes());
        String::from_utf8(output.stderr).unwrap()
    };
    let server = Server::start(&[]);
    let said = talk(&server, &[]);
    assert!(
        said.contains(
            "\n< sec-websocket-extensions: permessage-deflate; server_no_context_takeover"
        )
    );
    for what in ["sent", "received"] {
        assert!(
            said.contains(&format!("\n{what} 1200 bytes compressed to ")),
            "{said}"
        );
    }

    let declining = Server::start(&["--no-deflate"]);
    for (said, offered) in [
        (talk(&server, &["--no-deflate"]), false),
        (talk(&declining, &[]), true),
    ] {
        assert_eq!(
            said.contains("\n> Sec-WebSocket-Extensions: permessage-deflate"),
            offered
        );
        assert!(!said.contains("\n< sec-websocket-extensions"), "{said}");
        assert!(!said.contains("compressed"), "{said}");
    }
}

#[test]
fn both_ends_choose_takeover_and_windows() {
    let answer = |server: &Server, options: &[&str]| {
        let url = server.url("/echo");
        let line = "again and again\n".repeat(20);
        let output = run(
            &[&["connect", &url, "-v"], options].concat(),
            line.as_bytes(),
        );
        assert_eq!(output.stdout, line.as_bytes());
        let said = String::from_utf8(output.stderr).unwrap();
        let (_, rest) = said
            .split_once("< sec-websocket-extensions: permessage-deflate")
            .unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    let wide = Server::start(&["--context-takeover=both", "--outbound-window-bits=15"]);
    assert_eq!(answer(&wide, &[]), "");
    assert_eq!(
        answer(
            &wide,
            &["--context-takeover=inbound", "--inbound-window-bits=9"]
        ),
        "; client_no_context_takeover; server_max_window_bits=9"
    );
    assert_eq!(
        answer(
            &wide,
            &["--context-takeover=outbound", "--outbound-window-bits=10"]
        ),
        "; server_no_context_takeover; client_max_window_bits=10"
    );
    let narrow = Server::start(&["--outbound-window-bits=9", "--inbound-window-bits=10"]);
    assert_eq!(
        answer(&narrow, &[]),
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; \
        client_max_window_bits=10"
    );
}

#[test]
fn verbose_shows_the_head_of_a_refusal() {
    let server = Server::start(&[]);
    let output = run(&["connect", &server.url("/nowhere"), "--verbose"], b"");
    let (_, stderr, code) = said(&output);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("\n< HTTP/1.1 404 Not Found\n< "),
        "{stderr}"
    );
    assert!(stderr.contains("refused with status 404"), "{stderr}");
}

#[tokio::test]
async fn without_a_line_one_message_is_awaited() {
    let (url, serving) = serve(|mut ws| async move {
        ws.send("welcome").await?;
        ws.send("more").await?;
        let received = ws.recv().await?;
        Ok::<_, Error>((received, ws.ended().cloned()))
    })
    .await;
    let output = run_async(&["connect", &url, "--one"], b"").await;
    assert_eq!(
        said(&output),
        ("welcome\n", "closed by us: 1000\n", Some(0))
    );
    let (received, ended) = serving.await.unwrap().unwrap();
    assert_eq!((received, ended.unwrap().code()), (None, 1000));
}

#[tokio::test]
async fn headers_and_subprotocols_reach_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/path?query", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = Acceptor::new().subprotocols(["second"])?;
        let Opening::Upgrade(upgrade) = acceptor.open(stream).await? else {
            panic!("not an upgrade");
        };
        let request = upgrade.request();
        assert_eq!(request.uri(), "/path?query");
        assert_eq!(request.headers()["authorization"], "Bearer 1:2");
        assert_eq!(request.headers().get_all("x-many").iter().count(), 2);
        let offered: Vec<&str> = upgrade.offered_subprotocols().collect();
        assert_eq!(offered, ["first", "second"]);
        let mut ws = upgrade.accept().await?;
        ws.send(ws.subprotocol().unwrap()).await?;
        ws.close(CloseCode::NORMAL).await
    });
    let header = "Authorization: Bearer 1:2";
    let arguments = [
        "connect",
        &url,
        "-H",
        header,
        "-H",
        "X-Many: a",
        "--header",
        "X-Many:b",
        "--subprotocol",
        "first",
        "--subprotocol",
        "second",
    ];
    // The input stays open: the server ends it.
    let mut child = spawn(&arguments);
    within(serving).await.unwrap().unwrap();
    assert_eq!(ended(&mut child).await.code(), Some(0));
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        said(&output),
        ("second\n", "closed by the peer: 1000\n", Some(0))
    );
}

#[tokio::test]
async fn a_server_that_closes_for_a_reason_is_an_error() {
    let cases = [
        (1000, "bye", Some(0)),
        (1001, "", Some(0)),
        (1011, "a \u{1b}[31mbug", Some(1)),
        (4001, "who are you?", Some(1)),
    ];
    for (code, reason, exit) in cases {
        let close = CloseFrame::new(CloseCode::new(code).unwrap(), reason).unwrap();
        let (url, serving) = serve(|mut ws| async move { ws.close(close).await }).await;
        let mut child = spawn(&["connect", &url]);
        within(serving).await.unwrap().unwrap();
        assert_eq!(ended(&mut child).await.code(), exit, "{code}");
        let output = child.wait_with_output().unwrap();
        let (_, error, _) = said(&output);
        assert!(
            error.contains(&format!("closed by the peer: {code}")),
            "{error:?}"
        );
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}

#[tokio::test]
async fn a_close_of_ours_does_not_hide_why_the_peer_closed() {
    let cases = [
        (1000, "", Some(0)),
        (1001, "", Some(0)),
        (1009, "too long", Some(1)),
        (4001, "", Some(1)),
    ];
    for (code, reason, exit) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let stream = listener.accept().await?.0.into_std()?;
            let mut under = TcpStream::from_std(stream.try_clone()?)?;
            let stream = TcpStream::from_std(stream)?;
            let _ws = Acceptor::new().accept(stream).await.unwrap();
            // The client's Close: two bytes of header, the masking key and the code.
            let mut close = [0; 8];
            under.read_exact(&mut close).await?;
            assert_eq!(close[0], 0x88);
            // It is not answered: this was under way before.
            let len = u8::try_from(2 + reason.len()).unwrap();
            let own = [&[0x88, len], &u16::to_be_bytes(code)[..], reason.as_bytes()].concat();
            under.write_all(&own).await?;
            under.shutdown().await
        });
        let output = run_async(&["connect", &url], b"").await;
        serving.await.unwrap().unwrap();
        let (_, error, found) = said(&output);
        assert_eq!(found, exit, "{code}: {error}");
        if exit == Some(1) {
            let expected = format!("bowline: closed by us, but the peer said {code}");
            assert!(error.starts_with(&expected), "{error}");
            assert!(error.contains(reason), "{error}");
        }
    }
}

#[tokio::test]
async fn a_server_without_a_reply_is_an_error() {
    let (url, serving) = serve(|mut ws| async move {
        ws.recv().await?;
        ws.close(CloseCode::NORMAL).await
    })
    .await;
    let output = run_async(&["connect", &url, "--one"], b"hi\n").await;
    let expected = "bowline: no message came; closed by the peer: 1000\n";
    assert_eq!(said(&output), ("", expected, Some(1)));
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_that_is_lost_is_an_error() {
    let (url, serving) = serve(|ws| async move {
        ws.send("last words").await?;
        // Without a Close frame.
        drop(ws.into_parts());
        Ok::<_, Error>(())
    })
    .await;
    let output = run_async(&["connect", &url, "--one"], b"").await;
    serving.await.unwrap().unwrap();
    let (printed, error, code) = said(&output);
    assert_eq!((printed, code), ("last words\n", Some(1)));
    assert!(
        error.starts_with("bowline: ") && error.lines().count() == 1,
        "{error:?}"
    );
}

#[test]
fn without_a_server_the_cause_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let output = run(&["connect", &format!("ws://{address}/"), "--one"], b"hi\n");
    let (printed, error, code) = said(&output);
    assert_eq!((printed, code), ("", Some(1)));
    let expected = format!("bowline: cannot connect to ws://{address}/: {address}: ");
    assert!(
        error.starts_with(&expected) && error.lines().count() == 1,
        "{error}"
    );
}

#[test]
fn a_refusal_is_told_with_status_and_reason() {
    let server = Server::start(&[]);
    let (nowhere, echo) = (server.url("/nowhere"), server.url("/echo"));
    let cases = [
        (&["connect", &nowhere][..], "404 Not Found: not found; "),
        (&["connect", &echo, "-H", "Origin: null"], "403 Forbidden: "),
    ];
    for (arguments, part) in cases {
        let output = run(arguments, b"hi\n");
        let (printed, error, code) = said(&output);
        assert_eq!((printed, code), ("", Some(1)));
        assert!(
            error.contains(part) && error.lines().count() == 1,
            "{error}"
        );
    }
}

#[test]
fn wrong_arguments_are_refused() {
    for arguments in [
        &["connect"][..],
        &["connect", "http://localhost/"],
        &["connect", "localhost"],
        &["connect", "ws://localhost/", "--text", "--binary"],
        &["connect", "ws://localhost/", "-H", "no colon"],
        &["connect", "ws://localhost/", "-H", "Host: elsewhere"],
        &["connect", "ws://localhost/", "--subprotocol", "not a token"],
        &["connect", "wss://localhost/", "--cacert", "/no/such/file"],
    ] {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_gone_ends_it_in_order() {
    let (url, serving) = serve(|ws| async move {
        let (mut receiver, sender) = ws.split();
        let talk = async {
            while sender.send("again").await.is_ok() {
                tokio::task::yield_now().await;
            }
            std::future::pending().await
        };
        tokio::select! {
            received = receiver.recv() => assert_eq!(received.unwrap(), None),
            () = talk => {}
        }
        receiver.ended().unwrap().code()
    })
    .await;
    let mut child = spawn(&["connect", &url]);
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "again\n");
    drop(stdout);
    assert_eq!(within(serving).await.unwrap(), 1000);
    assert_eq!(ended(&mut child).await.code(), Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_closes_in_order() {
    let (url, serving) = serve(|mut ws| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok::<_, Error>(ws.ended().unwrap().code())
    })
    .await;
    let mut child = spawn(&["connect", &url]);
    child.stdin.as_mut().unwrap().write_all(b"hi\n").unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "hi\n");
    common::signal(&child, "INT");
    assert_eq!(within(serving).await.unwrap().unwrap(), 1000);
    assert_eq!(ended(&mut child).await.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn notes_that_nobody_reads_change_nothing() {
    let server = Server::start(&[]);
    let mut child = spawn(&["connect", &server.url("/echo"), "-v", "--one"]);
    // The reading end of its standard error is gone.
    drop(child.stderr.take());
    child.stdin.take().unwrap().write_all(b"hi\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.stdout, output.status.code()),
        (b"hi\n".to_vec(), Some(0))
    );
}
