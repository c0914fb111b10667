//! The examples, run as programs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bowline_blocking::{CloseCode, Connector, Role};
use bowline_testing::wire::{FIN, TEXT, frame};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The path of an example; `cargo test` of the package builds them all.
fn example(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(2).unwrap().join("examples");
    let path = folder
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "{} is not built; `cargo test -p bowline-blocking` does",
        path.display()
    );
    path
}

/// A server that ends with the test.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut first).unwrap();
        let address = first.trim_end().rsplit('/').next().unwrap();
        let address = address.parse().expect(&first);
        Self { process, address }
    }

    fn echo(arguments: &[&str]) -> Self {
        let mut command = Command::new(example("blocking_echo_server"));
        Self::start(command.arg("127.0.0.1:0").args(arguments))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn client(arguments: &[&str], input: &str) -> (String, bool) {
    let mut process = Command::new(example("blocking_echo_client"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = process.stdin.take().unwrap();
    pipe.write_all(input.as_bytes()).unwrap();
    drop(pipe);
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text, output.status.success())
}

#[test]
fn the_client_prints_what_the_server_sends_back() {
    let server = Server::echo(&[]);
    let url = format!("ws://{}/any/path", server.address);
    let input = "hello\n\nzwei Wörter\nlast without an end";
    let expected = format!("{input}\n");
    assert_eq!(client(&[&url], input), (expected, true));
    assert_eq!(client(&[&url], ""), (String::new(), true));
}

#[test]
fn the_client_fails_if_nobody_is_there_or_nothing_is_asked() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", free.local_addr().unwrap());
    drop(free);
    assert_eq!(client(&[&url], ""), (String::new(), false));
    assert_eq!(client(&[], ""), (String::new(), false));
}

#[test]
fn the_limit_of_messages_can_be_set() {
    let server = Server::echo(&["--max-message", "4"]);
    let url = format!("ws://{}/", server.address);
    assert_eq!(client(&[&url], "1234\n"), ("1234\n".to_owned(), true));
    assert!(client(&[&url], "12345\n").0.is_empty());
}

#[test]
fn many_clients_are_served_at_once() {
    let server = Server::echo(&[]);
    let mut open = Vec::new();
    for _ in 0..20 {
        let url = format!("ws://{}/", server.address);
        open.push(Connector::new().connect(url).unwrap());
    }
    for ws in &mut open {
        ws.send("hello").unwrap();
        assert_eq!(ws.recv().unwrap(), Some("hello".into()));
    }
    for mut ws in open {
        ws.close(CloseCode::NORMAL).unwrap();
    }
}

/// A connection through which a message has gone both ways.
fn served(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = [REQUEST, &frame(Role::Server, TEXT | FIN, b"hello")].concat();
    stream.write_all(&request).ok()?;
    let mut answer = vec![0; ANSWER.len() + 7];
    stream.read_exact(&mut answer).ok()?;
    assert!(answer.ends_with(b"\x81\x05hello"));
    Some(stream)
}

#[cfg(target_os = "linux")]
#[test]
fn a_lack_of_descriptors_passes() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 24; exec \"$0\" 127.0.0.1:0"])
        .arg(example("blocking_echo_server"));
    let server = Server::start(&mut command);
    // More than the server can take; the kernel keeps the rest waiting.
    let mut crowd: Vec<TcpStream> = Vec::new();
    for _ in 0..40 {
        crowd.push(TcpStream::connect(server.address).unwrap());
    }
    for stream in &mut crowd[..8] {
        stream.write_all(REQUEST).unwrap();
        let mut answer = vec![0; ANSWER.len()];
        stream.read_exact(&mut answer).unwrap();
    }
    drop(crowd);
    assert!(served(server.address).is_some());
}
