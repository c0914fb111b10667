//! The programs that interop and conformance run, and their lives as child processes.

use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::steps::Step;
use crate::workspace::{Workspace, cargo};

/// Builds `bowline` and bowline-tokio's examples with optimisations.
pub(crate) fn build(step: &mut Step, workspace: &Workspace) -> Result<()> {
    let mut command = cargo(&workspace.root);
    command.args(["build", "--release", "--bins", "--examples"]);
    step.command(command.args(["--package", "bowline-tokio", "--package", "bowline-cli"]))
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
        let output = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let mut server = Server {
            child,
            log: log.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.address = server.wait_for("loopback address", loopback_address)?;
        Ok(server)
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

/// What a short-lived program printed, once it has ended well.
///
/// # Errors
///
/// When it ends with another status than 0, or not within twenty seconds.
pub(crate) fn converse(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // A program that fails at once reads nothing; its status and words tell more than a broken pipe.
    let written = child
        .stdin
        .take()
        .map(|mut stdin| stdin.write_all(input.as_bytes()));
    let until = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            child.kill()?;
            let output = child.wait_with_output()?;
            return Err(format!(
                "did not end; printed {:?} and {:?}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
        thread::sleep(POLL);
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, said.trim()).into());
    }
    written.transpose()?;
    Ok(String::from_utf8(output.stdout)?)
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
        let error = converse(&mut command, "in").unwrap_err().to_string();
        assert!(error.contains("why"), "{error}");
        assert_eq!(converse(&mut Command::new("cat"), "in\n").unwrap(), "in\n");
    }

    #[test]
    fn a_free_port_lies_below_the_ephemeral_range() {
        let port = free_port().unwrap();
        assert!((FIRST..FIRST + RANGE).contains(&port), "{port}");
    }
}
