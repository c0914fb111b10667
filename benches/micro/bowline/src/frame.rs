use bench_micro_harness::{Output, Wire};
use bowline_frame::{Decoder, Encoder, FrameHeader, Role, Rsv, Transmit};
use bytes::Buf as _;

/// Frames as they come, in a buffer that takes all of a wake-up.
pub(crate) fn echo(wire: Wire) -> Box<dyn FnMut()> {
    let Wire { mut input, output } = wire;
    let mut decoder = Decoder::new(Role::Server);
    let mut encoder = Encoder::server();
    let mut transmit = Transmit::new();
    let mut buffer = vec![0; 2 * 64 * 1024];
    Box::new(move || {
        while let Some(bytes) = input.take(buffer.len()) {
            let mut unread = &mut buffer[..bytes.len()];
            unread.copy_from_slice(bytes);
            while !unread.is_empty() {
                // The quick way, which takes nearly all that comes, and the one that takes all.
                if let Some((kind, payload)) = decoder.decode_message(unread) {
                    let (message, rest) = unread.split_at_mut(payload.end);
                    let payload = &message[payload.start..];
                    encoder.fragment_ref(kind.into(), Rsv::NONE, true, payload, &mut transmit);
                    unread = rest;
                    continue;
                }
                let (piece, rest) = decoder.decode(unread).expect("frames");
                if let Some(piece) = piece {
                    assert!(piece.first && piece.last, "a message was cut");
                    let FrameHeader {
                        opcode, rsv, fin, ..
                    } = piece.header;
                    encoder.fragment_ref(opcode, rsv, fin, piece.payload, &mut transmit);
                }
                unread = rest;
            }
        }
        write(&mut transmit, &output);
    })
}

/// One vectored write, or a few, as a transport takes them.
pub(crate) fn write(transmit: &mut Transmit, output: &Output) {
    while !transmit.is_empty() {
        let mut runs = [&[][..]; 16];
        let filled = transmit.slices(&mut runs);
        let mut taken = 0;
        for run in &runs[..filled] {
            output.write(run);
            taken += run.len();
        }
        transmit.advance(taken);
    }
}
