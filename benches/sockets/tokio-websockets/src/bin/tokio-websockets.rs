//! tokio-websockets, in the loop and with the settings of its own echo server.
#![forbid(unsafe_code)]

use bench_sockets_harness::serve;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_websockets::{Config, Limits, ServerBuilder};

fn main() {
    serve(|stream, _| async move {
        let (_, mut ws) = ServerBuilder::new()
            .config(Config::default().frame_size(usize::MAX))
            .limits(Limits::unlimited())
            .accept(stream)
            .await?;
        while let Some(message) = ws.next().await {
            let message = message?;
            if message.is_text() || message.is_binary() {
                ws.send(message).await?;
            }
        }
        Ok(())
    });
}
