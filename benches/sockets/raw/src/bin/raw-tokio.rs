//! Bytes back as they came, without any WebSocket: the least that an echo on tokio can cost.
#![forbid(unsafe_code)]

use bench_sockets_harness::serve;
use bench_sockets_raw::echo;

fn main() {
    serve(|stream, _| async move { Ok(echo(stream).await?) });
}
