//! Messages compressed, sent, received and inflated.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{distinct, median, rounds, time};
use crate::Result;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::{Workspace, cargo};

pub(super) fn run(mut args: Args) -> Result<()> {
    let rounds = rounds(&mut args, 1)?;
    args.finish()?;

    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("bench_build", |step| build(step, &workspace))?;
    let mut results = Vec::new();
    for round in 1..=rounds {
        steps.run(&format!("bench_round_{round}"), |step| {
            for package in PACKAGES {
                step.say(package)?;
                measure(step, &workspace, package, &mut results)?;
            }
            Ok(String::new())
        })?;
    }
    steps.finish()?;
    print!("{}", tables(&results)?);
    Ok(())
}

/// What was measured of one library with messages of one length, with context takeover or without.
struct Measured {
    library: String,
    takeover: String,
    len: usize,
    /// Bytes on the wire, for a message.
    wire: f64,
    /// The median of each round, in nanoseconds.
    rounds: Vec<f64>,
}

fn build(step: &mut Step, workspace: &Workspace) -> Result<String> {
    for package in PACKAGES {
        step.say(package)?;
        let mut build = bench(workspace, package);
        step.command(build.args(["bench", "--no-run"]))?;
    }
    Ok(String::new())
}

fn measure(
    step: &mut Step,
    workspace: &Workspace,
    package: &str,
    results: &mut Vec<Measured>,
) -> Result<()> {
    let home = workspace.target.join("xtask").join("criterion");
    let mut command = bench(workspace, package);
    command
        .args(["bench", "--"])
        .args(["--noplot", "--sample-size=20", "--nresamples=1000"])
        .args(["--warm-up-time=0.3", "--measurement-time=1"])
        .env("CRITERION_HOME", &home);
    let mut wires = Vec::new();
    step.watch(&mut command, |line| {
        wires.extend(line.strip_prefix("wire: ").map(str::to_owned));
        false
    })?;
    if wires.is_empty() {
        return Err(format!("{package} measured nothing").into());
    }
    for line in wires {
        let (id, wire) = wire(&line).ok_or_else(|| format!("what is `{line}`?"))?;
        let median = median_of(&home.join(id))?;
        let (group, len) = id.split_once('/').ok_or("a benchmark without a length")?;
        let (library, takeover) = group.split_once(", ").ok_or("a group of one name")?;
        let len = len.parse()?;
        let same = results.iter_mut().find(|one| {
            (one.library.as_str(), one.takeover.as_str(), one.len) == (library, takeover, len)
        });
        match same {
            Some(one) => one.rounds.push(median),
            None => results.push(Measured {
                library: library.to_owned(),
                takeover: takeover.to_owned(),
                len,
                wire,
                rounds: vec![median],
            }),
        }
    }
    // So that no round reads what an earlier one left.
    fs::remove_dir_all(&home)?;
    Ok(())
}

/// A command for a package of its own, which shares what it can with the others.
fn bench(workspace: &Workspace, package: &str) -> std::process::Command {
    let mut command = cargo(&workspace.root.join("benches/deflate").join(package));
    command.env("CARGO_TARGET_DIR", workspace.target.join("benches"));
    command
}

/// The name of a benchmark and the bytes on its wire: `NAME, TAKEOVER/LENGTH: BYTES`.
fn wire(line: &str) -> Option<(&str, f64)> {
    let (id, wire) = line.rsplit_once(": ")?;
    Some((id, wire.parse().ok()?))
}

/// What criterion found, in nanoseconds.
fn median_of(benchmark: &Path) -> Result<f64> {
    let path = benchmark.join("new").join("estimates.json");
    let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let estimates: Value = serde_json::from_slice(&text)?;
    let median = estimates["median"]["point_estimate"].as_f64();
    Ok(median.ok_or_else(|| format!("{} has no median", path.display()))?)
}

/// A table with context takeover and one without, in the order in which things were measured.
fn tables(results: &[Measured]) -> Result<String> {
    let mut text = String::new();
    let lens = distinct(results.iter().map(|one| one.len));
    for takeover in distinct(results.iter().map(|one| one.takeover.as_str())) {
        write!(text, "\n| {takeover} |")?;
        for len in &lens {
            match len {
                0..1024 => write!(text, " {len} B |")?,
                _ => write!(text, " {} KiB |", len / 1024)?,
            }
        }
        text.push_str("\n|---|");
        text.push_str(&"---:|".repeat(lens.len()));
        text.push('\n');
        let rows = results.iter().filter(|one| one.takeover == takeover);
        for library in distinct(rows.map(|one| one.library.as_str())) {
            write!(text, "| {library} |")?;
            for &len in &lens {
                let one = find(results, library, takeover, len)?;
                let ours = find(results, OURS, takeover, len)?;
                let times = one.rounds.iter().zip(&ours.rounds);
                let ratio = median(times.map(|(one, ours)| one / ours).collect());
                let time = time(median(one.rounds.clone()));
                write!(text, " {time}, {ratio:.2}, {:.0} B |", one.wire)?;
            }
            text.push('\n');
        }
    }
    Ok(text)
}

fn find<'a>(
    results: &'a [Measured],
    library: &str,
    takeover: &str,
    len: usize,
) -> Result<&'a Measured> {
    let mut all = results.iter();
    let found = all.find(|one| {
        (one.library.as_str(), one.takeover.as_str(), one.len) == (library, takeover, len)
    });
    Ok(found.ok_or_else(|| format!("{library} was not measured with {takeover} at {len}"))?)
}

const PACKAGES: [&str; 5] = ["bowline", "sockudo-ws", "yawc", "wtx", "soketto"];

/// By what the others are divided.
const OURS: &str = "bowline";

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(library: &str, takeover: &str, len: usize, rounds: &[f64]) -> Measured {
        Measured {
            library: library.to_owned(),
            takeover: takeover.to_owned(),
            len,
            wire: 390.6,
            rounds: rounds.to_vec(),
        }
    }

    #[test]
    fn a_line_names_a_benchmark_and_its_bytes() {
        assert_eq!(
            wire("bowline, no takeover/64: 63.3"),
            Some(("bowline, no takeover/64", 63.3))
        );
        assert_eq!(wire("bowline, no takeover/64"), None);
        assert_eq!(wire("bowline: many"), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let results = [
            measured("bowline", "no takeover", 1024, &[1000.0, 9000.0, 2000.0]),
            measured("other", "no takeover", 1024, &[2000.0, 27_000.0, 2000.0]),
            measured("bowline", "takeover", 1024, &[50_000.0]),
        ];
        let results = tables(&results).unwrap();
        assert_eq!(
            results,
            "
| no takeover | 1 KiB |
|---|---:|
| bowline | 2.00 µs, 1.00, 391 B |
| other | 2.00 µs, 2.00, 391 B |

| takeover | 1 KiB |
|---|---:|
| bowline | 50.0 µs, 1.00, 391 B |
"
        );
    }

    #[test]
    fn whoever_has_no_counterpart_of_ours_is_an_error() {
        assert!(tables(&[measured("other", "takeover", 64, &[1.0])]).is_err());
    }
}
