//! Messages echoed in memory, without a kernel.

mod budgets;
mod callgrind;
mod cell;
mod parts;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::rounds;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::{Workspace, cargo};
use crate::{Result, peers};
use budgets::{Budget, Budgets, Place};
use cell::{Cell, entry};

pub(super) fn run(mut args: Args) -> Result<()> {
    let rounds = rounds(&mut args, 1)?;
    let ours = args.flag("--ours");
    let json = args.value("--json")?;
    let (holds, write) = (args.flag("--gate"), args.flag("--write"));
    args.finish()?;

    let workspace = Workspace::here()?;
    if holds {
        let mut steps = Steps::new(&workspace.target)?;
        steps.run("budgets", |step| gate(step, &workspace, write))?;
        return steps.finish();
    }
    if write {
        return Err("--write goes with --gate".into());
    }
    let packages = match ours {
        true => &PACKAGES[..1],
        false => &PACKAGES[..],
    };
    let mut all = Vec::new();
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("micro_build", |step| {
        for package in packages {
            step.say(package)?;
            build(step, &workspace, package)?;
        }
        step.say("parts")?;
        parts::build(step, &workspace)?;
        Ok(String::new())
    })?;
    for round in 1..=rounds {
        steps.run(&format!("micro_time_{round}"), |step| {
            for package in packages {
                step.say(package)?;
                for (cell, time) in measure(step, &workspace, package, "time", "ns")? {
                    entry(&mut all, cell).times.push(time);
                }
            }
            Ok(String::new())
        })?;
    }
    steps.run("micro_allocations", |step| {
        for package in packages {
            for (cell, allocations) in allocations(step, &workspace, package)? {
                entry(&mut all, cell).allocations = Some(allocations);
            }
        }
        Ok(String::new())
    })?;
    steps.run("micro_instructions", |step| {
        if let Err(error) = callgrind::find(step) {
            return Ok(format!("left out: {error}"));
        }
        for one in &mut all {
            let program = program(&workspace, &one.cell.library, "time");
            one.instructions = Some(callgrind::instructions(step, &program, &one.cell)?);
        }
        callgrind::version().ok_or_else(|| "valgrind is gone".into())
    })?;
    let mut measured = Vec::new();
    steps.run("micro_parts", |step| {
        measured = parts::measure(step, &workspace)?;
        Ok(String::new())
    })?;
    steps.finish()?;
    print!("{}", parts::tables(&measured)?);
    print!("{}", cell::tables(&all)?);
    if let Some(path) = json {
        fs::write(path, format!("{:#}\n", cell::json(&all)))?;
    }
    Ok(())
}

/// Holds what a message of ours costs to its budget, or sets the budgets to that.
pub(crate) fn gate(step: &mut Step, workspace: &Workspace, write: bool) -> Result<String> {
    if let Err(error) = callgrind::find(step) {
        return Ok(format!("left out: {error}"));
    }
    let ours = PACKAGES[0];
    build(step, workspace, ours)?;
    let program = program(workspace, ours, "time");
    let mut measured = Vec::new();
    for (cell, allocations) in allocations(step, workspace, ours)? {
        let instructions = callgrind::instructions(step, &program, &cell)?;
        measured.push(Budget::new(&cell, instructions, allocations));
    }
    let measured = Budgets::new(Place::here()?, measured);
    if write {
        measured.write(&workspace.root)?;
        return Ok("written".to_owned());
    }
    let (lines, outcome) = Budgets::read(&workspace.root)?.check(&measured);
    for line in lines {
        match line.starts_with("over") || line.starts_with("under") {
            true => step.say(&line)?,
            false => step.note(&line)?,
        }
    }
    outcome
}

/// Builds the programs of a package, which shares what it can with the others.
fn build(step: &mut Step, workspace: &Workspace, package: &str) -> Result<()> {
    let mut build = cargo(&workspace.root.join("benches/micro").join(package));
    build.env("CARGO_TARGET_DIR", target(workspace));
    step.command(build.args(["build", "--release", "--bins"]))
}

fn target(workspace: &Workspace) -> PathBuf {
    workspace.target.join("benches")
}

/// Where [`build`] put what measures this of a package.
fn program(workspace: &Workspace, package: &str, what: &str) -> PathBuf {
    let folder = target(workspace).join("release");
    peers::program(folder, &format!("micro-{package}-{what}"))
}

/// How often memory is taken for a message, in each cell of a package.
fn allocations(step: &mut Step, workspace: &Workspace, package: &str) -> Result<Vec<(Cell, f64)>> {
    measure(step, workspace, package, "allocations", "allocations")
}

/// Runs what measures `what` of a package, and reads its lines.
fn measure(
    step: &mut Step,
    workspace: &Workspace,
    package: &str,
    what: &str,
    unit: &str,
) -> Result<Vec<(Cell, f64)>> {
    let mut command = Command::new(program(workspace, package, what));
    let mut lines = Vec::new();
    step.watch(&mut command, |line| {
        lines.push(Cell::parse(line, unit));
        false
    })?;
    lines.into_iter().collect()
}

/// Ours, then the others.
const PACKAGES: [&str; 8] = [
    "bowline",
    "tokio-tungstenite",
    "fastwebsockets",
    "tokio-websockets",
    "yawc",
    "sockudo-ws",
    "web-socket",
    "soketto",
];
