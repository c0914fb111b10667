//! Batched by hand.
#![forbid(unsafe_code)]

use bench_sockets_bowline::{acceptor, batched};
use bench_sockets_harness::serve;

fn main() {
    let acceptor = acceptor();
    serve(move |stream, _| {
        let acceptor = acceptor.clone();
        async move { batched(acceptor.accept(stream).await?).await }
    });
}
