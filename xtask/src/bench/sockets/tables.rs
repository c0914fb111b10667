//! Tables for people.

use std::fmt::Write as _;

use super::cells::Cell;
use super::goals::Goal;
use super::samples::{CPU, Samples};
use super::servers::{Group, Server};
use crate::bench::time;
use crate::steps::{BOLD, GREEN, RED, paint};

/// For each cell who took how much, the least first; then the system calls.
pub(super) fn print(samples: &Samples, servers: &[&'static Server], cells: &[Cell]) -> String {
    let mut text = String::new();
    let names = servers.iter().map(|server| server.name.len());
    let titles = cells.iter().map(|cell| cell.title().chars().count());
    let width = names.chain(titles).max().unwrap_or(0);
    for &cell in cells {
        let title = format!("{:width$}", cell.title());
        text += &format!("\n{}  CPU/message  × raw", paint(BOLD, &title));
        if let Some(goal) = Goal::of(cell) {
            text += &format!("   must {:.2}, hoped for {:.2}", goal.must, goal.stretch);
        }
        text.push('\n');
        let mut rows: Vec<_> = servers
            .iter()
            .filter_map(|server| Some((server, samples.ratio(server, cell)?)))
            .collect();
        rows.sort_by(|a, b| a.1.value.total_cmp(&b.1.value));
        for (server, ratio) in rows {
            let name = coloured(server, width, Goal::of(cell), ratio.value);
            let cpu = samples.median(server, cell, CPU);
            let cpu = cpu.map_or(String::new(), |cpu| time(cpu.value));
            let (value, low, high) = (ratio.value, ratio.low, ratio.high);
            text += &format!("{name}  {cpu:>11}  {value:>5.2}   {low:.2} … {high:.2}\n");
        }
    }
    text + &calls(samples, servers, cells, width)
}

/// Green who is ours, red if it costs more than it must.
fn coloured(server: &Server, width: usize, goal: Option<Goal>, ratio: f64) -> String {
    let name = format!("{:width$}", server.name);
    match (server.group, goal) {
        (Group::Bowline, Some(goal)) if ratio > goal.must => paint(RED, &name),
        (Group::Bowline, _) => paint(GREEN, &name),
        _ => name,
    }
}

fn calls(samples: &Samples, servers: &[&Server], cells: &[Cell], width: usize) -> String {
    let mut text = String::new();
    for &cell in cells {
        let rows: Vec<_> = servers
            .iter()
            .filter_map(|server| {
                let calls = |names| samples.calls(server, cell, names);
                Some((server, calls(READS)?, calls(WRITES)?, calls(WAITS)?))
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        let title = format!("{:width$}", cell.title());
        text += &format!(
            "\n{}    reads   writes    waits  a message\n",
            paint(BOLD, &title)
        );
        for (server, reads, writes, waits) in rows {
            let name = coloured(server, width, None, 0.0);
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name}  {reads:>7.3}  {writes:>7.3}  {waits:>7.3}");
        }
    }
    text
}

/// System calls by what they do.
pub(in crate::bench) const READS: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];
pub(in crate::bench) const WRITES: &[&str] = &["write", "writev", "sendto", "sendmsg"];
pub(in crate::bench) const WAITS: &[&str] = &["epoll_wait", "epoll_pwait", "epoll_pwait2", "poll"];
