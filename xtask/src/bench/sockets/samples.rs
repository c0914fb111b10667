//! What was measured, and what follows from it.

use serde_json::{Value, json};

use super::cells::{self, Cell};
use super::servers::{self, LIMIT, Server};
use crate::Result;
use crate::bench::{distinct, median};

/// All that was measured.
#[derive(Default)]
pub(in crate::bench) struct Samples {
    samples: Vec<Sample>,
    /// What was found under strace, where time means nothing.
    calls: Vec<Sample>,
}

/// One server in one cell in one round.
struct Sample {
    server: &'static Server,
    cell: Cell,
    round: u32,
    /// What the load generator printed.
    load: Value,
}

/// Something that was measured in several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::bench) struct Median {
    pub(in crate::bench) value: f64,
    /// Between these the median lies at 95 %; with fewer than six rounds, the least and the most.
    pub(in crate::bench) low: f64,
    pub(in crate::bench) high: f64,
}

impl Samples {
    pub(super) fn push(&mut self, server: &'static Server, cell: Cell, round: u32, load: Value) {
        self.samples.push(Sample {
            server,
            cell,
            round,
            load,
        });
    }

    pub(super) fn push_calls(&mut self, server: &'static Server, cell: Cell, load: Value) {
        self.calls.push(Sample {
            server,
            cell,
            round: 0,
            load,
        });
    }

    /// Those of which there is something, in the order in which they were measured first.
    pub(in crate::bench) fn cells(&self) -> Vec<Cell> {
        distinct(self.samples.iter().map(|one| one.cell))
    }

    pub(in crate::bench) fn servers(&self) -> Vec<&'static Server> {
        let mut servers = servers::all();
        servers.retain(|server| self.samples.iter().any(|one| one.server == *server));
        servers
    }

    /// A number that the load generator printed, such as `/latency_ns/p50`.
    pub(in crate::bench) fn median(
        &self,
        server: &Server,
        cell: Cell,
        pointer: &str,
    ) -> Option<Median> {
        let values = self.of(server, cell);
        Median::new(values.filter_map(|one| one.number(pointer)).collect())
    }

    /// The CPU time of a message, divided by that of the limit in the same round.
    pub(in crate::bench) fn ratio(&self, server: &Server, cell: Cell) -> Option<Median> {
        let ratios = self.of(server, cell).filter_map(|one| {
            let mut all = self.samples.iter();
            let limit = all.find(|limit| {
                limit.server.name == LIMIT && limit.cell == cell && limit.round == one.round
            })?;
            Some(one.number(CPU)? / limit.number(CPU)?)
        });
        Median::new(ratios.collect())
    }

    /// How often a server made a system call of `names` for a message.
    pub(in crate::bench) fn calls(
        &self,
        server: &Server,
        cell: Cell,
        names: &[&str],
    ) -> Option<f64> {
        let mut all = self.calls.iter();
        let one = all.find(|one| one.server == server && one.cell == cell)?;
        let calls = one.load["calls"].as_object()?;
        let of = |name: &&str| calls.get(*name).and_then(Value::as_f64);
        Some(names.iter().filter_map(of).sum())
    }

    pub(super) fn json(&self, machine: &str) -> Value {
        let all = |samples: &[Sample]| samples.iter().map(Sample::json).collect::<Vec<_>>();
        json!({
            "machine": machine,
            "sockets": all(&self.samples),
            "calls": all(&self.calls),
        })
    }

    /// Reads what [`json`](Self::json) made.
    pub(in crate::bench) fn read(value: &Value) -> Result<Self> {
        let all = |name: &str| -> Result<Vec<_>> {
            let all = value[name].as_array();
            let all = all.ok_or_else(|| format!("no `{name}` in the JSON"))?;
            all.iter().map(Sample::read).collect()
        };
        Ok(Samples {
            samples: all("sockets")?,
            calls: all("calls")?,
        })
    }

    fn of(&self, server: &Server, cell: Cell) -> impl Iterator<Item = &Sample> {
        let all = self.samples.iter();
        all.filter(move |one| one.server == server && one.cell == cell)
    }
}

impl Sample {
    fn json(&self) -> Value {
        json!({
            "server": self.server.name,
            "cell": self.cell.name(),
            "round": self.round,
            "load": self.load,
        })
    }

    fn read(value: &Value) -> Result<Self> {
        let text = |name: &str| value[name].as_str().ok_or_else(|| format!("no `{name}`"));
        let round = value["round"].as_u64().ok_or("no `round`")?;
        Ok(Sample {
            server: servers::named(text("server")?)?,
            cell: cells::named(text("cell")?)?,
            round: u32::try_from(round)?,
            load: value["load"].clone(),
        })
    }

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
pub(in crate::bench) const CPU: &str = "/cpu_ns";

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
    fn what_is_written_is_read() {
        let server = servers::named("wtx").unwrap();
        let cell = cells::named("16B-1x1").unwrap();
        let mut samples = Samples::default();
        samples.push(server, cell, 1, json!({ "cpu_ns": 5.0 }));
        samples.push_calls(
            server,
            cell,
            json!({ "calls": { "read": 1.5, "recvfrom": 0.5 } }),
        );
        let samples = Samples::read(&samples.json("this one")).unwrap();
        assert_eq!(samples.servers(), [server]);
        assert_eq!(samples.cells(), [cell]);
        assert_eq!(samples.median(server, cell, CPU).unwrap().value, 5.0);
        let reads = samples.calls(server, cell, &["read", "recvfrom", "readv"]);
        assert_eq!(reads, Some(2.0));
    }

    #[test]
    fn what_has_no_cpu_time_is_no_measurement() {
        assert!(parse("{\"cpu_ns\":1.5}").is_ok());
        for line in ["", "{}", "{\"cpu_ns\":0}", "nonsense"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
