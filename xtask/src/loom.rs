//! `cargo xtask loom`: the models of both shells, in every order of their threads.

use crate::Result;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::{Workspace, cargo};

pub(crate) const HELP: &str = "
Runs the models in crates/io and crates/threads, src/concurrency.rs: small programs of two to four threads that share a
connection, each run once for every order of their locks and atomics, with a bound on the preemptions. Prints how many
orders that were.

  MODEL   only models whose names hold this word
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let name = args.word().unwrap_or_default();
    args.finish()?;
    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("loom", |step| check(step, &workspace, &name))?;
    steps.finish()
}

/// Runs the models whose names hold `name`.
pub(crate) fn check(step: &mut Step, workspace: &Workspace, name: &str) -> Result<String> {
    let mut counted = Counted::default();
    for package in ["bowline-io", "bowline-threads"] {
        let mut command = cargo(&workspace.root);
        command
            .args(["test", "--release", "--package", package, "--lib"])
            .arg("--target-dir")
            // The flags differ from those of other builds, which would be thrown away each time.
            .arg(workspace.target.join("loom"))
            .arg(format!("concurrency::{name}"))
            .args(["--", "--nocapture"])
            .env("RUSTFLAGS", "--cfg loom");
        step.watch(&mut command, |line| {
            counted.note(line);
            line.contains(" panicked at ") || line.starts_with("deadlock")
        })?;
    }
    if counted.models == 0 {
        return Err("no model ran".into());
    }
    Ok(format!(
        "{} models, {} orders",
        counted.models, counted.orders
    ))
}

/// What the models print, added up.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    models: u64,
    orders: u64,
}

impl Counted {
    /// Reads lines such as `model of 37 orders`, before which the test's name may stand.
    fn note(&mut self, line: &str) {
        let count = line
            .split_once("model of ")
            .and_then(|(_, rest)| rest.strip_suffix(" orders"))
            .and_then(|count| count.parse::<u64>().ok());
        if let Some(count) = count {
            self.models += 1;
            self.orders += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orders_of_all_models_are_added_up() {
        let mut counted = Counted::default();
        for line in [
            "running 2 tests",
            "model of 37 orders",
            "test concurrency::a ... model of 5 orders",
            "test result: ok. 2 passed; 0 failed",
        ] {
            counted.note(line);
        }
        assert_eq!(
            counted,
            Counted {
                models: 2,
                orders: 42
            }
        );
    }
}
