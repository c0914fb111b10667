//! sockudo-ws, in the loop that its examples have, without pings. It compresses as it does when nothing else is asked of
//! it: at level 6, with context takeover.
#![forbid(unsafe_code)]

use bench_sockets_harness::{Result, serve, upgrade};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use sockudo_ws::deflate::DeflateConfig;
use sockudo_ws::{CompressedWebSocketStream, Config, Error, Message, WebSocketStream};

fn main() {
    serve(|mut stream, options| async move {
        let config = Config::builder().auto_ping(false).idle_timeout(0).build();
        match options.deflate {
            false => {
                upgrade(&mut stream, None).await?;
                echo(WebSocketStream::server(stream, config)).await
            }
            true => {
                let deflate = DeflateConfig::default();
                upgrade(&mut stream, Some(&deflate.to_response_header())).await?;
                let ws = CompressedWebSocketStream::server(stream, config, deflate);
                echo(ws).await
            }
        }
    });
}

async fn echo<W>(mut ws: W) -> Result<()>
where
    W: Stream<Item = sockudo_ws::Result<Message>> + Sink<Message, Error = Error> + Unpin,
{
    while let Some(message) = ws.next().await {
        match message? {
            Message::Close(_) => break,
            message @ (Message::Text(_) | Message::Binary(_)) => ws.send(message).await?,
            _ => {}
        }
    }
    Ok(())
}
