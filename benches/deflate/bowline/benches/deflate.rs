//! bowline-deflate.

#[path = "../../common.rs"]
mod common;

use bowline_deflate::PerMessageDeflate;
use bowline_extension::{Compress, Decode, Encode, Negotiate, Outgoing, Progress};
use bowline_frame::MessageKind;
use bytes::BytesMut;

struct Bowline(Box<dyn Encode>, Box<dyn Decode>);

impl common::Codec for Bowline {
    fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        let outgoing = Outgoing::new(MessageKind::Text).with_compress(Compress::Always);
        self.0.begin(&outgoing).expect("compressed");
        let (mut out, mut input) = (BytesMut::new(), message);
        while self.0.encode(&mut input, true, &mut out, ROOM).expect("encoded") != Progress::Done {}
        out.into()
    }

    fn decompress(&mut self, wire: &[u8]) -> Vec<u8> {
        self.1.begin(MessageKind::Text, bowline_frame::Rsv::RSV1).expect("begun");
        let (mut out, mut input) = (BytesMut::new(), wire);
        while self.1.decode(&mut input, true, &mut out, ROOM).expect("decoded") != Progress::Done {}
        out.into()
    }
}

fn main() {
    common::measure("bowline", &[false, true], |takeover| {
        let config = PerMessageDeflate::new()
            .context_takeover(takeover)
            .outbound_window_bits(15);
        let (answer, server) = config.accept(&config.offers()).expect("accepted");
        let client = config.confirm(&[answer]).expect("confirmed");
        Bowline(server.split().0, client.split().1)
    });
}

/// What the machine above gives.
const ROOM: usize = 16 * 1024;
