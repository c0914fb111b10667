//! `cargo xtask bench`: how fast Bowline is beside other libraries.

mod deflate;
mod memory;
pub(crate) mod micro;
mod report;
mod sockets;

use std::ffi::OsStr;
use std::num::NonZeroU32;
use std::process::Command;

use crate::Result;
use crate::args::Args;

pub(crate) const HELP: &str = "
cargo xtask bench deflate [--rounds N]
cargo xtask bench micro [--rounds N] [--ours] [--json FILE]
cargo xtask bench micro --gate [--write]
cargo xtask bench sockets [--full] [--servers LIST] [--cells LIST] [--rounds N] [--seconds S] [--no-calls] [--json FILE]
cargo xtask bench memory [--servers LIST] [--connections N] [--json FILE]
cargo xtask bench report FILE...

  deflate   messages compressed, sent, received and inflated: the packages in benches/deflate
  micro     messages echoed in memory, at each layer and by other libraries, and the parts of a frame: the packages in
            benches/micro
  sockets   messages echoed over TCP, by Bowline, others and a raw echo: the packages in benches/sockets
  memory    what the same servers hold for a connection
  report    writes what sockets or memory wrote as JSON into docs/PERFORMANCE.md, as tables and charts

Builds the packages for release, runs them in turn, and prints tables. Wants a machine that does nothing else. deflate
and micro print the median CPU time of a message and the same divided by that of Bowline in the same round; deflate adds
the bytes on the wire, micro instructions, which callgrind counts, and allocations. sockets prints the CPU time that the
server took for a message, and the same divided by that of the raw echo in the same round: the median, and between which
values it lies at 95 %. With strace it then counts system calls. memory prints the growth of RSS for each connection. Both
need Linux.

  --rounds N        how often, by default once or, for sockets, three times
  --json FILE       micro, sockets, memory: writes what was measured there, too
  --ours            micro: without other libraries
  --gate            micro: fails if instructions or allocations of ours exceed the budgets in
                    benches/micro/budgets.json
  --write           micro: sets the budgets to what is measured
  --full            sockets: all cells and servers; short messages one at a time at least 20 times
  --servers LIST    sockets, memory: these only; names, or `all`, `default`, `bowline`, `limits`, `rivals`, `scale`
  --cells LIST      sockets: these only; names such as 16B-1x1 or text-1KiB-100x16, or `all`, `default`, `goals`, `page`
  --seconds S       sockets: how long each is measured each time; 0.25 by default
  --no-calls        sockets: counts no system calls
  --connections N   memory: how many are open at a time; 10,000 by default
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    match args.first().as_deref() {
        Some("deflate") => deflate::run(args),
        Some("micro") => micro::run(args),
        Some("sockets") => sockets::run(args),
        Some("memory") => memory::run(args),
        Some("report") => report::run(args),
        _ => Err("which one? See --help".into()),
    }
}

/// Takes `--rounds`.
fn rounds(args: &mut Args, default: u32) -> Result<u32> {
    let Some(text) = args.value("--rounds")? else {
        return Ok(default);
    };
    let rounds: NonZeroU32 = text
        .parse()
        .map_err(|error| format!("--rounds {text}: {error}"))?;
    Ok(rounds.get())
}

/// On what it is measured, in a few words.
fn machine() -> Result<String> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
    let names = cpus.lines().filter(|line| line.starts_with("model name"));
    let name = names.clone().next().and_then(|line| line.split_once(": "));
    let (_, name) = name.unwrap_or(("", "CPUs without a name"));
    let output = Command::new("rustc").arg("--version").output()?;
    let rust = String::from_utf8(output.stdout)?;
    let rust = rust.split_whitespace().nth(1).unwrap_or("unknown");
    Ok(format!("{} × {name}, Rust {rust}", names.count()))
}

/// A command that runs on one CPU only.
fn pinned(core: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", core]).arg(program);
    command
}

/// Each once, in the order of the first.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

/// The middle one, or the mean of both; there must be one.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    match all.len() % 2 {
        1 => all[middle],
        _ => (all[middle - 1] + all[middle]) / 2.0,
    }
}

/// Three digits of it.
fn time(nanoseconds: f64) -> String {
    let microseconds = nanoseconds / 1000.0;
    match microseconds {
        ..10.0 => format!("{microseconds:.2} µs"),
        ..100.0 => format!("{microseconds:.1} µs"),
        _ => format!("{microseconds:.0} µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_does_not_know_is_refused_before_anything_runs() {
        for line in [
            "",
            "socket",
            "deflate --ours",
            "deflate --rounds=0",
            "micro --rounds=0",
        ] {
            let args = Args::new(line.split_whitespace().map(str::to_owned));
            assert!(run(args).is_err(), "{line}");
        }
    }
}
