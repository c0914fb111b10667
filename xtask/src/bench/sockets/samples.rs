//! What was measured, and what follows from it.

use serde_json::{Value, json};

use super::cells::Cell;
use super::servers::{LIMIT, Server};
use crate::Result;
use crate::bench::median;

/// All that was measured.
#[derive(Default)]
pub(super) struct Samples(Vec<Sample>);

/// One server in one cell in one round.
struct Sample {
    server: &'static str,
    cell: Cell,
    round: u32,
    /// What the load generator printed.
    load: Value,
}

/// Something that was measured in several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Median {
    pub(super) value: f64,
    /// Between these the median lies at 95 %; with fewer than six rounds, the least and the most.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Samples {
    pub(super) fn push(&mut self, server: &Server, cell: Cell, round: u32, load: Value) {
        self.0.push(Sample {
            server: server.name,
            cell,
            round,
            load,
        });
    }

    /// A number that the load generator printed, such as `/latency_ns/p50`.
    pub(super) fn median(&self, server: &Server, cell: Cell, pointer: &str) -> Option<Median> {
        let values = self.of(server.name, cell);
        Median::new(values.filter_map(|one| one.number(pointer)).collect())
    }

    /// The CPU time of a message, divided by that of the limit in the same round.
    pub(super) fn ratio(&self, server: &Server, cell: Cell) -> Option<Median> {
        let ratios = self.of(server.name, cell).filter_map(|one| {
            let limit = self
                .of(LIMIT, cell)
                .find(|limit| limit.round == one.round)?;
            Some(one.number(CPU)? / limit.number(CPU)?)
        });
        Median::new(ratios.collect())
    }

    pub(super) fn json(&self) -> Value {
        let samples = self.0.iter().map(|one| {
            json!({
                "server": one.server,
                "cell": one.cell.name(),
                "round": one.round,
                "load": one.load,
            })
        });
        json!({ "samples": samples.collect::<Vec<_>>() })
    }

    fn of(&self, server: &str, cell: Cell) -> impl Iterator<Item = &Sample> {
        let all = self.0.iter();
        all.filter(move |one| one.server == server && one.cell == cell)
    }
}

impl Sample {
    fn number(&self, pointer: &str) -> Option<f64> {
        self.load.pointer(pointer)?.as_f64()
    }
}

impl Median {
    fn new(mut all: Vec<f64>) -> Option<Self> {
        if all.is_empty() {
            return None;
        }
        all.sort_by(f64::total_cmp);
        let skip = outside(all.len());
        Some(Median {
            value: median(all.clone()),
            low: all[skip],
            high: all[all.len() - 1 - skip],
        })
    }
}

/// Reads what the load generator printed.
pub(super) fn parse(line: &str) -> Result<Value> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("`{line}`: {error}"))?;
    match value["cpu_ns"].as_f64() {
        Some(cpu) if cpu > 0.0 => Ok(value),
        _ => Err(format!("no CPU time in `{line}`").into()),
    }
}

/// How many of `count` sorted values may be left out at either end, so that the median of all there could be lies
/// between the others at 95 %.
///
/// A value lies below the median as often as a coin shows heads.
fn outside(count: usize) -> usize {
    let mut below = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut ways = below;
    let mut skip = 0;
    loop {
        ways *= (count - skip) as f64 / (skip + 1) as f64;
        below += ways;
        if below > 0.025 || skip + 1 >= count.div_ceil(2) {
            return skip;
        }
        skip += 1;
    }
}

/// Where the load generator puts the CPU time of a message.
pub(super) const CPU: &str = "/cpu_ns";

#[cfg(test)]
mod tests {
    use super::super::{cells, servers};
    use super::*;

    #[test]
    fn few_rounds_leave_nothing_out_and_twenty_leave_five() {
        for (count, skip) in [(1, 0), (2, 0), (3, 0), (6, 0), (9, 1), (20, 5)] {
            assert_eq!(outside(count), skip, "{count}");
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let servers = servers::chosen("tokio_echo_server").unwrap();
        let cell = cells::chosen("16B-1x1").unwrap()[0];
        let mut samples = Samples::default();
        for (round, limit, other) in [(1, 1.0, 2.0), (2, 9.0, 27.0), (3, 2.0, 2.0)] {
            samples.push(servers[0], cell, round, json!({ "cpu_ns": limit }));
            samples.push(servers[1], cell, round, json!({ "cpu_ns": other }));
        }
        let ratio = samples.ratio(servers[1], cell).unwrap();
        let expected = Median {
            value: 2.0,
            low: 1.0,
            high: 3.0,
        };
        assert_eq!(ratio, expected);
        assert_eq!(samples.median(servers[0], cell, CPU).unwrap().value, 2.0);
    }

    #[test]
    fn what_has_no_cpu_time_is_no_measurement() {
        assert!(parse("{\"cpu_ns\":1.5}").is_ok());
        for line in ["", "{}", "{\"cpu_ns\":0}", "nonsense"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
