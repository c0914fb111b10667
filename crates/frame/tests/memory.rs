//! Memory follows bytes that arrived, never a length that a peer announced.

use bowline_frame::{
    CloseCode, CloseFrame, Decoder, Encoder, MessageBuilder, MessageKind, Role, Rsv, Transmit,
};
use bowline_testing::alloc::CountingAllocator;
use bowline_testing::{payload, vectors};
use bytes::{Buf, Bytes};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

// covers WS-5.2-07, WS-10.4-01
#[test]
fn reading_headers_allocates_nothing() {
    for vector in vectors::frame_valid::load().header_only {
        let mut header = vector.header.clone();
        let (missing, used) = ALLOCATOR.measure(|| {
            let mut decoder = Decoder::new(if vector.masked {
                Role::Server
            } else {
                Role::Client
            });
            for byte in header.0.chunks_mut(1) {
                decoder.decode(byte).expect("the header is valid");
            }
            decoder.missing()
        });
        assert_eq!(missing, vector.payload_len, "{}", vector.id);
        assert_eq!(used.allocations, 0, "{}", vector.id);
    }
}

#[test]
fn reading_payload_allocates_nothing() {
    let mut wire = [
        &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..],
        &payload::seq(65_536),
    ]
    .concat();
    for chunk_len in [1, 1000, 100_000] {
        let (read, used) = ALLOCATOR.measure(|| {
            let mut decoder = Decoder::new(Role::Client);
            let mut read = 0;
            for mut input in wire.chunks_mut(chunk_len) {
                while let (Some(piece), rest) = decoder.decode(input).expect("the frame is valid") {
                    read += piece.payload.len();
                    input = rest;
                }
            }
            read
        });
        assert_eq!(read, 65_536);
        assert_eq!(used.allocations, 0, "chunks of {chunk_len} bytes");
    }
}

// covers WS-10.4-01
#[test]
fn a_growing_message_holds_little_more_than_what_came() {
    for kind in [MessageKind::Text, MessageKind::Binary] {
        let piece = [b'a'; 1000];
        let mut message = MessageBuilder::new(kind);
        let mut held = 0;
        for count in 1..=1000 {
            let (result, used) = ALLOCATOR.measure(|| message.extend(&piece));
            assert_eq!(result, Ok(()));
            held += used.kept;
            let bound = 2 * count * piece.len() + 16 * 1024;
            assert!(
                held.unsigned_abs() <= bound,
                "{kind}: {held} bytes held, {} came",
                count * piece.len()
            );
        }
        assert_eq!(message.len(), 1_000_000);
    }
}

#[test]
fn writing_into_a_lent_buffer_allocates_nothing() {
    let mut transmit = Transmit::new();
    transmit.lend(Vec::with_capacity(4096));
    let mut encoder = Encoder::server();
    let payload = Bytes::from_static(&[7; 1000]);
    let close = CloseFrame::from(CloseCode::NORMAL);
    let (shared, used) = ALLOCATOR.measure(|| {
        let shared = payload.clone();
        encoder.message(MessageKind::Binary, Rsv::NONE, payload, &mut transmit);
        encoder.ping(b"ping", &mut transmit);
        shared
    });
    assert_eq!(used.allocations, 0);
    assert_eq!(transmit.remaining(), 4 + shared.len() + 2 + 4);
    // The body of a Close frame is the one thing that is built aside.
    let ((), used) = ALLOCATOR.measure(|| encoder.close(Some(&close), &mut transmit));
    assert!(used.allocations <= 1 && used.kept == 0, "{used:?}");
}

#[test]
fn a_large_payload_is_not_copied_by_a_server() {
    let payload = Bytes::from(payload::seq(1 << 20));
    let mut transmit = Transmit::new();
    let mut encoder = Encoder::server();
    let ((), used) = ALLOCATOR.measure(|| {
        encoder.message(
            MessageKind::Binary,
            Rsv::NONE,
            payload.clone(),
            &mut transmit,
        );
    });
    assert_eq!(transmit.remaining(), 10 + payload.len());
    assert!(used.peak < 4096, "{used:?}");
}
