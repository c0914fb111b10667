//! The loop of the tokio echo server, over TLS.
#![forbid(unsafe_code)]

use bench_sockets_harness::{Result, serve};
use bench_sockets_tls::server_tls;
use bowline_tokio::{Acceptor, PerMessageDeflate, WebSocket};

fn main() {
    let tls = server_tls();
    serve(move |stream, options| {
        let mut acceptor = Acceptor::new().tls(tls.clone());
        if options.deflate {
            acceptor = acceptor.extension(PerMessageDeflate::new());
        }
        async move { acceptor.serve(stream, echo).await }
    });
}

async fn echo(ws: &mut WebSocket) -> Result<()> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
