//! tokio-websockets as its echo example sets it: messages are not split, and not limited.

use bench_micro_harness::{Case, Stream, Wire, polled};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio_websockets::{Config, Limits, ServerBuilder, WebSocketStream};

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
        let mut ws = open(wire);
        while let Some(message) = ws.next().await {
            ws.send(message.expect("received")).await.expect("sent");
        }
    })
}

/// Written when nothing more is there to read.
fn batched(wire: Wire) -> Box<dyn FnMut()> {
    polled(async {
        let mut ws = open(wire);
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

fn open(wire: Wire) -> WebSocketStream<Stream> {
    ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX))
        .limits(Limits::unlimited())
        .serve(Stream(wire))
}
