//! `cargo xtask bench`: how fast Bowline is beside other libraries.

mod deflate;
mod micro;

use std::num::NonZeroU32;

use crate::Result;
use crate::args::Args;

pub(crate) const HELP: &str = "
cargo xtask bench deflate [--rounds N]
cargo xtask bench micro [--rounds N] [--ours] [--json FILE]

  deflate   messages compressed, sent, received and inflated: the packages in benches/deflate
  micro     messages echoed in memory, at each layer and by other libraries: the packages in benches/micro

Builds the packages for release, runs them in turn, and prints tables: the CPU time of a message, and the same divided
by that of Bowline in the same round. deflate adds the bytes on the wire; micro adds instructions, which callgrind
counts, and allocations. Wants a machine that does nothing else.

  --rounds N   how often, 1 by default; the median of the rounds counts
  --ours       micro: without other libraries
  --json FILE  micro: writes what was measured there, too
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let rounds = match args.value("--rounds")? {
        None => NonZeroU32::MIN,
        Some(text) => text
            .parse()
            .map_err(|error| format!("--rounds {text}: {error}"))?,
    };
    match args.word().as_deref() {
        Some("deflate") => {
            args.finish()?;
            deflate::run(rounds)
        }
        Some("micro") => {
            let options = micro::Options::new(&mut args)?;
            args.finish()?;
            micro::run(rounds, &options)
        }
        _ => Err("which one? See --help".into()),
    }
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
        for line in ["", "sockets", "deflate --ours", "micro --rounds=0"] {
            let args = Args::new(line.split_whitespace().map(str::to_owned));
            assert!(run(args).is_err(), "{line}");
        }
    }
}
