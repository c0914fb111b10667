//! The plain loop in a task that the program spawned itself, without `serve` and without `corked`.
#![forbid(unsafe_code)]

use bench_sockets_bowline::{acceptor, plain};
use bench_sockets_harness::serve;

fn main() {
    let acceptor = acceptor();
    serve(move |stream, _| {
        let acceptor = acceptor.clone();
        async move { plain(acceptor.accept(stream).await?).await }
    });
}
