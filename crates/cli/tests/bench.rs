//! `bowline bench`, against servers that echo and servers that don't.

mod common;

use std::future::Future;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bowline_tokio::{Acceptor, CloseCode, CloseFrame, Error, Message, WebSocket, corked};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use common::{Server, bowline, ended, run, run_async, said, signal};

/// A server of the test's own, which ends with this value.
struct Peer {
    url: String,
    serving: JoinHandle<()>,
}

impl Peer {
    /// Serves every connection with `handler`.
    async fn start<F>(handler: impl Fn(WebSocket) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let ws = Acceptor::new().accept(stream).await.unwrap();
                tokio::spawn(corked(handler(ws)));
            }
        });
        Self { url, serving }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Sends every message back as `change` makes it, and nothing where that makes nothing.
async fn echo(
    mut ws: WebSocket,
    mut change: impl FnMut(Message) -> Option<Message>,
) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        if let Some(message) = change(message) {
            ws.send(message).await?;
        }
    }
    Ok(())
}

/// A run without warm-up.
fn arguments<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["bench", url, "--warm-up", "0"], more].concat()
}

/// The figures, which are all there is on standard output.
fn json(output: &Output) -> Value {
    let (stdout, _, _) = said(output);
    assert_eq!(stdout.matches('\n').count(), 1, "{stdout}");
    serde_json::from_str(stdout).unwrap()
}

/// Measures with these options; the figures, what was said beside them, and the exit code.
async fn measured(url: &str, more: &[&str]) -> (Value, String, Option<i32>) {
    let output = run_async(&arguments(url, &[more, &["--json"]].concat()), b"").await;
    let (_, stderr, code) = said(&output);
    (json(&output), stderr.into(), code)
}

/// What is in an object or array, by names and positions.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value
        .pointer(path)
        .unwrap_or_else(|| panic!("no {path} in {value}"))
}

fn number(value: &Value, path: &str) -> u64 {
    at(value, path).as_u64().unwrap()
}

#[tokio::test]
async fn every_message_is_sent_and_counted_once() {
    let server = Server::start(&[]);
    let options = ["--connections", "3", "--depth", "4", "--messages", "100"];
    let (figures, stderr, code) = measured(&server.url("/echo"), &options).await;
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    for (path, expected) in [
        ("/connections/wanted", 3),
        ("/connections/opened", 3),
        ("/connections/failed", 0),
        ("/connections/ended_early", 0),
        ("/messages/echoed", 100),
        ("/messages/altered", 0),
        ("/messages/lost", 0),
        ("/depth", 4),
        ("/size", 128),
    ] {
        assert_eq!(number(&figures, path), expected, "{path}");
    }
    assert_eq!(at(&figures, "/url"), &server.url("/echo"));
    assert_eq!(at(&figures, "/kind"), "text");
    assert_eq!(at(&figures, "/deflate"), &Value::Null);
    assert_eq!(at(&figures, "/troubles"), &Value::Array(Vec::new()));

    let rate = at(&figures, "/messages_per_second").as_f64().unwrap();
    let seconds = at(&figures, "/seconds").as_f64().unwrap();
    assert!((rate * seconds - 100.0).abs() < 0.01, "{figures}");
    let bytes = at(&figures, "/bytes_per_second").as_f64().unwrap();
    assert!((bytes / rate - 128.0).abs() < 0.01, "{figures}");
    let times = ["min", "p50", "p90", "p99", "p99_9", "max"]
        .map(|name| number(&figures, &format!("/round_trip_ns/{name}")));
    assert!(times.is_sorted() && times[0] > 0, "{times:?}");
}

#[test]
fn people_get_a_plain_table() {
    let server = Server::start(&[]);
    let url = server.url("/echo");
    let output = run(&arguments(&url, &["--messages", "10", "--size", "5"]), b"");
    let (stdout, stderr, code) = said(&output);
    assert_eq!((stderr, code), ("", Some(0)));
    let head = format!("{url}: 1 connection, 1 under way on each, text of 5 bytes\n\n");
    assert!(stdout.starts_with(&head), "{stdout}");
    for part in [
        "\nconnections  1 opened, 0 failed, 0 ended early\n",
        "\nmessages     10 echoed in ",
        "s, 0 altered, 0 lost\n",
        "\nrate         ",
        " MiB/s each way\n",
        "\nround trip   p50 ",
        "\n             p99.9 ",
        "\n             max ",
    ] {
        assert!(stdout.contains(part), "{part:?} is not in {stdout}");
    }
    assert!(!stdout.contains(|c: char| c.is_control() && c != '\n'));
}

#[tokio::test]
async fn messages_are_what_was_asked_for() {
    let (seen, mut messages) = mpsc::unbounded_channel();
    let peer = Peer::start(move |ws| {
        let seen = seen.clone();
        echo(ws, move |message| {
            seen.send(message.clone()).unwrap();
            Some(message)
        })
    })
    .await;
    for size in [0, 1, 125, 126, 65_536] {
        for kind in ["text", "binary"] {
            let (option, size_option) = (format!("--{kind}"), size.to_string());
            let options = [&option, "--size", &size_option, "--messages", "3"];
            let (figures, stderr, code) = measured(&peer.url, &options).await;
            assert_eq!((stderr.as_str(), code), ("", Some(0)));
            assert_eq!(at(&figures, "/kind"), kind);
            assert_eq!(number(&figures, "/messages/echoed"), 3);
            for _ in 0..3 {
                let message = messages.recv().await.unwrap();
                assert_eq!(message.len(), size);
                assert_eq!(message.kind().to_string(), kind);
                assert!(size < 125 || !message.as_bytes().is_ascii());
            }
            assert!(messages.is_empty());
        }
    }
}

#[tokio::test]
async fn so_many_messages_are_under_way_as_was_asked_for() {
    let peer = Peer::start(|mut ws| async move {
        let mut held = Vec::new();
        while let Some(message) = ws.recv().await? {
            held.push(message);
            if held.len() == 5 {
                for message in held.drain(..) {
                    ws.send(message).await?;
                }
            }
        }
        Ok(())
    })
    .await;
    // The first are more than a connection lets wait by default.
    for (size, messages) in [("1000000", 5), ("10", 20)] {
        let count = messages.to_string();
        let options = ["--depth", "5", "--size", size, "--messages", &count];
        let (figures, stderr, code) = measured(&peer.url, &options).await;
        assert_eq!((stderr.as_str(), code), ("", Some(0)));
        assert_eq!(number(&figures, "/messages/echoed"), messages);
    }
}

#[tokio::test]
async fn a_server_that_waits_to_be_read_holds_nothing_up() {
    let server = Server::start(&[]);
    let options = ["--depth", "16", "--messages", "16", "--size", "1000000"];
    let (figures, stderr, code) = measured(&server.url("/echo"), &options).await;
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert_eq!(number(&figures, "/messages/echoed"), 16);
}

#[tokio::test]
async fn what_warms_up_is_not_measured() {
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let peer = Peer::start(move |ws| {
        let counter = Arc::clone(&counter);
        echo(ws, move |message| {
            counter.fetch_add(1, Ordering::Relaxed);
            Some(message)
        })
    })
    .await;
    let warm = ["bench", &peer.url, "--warm-up", "0.2", "--messages", "10"];
    let output = run_async(&[&warm[..], &["--json"]].concat(), b"").await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(number(&json(&output), "/messages/echoed"), 10);
    assert!(received.load(Ordering::Relaxed) > 10);
}

#[tokio::test]
async fn compression_is_offered_on_demand() {
    let server = Server::start(&[]);
    let size = ["--messages", "10", "--size", "5000", "--connections", "2"];
    for option in ["--deflate", "--context-takeover=none"] {
        let options = [&size[..], &[option]].concat();
        let (figures, _, code) = measured(&server.url("/echo"), &options).await;
        assert_eq!(code, Some(0));
        assert_eq!(number(&figures, "/deflate/agreed"), 2);
        for direction in ["sent", "received"] {
            let path = format!("/deflate/{direction}");
            assert_eq!(number(&figures, &format!("{path}/payload")), 50_000);
            assert!(number(&figures, &format!("{path}/wire")) < 40_000);
        }
    }

    let declining = Server::start(&["--no-deflate"]);
    let url = declining.url("/echo");
    let options = [&size[..], &["--deflate"]].concat();
    let (figures, _, code) = measured(&url, &options).await;
    assert_eq!(code, Some(0));
    assert_eq!(number(&figures, "/deflate/agreed"), 0);
    let output = run_async(&arguments(&url, &options), b"").await;
    let (stdout, _, _) = said(&output);
    assert!(
        stdout.contains("\ncompression  the server did not agree\n"),
        "{stdout}"
    );
}

#[tokio::test]
async fn options_of_connect_work_here_too() {
    let server = Server::start(&["--tls-self-signed"]);
    let url = server.url("/echo");
    let (figures, stderr, code) = measured(&url, &["--messages", "5", "--insecure"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(number(&figures, "/messages/echoed"), 5);
    assert!(stderr.starts_with("WARNING: --insecure: "), "{stderr}");

    let foreign = ["--messages", "5", "--insecure", "-H", "Origin: https://a.b"];
    let (figures, stderr, code) = measured(&url, &foreign).await;
    assert_eq!(
        (stderr.lines().last(), code),
        (Some("bowline: no connection could be opened"), Some(1))
    );
    let trouble = at(&figures, "/troubles/0/what").as_str().unwrap();
    assert!(trouble.contains("refused with status 403"), "{trouble}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let peer = Peer::start(|ws| echo(ws, |_| None)).await;
    let options = ["--connections", "2", "--depth", "3", "--timeout", "0.2"];
    let (figures, stderr, code) = measured(&peer.url, &options).await;
    assert_eq!(
        (stderr.as_str(), code),
        ("bowline: messages that did not come back: 6\n", Some(1))
    );
    assert_eq!(number(&figures, "/messages/lost"), 6);
    assert_eq!(number(&figures, "/connections/ended_early"), 2);
    assert_eq!(at(&figures, "/round_trip_ns"), &Value::Null);
    assert_eq!(
        at(&figures, "/troubles/0/what"),
        "nothing came back for 200ms"
    );
    assert_eq!(number(&figures, "/troubles/0/count"), 2);
}

#[tokio::test]
async fn a_server_that_does_not_even_read_is_given_up() {
    let peer = Peer::start(|ws| async move {
        std::future::pending::<()>().await;
        drop(ws);
        Ok(())
    })
    .await;
    let options = ["--depth", "4", "--size", "4000000", "--timeout", "0.2"];
    let (figures, _, code) = measured(&peer.url, &options).await;
    assert_eq!(code, Some(1));
    assert!(number(&figures, "/messages/lost") > 0);
}

#[tokio::test]
async fn an_echo_that_is_another_message_is_noticed() {
    let changes: [fn(Message) -> Message; 4] = [
        |message| message.into_bytes().into(),
        |message| format!("{} ", message.as_text().unwrap()).into(),
        |message| String::from_iter(message.as_text().unwrap().chars().skip(1)).into(),
        |message| String::from_iter(message.as_text().unwrap().chars().rev()).into(),
    ];
    for change in changes {
        let peer = Peer::start(move |ws| echo(ws, move |message| Some(change(message)))).await;
        let options = ["--messages", "7", "--depth", "2", "--size", "200"];
        let (figures, stderr, code) = measured(&peer.url, &options).await;
        assert_eq!(
            (stderr.as_str(), code),
            ("bowline: messages that came back altered: 7\n", Some(1))
        );
        assert_eq!(number(&figures, "/messages/altered"), 7);
        assert_eq!(number(&figures, "/messages/echoed"), 0);
    }
}

#[tokio::test]
async fn an_echo_out_of_turn_is_noticed() {
    let peer = Peer::start(|mut ws| async move {
        while let (Some(first), Some(second)) = (ws.recv().await?, ws.recv().await?) {
            ws.send(second).await?;
            ws.send(first).await?;
        }
        Ok(())
    })
    .await;
    let (figures, _, code) = measured(&peer.url, &["--messages", "4", "--depth", "4"]).await;
    assert_eq!(code, Some(1));
    assert_eq!(number(&figures, "/messages/altered"), 4);
}

#[tokio::test]
async fn a_server_that_ends_in_the_middle_loses_what_was_under_way() {
    let peer = Peer::start(|mut ws| async move {
        for _ in 0..3 {
            if let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
        }
        let close = CloseFrame::new(CloseCode::new(1011).unwrap(), "a \u{1b}[31mbug");
        ws.close(close.unwrap()).await
    })
    .await;
    let options = ["--messages", "20", "--depth", "2"];
    let (figures, stderr, code) = measured(&peer.url, &options).await;
    assert_eq!(
        (stderr.as_str(), code),
        ("bowline: messages that did not come back: 2\n", Some(1))
    );
    assert_eq!(number(&figures, "/messages/echoed"), 3);
    assert_eq!(number(&figures, "/connections/ended_early"), 1);
    let trouble = at(&figures, "/troubles/0/what").as_str().unwrap();
    assert_eq!(trouble, "closed by the peer: 1011 (a \\u{1b}[31mbug)");

    let output = run_async(&arguments(&peer.url, &options), b"").await;
    let (stdout, _, _) = said(&output);
    let row = "\ntrouble      1 × closed by the peer: 1011 (a \\u{1b}[31mbug)\n";
    assert!(stdout.ends_with(row), "{stdout}");
}

#[tokio::test]
async fn a_message_above_the_limit_of_the_server_is_lost() {
    let server = Server::start(&["--max-message", "1000"]);
    let url = server.url("/echo");
    let (_, _, code) = measured(&url, &["--size", "1000", "--messages", "2"]).await;
    assert_eq!(code, Some(0));
    let (figures, _, code) = measured(&url, &["--size", "1001", "--messages", "2"]).await;
    assert_eq!(code, Some(1));
    assert_eq!(number(&figures, "/messages/lost"), 1);
    let trouble = at(&figures, "/troubles/0/what").as_str().unwrap();
    assert!(trouble.contains("1009"), "{trouble}");
}

#[tokio::test]
async fn connections_that_are_refused_do_not_keep_the_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            if number % 3 > 0 {
                let ws = Acceptor::new().accept(stream).await.unwrap();
                tokio::spawn(echo(ws, Some));
            }
        }
    });
    let options = ["--connections", "6", "--messages", "40"];
    let (figures, stderr, code) = measured(&url, &options).await;
    serving.abort();
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert_eq!(number(&figures, "/connections/opened"), 4);
    assert_eq!(number(&figures, "/connections/failed"), 2);
    assert_eq!(number(&figures, "/messages/echoed"), 40);
    // A transport that is dropped ends in one of two ways.
    let troubles = at(&figures, "/troubles").as_array().unwrap();
    let counts = troubles.iter().map(|trouble| number(trouble, "/count"));
    assert_eq!(counts.sum::<u64>(), 2);
}

#[tokio::test]
async fn without_a_server_there_are_figures_all_the_same() {
    // Bound and not listening: nobody else gets this port, and nobody answers.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("ws://{}/", socket.local_addr().unwrap());
    let (figures, stderr, code) = measured(&url, &["--connections", "2"]).await;
    assert_eq!(
        (stderr.as_str(), code),
        ("bowline: no connection could be opened\n", Some(1))
    );
    assert_eq!(number(&figures, "/connections/failed"), 2);
    let trouble = at(&figures, "/troubles/0/what").as_str().unwrap();
    let expected = format!("cannot connect to {url}: ");
    assert!(trouble.starts_with(&expected), "{trouble}");

    let output = run_async(&arguments(&url, &[]), b"").await;
    let (stdout, _, _) = said(&output);
    assert!(
        stdout.contains("\nmessages     0 echoed, 0 altered, 0 lost\n"),
        "{stdout}"
    );
}

#[test]
fn arguments_that_mean_nothing_are_refused() {
    for wrong in [
        &["--connections", "0"][..],
        &["--connections", "65536"],
        &["--depth", "0"],
        &["--depth", "65536"],
        &["--size", "1073741825"],
        &["--size", "-1"],
        &["--time", "0"],
        &["--time", "-1"],
        &["--time", "nan"],
        &["--time", "inf"],
        &["--warm-up", "soon"],
        &["--timeout", "0"],
        &["--messages", "0"],
        &["--messages", "1", "--time", "1"],
        &["--text", "--binary"],
        &["--deflate", "--no-deflate"],
        &["-H", "Host: elsewhere"],
    ] {
        let arguments = [&["bench", "ws://127.0.0.1:9/", "--json"], wrong].concat();
        let output = run(&arguments, b"");
        let (stdout, stderr, code) = said(&output);
        assert_eq!((stdout, code), ("", Some(2)), "{wrong:?}");
        assert!(!stderr.is_empty());
    }
}

#[tokio::test]
async fn ctrl_c_ends_early_with_the_figures_so_far() {
    let (seen, mut messages) = mpsc::unbounded_channel();
    let peer = Peer::start(move |ws| {
        let seen = seen.clone();
        echo(ws, move |message| {
            // Nobody listens any more at the end.
            let _ = seen.send(());
            Some(message)
        })
    })
    .await;
    let mut child = bowline(arguments(&peer.url, &["--time", "3600", "--json"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..10 {
        messages.recv().await.unwrap();
    }
    signal(&child, "INT");
    assert_eq!(ended(&mut child).await.code(), Some(0));
    let output = child.wait_with_output().unwrap();
    let figures = json(&output);
    assert!(number(&figures, "/messages/echoed") >= 10, "{figures}");
    assert_eq!(number(&figures, "/messages/lost"), 0);
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait_for_echoes() {
    let (seen, mut messages) = mpsc::unbounded_channel();
    let peer = Peer::start(move |ws| {
        let seen = seen.clone();
        echo(ws, move |_| {
            let _ = seen.send(());
            None
        })
    })
    .await;
    let mut child = bowline(arguments(&peer.url, &["--timeout", "3600"]))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    messages.recv().await.unwrap();
    // Two that come together are one.
    while child.try_wait().unwrap().is_none() {
        signal(&child, "INT");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let output = child.wait_with_output().unwrap();
    let (_, stderr, code) = said(&output);
    assert_eq!((stderr, code), ("bowline: interrupted\n", Some(130)));
}
