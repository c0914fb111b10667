//! yawc with its SIMD check of UTF-8, which text is to pass.

use bench_deflate_harness::{Pair, Wire, measure};
use bytes::Bytes;
use futures_util::SinkExt as _;
use yawc::{CompressionLevel, Frame, Options, Role, WebSocket};

struct Yawc {
    server: WebSocket<Wire>,
    client: WebSocket<Wire>,
}

impl Pair for Yawc {
    type Message = Bytes;

    fn message(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    async fn send(&mut self, message: &mut Bytes) {
        let frame = Frame::text(message.clone());
        self.server.send(frame).await.expect("sent");
    }

    async fn recv<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> R {
        let frame = self.client.next_frame().await.expect("received");
        look(frame.payload())
    }
}

fn main() {
    measure(
        "yawc",
        &[false, true],
        |server, client, takeover| async move {
            let agreed = match takeover {
                true => "permessage-deflate",
                false => {
                    "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
                }
            };
            let open = |wire, role| {
                let options = Options::default()
                    .with_compression_level(CompressionLevel::new(1))
                    .with_utf8();
                WebSocket::from_stream_with_extensions(wire, role, Some(agreed), options)
                    .expect("an agreement")
            };
            Yawc {
                server: open(server, Role::Server),
                client: open(client, Role::Client),
            }
        },
    );
}
