//! web-socket on a buffered reader, since it reads headers byte by byte. It writes each message by itself.

use bench_micro_harness::{Case, Stream, Wire, polled};
use tokio::io::BufReader;
use web_socket::{DataType, Event, MessageType, WebSocket};

pub const CASES: &[Case] = &[Case {
    name: "send",
    open: send,
}];

fn send(wire: Wire) -> Box<dyn FnMut()> {
    polled(async {
        let mut ws = WebSocket::server(BufReader::with_capacity(64 * 1024, Stream(wire)));
        loop {
            match ws.recv().await.expect("received") {
                Event::Data {
                    ty: DataType::Complete(MessageType::Binary),
                    data,
                } => ws.send(&*data).await.expect("sent"),
                other => panic!("{other:?} was not sent"),
            }
        }
    })
}
