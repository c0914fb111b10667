//! sockudo-ws, at our level and window.

#[path = "../../common.rs"]
mod common;

use sockudo_ws::deflate::{DeflateDecoder, DeflateEncoder, DeflateWindowBits};

struct Sockudo(DeflateEncoder, DeflateDecoder);

impl common::Codec for Sockudo {
    fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        let wire = self.0.compress(message).expect("compressed");
        // It leaves what doesn't shrink as it is.
        wire.map_or_else(|| [&[PLAIN], message].concat(), Vec::from)
    }

    fn decompress(&mut self, wire: &[u8]) -> Vec<u8> {
        match wire {
            [PLAIN, message @ ..] => message.to_vec(),
            _ => self.1.decompress(wire, 16 << 20).expect("inflated").into(),
        }
    }
}

fn main() {
    common::measure("sockudo-ws", &[false, true], |takeover| {
        let bits = || DeflateWindowBits::Bits15;
        Sockudo(
            DeflateEncoder::new(bits(), !takeover, 1, 0),
            DeflateDecoder::new(bits(), !takeover),
        )
    });
}

/// No block begins with this byte: its type doesn't exist.
const PLAIN: u8 = 0xff;
