//! wtx, which knows no context takeover, with its own buffers used again and its SIMD check of UTF-8.

use std::io::IoSlice;
use std::iter;

use bench_deflate_harness::{Pair, Wire, measure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wtx::collection::Vector;
use wtx::rng::{Xorshift64, simple_seed};
use wtx::stream::{StreamReader, StreamWriter};
use wtx::web_socket::compression::{Flate2, NegotiatedFlate2, WindowBits};
use wtx::web_socket::{
    Compression, CompressionLevel, DeflateConfig, Frame, OpCode, WebSocketBuffer, WebSocketOwned,
    WebSocketPayloadOrigin,
};

type Socket<const IS_CLIENT: bool> =
    WebSocketOwned<Option<NegotiatedFlate2>, Xorshift64, Stream, IS_CLIENT>;

struct Wtx {
    server: Socket<false>,
    client: Socket<true>,
    buffer: Vector<u8>,
}

impl Pair for Wtx {
    type Message = Vec<u8>;

    fn message(text: &str) -> Vec<u8> {
        text.into()
    }

    async fn send(&mut self, message: &mut Vec<u8>) {
        let mut frame = Frame::new_fin(OpCode::Text, &mut message[..]);
        self.server.write_frame(&mut frame).await.expect("sent");
    }

    async fn recv<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> R {
        self.buffer.clear();
        let frame = self
            .client
            .read_frame(&mut self.buffer, WebSocketPayloadOrigin::Adaptive)
            .await
            .expect("received");
        look(frame.payload())
    }
}

struct Stream(Wire);

impl StreamReader for Stream {
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        Ok(self.0.read(bytes).await?)
    }
}

impl StreamWriter for Stream {
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        Ok(self.0.write_all(bytes).await?)
    }

    async fn write_all_vectored(&mut self, runs: &[&[u8]]) -> wtx::Result<()> {
        let mut slices: Vec<_> = runs.iter().map(|run| IoSlice::new(run)).collect();
        let mut left = &mut slices[..];
        while !left.is_empty() {
            let written = self.0.write_vectored(left).await?;
            assert!(written > 0, "a wire takes all");
            IoSlice::advance_slices(&mut left, written);
        }
        Ok(())
    }
}

fn open<const IS_CLIENT: bool>(wire: Wire) -> Socket<IS_CLIENT>
where
    Flate2: Compression<IS_CLIENT, NegotiatedCompression = Option<NegotiatedFlate2>>,
{
    let agreed: [&[u8]; 2] = [b"Sec-WebSocket-Extensions", b"permessage-deflate"];
    let deflate = Flate2::from(DeflateConfig {
        client_max_window_bits: WindowBits::Fifteen,
        compression_level: CompressionLevel::One,
        server_max_window_bits: WindowBits::Fifteen,
    });
    let agreed = Compression::<IS_CLIENT>::negotiate(deflate, iter::once(agreed));
    let agreed = agreed.expect("an agreement");
    assert!(agreed.is_some(), "nothing is compressed");
    let random = Xorshift64::from(simple_seed());
    WebSocketOwned::new(agreed, true, random, Stream(wire), WebSocketBuffer::new())
}

fn main() {
    measure("wtx", &[false], |server, client, _| async move {
        Wtx {
            server: open(server),
            client: open(client),
            buffer: Vector::new(),
        }
    });
}
