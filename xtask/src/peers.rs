//! The programs that interop and conformance run, and their lives as child processes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::carrier::Carrier;
use crate::steps::Step;
use crate::workspace::{Workspace, cargo};

/// Builds `bowline` and the examples of all carriers with optimisations.
pub(crate) fn build(step: &mut Step, workspace: &Workspace) -> Result<()> {
    let mut command = cargo(&workspace.root);
    command.args(["build", "--release", "--bins", "--examples"]);
    command.args(["--package", "bowline-cli"]);
    for carrier in Carrier::all() {
        command.arg("--package").arg(carrier.package());
    }
    step.command(&mut command)
}

/// Where [`build`] put the program `bowline`.
pub(crate) fn bowline(workspace: &Workspace) -> PathBuf {
    program(workspace.target.join("release"), "bowline")
}

/// Where [`build`] put the example `name`.
pub(crate) fn example(workspace: &Workspace, name: &str) -> PathBuf {
    program(workspace.target.join("release/examples"), name)
}

/// The path of the program `name` in `dir`, with the system's ending.
pub(crate) fn program(dir: PathBuf, name: &str) -> PathBuf {
    dir.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// A server that we started; it ends with this value.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `command` and waits until it has printed the loopback address that it listens on.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let mut server = Self::spawn(SocketAddr::from(([127, 0, 0, 1], 0)), command, log)?;
        server.address = server.wait_for("loopback address", loopback_address)?;
        Ok(server)
    }

    /// Starts `command` and waits until it accepts connections at `address`, of which it prints nothing.
    pub(crate) fn start_at(address: SocketAddr, command: &mut Command, log: &Path) -> Result<Self> {
        let mut server = Self::spawn(address, command, log)?;
        server.wait_for("sign of life", |_| TcpStream::connect(address).ok())?;
        Ok(server)
    }

    fn spawn(address: SocketAddr, command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Server {
            child,
            log: log.to_owned(),
            address,
        })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `find` finds in the output so far what it looks for.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let ended = self.child.try_wait()?;
            let output = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
            if let Some(found) = find(&output) {
                return Ok(found);
            }
            if let Some(status) = ended {
                return Err(format!("the server ended with {status} and said: {output}").into());
            }
            if Instant::now() > until {
                return Err(format!("the server printed no {what}; it said: {output}").into());
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// How a short-lived program ended and what it printed.
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Said {
    /// Standard output, if it ended well.
    pub(crate) fn well(self) -> Result<Vec<u8>> {
        match self.status.success() {
            true => Ok(self.stdout),
            false => Err(format!("{}: {}", self.status, self.stderr.trim()).into()),
        }
    }
}

/// Runs a short-lived program to its end, with `input` as its standard input.
///
/// # Errors
///
/// When it doesn't end within twenty seconds, or doesn't read all of its input although it ends well.
pub(crate) fn converse(command: &mut Command, input: &[u8]) -> Result<Said> {
    converse_within(PATIENCE, command, input, 0)
}

/// Like [`converse`], but the input doesn't end before the program has printed `expected` bytes, for which it may take a
/// second a MiB longer.
pub(crate) fn converse_until(command: &mut Command, input: &[u8], expected: usize) -> Result<Said> {
    let patience = PATIENCE + Duration::from_secs(expected as u64 >> 20);
    converse_within(patience, command, input, expected)
}

fn converse_within(
    patience: Duration,
    command: &mut Command,
    input: &[u8],
    expected: usize,
) -> Result<Said> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (printed, enough) = mpsc::channel::<()>();
    // All three at once: a program may well print before it has read everything.
    thread::scope(|scope| {
        let written = scope.spawn(move || -> io::Result<()> {
            let Some(mut stdin) = stdin else {
                return Ok(());
            };
            stdin.write_all(input)?;
            // The other half is dropped when there is enough output, or no more.
            let _ = enough.recv();
            Ok(())
        });
        let stdout = scope.spawn(move || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            let Some(mut stdout) = stdout else {
                return Ok(bytes);
            };
            if expected > 0 {
                stdout
                    .by_ref()
                    .take(expected as u64)
                    .read_to_end(&mut bytes)?;
            }
            drop(printed);
            stdout.read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let stderr = scope.spawn(move || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            if let Some(mut stderr) = stderr {
                stderr.read_to_end(&mut bytes)?;
            }
            Ok(bytes)
        });
        let until = Instant::now() + patience;
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status),
                None if Instant::now() > until => {
                    child.kill()?;
                    child.wait()?;
                    break None;
                }
                None => thread::sleep(POLL),
            }
        };
        let written = written.join().map_err(|_| "writing the input panicked")?;
        let stdout = stdout.join().map_err(|_| "reading the output panicked")??;
        let stderr = stderr.join().map_err(|_| "reading the errors panicked")??;
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        let Some(status) = status else {
            let stdout = String::from_utf8_lossy(&stdout);
            let start: String = stdout.chars().take(1000).collect();
            return Err(format!("did not end; printed {start:?} and {stderr:?}").into());
        };
        if status.success() {
            // A program that fails reads nothing; its status and words tell more than a broken pipe.
            written?;
        }
        Ok(Said {
            status,
            stdout,
            stderr,
        })
    })
}

/// A free port below the range from which systems pick the local ports of outgoing connections.
pub(crate) fn free_port() -> Result<u16> {
    let start = std::process::id() as u16 % RANGE;
    (0..RANGE)
        .map(|step| FIRST + (start + step) % RANGE)
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .ok_or_else(|| "no port is free".into())
}

fn loopback_address(output: &str) -> Option<SocketAddr> {
    let (_, rest) = output.split_once("127.0.0.1:")?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let port = rest[..end].parse().ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}

/// How long a peer on this machine may take for one thing.
const PATIENCE: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(20);

const FIRST: u16 = 20_000;
const RANGE: u16 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_once_its_line_is_whole() {
        let whole = "listening on ws://127.0.0.1:4001\n";
        let address = SocketAddr::from(([127, 0, 0, 1], 4001));
        assert_eq!(loopback_address(whole), Some(address));
        assert_eq!(
            loopback_address("open http://127.0.0.1:4001/ …"),
            Some(address)
        );
        assert_eq!(loopback_address("listening on ws://127.0.0.1:40"), None);
        assert_eq!(loopback_address(""), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_ends_badly_is_an_error_with_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "cat; echo why >&2; exit 1"]);
        let said = converse(&mut command, b"in").unwrap();
        assert_eq!(said.stdout, b"in");
        let error = said.well().unwrap_err().to_string();
        assert!(error.contains("why"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_may_print_more_than_a_pipe_holds_before_it_has_read_all() {
        let input = vec![b'x'; 1 << 20];
        let said = converse(&mut Command::new("cat"), &input).unwrap();
        assert!(said.well().unwrap() == input);
    }

    #[cfg(unix)]
    #[test]
    fn the_input_stays_open_until_enough_is_printed() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; read line; echo two; read line; echo three"]);
        let said = converse_until(&mut command, b"x\n", "one\ntwo\n".len()).unwrap();
        assert_eq!(said.stdout, b"one\ntwo\nthree\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo here; exec sleep 600"]);
        let error = converse_within(Duration::ZERO, &mut command, b"", 0)
            .err()
            .unwrap();
        assert!(error.to_string().starts_with("did not end"), "{error}");
    }

    #[test]
    fn a_free_port_lies_below_the_ephemeral_range() {
        let port = free_port().unwrap();
        assert!((FIRST..FIRST + RANGE).contains(&port), "{port}");
    }
}
