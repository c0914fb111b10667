//! What was measured.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::{distinct, median};
use crate::Result;

/// A way to echo, with messages of one length.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) library: String,
    pub(super) case: String,
    pub(super) len: u64,
    /// Messages at a wake-up.
    pub(super) messages: u64,
}

/// What a message costs.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) cell: Cell,
    /// Nanoseconds in each round.
    pub(super) times: Vec<f64>,
    pub(super) allocations: Option<f64>,
    pub(super) instructions: Option<f64>,
}

impl Cell {
    /// Reads a line that a benchmark printed: a cell and what was measured in this unit.
    pub(super) fn parse(line: &str, unit: &str) -> Result<(Self, f64)> {
        let value: Value = serde_json::from_str(line)?;
        let what = || format!("what is `{line}`?");
        let text = |key| value[key].as_str().map(str::to_owned).ok_or_else(what);
        let number = |key| value[key].as_u64().ok_or_else(what);
        let cell = Self {
            library: text("library")?,
            case: text("case")?,
            len: number("len")?,
            messages: number("messages")?,
        };
        Ok((cell, value[unit].as_f64().ok_or_else(what)?))
    }

    fn is_ours(&self) -> bool {
        (self.library.as_str(), self.case.as_str()) == OURS
    }
}

/// The place for what is measured of `cell`, which is made if there is none.
pub(super) fn entry(all: &mut Vec<Measured>, cell: Cell) -> &mut Measured {
    let at = all.iter().position(|one| one.cell == cell);
    let at = at.unwrap_or_else(|| {
        all.push(Measured {
            cell,
            times: Vec::new(),
            allocations: None,
            instructions: None,
        });
        all.len() - 1
    });
    &mut all[at]
}

/// A table for each length.
pub(super) fn tables(all: &[Measured]) -> Result<String> {
    let mut text = String::new();
    for len in distinct(all.iter().map(|one| one.cell.len)) {
        let cells = || all.iter().filter(|one| one.cell.len == len);
        let ours = cells().find(|one| one.cell.is_ours());
        let ours = ours.ok_or_else(|| format!("ours was not measured at {len} B"))?;
        let size = size(len);
        let messages = ours.cell.messages;
        writeln!(
            text,
            "\n| {size}, {messages} at a wake-up | time | ratio | instructions | allocations |"
        )?;
        text.push_str("|---|---:|---:|---:|---:|\n");
        for one in cells() {
            let time = time(median(one.times.clone()));
            let ratio = ratio(one, ours);
            let instructions = one
                .instructions
                .map_or("–".to_owned(), |n| format!("{n:.0}"));
            let allocations = one
                .allocations
                .map_or("–".to_owned(), |n| format!("{n:.2}"));
            let Cell { library, case, .. } = &one.cell;
            writeln!(
                text,
                "| {library}, {case} | {time} | {ratio:.2} | {instructions} | {allocations} |"
            )?;
        }
    }
    Ok(text)
}

pub(super) fn json(all: &[Measured]) -> Value {
    let one = |one: &Measured| {
        json!({
            "library": one.cell.library,
            "case": one.cell.case,
            "len": one.cell.len,
            "messages": one.cell.messages,
            "ns": one.times,
            "instructions": one.instructions,
            "allocations": one.allocations,
        })
    };
    all.iter().map(one).collect()
}

/// The median of the ratios, each within a round.
fn ratio(one: &Measured, ours: &Measured) -> f64 {
    let times = one.times.iter().zip(&ours.times);
    median(times.map(|(one, ours)| one / ours).collect())
}

pub(super) fn size(len: u64) -> String {
    match len {
        0..1024 => format!("{len} B"),
        1024..0x10_0000 => format!("{} KiB", len / 1024),
        _ => format!("{} MiB", len / 1024 / 1024),
    }
}

pub(super) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ..100.0 => format!("{nanoseconds:.1} ns"),
        ..10_000.0 => format!("{nanoseconds:.0} ns"),
        _ => format!("{:.1} µs", nanoseconds / 1000.0),
    }
}

/// By which the others are divided: the library and the case.
const OURS: (&str, &str) = ("bowline", "io recv");

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(library: &str, case: &str, times: &[f64]) -> Measured {
        Measured {
            cell: Cell {
                library: library.to_owned(),
                case: case.to_owned(),
                len: 16,
                messages: 64,
            },
            times: times.to_vec(),
            allocations: Some(1.0),
            instructions: None,
        }
    }

    #[test]
    fn a_line_is_a_cell_and_a_value() {
        let line = r#"{"library":"other","case":"echo","len":16,"messages":64,"ns":12.5}"#;
        let cell = measured("other", "echo", &[]).cell;
        assert_eq!(Cell::parse(line, "ns").unwrap(), (cell, 12.5));
        assert!(Cell::parse(line, "allocations").is_err());
        assert!(Cell::parse("warm-up", "ns").is_err());
    }

    #[test]
    fn a_cell_has_one_place() {
        let mut all = vec![measured("bowline", "io recv", &[])];
        let cell = all[0].cell.clone();
        entry(&mut all, cell).instructions = Some(1.0);
        entry(&mut all, measured("other", "echo", &[]).cell);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].instructions, Some(1.0));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let all = [
            measured("bowline", "io recv", &[50.0, 450.0, 100.0]),
            measured("other", "echo", &[100.0, 1350.0, 100.0]),
        ];
        assert_eq!(
            tables(&all).unwrap(),
            "
| 16 B, 64 at a wake-up | time | ratio | instructions | allocations |
|---|---:|---:|---:|---:|
| bowline, io recv | 100 ns | 1.00 | – | 1.00 |
| other, echo | 100 ns | 2.00 | – | 1.00 |
"
        );
    }

    #[test]
    fn without_ours_there_is_no_ratio() {
        assert!(tables(&[measured("other", "echo", &[1.0])]).is_err());
    }
}
