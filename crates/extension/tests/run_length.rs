//! An extension written against the traits: negotiated, then run whole, streamed, split, and with little room.

use bowline_extension::{
    Compress, Decode, Encode, Extension, ExtensionError, Negotiate, Offer, Outgoing, Progress,
};
use bowline_frame::{CloseCode, MessageKind, Rsv};
use bowline_testing::extension::RunLength;
use bowline_testing::feed::each_chunking;
use bowline_testing::hex::assert_bytes_eq;
use bytes::BytesMut;

const PLAIN: &[u8] = b"aaaaabccccccccccccccccccccccd\0\0";
/// In runs of at most 10. Both before and after a message the last byte is zero, so that all are encoded alike.
const ENCODED: &[u8] = b"\x05a\x01\x01\x0a\x01\x0a\0\x02\0\x01\x01\x02\x9c";

/// RSV2 and RSV3, the bits of the first message of a connection. Those after it have RSV2 alone.
const FIRST: Rsv = Rsv::from_bits(0x30);

fn agree() -> (Box<dyn Extension>, Box<dyn Extension>) {
    let client = RunLength::new(10);
    let server = RunLength::new(200);
    let (answer, accepted) = server.accept(&client.offers()).unwrap();
    (client.confirm(&[answer]).unwrap(), accepted)
}

/// Runs `step` over the chunks as a shell would, at most `room` bytes of output at a time.
fn drive(
    chunks: &[&[u8]],
    room: usize,
    mut step: impl FnMut(&mut &[u8], bool, &mut BytesMut) -> Result<Progress, ExtensionError>,
) -> Result<BytesMut, ExtensionError> {
    let mut all = BytesMut::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let last = index + 1 == chunks.len();
        let mut input = *chunk;
        loop {
            let mut out = BytesMut::new();
            let progress = step(&mut input, last, &mut out)?;
            assert!(out.len() <= room, "{} bytes in room for {room}", out.len());
            all.extend_from_slice(&out);
            match progress {
                Progress::NeedRoom => assert_eq!(out.len(), room),
                Progress::NeedInput => assert!(!last && input.is_empty()),
                Progress::Done => assert!(last && input.is_empty()),
            }
            if progress != Progress::NeedRoom {
                break;
            }
        }
    }
    Ok(all)
}

fn decode(
    decoder: &mut dyn Decode,
    rsv: Rsv,
    chunks: &[&[u8]],
    room: usize,
) -> Result<BytesMut, ExtensionError> {
    assert!(decoder.begin(MessageKind::Binary, rsv)?);
    drive(chunks, room, |input, last, out| {
        decoder.decode(input, last, out, room)
    })
}

fn encode(encoder: &mut dyn Encode, rsv: Rsv, chunks: &[&[u8]], room: usize) -> BytesMut {
    let message = Outgoing::new(MessageKind::Binary);
    assert_eq!(encoder.begin(&message), Some(rsv));
    drive(chunks, room, |input, last, out| {
        encoder.encode(input, last, out, room)
    })
    .unwrap()
}

#[test]
fn messages_are_the_same_however_they_are_split() {
    let (client, server) = agree();
    let (mut encoder, _) = client.split();
    let (_, mut decoder) = server.split();
    let mut rsv = FIRST;
    for room in [1, 2, 3, 7, 1024] {
        each_chunking(PLAIN, |chunks| {
            let encoded = encode(&mut *encoder, rsv, chunks, room);
            assert_bytes_eq(&encoded, ENCODED, "encoded");
            rsv = Rsv::RSV2;
        });
        each_chunking(ENCODED, |chunks| {
            let plain = decode(&mut *decoder, Rsv::RSV2, chunks, room).unwrap();
            assert_bytes_eq(&plain, PLAIN, "decoded");
        });
    }
}

#[test]
fn an_empty_message_stays_empty() {
    let (mut encoder, mut decoder) = agree().0.split();
    assert!(encode(&mut *encoder, FIRST, &[b""], 1).is_empty());
    let plain = decode(&mut *decoder, FIRST, &[b"", b""], 1).unwrap();
    assert!(plain.is_empty());
}

#[test]
fn a_message_can_pass_untouched() {
    let (mut encoder, mut decoder) = agree().0.split();
    let message = Outgoing::new(MessageKind::Text).with_compress(Compress::Never);
    assert_eq!(encoder.begin(&message), None);
    assert!(!decoder.begin(MessageKind::Text, Rsv::NONE).unwrap());
    assert_eq!(decoder.claims(), Rsv::RSV2 | Rsv::RSV3);
}

#[test]
fn an_error_names_the_close_code() {
    for wire in [&b"\x00a"[..], b"\x0ba", b"\x01a\x01"] {
        let (_, mut decoder) = agree().0.split();
        let error = decode(&mut *decoder, FIRST, &[wire], 1024).unwrap_err();
        assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD);
    }
}

#[test]
fn each_kind_of_error_has_its_code() {
    let cases = [
        (ExtensionError::protocol("p"), CloseCode::PROTOCOL_ERROR),
        (
            ExtensionError::invalid_payload("i"),
            CloseCode::INVALID_PAYLOAD,
        ),
        (ExtensionError::too_big("t"), CloseCode::MESSAGE_TOO_BIG),
        (ExtensionError::internal("n"), CloseCode::INTERNAL_ERROR),
    ];
    for (error, code) in cases {
        assert_eq!(error.close_code(), code, "{error}");
    }
    let error = ExtensionError::internal("no memory").with_source(std::fmt::Error);
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(size_of::<ExtensionError>(), size_of::<usize>());
}

// covers WS-9-02, WS-9.1-05
#[test]
fn negotiation_passes_over_what_it_does_not_know() {
    let server = RunLength::new(20);
    let header = "other, x-run-length; min=1, x-run-length; max-run=9, x-run-length; max-run=8";
    let offers = Offer::parse_header([header.as_bytes()]).unwrap();
    let (answer, _) = server.accept(&offers).unwrap();
    assert_eq!(answer.to_string(), "x-run-length; max-run=9");
    assert!(server.accept(&offers[..2]).is_none());
    let error = server.confirm(&offers).unwrap_err();
    assert_eq!(error.to_string(), "more than one answer");
}

#[test]
fn trait_objects_cross_threads() {
    fn check<T: Send + Sync + std::fmt::Debug + ?Sized>() {}
    check::<dyn Negotiate>();
    check::<dyn Extension>();
    check::<dyn Encode>();
    check::<dyn Decode>();
    check::<Box<dyn Extension>>();
}

#[test]
fn halves_show_what_they_are() {
    let (encoder, decoder) = agree().0.split();
    assert_eq!(format!("{:?}", agree().0), "Extension");
    assert!(format!("{encoder:?}").contains("x-run-length; max-run=10"));
    assert!(format!("{decoder:?}").starts_with("Decode"));
}
