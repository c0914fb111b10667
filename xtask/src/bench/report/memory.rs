//! Memory, as tables and as a chart.

use super::chart::{Chart, Look, Row};
use super::markdown;
use crate::bench::memory::{Held, bytes};
use crate::bench::sockets::servers::Group;

pub(super) fn tables(held: &[Held]) -> String {
    let mut text = String::new();
    for (title, deflate, tls) in [
        ("plain", false, false),
        ("TLS", false, true),
        ("deflate", true, false),
        ("TLS and deflate", true, true),
    ] {
        let of = held
            .iter()
            .filter(|one| one.deflate == deflate && one.server.tls == tls);
        let rows: Vec<_> = of.map(row).collect();
        if !rows.is_empty() {
            let head = [title, "open", "after 128 B", "after 64 KiB", "1 s later"];
            text += &markdown(&head.map(str::to_owned), &rows);
            text.push('\n');
        }
    }
    text
}

fn row(one: &Held) -> Vec<String> {
    let numbers = [one.opened, one.little, one.much, one.later].map(bytes);
    let name = match one.server.group {
        Group::Bowline => format!("**{}**", one.server.name),
        _ => one.server.name.to_owned(),
    };
    [name].into_iter().chain(numbers).collect()
}

/// Who holds how much when a connection is open, and how much a second after a long message.
pub(super) fn chart(held: &[Held]) -> Chart {
    let rows = held
        .iter()
        .filter(|one| !one.deflate && !one.server.tls)
        .map(|one| Row {
            title: one.server.name.to_owned(),
            tick: None,
            line: true,
            dots: vec![(Look::Ours, one.opened), (Look::Best, one.later)],
            note: format!("{}, {}", bytes(one.opened), bytes(one.later)),
        });
    Chart {
        title: "Memory of the server for each connection",
        axis: &[
            (64.0, "64 B"),
            (256.0, "256 B"),
            (1024.0, "1 KiB"),
            (4096.0, "4 KiB"),
            (16_384.0, "16 KiB"),
            (65_536.0, "64 KiB"),
            (262_144.0, "256 KiB"),
        ],
        legend: &[
            (Look::Ours, "open"),
            (Look::Best, "a second after a message of 64 KiB"),
        ],
        rows: rows.collect(),
    }
}
