//! What a message may cost: the regression gate.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::cell::Cell;
use crate::Result;

/// What messages may cost, and where that was measured.
#[derive(Debug, PartialEq)]
pub(super) struct Budgets {
    /// The compiler, the target and the C library: with others the same source is other instructions.
    place: Place,
    budgets: Vec<Budget>,
}

/// Where instructions were counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    compiler: String,
    target: String,
    libc: String,
}

/// What a message of one cell costs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Budget {
    case: String,
    len: u64,
    instructions: f64,
    allocations: f64,
}

impl Place {
    /// Where we are.
    pub(super) fn here() -> Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let version = said(Command::new(rustc).arg("-vV"))?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(Self {
            compiler: version.lines().next().unwrap_or_default().to_owned(),
            target: host.ok_or("rustc names no host")?.to_owned(),
            // Others than glibc don't know the name.
            libc: said(Command::new("getconf").arg("GNU_LIBC_VERSION"))
                .unwrap_or_else(|_| "not glibc".to_owned()),
        })
    }
}

impl Budget {
    pub(super) fn new(cell: &Cell, instructions: f64, allocations: f64) -> Self {
        Self {
            case: cell.case.clone(),
            len: cell.len,
            instructions: round(instructions),
            allocations: round(allocations),
        }
    }

    /// Compares what was `measured` with this budget.
    fn compare(&self, measured: &Self) -> Verdict {
        let grown = measured.instructions / self.instructions - 1.0;
        let text = format!(
            "{} at {} B: {} instructions ({:+.1} %), {} allocations; the budget is {} and {}",
            self.case,
            self.len,
            measured.instructions,
            grown * 100.0,
            measured.allocations,
            self.instructions,
            self.allocations
        );
        if grown > TOLERANCE || measured.allocations > self.allocations {
            Verdict::Over(text)
        } else if grown < -TOLERANCE || measured.allocations < self.allocations {
            Verdict::Under(text)
        } else {
            Verdict::Within(text)
        }
    }
}

/// How a cell stands to its budget.
#[derive(Debug, PartialEq)]
enum Verdict {
    Over(String),
    Under(String),
    Within(String),
}

impl Budgets {
    pub(super) fn new(place: Place, budgets: Vec<Budget>) -> Self {
        Self { place, budgets }
    }

    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&serde_json::from_slice(&text)?)
            .ok_or_else(|| format!("what is {FILE}?").into())
    }

    pub(super) fn write(&self, root: &Path) -> Result<()> {
        Ok(fs::write(root.join(FILE), self.to_json()?)?)
    }

    /// Holds what was `measured` to these budgets. Gives what it found, line by line, and in a few words; an error when
    /// they are exceeded where they hold.
    pub(super) fn check(&self, measured: &Self) -> (Vec<String>, Result<String>) {
        let mut lines = Vec::new();
        let (mut over, mut under) = (0, 0);
        for one in &measured.budgets {
            let same = |budget: &&Budget| (&budget.case, budget.len) == (&one.case, one.len);
            let Some(budget) = self.budgets.iter().find(same) else {
                lines.push(format!("over: {} at {} B has no budget", one.case, one.len));
                over += 1;
                continue;
            };
            lines.push(match budget.compare(one) {
                Verdict::Over(text) => {
                    over += 1;
                    format!("over: {text}")
                }
                Verdict::Under(text) => {
                    under += 1;
                    format!("under: {text}")
                }
                Verdict::Within(text) => text,
            });
        }
        let count = measured.budgets.len();
        let outcome = if self.place != measured.place {
            let Place { compiler, libc, .. } = &self.place;
            Ok(format!(
                "{over} of {count} are over, which doesn't count: the budgets hold for {compiler} and {libc}"
            ))
        } else if over > 0 {
            Err(format!("{over} of {count} are over their budget; {WRITE}").into())
        } else if under > 0 {
            Ok(format!(
                "{under} of {count} are far under their budget; {WRITE}"
            ))
        } else {
            Ok(format!("{count} within their budgets"))
        };
        (lines, outcome)
    }

    fn parse(value: &Value) -> Option<Self> {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let budget = |value: &Value| {
            Some(Budget {
                case: value["case"].as_str()?.to_owned(),
                len: value["len"].as_u64()?,
                instructions: value["instructions"].as_f64()?,
                allocations: value["allocations"].as_f64()?,
            })
        };
        Some(Self {
            place: Place {
                compiler: text("compiler")?,
                target: text("target")?,
                libc: text("libc")?,
            },
            budgets: value["budgets"]
                .as_array()?
                .iter()
                .map(budget)
                .collect::<Option<_>>()?,
        })
    }

    /// One line for each cell, so that a change is one, too.
    fn to_json(&self) -> Result<String> {
        let mut text = String::from("{\n");
        let Place {
            compiler,
            target,
            libc,
        } = &self.place;
        for (key, value) in [("compiler", compiler), ("target", target), ("libc", libc)] {
            writeln!(text, "  \"{key}\": {},", Value::from(value.as_str()))?;
        }
        text.push_str("  \"budgets\": [\n");
        for (at, one) in self.budgets.iter().enumerate() {
            let Budget {
                case,
                len,
                instructions,
                allocations,
            } = one;
            let comma = if at + 1 == self.budgets.len() {
                ""
            } else {
                ","
            };
            writeln!(
                text,
                "    {{ \"case\": {}, \"len\": {len}, \"instructions\": {instructions}, \"allocations\": {allocations} }}{comma}",
                Value::from(case.as_str())
            )?;
        }
        text.push_str("  ]\n}\n");
        Ok(text)
    }
}

/// What a command prints, which must succeed.
fn said(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// To a hundredth: what is behind it is the share of what happens once.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Where the budgets stand.
const FILE: &str = "benches/micro/budgets.json";

/// How to set them anew.
const WRITE: &str = "if that is meant, `cargo xtask bench micro --gate --write`";

/// The share of instructions that doesn't matter.
const TOLERANCE: f64 = 0.03;

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(compiler: &str, instructions: f64, allocations: f64) -> Budgets {
        let place = Place {
            compiler: compiler.to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            libc: "glibc 2.36".to_owned(),
        };
        let budget = Budget {
            case: "io recv".to_owned(),
            len: 16,
            instructions,
            allocations,
        };
        Budgets::new(place, vec![budget])
    }

    #[test]
    fn three_percent_more_and_any_allocation_more_are_over() {
        let committed = budgets("rustc 1", 1000.0, 1.0);
        for (instructions, allocations, fits) in [
            (1000.0, 1.0, true),
            (1029.0, 1.0, true),
            (1031.0, 1.0, false),
            (1000.0, 1.01, false),
            (500.0, 0.0, true),
        ] {
            let measured = budgets("rustc 1", instructions, allocations);
            let fitting = committed.check(&measured).1.is_ok();
            assert_eq!(fitting, fits, "{instructions} and {allocations}");
        }
    }

    #[test]
    fn far_under_asks_for_a_new_budget() {
        let committed = budgets("rustc 1", 1000.0, 1.0);
        for (instructions, allocations) in [(969.0, 1.0), (1000.0, 0.5)] {
            let measured = budgets("rustc 1", instructions, allocations);
            let (lines, outcome) = committed.check(&measured);
            assert!(lines[0].starts_with("under: "), "{lines:?}");
            assert!(outcome.unwrap().contains("--write"));
        }
    }

    #[test]
    fn with_another_compiler_nothing_fails() {
        let committed = budgets("rustc 1", 1000.0, 1.0);
        let (lines, outcome) = committed.check(&budgets("rustc 2", 2000.0, 1.0));
        assert!(lines[0].starts_with("over: "), "{lines:?}");
        assert!(outcome.unwrap().contains("rustc 1"));
    }

    #[test]
    fn a_cell_without_a_budget_is_over() {
        let mut committed = budgets("rustc 1", 1000.0, 1.0);
        committed.budgets.clear();
        assert!(committed.check(&budgets("rustc 1", 1.0, 0.0)).1.is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let budgets = budgets("rustc 1", 1190.92, 1.0);
        let json = budgets.to_json().unwrap();
        let value = serde_json::from_str(&json).unwrap();
        assert_eq!(Budgets::parse(&value), Some(budgets));
    }
}
