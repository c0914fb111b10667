//! Messages echoed over TCP.

pub(super) mod cells;
pub(super) mod goals;
pub(super) mod samples;
pub(super) mod servers;
pub(super) mod tables;

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{machine, pinned, rounds};
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use crate::{Result, peers};
use cells::{Cell, Kind};
use samples::Samples;
use servers::{Group, LIMIT, Server};

pub(super) fn run(mut args: Args) -> Result<()> {
    let full = args.flag("--full");
    let default = match full {
        true => "all",
        false => "default",
    };
    let rounds = rounds(&mut args, 3)?;
    let seconds = args.value("--seconds")?;
    let seconds: f64 = seconds.as_deref().unwrap_or("0.25").parse()?;
    let servers = args.value("--servers")?;
    let mut servers = servers::chosen(servers.as_deref().unwrap_or(default))?;
    servers.retain(|server| !server.tls);
    let cells = args.value("--cells")?;
    let cells = cells::chosen(cells.as_deref().unwrap_or(default))?;
    let calls = !args.flag("--no-calls");
    let json = args.value("--json")?;
    args.finish()?;

    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("sockets_build", |step| {
        Server::build(step, &workspace, &servers)?;
        Ok(String::new())
    })?;
    let bench = Bench {
        workspace: &workspace,
        servers: &servers,
        seconds,
    };
    let mut samples = Samples::default();
    let last = match full {
        true => rounds.max(MANY),
        false => rounds,
    };
    for round in 1..=last {
        steps.run(&format!("sockets_round_{round}"), |step| {
            let mut failed = Vec::new();
            for &cell in &cells {
                if round <= rounds || cell.is_alone() {
                    failed.extend(bench.measure(step, cell, round, &mut samples)?);
                }
            }
            outcome(&failed)
        })?;
    }
    if calls {
        steps.run("sockets_calls", |step| {
            if !strace_is_there() {
                return Ok("left out: there is no strace".into());
            }
            let mut failed = Vec::new();
            for &cell in &cells {
                failed.extend(bench.count(step, cell, &mut samples)?);
            }
            outcome(&failed)
        })?;
    }
    if let Some(path) = json {
        let json = samples.json(&machine()?).to_string();
        fs::write(&path, json).map_err(|error| format!("{path}: {error}"))?;
    }
    let finished = steps.finish();
    print!("{}", tables::print(&samples, &servers, &cells));
    finished
}

/// What stays the same from round to round.
struct Bench<'a> {
    workspace: &'a Workspace,
    servers: &'a [&'static Server],
    /// How long each is measured each time.
    seconds: f64,
}

impl Bench<'_> {
    /// Measures all servers that take what the cell sends, each once, beginning with another one in each round. Returns
    /// who failed.
    fn measure(
        &self,
        step: &mut Step,
        cell: Cell,
        round: u32,
        samples: &mut Samples,
    ) -> Result<Vec<String>> {
        let seconds = self.seconds * cell.patience();
        let mut servers = self.of(cell);
        let first = round as usize % servers.len();
        servers.rotate_left(first);
        let mut failed = Vec::new();
        for server in servers {
            let load = self.load(step, server, cell, |load| {
                load.args(["--warm-up", &(seconds / 4.0).to_string()])
                    .args(["--seconds", &seconds.to_string()])
            });
            match load {
                Ok(load) => samples.push(server, cell, round, load),
                Err(error) => failed.push(error.to_string()),
            }
        }
        let ratios: Vec<_> = self
            .servers
            .iter()
            .filter(|server| server.name != LIMIT)
            .filter_map(|server| {
                let ratio = samples.ratio(server, cell)?.value;
                Some(format!("{} {ratio:.2}", server.name))
            })
            .collect();
        step.say(&format!("{}: {}", cell.title(), ratios.join(", ")))?;
        Ok(failed)
    }

    /// Counts the system calls of each server, if the cell is of interest. Returns who failed.
    fn count(&self, step: &mut Step, cell: Cell, samples: &mut Samples) -> Result<Vec<String>> {
        let mut failed = Vec::new();
        let Some(messages) = cell.calls() else {
            return Ok(failed);
        };
        step.say(&cell.title())?;
        for server in self.of(cell) {
            let load = self.load(step, server, cell, |load| {
                load.args(["--strace", "--messages", &messages.to_string()])
            });
            match load {
                Ok(load) => samples.push_calls(server, cell, load),
                Err(error) => failed.push(error.to_string()),
            }
        }
        Ok(failed)
    }

    fn of(&self, cell: Cell) -> Vec<&'static Server> {
        let mut servers = self.servers.to_vec();
        servers.retain(|server| server.takes(cell));
        servers
    }

    /// Loads a server of its own, so that none suffers from what an earlier cell left.
    fn load(
        &self,
        step: &mut Step,
        server: &Server,
        cell: Cell,
        set: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<Value> {
        let log = self.workspace.target.join("xtask/sockets-server.log");
        let mut command = server.command(self.workspace, cell.kind == Kind::Deflate);
        let running = peers::Server::start(&mut command, &log)?;
        let mut load = pinned(LOAD_CPU, servers::binary(self.workspace, "load"));
        load.args(["echo", &running.address.to_string()])
            .args(["--pid", &running.id().to_string()])
            .args(["--connections", &cell.connections.to_string()])
            .args(["--depth", &cell.depth.to_string()])
            .args(["--size", &cell.size.to_string()]);
        match cell.kind {
            Kind::Binary => {}
            Kind::Text => drop(load.arg("--text")),
            Kind::Deflate => drop(load.arg("--deflate")),
        }
        if server.group == Group::Limit {
            load.arg("--raw");
        }
        let mut last = String::new();
        step.watch(set(&mut load), |line| {
            line.clone_into(&mut last);
            false
        })
        .map_err(|_| format!("{}, {}: {last}", server.name, cell.title()))?;
        samples::parse(&last)
    }
}

/// One server that fails doesn't keep the others from being measured; the step fails all the same.
fn outcome(failed: &[String]) -> Result<String> {
    match failed {
        [] => Ok(String::new()),
        failed => Err(failed.join("; ").into()),
    }
}

fn strace_is_there() -> bool {
    let version = Command::new("strace").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Which CPU the load has to itself.
pub(super) const LOAD_CPU: &str = "1";

/// How often what differs little is measured.
const MANY: u32 = 20;
