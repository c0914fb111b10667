//! The loop of the tokio echo server, over TLS.
#![forbid(unsafe_code)]

use bench_sockets_harness::{Result, options, serve};
use bench_sockets_tls::server_tls;
use bowline_tokio::{Acceptor, PerMessageDeflate, WebSocket};

fn main() {
    let mut acceptor = Acceptor::new().tls(server_tls());
    if options().deflate {
        acceptor = acceptor.extension(PerMessageDeflate::new());
    }
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
