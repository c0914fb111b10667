//! fastwebsockets with its own settings: fragments are joined, payloads unmasked in place, and writes vectored. It
//! writes each message by itself.

use bench_micro_harness::{Case, Stream, Wire, polled};
use fastwebsockets::{FragmentCollector, Role, WebSocket};

pub const CASES: &[Case] = &[Case {
    name: "write_frame",
    open: write_frame,
}];

fn write_frame(wire: Wire) -> Box<dyn FnMut()> {
    polled(async {
        let ws = WebSocket::after_handshake(Stream(wire), Role::Server);
        let mut ws = FragmentCollector::new(ws);
        loop {
            let frame = ws.read_frame().await.expect("received");
            ws.write_frame(frame).await.expect("sent");
        }
    })
}
