//! tokio-websockets, which flushes once there is nothing more to read.
#![forbid(unsafe_code)]

use bench_sockets_harness::serve;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio_websockets::{Config, Limits, ServerBuilder};

fn main() {
    serve(|stream, _| async move {
        let (_, mut ws) = ServerBuilder::new()
            .config(Config::default().frame_size(usize::MAX))
            .limits(Limits::unlimited())
            .accept(stream)
            .await?;
        loop {
            let message = match ws.next().now_or_never() {
                Some(message) => message,
                None => {
                    ws.flush().await?;
                    ws.next().await
                }
            };
            let Some(message) = message.transpose()? else {
                return Ok(());
            };
            if message.is_text() || message.is_binary() {
                ws.feed(message).await?;
            }
        }
    });
}
