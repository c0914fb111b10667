//! `cargo xtask simulate`: seeded runs of two connections over a hostile transport.

use crate::Result;
use crate::args::Args;
use crate::steps::Steps;
use crate::workspace::{Workspace, cargo};

pub(crate) const HELP: &str = "
Runs the simulation of bowline-proto (crates/proto/tests/simulation/) built for release. A seed that
breaks a promise is told step by step, with simulated times.

  --seeds N   how many seeds; else 1000000
  --from S    the first of them; else the one `cargo test` begins with
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let seeds = number(&mut args, "--seeds")?.unwrap_or(1_000_000);
    let from = number(&mut args, "--from")?;
    args.finish()?;
    if seeds == 0 {
        return Err("--seeds is at least 1".into());
    }

    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("simulate", |step| {
        let mut command = cargo(&workspace.root);
        command
            .args(["test", "--release", "--package", "bowline-proto"])
            .args(["--test", "simulation", "--", "--nocapture"])
            .env("BOWLINE_SEEDS", seeds.to_string());
        if let Some(from) = from {
            command.env("BOWLINE_SEED", from.to_string());
        }
        step.watch(&mut command, |line| !line.is_empty())?;
        Ok(format!("{seeds} seeds"))
    })?;
    steps.finish()
}

fn number(args: &mut Args, name: &str) -> Result<Option<u64>> {
    let Some(text) = args.value(name)? else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(error) => Err(format!("{name} {text}: {error}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_of_seeds_is_refused_before_anything_runs() {
        for line in ["--seeds=0", "--seeds=x", "--from=-1", "--seed=1"] {
            let args = Args::new([line.to_owned()].into_iter());
            assert!(run(args).is_err(), "{line}");
        }
    }
}
