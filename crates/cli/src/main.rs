#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod args;
mod bench;
mod compression;
mod connect;
mod encryption;
mod escape;
mod failure;
mod screen;
mod serve;
mod signals;
mod stderr;
mod target;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            stderr::say(format_args!("bowline: {}", escape::line(&failure.text)));
            ExitCode::from(failure.code)
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::of("cannot start the runtime", &error))?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Serve(serve) => serve::run(serve).await,
            Command::Connect(connect) => connect::run(connect).await,
            Command::Bench(bench) => bench::run(bench).await,
        }
    });
    // Output that nobody takes must not keep the program.
    runtime.shutdown_background();
    outcome
}
