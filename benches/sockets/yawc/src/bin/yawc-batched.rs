//! yawc with the settings of its own benchmark: a read buffer of 128 KiB, backpressure from 64 KiB, and up to 32 messages
//! that are there at once answered with one flush. It compresses at level 1 without context takeover, with state that
//! connections share.
#![forbid(unsafe_code)]

use bench_sockets_harness::serve;
use bench_sockets_yawc::accept;
use futures_util::{FutureExt as _, SinkExt as _};
use yawc::{CompressionLevel, DeflatePool, OpCode, Options};

fn main() {
    let pool = DeflatePool::new(64);
    serve(move |stream, options| {
        let pool = pool.clone();
        async move {
            let settings = Options::default()
                .with_read_buffer_capacity(128 * 1024)
                .with_backpressure_boundary(64 * 1024);
            let mut ws = match options.deflate {
                false => accept(stream, settings, None).await?,
                true => {
                    let settings = settings
                        .with_compression_level(CompressionLevel::new(1))
                        .server_no_context_takeover()
                        .client_no_context_takeover()
                        .with_deflate_pool(pool);
                    accept(stream, settings, Some(NO_TAKEOVER)).await?
                }
            };
            loop {
                let mut frame = ws.next_frame().await?;
                for left in (0..32).rev() {
                    match frame.opcode() {
                        OpCode::Close => return Ok(()),
                        OpCode::Text | OpCode::Binary => ws.feed(frame).await?,
                        _ => {}
                    }
                    if left == 0 {
                        break;
                    }
                    match ws.next_frame().now_or_never() {
                        Some(next) => frame = next?,
                        None => break,
                    }
                }
                ws.flush().await?;
            }
        }
    });
}

const NO_TAKEOVER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
