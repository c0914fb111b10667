//! The plain loop in a task that the program spawned itself, on several threads.
#![forbid(unsafe_code)]

use bench_sockets_bowline::{acceptor, plain};
use bench_sockets_harness::serve_multi_thread;

fn main() {
    let acceptor = acceptor();
    serve_multi_thread(move |stream, _| {
        let acceptor = acceptor.clone();
        async move { plain(acceptor.accept(stream).await?).await }
    });
}
