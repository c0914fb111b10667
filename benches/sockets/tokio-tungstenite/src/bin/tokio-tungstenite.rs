//! tokio-tungstenite, in the loop that its examples have.
#![forbid(unsafe_code)]

use bench_sockets_harness::serve;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::accept_async;

fn main() {
    serve(|stream, _| async move {
        let mut ws = accept_async(stream).await?;
        while let Some(message) = ws.next().await {
            let message = message?;
            if message.is_text() || message.is_binary() {
                ws.send(message).await?;
            }
        }
        Ok(())
    });
}
