//! The plain loop where each `send` writes.
#![forbid(unsafe_code)]

use bench_sockets_bowline::{Written, acceptor, plain};
use bench_sockets_harness::serve;

fn main() {
    let acceptor = acceptor();
    serve(move |stream, _| {
        let acceptor = acceptor.clone();
        async move { plain(acceptor.accept_on(Written(stream.into())).await?).await }
    });
}
