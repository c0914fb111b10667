//! The protocol vectors, as far as frames and single messages can express them.

mod reader;

use bowline_frame::{
    CloseCode, CloseFrame, Decoder, Encoder, FrameError, FrameHeader, Mask, MaskKeys, Message,
    OpCode, Role, Rsv, Transmit, Utf8Validator,
};
use bowline_testing::vectors::{self, frame_sequences, frame_valid};
use bowline_testing::{feed, hex};
use bytes::{Buf, BytesMut};

use reader::{Event, Reader};

// covers WS-5.2-05, WS-5.1-01, WS-5.1-03
#[test]
fn valid_frames_are_encoded_as_in_the_table() {
    for vector in frame_valid::load().frames {
        for vectored in [true, false] {
            let mut transmit = Transmit::new();
            transmit.set_vectored(vectored);
            encode(&vector, &mut transmit);
            vector.assert_is(&transmit.copy_to_bytes(transmit.remaining()));
        }
        hex::assert_bytes_eq(&header(&vector).encode(), &vector.header, &vector.id);
    }
}

// covers WS-5.2-05, WS-5.2-07, WS-5.3-04
#[test]
fn valid_frames_are_decoded_however_they_arrive() {
    for vector in frame_valid::load().frames {
        let header = header(&vector);
        let payload = vector.payload.build();
        let mut wire = vector.header.to_vec();
        wire.extend_from_slice(&payload);
        header
            .mask
            .unwrap_or_default()
            .apply(&mut wire[vector.header_len..]);
        vector.assert_is(&wire);
        let before = lead_in(&vector);
        feed::each_chunking(&wire, |chunks| {
            let mut decoder = Decoder::new(role(vector.sender.peer()));
            decoder
                .decode(&mut before.clone())
                .expect("the frame before this one is valid");
            let mut read = Vec::new();
            for chunk in chunks {
                let mut chunk = chunk.to_vec();
                let mut input = &mut chunk[..];
                while let (Some(piece), rest) = decoder.decode(input).expect("the frame is valid") {
                    assert_eq!(piece.header, header, "{}", vector.id);
                    assert_eq!(piece.first, read.is_empty(), "{}", vector.id);
                    read.extend_from_slice(piece.payload);
                    assert_eq!(piece.last, read.len() == payload.len(), "{}", vector.id);
                    assert_eq!(
                        decoder_missing(&decoder),
                        payload.len() - read.len(),
                        "{}",
                        vector.id
                    );
                    input = rest;
                }
            }
            assert!(decoder.is_between_frames(), "{}", vector.id);
            assert_eq!(decoder.is_inside_message(), !vector.fin, "{}", vector.id);
            hex::assert_bytes_eq(&read, &payload, &vector.id);
        });
    }
}

// covers WS-5.2-05
#[test]
fn the_examples_of_the_rfc_are_read_and_written() {
    for vector in frame_valid::load().rfc_examples {
        let payload_len = vector.payload.as_ref().map(|payload| payload.len() as u64);
        let header = FrameHeader {
            fin: vector.fin,
            rsv: Rsv::NONE,
            opcode: opcode(vector.opcode),
            mask: vector.masked.then_some(Mask::new(RFC_KEY)),
            len: vector
                .payload_len
                .or(payload_len)
                .expect("an example has a length"),
        };
        let mut wire = header.encode().to_vec();
        if let Some(payload) = &vector.payload {
            let start = wire.len();
            wire.extend_from_slice(payload);
            header.mask.unwrap_or_default().apply(&mut wire[start..]);
        }
        let expected = vector
            .wire
            .as_ref()
            .or(vector.header.as_ref())
            .expect("an example has bytes");
        hex::assert_bytes_eq(&wire, expected, &vector.id);
        assert_eq!(
            FrameHeader::parse(&wire),
            Ok(Some((header, header.encode().len()))),
            "{}",
            vector.id
        );
    }
}

// covers WS-5.2-03, WS-5.2-04, WS-5.2-07, WS-5.2-08
#[test]
fn headers_of_every_length_are_read_with_their_last_byte() {
    for vector in frame_valid::load().header_only {
        let header = FrameHeader {
            fin: vector.fin,
            rsv: Rsv::NONE,
            opcode: opcode(vector.opcode),
            mask: vector.masked.then_some(Mask::new(RFC_KEY)),
            len: vector.payload_len,
        };
        hex::assert_bytes_eq(&header.encode(), &vector.header, &vector.id);
        for cut in 0..vector.header.len() {
            assert_eq!(
                FrameHeader::parse(&vector.header[..cut]),
                Ok(None),
                "{}, cut at {cut}",
                vector.id
            );
        }
        let parsed = FrameHeader::parse(&vector.header);
        assert_eq!(
            parsed,
            Ok(Some((header, vector.header.len()))),
            "{}",
            vector.id
        );
        feed::each_chunking(&vector.header, |chunks| {
            let mut decoder = Decoder::new(if vector.masked {
                Role::Server
            } else {
                Role::Client
            });
            let mut pieces = 0;
            for chunk in chunks {
                let mut chunk = chunk.to_vec();
                let (piece, rest) = decoder.decode(&mut chunk).expect("the header is valid");
                pieces += usize::from(piece.is_some());
                assert!(rest.is_empty(), "{}", vector.id);
            }
            assert_eq!(pieces, usize::from(header.len == 0), "{}", vector.id);
            assert_eq!(decoder.missing(), header.len, "{}", vector.id);
        });
    }
}

// covers WS-5.3-02
#[test]
fn masks_are_applied_and_taken_off() {
    for vector in vectors::masking::load().vectors {
        let mask = mask(Some(&vector.key)).expect("the vector has a key");
        feed::each_chunking(&vector.plain, |chunks| {
            let mut bytes = Vec::new();
            for chunk in chunks {
                let start = bytes.len();
                bytes.extend_from_slice(chunk);
                mask.rotate(start).apply(&mut bytes[start..]);
            }
            hex::assert_bytes_eq(&bytes, &vector.masked, &vector.id);
        });
        let mut bytes = vector.masked.to_vec();
        mask.apply(&mut bytes);
        hex::assert_bytes_eq(&bytes, &vector.plain, &vector.id);
    }
}

// covers WS-5.3-02
#[test]
fn a_rotated_key_masks_the_rest_of_a_payload() {
    for vector in vectors::masking::load().split_payload {
        let mask = mask(Some(&vector.key)).expect("the vector has a key");
        let mut joined = Vec::new();
        for piece in &vector.pieces {
            let context = format!("{:?} at {}", vector.plain, piece.offset);
            assert_eq!(piece.offset, joined.len(), "{context}");
            hex::assert_bytes_eq(
                &mask.rotate(piece.offset).bytes(),
                &piece.rotated_key,
                &context,
            );
            assert_eq!(
                mask.rotate(piece.key_phase),
                mask.rotate(piece.offset),
                "{context}"
            );
            let mut bytes = piece.plain.to_vec();
            mask.rotate(piece.offset).apply(&mut bytes);
            hex::assert_bytes_eq(&bytes, &piece.masked, &context);
            joined.extend(bytes);
        }
        hex::assert_bytes_eq(&joined, &vector.masked, "joined pieces");
    }
}

// covers WS-5.1-02, WS-5.1-04, WS-5.2-01, WS-5.2-02, WS-5.2-03, WS-5.2-04, WS-5.2-07, WS-5.4-03, WS-5.4-06,
// WS-5.5-01, WS-5.5.1-01, WS-5.5.1-04, WS-5.8-01, WS-7.4-01, WS-7.4-02, WS-8.1-01, WS-10.4-01
#[test]
fn invalid_frames_fail_with_the_right_code() {
    let mut left_to_the_extension = 0;
    for vector in vectors::frame_invalid::load() {
        // Whether a payload inflates is beyond frames.
        if LEFT_TO_THE_EXTENSION.contains(&&*vector.id) {
            left_to_the_extension += 1;
            continue;
        }
        feed::each_chunking(&vector.wire, |chunks| {
            let mut reader = invalid_frame_reader(&vector);
            let error = chunks.iter().find_map(|chunk| reader.read(chunk).err());
            let error = error.unwrap_or_else(|| panic!("{}: {} was taken", vector.id, vector.why));
            assert_eq!(
                error.close_code().get(),
                vector.expect_close,
                "{}: {error}",
                vector.id
            );
            assert_eq!(reader.events, [], "{}", vector.id);
        });
    }
    assert_eq!(left_to_the_extension, LEFT_TO_THE_EXTENSION.len());
}

// covers WS-5.2-07, WS-5.1-02, WS-5.1-04, WS-5.2-01, WS-5.2-02, WS-5.2-03, WS-5.2-04, WS-10.4-01
#[test]
fn a_violation_is_told_with_the_byte_that_makes_it_certain() {
    let mut checked = 0;
    for vector in vectors::frame_invalid::load() {
        let Some(index) = vector.earliest_error_index else {
            continue;
        };
        // Six zero bytes already say that 64 bits are too many; the table waits for all eight.
        let index = if vector.id.starts_with("nonminimal64-") {
            7
        } else {
            index
        };
        let (before, from) = vector.wire.split_at(index);
        feed::each_chunking(before, |chunks| {
            let mut reader = invalid_frame_reader(&vector);
            for chunk in chunks {
                assert_eq!(
                    reader.read(chunk),
                    Ok(()),
                    "{}: failed before byte {index}",
                    vector.id
                );
            }
            let error = reader.read(&from[..1]).expect_err(&vector.id);
            assert_eq!(
                error.close_code().get(),
                vector.expect_close,
                "{}: {error}",
                vector.id
            );
        });
        checked += 1;
    }
    assert!(checked > 100, "only {checked} vectors have an index");
}

// covers WS-5.4-01, WS-5.4-02, WS-5.4-04, WS-5.4-05, WS-5.4-06, WS-5.4-07, WS-5.4-08, WS-5.5.1-10,
// WS-5.5.2-02, WS-5.5.3-03, WS-5.6-01, WS-5.6-02, WS-6.2-01, WS-10.4-01
#[test]
fn sequences_of_frames_give_the_same_events_however_they_arrive() {
    for vector in frame_sequences::load().vectors {
        // Their payloads mean nothing without the extension.
        if vector.negotiated.is_some() {
            continue;
        }
        let expected: Vec<Event> = vector.expect_events.iter().map(event).collect();
        let read = |chunks: &[&[u8]]| {
            let mut reader = Reader::new(role(vector.receiver));
            if let Some(limits) = vector.limits {
                reader.decoder().limit(limits.max_message);
            }
            let result = chunks.iter().try_for_each(|chunk| reader.read(chunk));
            let code = result.err().map(|error| error.close_code().get());
            assert_eq!(code, vector.expect_close, "{}: {result:?}", vector.id);
            assert_eq!(reader.events, expected, "{}", vector.id);
        };
        read(
            &vector
                .frames
                .iter()
                .map(|frame| &**frame)
                .collect::<Vec<_>>(),
        );
        feed::each_chunking(&vector.wire, read);
    }
}

// covers WS-8.1-02
#[test]
fn utf8_fails_with_the_first_wrong_byte() {
    for vector in vectors::utf8::load().vectors {
        feed::each_chunking(&vector.bytes, |chunks| {
            let mut validator = Utf8Validator::new();
            let mut start = 0;
            let wrong_at = chunks.iter().find_map(|chunk| {
                let error = validator.push(chunk).err();
                start += chunk.len();
                error.map(|error| start - chunk.len() + error.at())
            });
            assert_eq!(wrong_at, vector.fail_index, "{}", vector.id);
            if wrong_at.is_none() {
                assert_eq!(validator.is_complete(), vector.valid, "{}", vector.id);
                let missing = missing(&validator, &vector.bytes);
                assert_eq!(missing, vector.missing_bytes, "{}", vector.id);
            }
        });
    }
}

// covers WS-8.1-02, WS-5.6-01
#[test]
fn utf8_may_be_cut_anywhere_else() {
    let mut splits = 0;
    for vector in vectors::utf8::load().vectors {
        for split in &vector.splits {
            let (first, rest) = vector.bytes.split_at(split.at);
            let mut validator = Utf8Validator::new();
            assert_eq!(
                validator.push(first).is_ok(),
                split.first_ok,
                "{} at {}",
                vector.id,
                split.at
            );
            if split.first_ok {
                assert_eq!(
                    missing(&validator, first),
                    split.pending,
                    "{} at {}",
                    vector.id,
                    split.at
                );
                assert_eq!(
                    validator.push(rest).is_ok(),
                    vector.fail_index.is_none(),
                    "{} at {}",
                    vector.id,
                    split.at
                );
            }
            splits += 1;
        }
    }
    assert!(splits > 200, "only {splits} splits");
}

// covers WS-8.1-01, WS-8.1-02, WS-5.6-01
#[test]
fn text_fails_in_the_middle_of_a_frame_and_of_a_fragment() {
    for vector in vectors::utf8::load().vectors {
        let len = vector.bytes.len();
        // One frame, and one fragment per byte.
        let whole = frame(OpCode::Text, true, &vector.bytes);
        let mut fragments = frame(OpCode::Text, false, &[]);
        for byte in vector.bytes.chunks(1) {
            fragments.extend(frame(OpCode::Continuation, false, byte));
        }
        fragments.extend(frame(OpCode::Continuation, true, &[]));
        let header_len = whole.len() - len;
        for (wire, wrong_at) in [
            (whole, vector.fail_index.map(|index| header_len + index)),
            // Each byte ends a frame of 7; the first frame has 6.
            (fragments, vector.fail_index.map(|index| 6 + 7 * index + 6)),
        ] {
            let mut reader = Reader::new(Role::Server);
            let failed = wire.chunks(1).position(|byte| reader.read(byte).is_err());
            let at_the_end = vector.incomplete_tail.then_some(wire.len() - 1);
            assert_eq!(failed, wrong_at.or(at_the_end), "{}", vector.id);
            feed::each_chunking(&wire, |chunks| {
                let mut reader = Reader::new(Role::Server);
                let result = chunks.iter().try_for_each(|chunk| reader.read(chunk));
                if vector.valid {
                    let text = std::str::from_utf8(&vector.bytes).expect("the vector is valid");
                    assert_eq!(
                        reader.events,
                        [Event::Message(text.into())],
                        "{}",
                        vector.id
                    );
                    assert_eq!(result, Ok(()), "{}", vector.id);
                } else {
                    assert_eq!(reader.events, [], "{}", vector.id);
                    assert_eq!(result, Err(FrameError::Utf8), "{}", vector.id);
                }
            });
        }
    }
}

// covers WS-7.4-01, WS-7.4-02, WB-33
#[test]
fn close_codes_can_be_built_as_the_table_says() {
    let close = vectors::close::load();
    let table = close.code_valid_0_to_5000.bytes().map(|flag| flag == b'1');
    let beyond = std::iter::repeat_n(false, usize::from(u16::MAX) - 5000);
    for (code, valid) in (0..=u16::MAX).zip(table.chain(beyond)) {
        assert_eq!(CloseCode::new(code).is_ok(), valid, "code {code}");
        let parsed = CloseFrame::parse(&code.to_be_bytes());
        let expected = CloseCode::new(code)
            .map(|code| Some(code.into()))
            .map_err(|_| FrameError::CloseCode { code });
        assert_eq!(parsed, expected, "code {code}");
    }
    for named in close.named_codes {
        assert_eq!(
            CloseCode::new(named.code).is_ok(),
            named.on_wire,
            "{}",
            named.name
        );
        assert!(
            !(named.on_wire && named.never_on_wire_by_rfc),
            "{}",
            named.name
        );
    }
}

// covers WS-5.5.1-01, WS-5.5.1-02, WS-7.1.5-01, WS-7.1.6-01, WS-7.4-01, WS-7.4-02
#[test]
fn close_payloads_are_read_as_the_table_says() {
    for vector in vectors::close::load().payloads {
        let parsed = CloseFrame::parse(&vector.payload);
        assert_eq!(
            parsed
                .as_ref()
                .map_err(|error| error.close_code().get())
                .err(),
            vector.expect_close,
            "{}",
            vector.id
        );
        for role in [Role::Server, Role::Client] {
            let header = FrameHeader {
                fin: true,
                rsv: Rsv::NONE,
                opcode: OpCode::Close,
                mask: role.peer().masks().then_some(Mask::new(RFC_KEY)),
                len: vector.payload.len() as u64,
            };
            let mut wire = header.encode().to_vec();
            let start = wire.len();
            wire.extend_from_slice(&vector.payload);
            header.mask.unwrap_or_default().apply(&mut wire[start..]);
            feed::each_chunking(&wire, |chunks| {
                let mut reader = Reader::new(role);
                let result = chunks.iter().try_for_each(|chunk| reader.read(chunk));
                let code = result.err().map(|error| error.close_code().get());
                assert_eq!(code, vector.expect_close, "{} at the {role}", vector.id);
                let expected = parsed.clone().ok().map(Event::Close);
                assert_eq!(
                    reader.events,
                    Vec::from_iter(expected),
                    "{} at the {role}",
                    vector.id
                );
            });
        }
        let Ok(close) = parsed else { continue };
        // RFC 6455 §7.1.5: 1005 stands for no code.
        let (code, reason) = close
            .as_ref()
            .map_or((1005, ""), |close| (close.code().get(), close.reason()));
        assert_eq!(
            (Some(code), Some(reason)),
            (vector.code, vector.reason.as_deref()),
            "{}",
            vector.id
        );
        let mut payload = BytesMut::new();
        if let Some(close) = &close {
            close.encode(&mut payload);
        }
        hex::assert_bytes_eq(&payload, &vector.payload, &vector.id);
    }
}

// covers WS-5.5.1-02
#[test]
fn a_close_reason_is_cut_between_characters() {
    for vector in vectors::close::load().reason_truncation {
        let close = CloseFrame::truncated(CloseCode::NORMAL, &vector.reason);
        assert_eq!(close.reason(), vector.truncated);
        assert_eq!(close.reason().len(), vector.truncated_len);
        let error = CloseFrame::new(CloseCode::NORMAL, &*vector.reason)
            .expect_err("the reason is too long");
        assert_eq!(error.len, vector.reason.len());
        let uncut =
            CloseFrame::new(CloseCode::NORMAL, &*vector.truncated).expect("the reason fits");
        assert_eq!(uncut, close);
    }
}

const RFC_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const LEFT_TO_THE_EXTENSION: [&str; 4] = [
    "pmd-bad-btype-at-server",
    "pmd-bad-btype-at-client",
    "pmd-bad-utf8-at-server",
    "pmd-bad-utf8-at-client",
];

fn role(role: vectors::Role) -> Role {
    match role {
        vectors::Role::Client => Role::Client,
        vectors::Role::Server => Role::Server,
    }
}

fn opcode(bits: u8) -> OpCode {
    OpCode::from_bits(bits).expect("the vector has a known opcode")
}

fn mask(key: Option<&[u8]>) -> Option<Mask> {
    key.map(|key| Mask::new(key.try_into().expect("a masking key has four bytes")))
}

fn header(vector: &frame_valid::Frame) -> FrameHeader {
    FrameHeader {
        fin: vector.fin,
        rsv: Rsv::from_bits(vector.rsv << 4),
        opcode: opcode(vector.opcode),
        mask: mask(vector.mask_key.as_deref()),
        len: vector.payload.build().len() as u64,
    }
}

/// Writes the frame through the methods a program would use.
fn encode(vector: &frame_valid::Frame, out: &mut Transmit) {
    let mut encoder = match vector.mask_key.as_deref() {
        None => Encoder::server(),
        Some([0x37, 0xfa, 0x21, 0x3d]) => Encoder::client(MaskKeys::new(always::<0x37fa_213d>)),
        Some([0xde, 0xad, 0xbe, 0xef]) => Encoder::client(MaskKeys::new(always::<0xdead_beef>)),
        Some([0, 0, 0, 0]) => Encoder::client(MaskKeys::new(always::<0>)),
        Some(key) => panic!("{}: no source for the key {:?}", vector.id, hex::Shown(key)),
    };
    assert_eq!(encoder.role(), role(vector.sender), "{}", vector.id);
    let payload = vector.payload.build();
    match opcode(vector.opcode) {
        OpCode::Ping => encoder.ping(&payload, out),
        OpCode::Pong => encoder.pong(&payload, out),
        OpCode::Close => {
            let close = CloseFrame::parse(&payload).expect("the vector is valid");
            encoder.close(close.as_ref(), out);
        }
        opcode => {
            encoder.fragment(
                opcode,
                Rsv::from_bits(vector.rsv << 4),
                vector.fin,
                payload.into(),
                out,
            );
        }
    }
}

/// A source of "randomness" that repeats one key.
fn always<const KEY: u32>(bytes: &mut [u8]) {
    for key in bytes.chunks_exact_mut(4) {
        key.copy_from_slice(&KEY.to_be_bytes());
    }
}

/// The frame that makes room for a continuation; nothing for other frames.
fn lead_in(vector: &frame_valid::Frame) -> Vec<u8> {
    match (opcode(vector.opcode), vector.sender) {
        (OpCode::Continuation, vectors::Role::Client) => vec![0x02, 0x80, 1, 2, 3, 4],
        (OpCode::Continuation, vectors::Role::Server) => vec![0x02, 0x00],
        _ => Vec::new(),
    }
}

fn decoder_missing(decoder: &Decoder) -> usize {
    usize::try_from(decoder.missing()).expect("the payload is in memory")
}

fn invalid_frame_reader(vector: &vectors::frame_invalid::InvalidFrame) -> Reader {
    let mut reader = Reader::new(role(vector.receiver));
    if let Some(extension) = &vector.negotiated {
        assert_eq!(extension, "permessage-deflate");
        reader.decoder().claim(Rsv::RSV1);
    }
    if let Some(limits) = vector.limits {
        // A message has a limit here, a frame has none; for a message of one frame they are the same.
        reader.decoder().limit(limits.max_frame);
    }
    reader
}

fn event(event: &frame_sequences::Event) -> Event {
    match event {
        frame_sequences::Event::Text { data } => Event::Message(data.as_str().into()),
        frame_sequences::Event::Binary { data } => Event::Message(Message::from(&**data)),
        frame_sequences::Event::Ping { data } => Event::Ping(data.to_vec()),
        frame_sequences::Event::Pong { data } => Event::Pong(data.to_vec()),
        frame_sequences::Event::Close { code: 1005, .. } => Event::Close(None),
        frame_sequences::Event::Close { code, reason } => {
            let code = CloseCode::new(*code).expect("the vector has a legal code");
            Event::Close(Some(
                CloseFrame::new(code, reason.as_str()).expect("the vector has a short reason"),
            ))
        }
    }
}

/// A frame from a client.
fn frame(opcode: OpCode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut transmit = Transmit::new();
    let mut encoder = Encoder::client(MaskKeys::new(always::<0x37fa_213d>));
    encoder.fragment_ref(opcode, Rsv::NONE, fin, payload, &mut transmit);
    transmit.copy_to_bytes(transmit.remaining()).to_vec()
}

/// Bytes that the last character of `text` lacks.
fn missing(validator: &Utf8Validator, text: &[u8]) -> u8 {
    let open = validator.open_bytes();
    let Some(&lead) = text.get(text.len() - open) else {
        return 0;
    };
    let len = match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => panic!("{lead:#x} begins no character of several bytes"),
    };
    len - u8::try_from(open).expect("at most three bytes are open")
}
