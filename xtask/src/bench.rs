//! `cargo xtask bench`: how fast Bowline is beside other libraries.

mod deflate;
pub(crate) mod micro;
mod sockets;

use std::num::NonZeroU32;

use crate::Result;
use crate::args::Args;

pub(crate) const HELP: &str = "
cargo xtask bench deflate [--rounds N]
cargo xtask bench micro [--rounds N] [--ours] [--json FILE]
cargo xtask bench micro --gate [--write]
cargo xtask bench sockets [--full] [--servers LIST] [--cells LIST] [--rounds N] [--seconds S] [--json FILE]

  deflate   messages compressed, sent, received and inflated: the packages in benches/deflate
  micro     messages echoed in memory, at each layer and by other libraries, and the parts of a frame: the packages in
            benches/micro
  sockets   messages echoed over TCP, by Bowline, others and a raw echo: the packages in benches/sockets

Builds the packages for release, runs them in turn, and prints tables. Wants a machine that does nothing else. deflate
and micro print the median CPU time of a message and the same divided by that of Bowline in the same round; deflate adds
the bytes on the wire, micro instructions, which callgrind counts, and allocations. sockets prints the CPU time that the
server took for a message, and the same divided by that of the raw echo in the same round: the median, and between which
values it lies at 95 %. Needs Linux.

  --rounds N       how often, by default once or, for sockets, three times
  --json FILE      micro, sockets: writes what was measured there, too
  --ours           micro: without other libraries
  --gate           micro: fails if instructions or allocations of ours exceed the budgets in
                   benches/micro/budgets.json
  --write          micro: sets the budgets to what is measured
  --full           sockets: all cells and servers; those with one message in flight at least 20 times
  --servers LIST   sockets: these only; names, or `all`, `bowline`, `limits`, `rivals`
  --cells LIST     sockets: these only; names such as 16B-1x1 or text-1KiB-100x16, or `all`, `goals`
  --seconds S      sockets: how long each is measured each time; 0.25 by default
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    match args.first().as_deref() {
        Some("deflate") => deflate::run(args),
        Some("micro") => micro::run(args),
        Some("sockets") => sockets::run(args),
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
            "micro --write",
        ] {
            let args = Args::new(line.split_whitespace().map(str::to_owned));
            assert!(run(args).is_err(), "{line}");
        }
    }
}
