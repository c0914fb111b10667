//! Messages that are lent and not given away.
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
    while let Some((message, sender)) = ws.recv_ref().await? {
        sender.send_ref(message).await?;
    }
    Ok(())
}
