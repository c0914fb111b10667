use bench_micro_harness::{Output, Wire};
use bowline_frame::{Decoder, Encoder, Role, Transmit};
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
            while let (Some(piece), rest) = decoder.decode(unread).expect("frames") {
                assert!(piece.first && piece.last, "a message was cut");
                let header = piece.header;
                encoder.fragment_ref(
                    header.opcode,
                    header.rsv,
                    header.fin,
                    piece.payload,
                    &mut transmit,
                );
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
