//! `cargo xtask conformance`: the Autobahn test suite.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::args::Args;
use crate::peers::{self, Server};
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;

pub(crate) const HELP: &str = "
Runs the Autobahn test suite against bowline-tokio's echo server, `bowline serve` and
bowline-tokio's client. A non-strict answer counts as failed. Reports: target/conformance/.

  --role server|client   only this role
  --groups LIST          groups of cases, for example `1-7,10` (default: all, 517 cases)
  --quick                of groups 12 and 13, compression, only messages up to 16 KiB

The suite is installed once, into the user's cache directory. It runs on CPython 2.7: one in the
PATH or pyenv's, else Debian bullseye's, unpacked beside the suite. AUTOBAHN_PYTHON2 names another.
";

/// The role of the peer that is tested.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    Server,
    Client,
}

/// Which cases of the suite are run.
pub(crate) struct Cases {
    /// As the suite takes them.
    patterns: String,
    /// Only the small messages of the cases with compression.
    quick: bool,
}

impl Cases {
    /// The cases of these groups, such as `1-7,10`; all of them without.
    pub(crate) fn new(groups: Option<&str>, quick: bool) -> Result<Self> {
        let patterns = groups.map_or_else(|| Ok("*".to_owned()), patterns)?;
        Ok(Self { patterns, quick })
    }
}

pub(crate) fn run(mut args: Args) -> Result<()> {
    let role = match args.value("--role")?.as_deref() {
        None => None,
        Some("server") => Some(Role::Server),
        Some("client") => Some(Role::Client),
        Some(other) => return Err(format!("a role is server or client, not `{other}`").into()),
    };
    let groups = args.value("--groups")?;
    let quick = args.flag("--quick");
    args.finish()?;
    let cases = Cases::new(groups.as_deref(), quick)?;

    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("programs", |step| {
        peers::build(step, &workspace)?;
        Ok(String::new())
    })?;
    for tested in [Role::Server, Role::Client] {
        if role.is_none_or(|role| role == tested) {
            let name = format!("conformance-{tested}");
            steps.run(&name, |step| check(step, &workspace, tested, &cases))?;
        }
    }
    steps.finish()
}

/// Runs the suite against the peers of one role; all of them, even if the first one fails.
pub(crate) fn check(
    step: &mut Step,
    workspace: &Workspace,
    role: Role,
    cases: &Cases,
) -> Result<String> {
    let reports = workspace.target.join("conformance");
    fs::create_dir_all(&reports)?;
    let mut notes = Vec::new();
    let mut failed = Vec::new();
    let mut note = |peer: &str, outcome: Result<String>| match outcome {
        Ok(counts) => notes.push(format!("{peer}: {counts}")),
        Err(error) => failed.push(format!("{peer}: {error}")),
    };
    match role {
        Role::Server => {
            let mut echo = Command::new(peers::example(workspace, "tokio_echo_server"));
            echo.args(["127.0.0.1:0", "--max-message", MAX_MESSAGE]);
            note(
                "tokio_echo_server",
                server(step, workspace, "tokio_echo_server", &mut echo, cases),
            );
            let mut serve = Command::new(peers::bowline(workspace));
            serve.args(["serve", "--echo-any", "--listen", "127.0.0.1:0"]);
            serve.args(["--max-message", MAX_MESSAGE]);
            note(
                "bowline serve",
                server(step, workspace, "bowline_serve", &mut serve, cases),
            );
        }
        Role::Client => {
            let port = peers::free_port()?;
            let mut suite = suite(workspace, "tokio_echo_client", cases);
            suite.args(["client", &port.to_string(), &cases.patterns, "--"]);
            suite.arg(peers::example(workspace, "tokio_echo_client"));
            suite.args(["--autobahn", &format!("ws://127.0.0.1:{port}")]);
            note("tokio_echo_client", watch(step, &mut suite));
        }
    }
    if failed.is_empty() {
        return Ok(notes.join("; "));
    }
    Err(failed.join("; ").into())
}

fn server(
    step: &mut Step,
    workspace: &Workspace,
    agent: &str,
    command: &mut Command,
    cases: &Cases,
) -> Result<String> {
    let log = workspace
        .target
        .join("conformance")
        .join(format!("{agent}.log"));
    let server = Server::start(command, &log)?;
    let url = format!("ws://{}", server.address);
    let mut suite = suite(workspace, agent, cases);
    watch(step, suite.args(["server", &url, &cases.patterns]))
}

/// The suite's driver, set up to report on `agent`.
fn suite(workspace: &Workspace, agent: &str, cases: &Cases) -> Command {
    let mut command = Command::new("bash");
    command
        .current_dir(&workspace.root)
        .arg(Path::new("xtask/conformance/autobahn.sh"))
        .env("AUTOBAHN_STRICT", "1")
        .env("AUTOBAHN_QUICK", if cases.quick { "1" } else { "0" })
        .env("AUTOBAHN_AGENT", agent)
        .env(
            "AUTOBAHN_OUT",
            workspace.target.join("conformance").join(agent),
        );
    command
}

/// Runs the driver; its last line has the counts.
fn watch(step: &mut Step, command: &mut Command) -> Result<String> {
    let mut last = String::new();
    let outcome = step.watch(command, |line| {
        line.clone_into(&mut last);
        true
    });
    match outcome {
        Ok(()) => Ok(last),
        Err(_) if last.contains(" failed, ") => Err(last.into()),
        Err(error) => Err(error),
    }
}

/// `1-3,10` as the suite's patterns: `1.*,2.*,3.*,10.*`.
fn patterns(groups: &str) -> Result<String> {
    let mut patterns = Vec::new();
    for part in groups.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = first.parse::<u8>().ok().zip(last.parse::<u8>().ok());
        let Some((first, last)) = range.filter(|(first, last)| first <= last) else {
            return Err(format!("`{part}` is no group of cases, like `9`, or `1-7`").into());
        };
        patterns.extend((first..=last).map(|group| format!("{group}.*")));
    }
    Ok(patterns.join(","))
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Server => "server",
            Role::Client => "client",
        })
    }
}

/// Groups 9 and 10 send messages of up to 16 MiB, fragmented ones included.
const MAX_MESSAGE: &str = "67108864";

#[cfg(test)]
mod tests {
    use super::patterns;

    #[test]
    fn groups_are_single_or_ranges() {
        assert_eq!(patterns("1-3,10").unwrap(), "1.*,2.*,3.*,10.*");
        assert_eq!(patterns("9").unwrap(), "9.*");
        for bad in ["", "7-1", "a", "1,", "1-2-3"] {
            assert!(patterns(bad).is_err(), "{bad}");
        }
    }
}
