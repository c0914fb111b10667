//! What all servers on Bowline have in common.
#![forbid(unsafe_code)]

mod written;

use bench_sockets_harness::{Result, options};
use bowline_tokio::{Acceptor, PerMessageDeflate, Transport, WebSocket};
use futures_util::FutureExt as _;

pub use written::Written;

/// An acceptor as the tokio echo server has it: one for all connections, which share what compresses.
pub fn acceptor() -> Acceptor {
    match options().deflate {
        false => Acceptor::new(),
        true => Acceptor::new().extension(PerMessageDeflate::new()),
    }
}

/// The loop that people write.
pub async fn plain<T: Transport>(mut ws: WebSocket<T>) -> Result<()> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Batched by hand: it flushes once there is nothing more to read.
pub async fn batched<T: Transport>(mut ws: WebSocket<T>) -> Result<()> {
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
