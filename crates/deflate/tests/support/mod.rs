//! Messages through both halves, in runs of any size.

#![allow(dead_code, reason = "each test program uses a part")]

use bowline_deflate::PerMessageDeflate;
use bowline_extension::{Decode, Encode, ExtensionError, Negotiate, Offer, Outgoing, Progress};
use bowline_frame::{MessageKind, Rsv};
use bytes::BytesMut;

/// The halves of a server and a client that agreed.
pub(crate) struct Pair {
    pub(crate) server: (Box<dyn Encode>, Box<dyn Decode>),
    pub(crate) client: (Box<dyn Encode>, Box<dyn Decode>),
}

pub(crate) fn pair(server: &PerMessageDeflate, client: &PerMessageDeflate) -> Pair {
    let (answer, servers) = server.accept(&client.offers()).expect("accepted");
    let clients = client.confirm(&[answer]).expect("confirmed");
    Pair {
        server: servers.split(),
        client: clients.split(),
    }
}

/// A decoder that expects what `offer` says, as a server that takes everything does.
pub(crate) fn decoder(offer: &str) -> Box<dyn Decode> {
    let config = PerMessageDeflate::new().context_takeover(true);
    let offers = Offer::parse_header([offer.as_bytes()]).unwrap();
    config.accept(&offers).expect("accepted").1.split().1
}

pub(crate) fn text(len: usize) -> Outgoing {
    Outgoing::new(MessageKind::Text).with_len(len as u64)
}

/// Compresses a message whole, as large as it may be.
pub(crate) fn encode(encoder: &mut dyn Encode, payload: &[u8]) -> Vec<u8> {
    let message = text(payload.len()).with_compress(bowline_extension::Compress::Always);
    assert_eq!(encoder.begin(&message), Some(Rsv::RSV1));
    encode_runs(encoder, payload, || usize::MAX >> 1)
}

/// Compresses a message that was begun, in runs of input and room as `size` says.
pub(crate) fn encode_runs(
    encoder: &mut dyn Encode,
    payload: &[u8],
    mut size: impl FnMut() -> usize,
) -> Vec<u8> {
    let mut out = BytesMut::new();
    let mut input = payload;
    loop {
        let (mut run, rest) = input.split_at(size().min(input.len()));
        let (before, room) = (out.len(), size().max(1));
        let last = rest.is_empty();
        let given = run.len();
        let progress = encoder.encode(&mut run, last, &mut out, room).unwrap();
        check(progress, given, run, last, out.len() - before, room);
        input = &input[input.len() - rest.len() - run.len()..];
        if progress == Progress::Done {
            return out.to_vec();
        }
    }
}

/// Decompresses a message whole.
pub(crate) fn decode(decoder: &mut dyn Decode, wire: &[u8]) -> Result<Vec<u8>, ExtensionError> {
    decode_runs(decoder, wire, || usize::MAX >> 1)
}

/// Decompresses a message in runs of input and room as `size` says.
pub(crate) fn decode_runs(
    decoder: &mut dyn Decode,
    wire: &[u8],
    mut size: impl FnMut() -> usize,
) -> Result<Vec<u8>, ExtensionError> {
    assert!(decoder.begin(MessageKind::Binary, Rsv::RSV1)?);
    let mut out = BytesMut::new();
    let mut input = wire;
    loop {
        let (mut run, rest) = input.split_at(size().min(input.len()));
        let (before, room) = (out.len(), size().max(1));
        let last = rest.is_empty();
        let given = run.len();
        let progress = decoder.decode(&mut run, last, &mut out, room)?;
        check(progress, given, run, last, out.len() - before, room);
        input = &input[input.len() - rest.len() - run.len()..];
        if progress == Progress::Done {
            return Ok(out.to_vec());
        }
    }
}

/// What `Progress` promises.
fn check(progress: Progress, given: usize, left: &[u8], last: bool, made: usize, room: usize) {
    assert!(made <= room, "{made} bytes in room for {room}");
    match progress {
        Progress::NeedInput => assert!(!last && left.is_empty()),
        Progress::NeedRoom => assert!(made > 0 || left.len() < given),
        Progress::Done => assert!(last && left.is_empty()),
    }
}

/// JSON text as programs send it: `count` objects, no two the same.
pub(crate) fn json(count: usize) -> Vec<u8> {
    let mut random = bowline_testing::random::Random::new(count as u64);
    let mut text = String::from("[");
    for id in 0..count {
        let (price, size) = (random.below(100_000), random.below(500));
        let user = ["alice", "bob", "carol", "dave"][random.below(4)];
        text.push_str(&format!(
            "{{\"id\":{id},\"user\":\"{user}\",\"price\":{}.{:02},\"size\":{size},\"side\":\"{}\"}},",
            price / 100,
            price % 100,
            ["buy", "sell"][random.below(2)],
        ));
    }
    text.push(']');
    text.into_bytes()
}
