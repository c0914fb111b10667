//! tokio-tungstenite with its own settings.

use bench_micro_harness::{Case, Stream, Wire, polled};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

pub const CASES: &[Case] = &[
    Case {
        name: "send",
        open: send,
    },
    Case {
        name: "batched",
        open: batched,
    },
];

/// The loop that most people write.
fn send(wire: Wire) -> Box<dyn FnMut()> {
    polled(async {
        let mut ws = open(wire).await;
        while let Some(message) = ws.next().await {
            ws.send(message.expect("received")).await.expect("sent");
        }
    })
}

/// Written when nothing more is there to read.
fn batched(wire: Wire) -> Box<dyn FnMut()> {
    polled(async {
        let mut ws = open(wire).await;
        loop {
            let next = match ws.next().now_or_never() {
                Some(next) => next,
                None => {
                    ws.flush().await.expect("written");
                    ws.next().await
                }
            };
            let message = next.expect("open").expect("received");
            ws.feed(message).await.expect("sent");
        }
    })
}

async fn open(wire: Wire) -> WebSocketStream<Stream> {
    WebSocketStream::from_raw_socket(Stream(wire), Role::Server, None).await
}
