//! sockudo-ws, which flushes by itself before it waits for more to read, without pings. It compresses at level 1 without
//! context takeover.
#![forbid(unsafe_code)]

use bench_sockets_harness::{Result, serve, upgrade};
use futures_util::{FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _};
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
                let deflate = DeflateConfig {
                    server_no_context_takeover: true,
                    client_no_context_takeover: true,
                    compression_level: 1,
                    ..DeflateConfig::default()
                };
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
    loop {
        let message = match ws.next().now_or_never() {
            Some(message) => message,
            None => {
                ws.flush().await?;
                ws.next().await
            }
        };
        match message.transpose()? {
            None | Some(Message::Close(_)) => return Ok(()),
            Some(message @ (Message::Text(_) | Message::Binary(_))) => ws.feed(message).await?,
            Some(_) => {}
        }
    }
}
