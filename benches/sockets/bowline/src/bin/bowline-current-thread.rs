//! The loop of the tokio echo server, on the runtime of the others.
#![forbid(unsafe_code)]

use bench_sockets_bowline::acceptor;
use bench_sockets_harness::{Result, serve};
use bowline_tokio::WebSocket;

fn main() {
    let acceptor = acceptor();
    serve(move |stream, _| {
        let acceptor = acceptor.clone();
        async move { acceptor.serve(stream, echo).await }
    });
}

async fn echo(ws: &mut WebSocket) -> Result<()> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
