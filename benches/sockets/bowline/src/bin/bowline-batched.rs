//! Batched by hand: it flushes once there is nothing more to read.
#![forbid(unsafe_code)]

use bench_sockets_bowline::acceptor;
use bench_sockets_harness::serve;
use futures_util::FutureExt as _;

fn main() {
    let acceptor = acceptor();
    serve(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut ws = acceptor.accept(stream).await?;
            loop {
                let message = match ws.recv().now_or_never() {
                    Some(message) => message?,
                    None => {
                        ws.flush().await?;
                        ws.recv().await?
                    }
                };
                let Some(message) = message else {
                    return Ok(());
                };
                ws.feed(message).await?;
            }
        }
    });
}
