//! yawc, in the loop that its examples have. It compresses as it does when nothing else is asked of it: at level 6, with
//! context takeover.
#![forbid(unsafe_code)]

use bench_sockets_harness::serve;
use bench_sockets_yawc::accept;
use futures_util::SinkExt as _;
use yawc::{OpCode, Options};

fn main() {
    serve(|stream, options| async move {
        let mut ws = match options.deflate {
            false => accept(stream, Options::default(), None).await?,
            true => {
                let options = Options::default().with_balanced_compression();
                accept(stream, options, Some("permessage-deflate")).await?
            }
        };
        loop {
            let frame = ws.next_frame().await?;
            match frame.opcode() {
                OpCode::Close => return Ok(()),
                OpCode::Text | OpCode::Binary => ws.send(frame).await?,
                _ => {}
            }
        }
    });
}
