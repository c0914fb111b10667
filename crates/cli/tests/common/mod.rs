//! The program as a user runs it.
#![allow(dead_code, reason = "each test program uses some of these")]

use std::future::Future;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

/// The program with its arguments.
pub(crate) fn bowline<A: AsRef<str>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowline"));
    command.args(
        arguments
            .into_iter()
            .map(|argument| argument.as_ref().to_owned()),
    );
    command
}

/// Runs the program in a pipe.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Output {
    run_as(bowline(arguments), input)
}

/// Runs the program in a pipe as `command` says.
pub(crate) fn run_as(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = thread::spawn(move || {
        // A program that refuses its arguments reads nothing.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// As [`run`], beside other tasks.
pub(crate) async fn run_async(arguments: &[&str], input: &[u8]) -> Output {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| (*argument).into())
        .collect();
    let input = input.to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&arguments, &input)
    });
    within(running).await.unwrap()
}

/// What the program said, and how it ended.
pub(crate) fn said(output: &Output) -> (&str, &str, Option<i32>) {
    (
        std::str::from_utf8(&output.stdout).unwrap(),
        std::str::from_utf8(&output.stderr).unwrap(),
        output.status.code(),
    )
}

/// `bowline serve` on a free port; it ends with this value.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    /// `ws` or `wss`.
    scheme: &'static str,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let mut child = bowline(serve.iter().chain(arguments))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let (before, rest) = line.split_once("://").unwrap();
        let scheme = if before.ends_with("https") {
            "wss"
        } else {
            "ws"
        };
        let (address, _) = rest.split_once('/').unwrap();
        Self {
            child,
            stdout,
            address: address.parse().unwrap(),
            scheme,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The first line of the log from here on that contains `part`.
    pub(crate) fn logged(&mut self, part: &str) -> String {
        let lines = self.stdout.by_ref().lines().map(Result::unwrap);
        lines.into_iter().find(|line| line.contains(part)).unwrap()
    }

    /// The answer to a request, whole.
    pub(crate) fn ask(&self, request: &str) -> String {
        String::from_utf8(self.ask_bytes(request.as_bytes())).unwrap()
    }

    /// As [`ask`](Self::ask), whatever comes.
    pub(crate) fn ask_bytes(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    pub(crate) fn interrupt(&self) {
        signal(&self.child, "INT");
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        ended(&mut self.child).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// How a program ended, once it has.
pub(crate) async fn ended(child: &mut Child) -> ExitStatus {
    let ending = async {
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(ending).await
}

/// A test that hangs fails.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, future)
        .await
        .expect("it takes for ever")
}
