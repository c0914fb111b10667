//! What all servers on Bowline have in common.
#![forbid(unsafe_code)]

use bench_sockets_harness::Options;
use bowline_tokio::{Acceptor, PerMessageDeflate};

/// An acceptor as the tokio echo server has it.
pub fn acceptor(options: Options) -> Acceptor {
    match options.deflate {
        false => Acceptor::new(),
        true => Acceptor::new().extension(PerMessageDeflate::new()),
    }
}
