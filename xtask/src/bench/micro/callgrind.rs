//! Counts instructions, which are the same on a machine that is busy.

use std::path::Path;
use std::process::{Command, Stdio};

use super::cell::Cell;
use crate::steps::Step;
use crate::{Result, install};

/// Sees to it that valgrind is there.
pub(super) fn find(step: &mut Step) -> Result<()> {
    if version().is_some() {
        return Ok(());
    }
    install::debian(step, "valgrind")?;
    match version() {
        Some(_) => Ok(()),
        None => Err("valgrind was installed, and doesn't run".into()),
    }
}

/// Which valgrind there is; `None` if there is none.
pub(super) fn version() -> Option<String> {
    let mut command = Command::new("valgrind");
    let output = command.arg("--version").stderr(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Instructions that `program` executes for a message of `cell`.
///
/// They are the difference between two runs, over the messages that one has more than the other: what happens once, at
/// the start, is in both.
pub(super) fn instructions(step: &mut Step, program: &Path, cell: &Cell) -> Result<f64> {
    let few = collected(step, program, cell, FEW)?;
    let many = collected(step, program, cell, MANY)?;
    let difference = many.checked_sub(few).ok_or("more work took less")?;
    let messages = (MANY - FEW) * cell.messages;
    Ok(difference as f64 / messages as f64)
}

fn collected(step: &mut Step, program: &Path, cell: &Cell, wake_ups: u64) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--run", &cell.case, &cell.len.to_string()])
        .arg(wake_ups.to_string())
        .env("GLIBC_TUNABLES", NO_REP_MOVSB);
    let mut collected = None;
    step.watch(&mut valgrind, |line| {
        collected = collected.or_else(|| sum(line));
        false
    })?;
    Ok(collected.ok_or("callgrind told no sum")?)
}

/// The sum in the line `==1234== Collected : 8294787`.
fn sum(line: &str) -> Option<u64> {
    let (_, sum) = line.split_once("Collected : ")?;
    sum.trim().parse().ok()
}

/// glibc copies with `rep movsb` where a processor is good at it. For callgrind each byte would be an instruction.
const NO_REP_MOVSB: &str = "glibc.cpu.hwcaps=-ERMS,-FSRM";

/// Wake-ups of the shorter run and of the longer one.
const FEW: u64 = 64;
const MANY: u64 = 320;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_stands_behind_its_name() {
        assert_eq!(sum("==28871== Collected : 8294787"), Some(8_294_787));
        assert_eq!(sum("==28871== Events    : Ir"), None);
    }
}
