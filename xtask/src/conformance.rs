//! `cargo xtask conformance`: the Autobahn test suite.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::args::Args;
use crate::carrier::Carrier;
use crate::interop;
use crate::peers::{self, Server};
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;

pub(crate) const HELP: &str = "
Runs the Autobahn test suite against a carrier's echo server and client, and of groups 12 and 13,
compression, the messages up to 16 KiB against the same with context takeover. With tokio,
`bowline serve` is tested too. A non-strict answer counts as failed. Reports: target/conformance/.

  --carrier NAME         tokio (default), async-std, smol or blocking; all but tokio are tested as
                         with --quick, unless told --full
  --role server|client   only this role
  --groups LIST          groups of cases, for example `1-7,10` (default: all, 517 cases)
  --quick                of groups 12 and 13 only messages up to 16 KiB; with context takeover only
                         group 13 against the server
  --full                 all cases, with context takeover too, and, with tokio and unless a role or
                         groups are chosen, the combinations of `cargo xtask interop` with 10,000
                         messages each; takes hours

The suite is installed once, into the user's cache directory. It runs on CPython 2.7: one in the
PATH or pyenv's, else Debian bullseye's, unpacked beside the suite. AUTOBAHN_PYTHON2 names another.
";

/// The role of the peer that is tested.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    Server,
    Client,
}

/// Which cases of the suite are run.
pub(crate) struct Cases {
    groups: Vec<u8>,
    extent: Extent,
}

/// How many of the cases with compression are run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Extent {
    /// Small messages only, and few with context takeover.
    Quick,
    /// With context takeover small messages only.
    Usual,
    Full,
}

impl Cases {
    /// The cases of these groups, such as `1-7,10`; all of them without.
    pub(crate) fn new(list: Option<&str>, extent: Extent) -> Result<Self> {
        let groups = groups(list.unwrap_or(ALL))?;
        Ok(Self { groups, extent })
    }

    /// As the suite takes them.
    fn patterns(&self) -> String {
        let patterns: Vec<_> = self
            .groups
            .iter()
            .map(|group| format!("{group}.*"))
            .collect();
        patterns.join(",")
    }

    /// Those for a peer of this role that lets messages refer to earlier ones; `None` if there are none.
    fn with_takeover(&self, role: Role) -> Option<Self> {
        let mut groups = self.groups.clone();
        groups.retain(|group| match (self.extent, role) {
            // The suite's own wishes for takeover and windows vary only there.
            (Extent::Quick, Role::Server) => *group == 13,
            (Extent::Quick, Role::Client) => false,
            (Extent::Usual | Extent::Full, _) => COMPRESSED.contains(group),
        });
        let extent = match self.extent {
            Extent::Full => Extent::Full,
            Extent::Usual | Extent::Quick => Extent::Quick,
        };
        (!groups.is_empty()).then_some(Self { groups, extent })
    }
}

pub(crate) fn run(mut args: Args) -> Result<()> {
    let role = match args.value("--role")?.as_deref() {
        None => None,
        Some("server") => Some(Role::Server),
        Some("client") => Some(Role::Client),
        Some(other) => return Err(format!("a role is server or client, not `{other}`").into()),
    };
    let carrier = match args.value("--carrier")? {
        None => Carrier::TOKIO,
        Some(name) => Carrier::named(&name)?,
    };
    let groups = args.value("--groups")?;
    let extent = match (args.flag("--quick"), args.flag("--full")) {
        (false, false) if carrier == Carrier::TOKIO => Extent::Usual,
        (_, false) => Extent::Quick,
        (false, true) => Extent::Full,
        (true, true) => return Err("--quick and --full exclude each other".into()),
    };
    args.finish()?;
    let cases = Cases::new(groups.as_deref(), extent)?;

    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("programs", |step| {
        peers::build(step, &workspace)?;
        Ok(String::new())
    })?;
    for tested in [Role::Server, Role::Client] {
        if role.is_none_or(|role| role == tested) {
            let name = step_name(carrier, tested);
            steps.run(&name, |step| {
                check(step, &workspace, carrier, tested, &cases)
            })?;
        }
    }
    if carrier == Carrier::TOKIO && extent == Extent::Full && role.is_none() && groups.is_none() {
        interop::check_combinations(&mut steps, &workspace, MESSAGES)?;
    }
    steps.finish()
}

/// What the step is called that tests the peers of one role.
pub(crate) fn step_name(carrier: Carrier, role: Role) -> String {
    match carrier {
        Carrier::TOKIO => format!("conformance-{role}"),
        carrier => format!("conformance-{}-{role}", carrier.name()),
    }
}

/// Runs the suite against the peers of one role; all of them, even if the first one fails.
pub(crate) fn check(
    step: &mut Step,
    workspace: &Workspace,
    carrier: Carrier,
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
    let example = carrier.example(role);
    let takeover = cases.with_takeover(role);
    let mut runs = vec![(example.clone(), &[][..], cases)];
    if let Some(cases) = &takeover {
        let options = &["--context-takeover"][..];
        runs.push((format!("{example}-takeover"), options, cases));
    }
    for (agent, options, cases) in runs {
        let mut program = Command::new(peers::example(workspace, &example));
        let outcome = match role {
            Role::Server => {
                program.args(["127.0.0.1:0", "--max-message", MAX_MESSAGE]);
                server(step, workspace, &agent, program.args(options), cases)
            }
            Role::Client => client(step, workspace, &agent, program.args(options), cases),
        };
        note(&agent, outcome);
    }
    if carrier == Carrier::TOKIO && role == Role::Server {
        let mut serve = Command::new(peers::bowline(workspace));
        serve.args(["serve", "--echo-any", "--listen", "127.0.0.1:0"]);
        serve.args(["--max-message", MAX_MESSAGE]);
        let outcome = server(step, workspace, "bowline_serve", &mut serve, cases);
        note("bowline serve", outcome);
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
    watch(step, suite.args(["server", &url, &cases.patterns()]))
}

fn client(
    step: &mut Step,
    workspace: &Workspace,
    agent: &str,
    command: &Command,
    cases: &Cases,
) -> Result<String> {
    let port = peers::free_port()?;
    let mut suite = suite(workspace, agent, cases);
    suite.args(["client", &port.to_string(), &cases.patterns(), "--"]);
    suite.arg(command.get_program()).args(command.get_args());
    suite.args(["--autobahn", &format!("ws://127.0.0.1:{port}")]);
    watch(step, &mut suite)
}

/// The suite's driver, set up to report on `agent`.
fn suite(workspace: &Workspace, agent: &str, cases: &Cases) -> Command {
    let quick = match cases.extent {
        Extent::Quick => "1",
        Extent::Usual | Extent::Full => "0",
    };
    let mut command = Command::new("bash");
    command
        .current_dir(&workspace.root)
        .arg(Path::new("xtask/conformance/autobahn.sh"))
        .env("AUTOBAHN_STRICT", "1")
        .env("AUTOBAHN_QUICK", quick)
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

/// `1-3,10` as numbers.
fn groups(list: &str) -> Result<Vec<u8>> {
    let mut groups = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = first.parse::<u8>().ok().zip(last.parse::<u8>().ok());
        let Some((first, last)) = range.filter(|(first, last)| first <= last) else {
            return Err(format!("`{part}` is no group of cases, like `9`, or `1-7`").into());
        };
        groups.extend(first..=last);
    }
    Ok(groups)
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

/// Every group that the suite has; there is none with 8 or 11.
const ALL: &str = "1-7,9-10,12-13";

/// The groups that need permessage-deflate.
const COMPRESSED: [u8; 2] = [12, 13];

/// How many messages a combination exchanges when time doesn't matter.
const MESSAGES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_single_or_ranges() {
        assert_eq!(groups("1-3,10").unwrap(), [1, 2, 3, 10]);
        assert_eq!(groups("9").unwrap(), [9]);
        for bad in ["", "7-1", "a", "1,", "1-2-3"] {
            assert!(groups(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_suite_takes_patterns() {
        let cases = Cases::new(Some("1-2,13"), Extent::Usual).unwrap();
        assert_eq!(cases.patterns(), "1.*,2.*,13.*");
    }

    #[test]
    fn takeover_is_for_the_groups_with_compression() {
        let takeover = |list, extent, role| {
            let cases = Cases::new(list, extent).unwrap().with_takeover(role);
            cases.map(|cases| (cases.patterns(), cases.extent == Extent::Full))
        };
        let some = |patterns: &str, full| Some((patterns.to_owned(), full));
        for role in [Role::Server, Role::Client] {
            assert_eq!(takeover(Some("1-10"), Extent::Full, role), None);
            assert_eq!(takeover(None, Extent::Full, role), some("12.*,13.*", true));
            assert_eq!(
                takeover(None, Extent::Usual, role),
                some("12.*,13.*", false)
            );
        }
        assert_eq!(
            takeover(None, Extent::Quick, Role::Server),
            some("13.*", false)
        );
        assert_eq!(takeover(None, Extent::Quick, Role::Client), None);
    }
}
