//! The parts of a frame, each beside another way to do the same.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::distinct;
use super::{cell, target};
use crate::Result;
use crate::steps::Step;
use crate::workspace::{Workspace, cargo};

/// What criterion measured.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    group: String,
    /// Who did it.
    name: String,
    len: u64,
    /// The median.
    nanoseconds: f64,
}

pub(super) fn build(step: &mut Step, workspace: &Workspace) -> Result<()> {
    step.command(bench(workspace).arg("--no-run"))
}

pub(super) fn measure(step: &mut Step, workspace: &Workspace) -> Result<Vec<Part>> {
    let home = workspace.target.join("xtask").join("criterion");
    if home.exists() {
        // So that no run reads what an earlier one left.
        fs::remove_dir_all(&home)?;
    }
    let mut command = bench(workspace);
    command
        .args(["--", "--noplot", "--sample-size=30", "--nresamples=1000"])
        .args(["--warm-up-time=0.2", "--measurement-time=0.5"])
        .env("CRITERION_HOME", &home);
    step.command(&mut command)?;
    let mut parts = Vec::new();
    for group in folders(&home)? {
        for name in folders(&group)? {
            // Beside these lies a report of the group.
            for len in folders(&name)?
                .iter()
                .filter(|len| len.join("new").is_dir())
            {
                parts.push(read(&len.join("new"))?);
            }
        }
    }
    parts.sort_by(|a, b| (&a.group, a.len, &a.name).cmp(&(&b.group, b.len, &b.name)));
    Ok(parts)
}

/// A table for each group.
pub(super) fn tables(parts: &[Part]) -> Result<String> {
    let mut text = String::new();
    for group in distinct(parts.iter().map(|part| part.group.as_str())) {
        let group: Vec<_> = parts.iter().filter(|part| part.group == group).collect();
        let others = distinct(group.iter().map(|part| part.name.as_str()));
        let others: Vec<_> = others.into_iter().filter(|name| *name != OURS).collect();
        write!(text, "\n| {} | {OURS} |", group[0].group)?;
        for name in &others {
            write!(text, " {name} | ratio |")?;
        }
        text.push_str("\n|---|---:|");
        text.push_str(&"---:|---:|".repeat(others.len()));
        text.push('\n');
        for len in distinct(group.iter().map(|part| part.len)) {
            let of = |name: &str| {
                let found = group
                    .iter()
                    .find(|part| part.name == name && part.len == len);
                found.ok_or_else(|| format!("{name} was not measured at {len} B"))
            };
            let ours = of(OURS)?.nanoseconds;
            write!(text, "| {} | {} |", cell::size(len), cell::time(ours))?;
            for name in &others {
                let other = of(name)?.nanoseconds;
                write!(text, " {} | {:.2} |", cell::time(other), other / ours)?;
            }
            text.push('\n');
        }
    }
    Ok(text)
}

fn bench(workspace: &Workspace) -> std::process::Command {
    let mut command = cargo(&workspace.root.join("benches/micro/parts"));
    command
        .arg("bench")
        .env("CARGO_TARGET_DIR", target(workspace));
    command
}

fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut folders: Vec<_> = paths.collect::<Result<_>>()?;
    folders.retain(|path| path.is_dir());
    Ok(folders)
}

/// Reads what lies in the folder of one benchmark.
fn read(folder: &Path) -> Result<Part> {
    let json = |name: &str| -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(folder.join(name))?)?)
    };
    let (benchmark, estimates) = (json("benchmark.json")?, json("estimates.json")?);
    let what = || format!("what is in {}?", folder.display());
    let text = |key: &str| benchmark[key].as_str().ok_or_else(what);
    let median = &estimates["median"]["point_estimate"];
    Ok(Part {
        group: text("group_id")?.to_owned(),
        name: text("function_id")?.to_owned(),
        len: text("value_str")?.parse()?,
        nanoseconds: median.as_f64().ok_or_else(what)?,
    })
}

/// By whom the others are divided.
const OURS: &str = "bowline";

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, len: u64, nanoseconds: f64) -> Part {
        Part {
            group: "mask".to_owned(),
            name: name.to_owned(),
            len,
            nanoseconds,
        }
    }

    #[test]
    fn others_are_divided_by_ours() {
        let parts = [
            part("bowline", 125, 5.0),
            part("byte loop", 125, 33.0),
            part("bowline", 1024, 20.0),
            part("byte loop", 1024, 260.0),
        ];
        assert_eq!(
            tables(&parts).unwrap(),
            "
| mask | bowline | byte loop | ratio |
|---|---:|---:|---:|
| 125 B | 5.0 ns | 33.0 ns | 6.60 |
| 1 KiB | 20.0 ns | 260 ns | 13.00 |
"
        );
    }

    #[test]
    fn whoever_has_no_counterpart_of_ours_is_an_error() {
        assert!(tables(&[part("std", 125, 5.0)]).is_err());
    }
}
