//! `cargo xtask differential`: the same streams of frames for Bowline and for others.

use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::{Workspace, cargo};
use crate::{Result, install};

pub(crate) const HELP: &str = "
Gives 40,000 seeded streams of frames, valid and broken, to Bowline's machine and to tungstenite, fastwebsockets and
python's wsproto. They must deliver the same messages and answer with the same close code, or differ as
crates/proto/fuzz-rivals/src/differences.rs lists, with the sentence of the RFC that decides. `cargo xtask fuzz` goes
on where the seeds end.

Needs python3 with pip; wsproto is fetched once, in the version that crates/proto/fuzz-rivals/wsproto pins.
BOWLINE_SEED chooses the first seed.
";

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("differential", |step| check(step, &workspace))?;
    steps.finish()
}

pub(crate) fn check(step: &mut Step, workspace: &Workspace) -> Result<String> {
    let package = workspace.root.join("crates/proto/fuzz-rivals");
    let python = workspace.target.join("wsproto");
    install::python(step, &package.join("wsproto/requirements.txt"), &python)?;
    let mut command = cargo(&package);
    command
        .args(["test", "--locked", "--no-default-features", "--target-dir"])
        .arg(workspace.target.join("rivals"))
        .args(["--", "--nocapture"])
        .env("BOWLINE_WSPROTO", &python);
    let mut counted = Counted::default();
    step.watch(&mut command, |line| {
        counted.note(line);
        line.contains(": seed ") || line.starts_with("  ours ") || line.starts_with("  theirs ")
    })?;
    if counted.rivals == 0 {
        return Err("nobody was compared".into());
    }
    Ok(format!(
        "{} streams for {} others",
        counted.streams, counted.rivals
    ))
}

/// What the tests print, added up.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    rivals: u64,
    streams: u64,
}

impl Counted {
    /// Reads lines such as `40000 streams for wsproto`, before which a test's name may stand.
    fn note(&mut self, line: &str) {
        let Some((before, _)) = line.split_once(" streams for ") else {
            return;
        };
        let count = before.rsplit(' ').next().map(str::parse::<u64>);
        if let Some(Ok(count)) = count {
            self.rivals += 1;
            self.streams += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_for_all_others_are_added_up() {
        let mut counted = Counted::default();
        for line in [
            "running 2 tests",
            "40000 streams for wsproto",
            "test a ... 2 streams for tungstenite",
        ] {
            counted.note(line);
        }
        assert_eq!(
            counted,
            Counted {
                rivals: 2,
                streams: 40_002
            }
        );
    }
}
