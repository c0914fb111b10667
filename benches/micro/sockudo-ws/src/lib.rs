//! sockudo-ws without pings.

use bench_micro_harness::{Case, Stream, Wire, polled};
use futures_util::{SinkExt as _, StreamExt as _};
use sockudo_ws::{Config, WebSocketStream};

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

/// What is fed is written before more is read.
fn batched(wire: Wire) -> Box<dyn FnMut()> {
    polled(async {
        let mut ws = open(wire);
        while let Some(message) = ws.next().await {
            ws.feed(message.expect("received")).await.expect("sent");
        }
    })
}

fn open(wire: Wire) -> WebSocketStream<Stream> {
    let config = Config::builder().auto_ping(false).idle_timeout(0).build();
    WebSocketStream::server(Stream(wire), config)
}
