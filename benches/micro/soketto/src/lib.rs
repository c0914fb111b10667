//! soketto with the buffers of its examples.

use bench_micro_harness::{Case, Stream, Wire, polled};
use futures_util::io::{BufReader, BufWriter};
use soketto::connection::Builder;
use soketto::{Data, Mode};
use tokio_util::compat::TokioAsyncReadCompatExt as _;

pub const CASES: &[Case] = &[Case {
    name: "send",
    open: send,
}];

/// As its examples: each message is flushed.
fn send(wire: Wire) -> Box<dyn FnMut()> {
    polled(async {
        let stream = BufWriter::with_capacity(16 * 1024, Stream(wire).compat());
        let stream = BufReader::with_capacity(8 * 1024, stream);
        let (mut sender, mut receiver) = Builder::new(stream, Mode::Server).finish();
        let mut message = Vec::new();
        loop {
            message.clear();
            let data = receiver.receive_data(&mut message).await;
            assert!(matches!(data.expect("received"), Data::Binary(_)));
            sender.send_binary_mut(&mut message).await.expect("sent");
            sender.flush().await.expect("written");
        }
    })
}
