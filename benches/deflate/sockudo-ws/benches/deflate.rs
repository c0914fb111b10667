//! sockudo-ws, as it compresses a connection of its own, without pings.

use bench_deflate_harness::{Pair, Wire, measure};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use sockudo_ws::deflate::{DeflateConfig, DeflateWindowBits};
use sockudo_ws::{CompressedWebSocketStream, Config, Message};

struct Sockudo {
    server: CompressedWebSocketStream<Wire>,
    client: CompressedWebSocketStream<Wire>,
}

impl Pair for Sockudo {
    type Message = Message;

    fn message(text: &str) -> Message {
        Message::Text(Bytes::copy_from_slice(text.as_bytes()))
    }

    async fn send(&mut self, message: &mut Message) {
        self.server.send(message.clone()).await.expect("sent");
    }

    async fn recv<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> R {
        match self.client.next().await.expect("open").expect("received") {
            Message::Text(text) => look(&text),
            other => panic!("{other:?}"),
        }
    }
}

fn main() {
    measure(
        "sockudo-ws",
        &[false, true],
        |server, client, takeover| async move {
            let deflate = DeflateConfig {
                server_max_window_bits: DeflateWindowBits::Bits15,
                client_max_window_bits: DeflateWindowBits::Bits15,
                server_no_context_takeover: !takeover,
                client_no_context_takeover: !takeover,
                compression_level: 1,
                compression_threshold: 0,
            };
            let config = || Config::builder().auto_ping(false).idle_timeout(0).build();
            Sockudo {
                server: CompressedWebSocketStream::server(server, config(), deflate.clone()),
                client: CompressedWebSocketStream::client(client, config(), deflate),
            }
        },
    );
}
