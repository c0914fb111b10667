//! Keeps many connections to `bowline serve` busy, kills some of them every second, and judges what is lost, altered
//! or left behind. `cargo xtask soak` builds and runs it; `soak SERVER --log FILE [OPTION]…` is what it runs.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod connection;
#[cfg(target_os = "linux")]
mod judge;
#[cfg(target_os = "linux")]
mod message;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod run;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match options::Options::parse(std::env::args().skip(1)) {
        Ok(options) => run::run(options).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("soak: memory and descriptors are read from /proc, so this needs Linux");
    ExitCode::from(2)
}
