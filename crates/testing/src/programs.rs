//! The echo examples of a carrier, run as programs: all carriers' take the same arguments and do the same.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bowline_frame::Role;

use crate::head::{ACCEPT, ANSWER, REQUEST, replaced};
use crate::hex::assert_bytes_eq;
use crate::wire::{FIN, TEXT, close_frame, frame, frame_from};

/// Makes the tests of a package's echo examples. `tests/examples.rs` of a carrier is this, and no more:
///
/// ```text
/// bowline_testing::program_tests!();
/// ```
#[macro_export]
macro_rules! program_tests {
    () => {
        use $crate::programs::Examples;

        const EXAMPLES: Examples = Examples::of(env!("CARGO_PKG_NAME"));

        #[test]
        fn the_client_prints_what_the_server_sends_back() {
            EXAMPLES.print_what_is_sent_back();
        }

        #[test]
        fn the_client_fails_if_nobody_is_there_or_nothing_is_asked() {
            EXAMPLES.fail_without_a_server_or_a_task();
        }

        #[test]
        fn the_limit_of_messages_can_be_set() {
            EXAMPLES.keep_to_a_limit();
        }

        #[test]
        fn compression_can_be_left_out_or_take_over() {
            EXAMPLES.compress_as_told();
        }

        #[test]
        fn many_clients_are_served_at_once() {
            EXAMPLES.serve_many_at_once();
        }

        #[cfg(target_os = "linux")]
        #[test]
        fn a_lack_of_descriptors_passes() {
            EXAMPLES.outlive_a_lack_of_descriptors();
        }
    };
}

/// The examples `CARRIER_echo_server` and `CARRIER_echo_client` of a package, which must be built: `cargo test` of the
/// package does.
///
/// # Panics
///
/// Each check panics if the examples do otherwise than they should.
#[derive(Clone, Copy, Debug)]
pub struct Examples {
    package: &'static str,
}

impl Examples {
    /// The examples of the package `bowline-CARRIER`.
    pub const fn of(package: &'static str) -> Self {
        Self { package }
    }

    /// Lines come back as they were, empty ones and one without an end included.
    pub fn print_what_is_sent_back(&self) {
        let server = self.serve(&[]);
        let url = format!("ws://{}/any/path", server.address);
        let input = "hello\n\nzwei Wörter\nlast without an end";
        let expected = format!("{input}\n");
        assert_eq!(self.talk(&[&url], input), (expected, true));
        assert_eq!(self.talk(&[&url], ""), (String::new(), true));
    }

    /// The client fails without anybody to connect to, both programs without arguments.
    pub fn fail_without_a_server_or_a_task(&self) {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("ws://{}/", free.local_addr().expect("it is bound"));
        drop(free);
        assert_eq!(self.talk(&[&url], ""), (String::new(), false));
        assert_eq!(self.talk(&[], ""), (String::new(), false));
        for arguments in [&[][..], &["127.0.0.1:0", "--max-message"]] {
            let server = self.program("server").args(arguments).output();
            assert!(!server.expect("it is built").status.success());
        }
    }

    /// A server takes messages up to the length it is given.
    pub fn keep_to_a_limit(&self) {
        let server = self.serve(&["--max-message", "4"]);
        let url = format!("ws://{}/", server.address);
        assert_eq!(self.talk(&[&url], "1234\n"), ("1234\n".to_owned(), true));
        assert!(self.talk(&[&url], "12345\n").0.is_empty());
    }

    /// Lines come back whatever the two ends are told of compression, and a server that is told to leave it out agrees
    /// on none.
    pub fn compress_as_told(&self) {
        const OPTIONS: [&[&str]; 3] = [&[], &["--no-deflate"], &["--context-takeover"]];
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let line = "again and again, ".repeat(40) + "\n";
        for serving in OPTIONS {
            let server = self.serve(serving);
            let url = format!("ws://{}/", server.address);
            for talking in OPTIONS {
                let arguments = [&[&*url], talking].concat();
                let said = self.talk(&arguments, &line.repeat(3));
                assert_eq!(said, (line.repeat(3), true), "{serving:?}, {talking:?}");
            }
            let answer = answer(server.address, offer);
            let agreed = answer.contains("Sec-WebSocket-Extensions: permessage-deflate");
            let taken_over = !answer.contains("server_no_context_takeover");
            assert_eq!(agreed, serving != ["--no-deflate"], "{answer}");
            assert_eq!(
                agreed && taken_over,
                serving == ["--context-takeover"],
                "{answer}"
            );
        }
    }

    /// Clients that are there at the same time are all served.
    pub fn serve_many_at_once(&self) {
        let server = self.serve(&[]);
        let open: Vec<_> = (0..20).map(|_| Peer::open(server.address)).collect();
        let mut open: Vec<_> = open.into_iter().map(Option::unwrap).collect();
        for peer in &mut open {
            assert!(peer.is_served());
        }
        for mut peer in open {
            peer.close();
        }
    }

    /// A server that has no descriptor left for a client goes on with those who wait when it has, and with new ones.
    #[cfg(target_os = "linux")]
    pub fn outlive_a_lack_of_descriptors(&self) {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n 24; exec \"$0\" 127.0.0.1:0"])
            .arg(self.path("server"));
        let server = Server::start(&mut command);
        // More than the server can take; the kernel keeps the rest waiting.
        let mut crowd: Vec<TcpStream> = Vec::new();
        for _ in 0..40 {
            let stream = TcpStream::connect(server.address).expect("the kernel takes it");
            let patience = Some(Duration::from_secs(20));
            stream.set_read_timeout(patience).expect("it is not zero");
            crowd.push(stream);
        }
        // Each makes room for another, and nobody else comes whom the server would hear of.
        for (number, mut stream) in crowd.into_iter().enumerate() {
            let shaken = shake_hands(&mut stream);
            assert!(shaken.is_ok(), "the server forgot client {number}");
        }
        let peer = Peer::open(server.address);
        assert!(peer.is_some_and(|mut peer| peer.is_served()));
    }

    fn path(&self, role: &str) -> PathBuf {
        let carrier = self.package.trim_start_matches("bowline-");
        let name = format!("{}_echo_{role}", carrier.replace('-', "_"));
        let program = std::env::current_exe().expect("a test is a file");
        let folder = program.ancestors().nth(2).expect("it lies in target");
        let path = folder
            .join("examples")
            .join(name)
            .with_extension(std::env::consts::EXE_EXTENSION);
        let (shown, package) = (path.display(), self.package);
        assert!(
            path.exists(),
            "{shown} is not built; `cargo test -p {package}` does"
        );
        path
    }

    fn program(&self, role: &str) -> Command {
        Command::new(self.path(role))
    }

    fn serve(&self, options: &[&str]) -> Server {
        Server::start(self.program("server").arg("127.0.0.1:0").args(options))
    }

    /// What the client prints, and whether it ends well.
    fn talk(&self, arguments: &[&str], input: &str) -> (String, bool) {
        let mut process = self
            .program("client")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is built");
        let mut pipe = process.stdin.take().expect("it is piped");
        // One that fails doesn't read.
        let written = pipe.write_all(input.as_bytes());
        drop(pipe);
        let output = process.wait_with_output().expect("it ends");
        let text = String::from_utf8(output.stdout).expect("it prints text");
        let is_well = output.status.success();
        assert!(written.is_ok() || !is_well, "{written:?}");
        (text, is_well)
    }
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
            .expect("it is built");
        let mut first = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        output.read_line(&mut first).expect("it prints a line");
        let address = first.strip_prefix("listening on ws://");
        let address = address.and_then(|address| address.trim_end().parse().ok());
        let address = address.unwrap_or_else(|| panic!("its first line is {first:?}"));
        Self { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that has failed says more than that its server was gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client, played by hand.
struct Peer(TcpStream);

impl Peer {
    fn open(address: SocketAddr) -> Option<Self> {
        let mut stream = TcpStream::connect(address).ok()?;
        shake_hands(&mut stream).ok()?;
        Some(Self(stream))
    }

    /// Whether a message comes back.
    fn is_served(&mut self) -> bool {
        let message = frame(Role::Server, TEXT | FIN, "hello");
        let mut echo = frame_from(Role::Server, TEXT | FIN, "hello");
        let expected = echo.clone();
        let moved = self
            .0
            .write_all(&message)
            .and_then(|()| self.0.read_exact(&mut echo));
        moved.is_ok() && echo == expected
    }

    /// Closes, and expects the server to do so and to end the connection.
    fn close(&mut self) {
        let close = close_frame(Role::Server, 1000, "");
        self.0.write_all(&close).expect("the server reads");
        let mut rest = Vec::new();
        self.0
            .read_to_end(&mut rest)
            .expect("the server ends in order");
        assert_bytes_eq(
            &rest,
            &close_frame(Role::Client, 1000, ""),
            "the server's Close",
        );
    }
}

fn shake_hands(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(REQUEST)?;
    let expected = replaced(ANSWER, "{accept}", ACCEPT);
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer)?;
    assert_bytes_eq(&answer, &expected, "the answer");
    Ok(())
}

/// What a server answers to a request with these lines.
fn answer(address: SocketAddr, lines: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let request = crate::head::with_header(REQUEST, lines);
    stream.write_all(&request).expect("the server reads");
    let mut answer = String::new();
    let mut stream = BufReader::new(stream);
    while !answer.ends_with("\r\n\r\n") {
        let read = stream.read_line(&mut answer).expect("an answer is text");
        assert!(read > 0, "the answer ends early: {answer}");
    }
    answer
}
