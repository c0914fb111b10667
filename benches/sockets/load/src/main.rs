//! What the echo servers beside this package are measured with.
//!
//! `load echo ADDR [OPTION]…` keeps messages in flight and checks what comes back. `load memory ADDR [OPTION]…` opens many
//! connections that do little. Both print one JSON object about the server: what a message cost, or a connection holds.
#![forbid(unsafe_code)]

mod arguments;
mod connection;
mod echo;
mod frame;
mod handshake;
mod histogram;
#[path = "../../../deflate/harness/src/json.rs"]
mod json;
mod memory;
mod messages;
mod process;
mod receiving;
mod sending;
mod strace;
mod tls;

use std::error::Error;
use std::process::ExitCode;

use arguments::{Arguments, Task};

/// The load fails with a sentence for a person; nothing in here recovers from an error by its kind.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    match arguments.task {
        Task::Echo => echo::run(&arguments),
        Task::Memory => memory::run(&arguments),
    }
}
