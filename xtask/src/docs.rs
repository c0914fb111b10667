//! `cargo xtask docs`.

use crate::Result;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::{Scope, Workspace, cargo};

pub(crate) const HELP: &str = "
Builds the documentation of every crate with all features, and fails on any warning.

  --crate NAME   only this crate
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let name = args.value("--crate")?;
    args.finish()?;

    let workspace = Workspace::here()?;
    let scope = Scope::new(&workspace, name.as_deref())?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("docs", |step| {
        build(step, &scope)?;
        for package in scope.packages() {
            let page = package.name.replace('-', "_");
            let page = workspace.target.join("doc").join(page).join("index.html");
            if page.exists() {
                step.say(&page.display().to_string())?;
            }
        }
        Ok(String::new())
    })?;
    steps.finish()
}

/// Also a step of `ci`.
pub(crate) fn build(step: &mut Step, scope: &Scope<'_>) -> Result<()> {
    let mut command = cargo(&scope.workspace.root);
    command.args(["doc", "--no-deps", "--all-features"]);
    scope.select(&mut command);
    step.command(command.env("RUSTDOCFLAGS", "-D warnings"))
}
