//! The same loop in a task that the program spawned itself, without `serve` and without `corked`.
#![forbid(unsafe_code)]

use bench_sockets_bowline::acceptor;
use bench_sockets_harness::serve;

fn main() {
    let acceptor = acceptor();
    serve(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut ws = acceptor.accept(stream).await?;
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        }
    });
}
