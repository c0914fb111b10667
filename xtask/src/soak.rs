//! `cargo xtask soak`: many connections under load, some killed every second.

use std::num::{NonZeroU64, NonZeroUsize};
use std::process::Command;

use crate::Result;
use crate::args::Args;
use crate::peers;
use crate::steps::{Step, Steps};
use crate::workspace::{Workspace, cargo};

pub(crate) const HELP: &str = "
Opens connections to `bowline serve`, both built for release, and keeps them busy with messages of any size. Every
second 1 % of them are closed, dropped, cut or reset, and replaced. Fails when a message on another connection is lost
or altered, when one of those can't be opened or ends, or when memory or descriptors of either program grow. Needs
Linux.

  --minutes N       how long; default 1
  --connections N   how many at a time; default 2000
  --json            one object a line in place of a table
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let minutes = match args.value("--minutes")? {
        None => NonZeroU64::MIN,
        Some(text) => text
            .parse()
            .map_err(|error| format!("--minutes {text}: {error}"))?,
    };
    let connections = match args.value("--connections")? {
        None => CONNECTIONS,
        Some(text) => text
            .parse()
            .map_err(|error| format!("--connections {text}: {error}"))?,
    };
    let json = args.flag("--json");
    args.finish()?;

    let workspace = Workspace::here()?;
    if json {
        // What is printed is for a program, so the steps keep silent.
        let status = build(&workspace).arg("--quiet").status()?;
        if !status.success() {
            return Err(format!("the build ended with {status}").into());
        }
        let status = load(&workspace, minutes, connections)?
            .arg("--json")
            .status()?;
        if !status.success() {
            return Err(format!("the load ended with {status}").into());
        }
        return Ok(());
    }
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("programs", |step| {
        step.command(&mut build(&workspace))?;
        Ok(String::new())
    })?;
    steps.run("soak", |step| {
        watch(step, load(&workspace, minutes, connections)?)
    })?;
    steps.finish()
}

/// One minute with few connections.
pub(crate) fn check(step: &mut Step, workspace: &Workspace) -> Result<String> {
    step.command(&mut build(workspace))?;
    watch(step, load(workspace, NonZeroU64::MIN, FEW)?)
}

fn build(workspace: &Workspace) -> Command {
    let mut command = cargo(&workspace.root);
    command.args([
        "build",
        "--release",
        "--bin",
        "bowline",
        "--example",
        "soak",
    ]);
    command.args(["--package", "bowline-cli", "--package", "bowline-testing"]);
    command
}

fn load(workspace: &Workspace, minutes: NonZeroU64, connections: NonZeroUsize) -> Result<Command> {
    let logs = workspace.target.join("xtask");
    std::fs::create_dir_all(&logs)?;
    let mut command = Command::new(peers::example(workspace, "soak"));
    command
        .arg(peers::bowline(workspace))
        .arg("--log")
        .arg(logs.join("soak-server.log"))
        .arg(format!("--minutes={minutes}"))
        .arg(format!("--connections={connections}"));
    Ok(command)
}

/// Shows all the program prints; its last line sums up.
fn watch(step: &mut Step, mut load: Command) -> Result<String> {
    let mut last = String::new();
    step.watch(&mut load, |line| {
        line.clone_into(&mut last);
        true
    })?;
    Ok(last)
}

const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(2_000).unwrap();

/// As many as a minute of `ci` has time for.
const FEW: NonZeroUsize = NonZeroUsize::new(200).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_refused_before_anything_runs() {
        for line in [
            "--minutes=0",
            "--minutes=x",
            "--connections=0",
            "--minute=1",
        ] {
            let args = Args::new([line.to_owned()].into_iter());
            assert!(run(args).is_err(), "{line}");
        }
    }
}
