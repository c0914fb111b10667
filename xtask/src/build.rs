//! `cargo xtask build`.

use crate::Result;
use crate::args::Args;
use crate::steps::Steps;
use crate::workspace::{Workspace, cargo};

pub(crate) const HELP: &str = "
Builds libraries, programs and examples.

  --crate NAME   only this crate and what stands on it (`frame` or `bowline-frame`)
  --release      with optimisations
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let name = args.value("--crate")?;
    let release = args.flag("--release");
    args.finish()?;

    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    let mut command = cargo(&workspace.root);
    command.args(["build", "--lib", "--bins", "--examples"]);
    if release {
        command.arg("--release");
    }
    match &name {
        None => {
            command.arg("--workspace");
        }
        Some(name) => {
            for member in workspace.standing_on(&workspace.package(name)?.name) {
                println!("{member}");
                command.args(["--package", member]);
            }
        }
    }
    steps.run("build", |step| {
        step.watch(&mut command, |_| true)?;
        Ok(String::new())
    })?;
    steps.finish()
}
