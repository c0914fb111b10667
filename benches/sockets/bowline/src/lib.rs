//! What all servers on Bowline have in common.
#![forbid(unsafe_code)]

use bench_sockets_harness::options;
use bowline_tokio::{Acceptor, PerMessageDeflate};

/// An acceptor as the tokio echo server has it: one for all connections, which share what compresses.
pub fn acceptor() -> Acceptor {
    match options().deflate {
        false => Acceptor::new(),
        true => Acceptor::new().extension(PerMessageDeflate::new()),
    }
}
