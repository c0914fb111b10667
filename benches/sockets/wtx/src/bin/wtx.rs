//! wtx, which lends each message from its own buffer and writes each at once. It compresses at level 1; it knows no
//! context takeover.
#![forbid(unsafe_code)]

use std::iter;

use bench_sockets_harness::{Result, serve, upgrade};
use tokio::net::TcpStream;
use wtx::collection::Vector;
use wtx::rng::{Xorshift64, simple_seed};
use wtx::web_socket::compression::{Flate2, NegotiatedCompression, WindowBits};
use wtx::web_socket::{
    Compression, CompressionLevel, DeflateConfig, OpCode, WebSocketBuffer, WebSocketOwned,
    WebSocketPayloadOrigin,
};

fn main() {
    serve(|mut stream, options| async move {
        match options.deflate {
            false => {
                upgrade(&mut stream, None).await?;
                echo(stream, ()).await
            }
            true => {
                upgrade(&mut stream, Some(NO_TAKEOVER)).await?;
                let offer: [&[u8]; 2] = [b"Sec-WebSocket-Extensions", b"permessage-deflate"];
                let deflate = Flate2::from(DeflateConfig {
                    client_max_window_bits: WindowBits::Fifteen,
                    compression_level: CompressionLevel::One,
                    server_max_window_bits: WindowBits::Fifteen,
                });
                let deflate = Compression::<false>::negotiate(deflate, iter::once(offer))?;
                echo(stream, deflate).await
            }
        }
    });
}

async fn echo(stream: TcpStream, compression: impl NegotiatedCompression) -> Result<()> {
    let random = Xorshift64::from(simple_seed());
    let mut ws: WebSocketOwned<_, _, _, false> =
        WebSocketOwned::new(compression, false, random, stream, WebSocketBuffer::new());
    let (mut common, mut reader, mut writer) = ws.split_mut();
    let mut buffer = Vector::new();
    loop {
        buffer.clear();
        let mut frame = reader
            .read_frame(&mut buffer, &mut common, WebSocketPayloadOrigin::Adaptive)
            .await?;
        match frame.op_code() {
            OpCode::Binary | OpCode::Text => writer.write_frame(&mut common, &mut frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

const NO_TAKEOVER: &str =
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
