//! Tables for people.

use std::fmt::Write as _;

use super::cells::Cell;
use super::samples::{CPU, Samples};
use super::servers::{Group, Server};
use crate::Result;
use crate::steps::{BOLD, GREEN, RED, paint};

/// For each cell who took how much, the least first.
pub(super) fn tables(samples: &Samples, servers: &[&Server], cells: &[Cell]) -> Result<String> {
    let mut text = String::new();
    let width = servers.iter().map(|one| one.name.len()).max().unwrap_or(0);
    for &cell in cells {
        let title = format!("{:width$}", cell.title());
        write!(text, "\n{}  CPU/message  × raw", paint(BOLD, &title))?;
        if let Some(goal) = cell.goal() {
            write!(
                text,
                "   must {:.2}, hoped for {:.2}",
                goal.must, goal.stretch
            )?;
        }
        text.push('\n');
        let mut rows: Vec<_> = servers
            .iter()
            .filter_map(|server| Some((server, samples.ratio(server, cell)?)))
            .collect();
        rows.sort_by(|a, b| a.1.value.total_cmp(&b.1.value));
        for (server, ratio) in rows {
            let cpu = samples.median(server, cell, CPU).ok_or("no CPU time")?;
            let name = format!("{:width$}", server.name);
            let name = match (server.group, cell.goal()) {
                (Group::Bowline, Some(goal)) if ratio.value > goal.must => paint(RED, &name),
                (Group::Bowline, _) => paint(GREEN, &name),
                _ => name,
            };
            let cpu = time(cpu.value);
            let (value, low, high) = (ratio.value, ratio.low, ratio.high);
            writeln!(
                text,
                "{name}  {cpu:>11}  {value:>5.2}   {low:.2} … {high:.2}"
            )?;
        }
    }
    Ok(text)
}

/// Three digits of it.
pub(super) fn time(nanoseconds: f64) -> String {
    let microseconds = nanoseconds / 1000.0;
    match microseconds {
        ..10.0 => format!("{microseconds:.2} µs"),
        ..100.0 => format!("{microseconds:.1} µs"),
        _ => format!("{microseconds:.0} µs"),
    }
}
