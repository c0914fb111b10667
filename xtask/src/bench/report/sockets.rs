//! Echo over TCP, as tables and as a chart.

use super::chart::{Chart, Look, Row};
use super::markdown;
use crate::bench::sockets::cells::{Cell, Kind};
use crate::bench::sockets::goals::Goal;
use crate::bench::sockets::samples::{CPU, Median, Samples};
use crate::bench::sockets::servers::{Group, LIMIT, Server};
use crate::bench::sockets::tables::{READS, WAITS, WRITES};
use crate::bench::time;

pub(super) fn tables(samples: &Samples) -> String {
    let cells = samples.cells();
    let of = |kind| -> Vec<Cell> {
        let cells = cells.iter().copied();
        cells.filter(|cell| cell.kind == kind).collect()
    };
    let plain: Vec<_> = cells
        .iter()
        .copied()
        .filter(|cell| cell.kind != Kind::Deflate)
        .collect();
    let mut tables = vec![summary(samples, &plain)];
    for kind in [Kind::Binary, Kind::Text] {
        // More columns than that fit on no page.
        for cells in of(kind).chunks(9) {
            tables.push(everybody(samples, cells));
        }
    }
    tables.push(compressed(samples, &of(Kind::Deflate)));
    tables.extend(cells.iter().map(|&cell| calls(samples, cell)));
    tables.retain(|table| !table.is_empty());
    tables.join("\n")
}

/// Bowline's example beside the best rival.
fn summary(samples: &Samples, cells: &[Cell]) -> String {
    let rows: Vec<_> = cells
        .iter()
        .filter_map(|&cell| {
            let limit = samples
                .servers()
                .into_iter()
                .find(|one| one.name == LIMIT)?;
            let ours = samples.servers().into_iter().find(|one| one.name == OURS)?;
            let limit = time(samples.median(limit, cell, CPU)?.value);
            let ours = interval(samples.ratio(ours, cell)?);
            let best = best(samples, cell).map_or(String::new(), |(server, ratio)| {
                format!("{} {}", server.name, interval(ratio))
            });
            let goal = Goal::of(cell).map_or(String::new(), |goal| format!("{:.2}", goal.must));
            Some(vec![cell.title(), limit, ours, goal, best])
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["connections × in flight", LIMIT, OURS, "goal", "best rival"];
    markdown(&head.map(str::to_owned), &rows)
}

/// All servers, as multiples of the limit.
fn everybody(samples: &Samples, cells: &[Cell]) -> String {
    let mut head = vec!["CPU ÷ raw".to_owned()];
    head.extend(cells.iter().map(|cell| cell.title()));
    let rows: Vec<_> = samples
        .servers()
        .into_iter()
        .map(|server| {
            let ratios = cells.iter().map(|&cell| {
                let ratio = samples.ratio(server, cell);
                ratio.map_or(String::new(), |ratio| format!("{:.2}", ratio.value))
            });
            [bold(server)].into_iter().chain(ratios).collect()
        })
        .collect();
    markdown(&head, &rows)
}

/// Servers that compress: the time of a message, and how much shorter the replies are.
fn compressed(samples: &Samples, cells: &[Cell]) -> String {
    let mut head = vec!["CPU, length ÷ bytes on the wire".to_owned()];
    head.extend(cells.iter().map(|cell| cell.title()));
    let mut servers = samples.servers();
    servers.retain(|server| server.deflate);
    let rows: Vec<_> = servers
        .into_iter()
        .filter_map(|server| {
            let mut row = vec![bold(server)];
            for &cell in cells {
                let cpu = samples.median(server, cell, CPU)?;
                let wire = samples.median(server, cell, "/reply_bytes")?;
                let shorter = cell.size as f64 / wire.value;
                row.push(format!("{}, {shorter:.2}", time(cpu.value)));
            }
            Some(row)
        })
        .collect();
    match cells.is_empty() || rows.is_empty() {
        true => String::new(),
        false => markdown(&head, &rows),
    }
}

/// System calls for each message.
fn calls(samples: &Samples, cell: Cell) -> String {
    let rows: Vec<_> = samples
        .servers()
        .into_iter()
        .filter_map(|server| {
            let mut row = vec![bold(server)];
            for names in [READS, WRITES, WAITS] {
                row.push(format!("{:.3}", samples.calls(server, cell, names)?));
            }
            Some(row)
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let title = format!("system calls, {}", cell.title());
    let head = [title.as_str(), "reads", "writes", "waits"];
    markdown(&head.map(str::to_owned), &rows)
}

/// The cells that have a goal, with everybody in them.
pub(super) fn chart(samples: &Samples) -> Chart {
    let cells = samples.cells().into_iter();
    let rows = cells.filter_map(|cell| {
        let goal = Goal::of(cell)?;
        let best = best(samples, cell);
        let mut note = String::new();
        let mut dots = Vec::new();
        for server in samples.servers() {
            let Some(Median { value, .. }) = samples.ratio(server, cell) else {
                continue;
            };
            let look = match server.group {
                Group::Bowline if server.name == OURS => Look::Ours,
                Group::Rival if best.is_some_and(|(best, _)| best == server) => Look::Best,
                Group::Rival => Look::Other,
                _ => continue,
            };
            match look {
                Look::Ours => note = format!("{value:.2}{note}"),
                Look::Best => note += &format!(", {} {value:.2}", server.name),
                Look::Other | Look::Tick => {}
            }
            dots.push((look, value));
        }
        Some(Row {
            title: cell.title(),
            tick: Some(goal.must),
            line: false,
            dots,
            note,
        })
    });
    Chart {
        title: "CPU time of the server for a message, as a multiple of a raw TCP echo",
        axis: &[
            (1.0, "1"),
            (1.5, "1.5"),
            (2.0, "2"),
            (3.0, "3"),
            (5.0, "5"),
            (10.0, "10"),
            (20.0, "20"),
            (40.0, "40"),
        ],
        legend: &[
            (Look::Ours, OURS),
            (Look::Best, "the best of the others"),
            (Look::Other, "the others"),
            (Look::Tick, "goal"),
        ],
        rows: rows.collect(),
    }
}

fn best(samples: &Samples, cell: Cell) -> Option<(&'static Server, Median)> {
    let rivals = samples.servers().into_iter().filter_map(|server| {
        let ratio = samples.ratio(server, cell)?;
        (server.group == Group::Rival).then_some((server, ratio))
    });
    rivals.min_by(|a, b| a.1.value.total_cmp(&b.1.value))
}

fn bold(server: &Server) -> String {
    match server.group {
        Group::Bowline => format!("**{}**", server.name),
        _ => server.name.to_owned(),
    }
}

fn interval(median: Median) -> String {
    let Median { value, low, high } = median;
    format!("{value:.2} ({low:.2} … {high:.2})")
}

/// The server that is compared with the others.
const OURS: &str = "tokio_echo_server";
