//! yawc with its own settings, and with those of its benchmarks.

use bench_micro_harness::{Case, Stream, Wire, polled};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use yawc::{Options, Role, WebSocket};

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
        let mut ws = open(wire, Options::default());
        while let Some(frame) = ws.next().await {
            ws.send(frame).await.expect("sent");
        }
    })
}

/// A larger buffer and batches of up to 32 messages that are there.
fn batched(wire: Wire) -> Box<dyn FnMut()> {
    polled(async {
        let options = Options::default()
            .with_read_buffer_capacity(128 * 1024)
            .with_backpressure_boundary(64 * 1024);
        let mut ws = open(wire, options);
        while let Some(frame) = ws.next().await {
            ws.feed(frame).await.expect("sent");
            for _ in 1..32 {
                match ws.next().now_or_never() {
                    Some(frame) => ws.feed(frame.expect("open")).await.expect("sent"),
                    None => break,
                }
            }
            ws.flush().await.expect("written");
        }
    })
}

fn open(wire: Wire, options: Options) -> WebSocket<Stream> {
    WebSocket::from_stream(Stream(wire), Role::Server, options.with_utf8()).expect("options")
}
