//! Messages echoed over TCP.

mod cells;
mod report;
mod samples;
mod servers;

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use cells::{Cell, Kind};
use samples::Samples;
use servers::{Group, LIMIT, Server};

use super::rounds;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use crate::{Result, peers};

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
    let servers = servers::chosen(servers.as_deref().unwrap_or(default))?;
    let cells = args.value("--cells")?;
    let cells = cells::chosen(cells.as_deref().unwrap_or(default))?;
    let json = args.value("--json")?;
    args.finish()?;

    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("sockets_build", |step| {
        step.command(&mut servers::build(&workspace, "load"))?;
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
            for &cell in &cells {
                if round <= rounds || cell.is_alone() {
                    bench.measure(step, cell, round, &mut samples)?;
                }
            }
            Ok(String::new())
        })?;
    }
    if let Some(path) = json {
        fs::write(&path, samples.json().to_string()).map_err(|error| format!("{path}: {error}"))?;
    }
    steps.finish()?;
    print!("{}", report::tables(&samples, &servers, &cells)?);
    Ok(())
}

/// What stays the same from round to round.
struct Bench<'a> {
    workspace: &'a Workspace,
    servers: &'a [&'static Server],
    /// How long each is measured each time.
    seconds: f64,
}

impl Bench<'_> {
    /// Measures all servers that take what the cell sends, each once, beginning with another one in each round.
    fn measure(
        &self,
        step: &mut Step,
        cell: Cell,
        round: u32,
        samples: &mut Samples,
    ) -> Result<()> {
        let mut servers = self.servers.to_vec();
        servers.retain(|server| server.takes(cell));
        let first = round as usize % servers.len();
        servers.rotate_left(first);
        for server in servers {
            let load = self
                .sample(step, server, cell)
                .map_err(|error| format!("{}, {}: {error}", server.name, cell.title()))?;
            samples.push(server, cell, round, load);
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
        step.say(&format!("{}: {}", cell.title(), ratios.join(", ")))
    }

    /// Starts a server of its own, so that none suffers from what an earlier cell left.
    fn sample(&self, step: &mut Step, server: &Server, cell: Cell) -> Result<serde_json::Value> {
        let log = self
            .workspace
            .target
            .join("xtask")
            .join("sockets-server.log");
        let running = peers::Server::start(&mut server.command(self.workspace, cell), &log)?;
        let mut load = pinned(LOAD_CORE, servers::binary(self.workspace, "load"));
        load.args(["echo", &running.address.to_string()])
            .args(["--pid", &running.id().to_string()])
            .args(["--connections", &cell.connections.to_string()])
            .args(["--depth", &cell.depth.to_string()])
            .args(["--size", &cell.size.to_string()])
            .args([
                "--warm-up",
                &(self.seconds * cell.patience() / 4.0).to_string(),
            ])
            .args(["--seconds", &(self.seconds * cell.patience()).to_string()]);
        match cell.kind {
            Kind::Binary => {}
            Kind::Text => drop(load.arg("--text")),
            Kind::Deflate => drop(load.arg("--deflate")),
        }
        if server.group == Group::Limit {
            load.arg("--raw");
        }
        let mut last = String::new();
        step.watch(&mut load, |line| {
            line.clone_into(&mut last);
            false
        })
        .map_err(|error| format!("{error}: {last}"))?;
        samples::parse(&last)
    }
}

/// A command that runs on one CPU only.
fn pinned(core: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", core]).arg(program);
    command
}

/// Which CPU the load has to itself.
const LOAD_CORE: &str = "1";

/// How often what differs little is measured.
const MANY: u32 = 20;
