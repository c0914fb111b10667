//! What the echo servers beside this package are measured with.
//!
//! `load echo ADDR [OPTION]…` keeps messages in flight and checks what comes back. One JSON object on standard output
//! tells how many, how fast, and what CPU time the server took for them.
#![forbid(unsafe_code)]

mod arguments;
mod connection;
mod echo;
mod frame;
mod handshake;
mod histogram;
#[path = "../../../deflate/harness/src/json.rs"]
mod json;
mod messages;
mod process;
mod receiving;
mod sending;

use std::error::Error;
use std::process::ExitCode;

use arguments::Arguments;

/// The load fails with a sentence for a person; nothing in here recovers from an error by its kind.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let result =
        Arguments::parse(std::env::args().skip(1)).and_then(|arguments| echo::run(&arguments));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
