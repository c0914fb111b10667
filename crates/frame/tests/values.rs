//! The values that all layers share: what they say of themselves, and what they turn into.

use std::collections::HashSet;

use bowline_frame::{
    CloseCode, CloseFrame, Encoder, FrameError, FrameHeader, Mask, MaskKeys, Message,
    MessageBuilder, MessageKind, MessageRef, OpCode, Role, Rsv, Text, Transmit,
};
use bytes::{Buf, Bytes, BytesMut};

#[test]
fn a_message_tells_its_kind_length_and_payload() {
    for (message, kind, payload, text) in [
        (
            Message::from("grün"),
            MessageKind::Text,
            "grün".as_bytes(),
            Some("grün"),
        ),
        (Message::from(""), MessageKind::Text, b"", Some("")),
        (Message::from(&b"ab"[..]), MessageKind::Binary, b"ab", None),
        (Message::from(Vec::new()), MessageKind::Binary, b"", None),
    ] {
        let borrowed = message.as_ref();
        assert_eq!((message.kind(), borrowed.kind()), (kind, kind));
        assert_eq!(
            (message.len(), borrowed.len()),
            (payload.len(), payload.len())
        );
        let empty = payload.is_empty();
        assert_eq!((message.is_empty(), borrowed.is_empty()), (empty, empty));
        assert_eq!((message.as_text(), borrowed.as_text()), (text, text));
        assert_eq!(
            (message.as_bytes(), borrowed.as_bytes()),
            (payload, payload)
        );
        assert_eq!(MessageRef::new(kind, payload), Ok(borrowed));
        assert_eq!(borrowed.to_owned(), message);
        assert_eq!(Message::from(borrowed), message);
        assert_eq!(message.into_bytes(), payload);
    }
}

#[test]
fn text_of_every_origin_is_the_same_text() {
    let texts = [
        Text::from("grün"),
        Text::from("grün".to_owned()),
        Text::from_static("grün"),
        Text::try_from(Bytes::from("grün")).unwrap(),
        Text::try_from(BytesMut::from("grün")).unwrap(),
        Text::try_from("grün".as_bytes().to_vec()).unwrap(),
    ];
    for text in &texts {
        assert!(*text == *"grün" && *text == "grün");
        assert!(*text != *"grau" && *text != "grau");
        assert_eq!(AsRef::<str>::as_ref(text), "grün");
        assert_eq!(AsRef::<[u8]>::as_ref(text), "grün".as_bytes());
        assert_eq!(text.to_string(), "grün");
        assert_eq!(format!("{text:?}"), format!("{:?}", "grün"));
        assert_eq!(Bytes::from(text.clone()), "grün");
        assert_eq!(text.clone().into_bytes(), "grün");
        assert_eq!(String::from(text.clone()), "grün");
        assert_eq!(Message::from(text.clone()), Message::from("grün"));
    }
}

#[test]
fn texts_hash_by_what_they_say() {
    use std::hash::{BuildHasher, RandomState};

    let state = RandomState::new();
    assert_eq!(state.hash_one(Text::from("a")), state.hash_one("a"));
    assert_ne!(
        state.hash_one(Text::from("a")),
        state.hash_one(Text::from("b"))
    );
}

#[test]
fn reserved_bits_add_up() {
    for (left, right, both) in [
        (Rsv::NONE, Rsv::RSV1, Rsv::RSV1),
        (Rsv::RSV1, Rsv::RSV1, Rsv::RSV1),
        (Rsv::RSV1, Rsv::RSV3, Rsv::from_bits(0b0101_0000)),
    ] {
        assert_eq!(left | right, both);
        let mut sum = left;
        sum |= right;
        assert_eq!(sum, both);
    }
    assert_eq!(format!("{:?}", Rsv::RSV1 | Rsv::RSV2), "RSV1+RSV2");
}

#[test]
fn a_close_code_is_its_number() {
    let code = CloseCode::GOING_AWAY;
    assert_eq!(u16::from(code), 1001);
    assert_eq!(code.get(), 1001);
    assert_eq!(
        (code.to_string(), format!("{code:?}")),
        ("1001".into(), "1001".into())
    );
    let invalid = CloseCode::new(1005).unwrap_err();
    assert!(invalid.to_string().contains("1005"));
}

#[test]
fn a_reason_that_is_too_long_is_told_with_its_length() {
    let error = CloseFrame::new(CloseCode::NORMAL, "x".repeat(124)).unwrap_err();
    assert!(error.to_string().contains("124"));
}

#[test]
fn a_close_frame_without_a_reason_has_none() {
    let close = CloseFrame::from(CloseCode::NORMAL);
    assert_eq!(Ok(close), CloseFrame::new(CloseCode::NORMAL, ""));
}

#[test]
fn fields_are_called_as_in_the_rfc() {
    let opcodes = [
        OpCode::Continuation,
        OpCode::Text,
        OpCode::Binary,
        OpCode::Close,
        OpCode::Ping,
        OpCode::Pong,
    ];
    assert_eq!(
        opcodes.map(|opcode| opcode.to_string()),
        ["continuation", "text", "binary", "close", "ping", "pong"]
    );
    assert_eq!(Role::Client.to_string(), "client");
    assert_eq!(Role::Server.to_string(), "server");
    assert_eq!(MessageKind::Text.to_string(), "text");
    assert_eq!(MessageKind::Binary.to_string(), "binary");
}

#[test]
fn every_violation_has_words_of_its_own() {
    let opcode = OpCode::Ping;
    let errors = [
        FrameError::ReservedOpCode { bits: 3 },
        FrameError::ReservedBits { rsv: Rsv::RSV1 },
        FrameError::ControlFragmented { opcode },
        FrameError::ControlTooLong { opcode },
        FrameError::NonMinimalLength,
        FrameError::LengthOverflow,
        FrameError::Masking { peer: Role::Client },
        FrameError::Masking { peer: Role::Server },
        FrameError::UnexpectedContinuation,
        FrameError::ExpectedContinuation { opcode },
        FrameError::MessageTooBig { limit: 7 },
        FrameError::CloseTooShort,
        FrameError::CloseCode { code: 1005 },
        FrameError::CloseReason,
        FrameError::Utf8,
    ];
    let words: HashSet<_> = errors.iter().map(FrameError::to_string).collect();
    assert_eq!(words.len(), errors.len());
    assert!(!words.contains(""));
}

#[test]
fn a_header_shows_its_bytes_and_keys_hide_theirs() {
    let header = FrameHeader {
        fin: true,
        rsv: Rsv::NONE,
        opcode: OpCode::Text,
        mask: Some(Mask::new([1, 2, 3, 4])),
        len: 5,
    };
    let bytes: &[u8] = &header.encode();
    assert_eq!(
        format!("{:?}", header.encode()),
        format!("EncodedHeader({bytes:?})")
    );

    let mut keys = MaskKeys::new(|bytes| bytes.fill(77));
    keys.take();
    let shown = format!("{keys:?}");
    assert!(
        shown.starts_with("MaskKeys") && !shown.contains("77"),
        "{shown}"
    );
}

#[test]
fn a_message_is_put_together_from_copies_and_from_filled_space() {
    for kind in [MessageKind::Text, MessageKind::Binary] {
        let mut message = MessageBuilder::new(kind);
        assert!(message.is_empty());
        message.extend(b"one ").unwrap();
        assert!(!message.is_empty());
        let mut space = message.spare(4);
        assert!(space.capacity() >= 4);
        space.extend_from_slice(b"two ");
        message.append(space).unwrap();
        message.append(BytesMut::from("three")).unwrap();
        assert_eq!(message.len(), 13);
        let whole = message.finish().unwrap();
        assert_eq!(
            (whole.kind(), whole.as_bytes()),
            (kind, &b"one two three"[..])
        );
    }
}

#[test]
fn filled_space_of_a_text_must_be_utf8() {
    let mut message = MessageBuilder::new(MessageKind::Text);
    let mut space = message.spare(2);
    space.extend_from_slice(b"a\xff");
    assert!(message.append(space).is_err());
}

#[test]
fn empty_space_is_as_large_as_documented() {
    for kind in [MessageKind::Text, MessageKind::Binary] {
        for (want, least) in [(1, 1), (8192, 8192), (8193, 8192), (usize::MAX, 8192)] {
            let mut message = MessageBuilder::new(kind);
            let room = message.spare(want).capacity();
            assert!((least..=16 * 1024).contains(&room), "{room} for {want}");
        }
    }
}

#[test]
fn only_payloads_from_4_kib_stand_beside_the_gathered_bytes() {
    for (len, runs) in [(4095, 1), (4096, 2)] {
        let payload = vec![7; len];
        for borrowed in [false, true] {
            let mut transmit = Transmit::new();
            let mut encoder = Encoder::server();
            if borrowed {
                encoder.fragment_ref(OpCode::Binary, Rsv::NONE, true, &payload, &mut transmit);
            } else {
                let payload = payload.clone().into();
                encoder.fragment(OpCode::Binary, Rsv::NONE, true, payload, &mut transmit);
            }
            let mut slices = [&[][..]; 4];
            assert_eq!(
                transmit.slices(&mut slices),
                runs,
                "{len}, borrowed: {borrowed}"
            );
            assert_eq!(transmit.remaining(), 4 + len);
        }
    }
}

#[test]
fn writes_of_one_slice_begin_with_16_kib() {
    let mut transmit = Transmit::new();
    transmit.set_vectored(false);
    let payload = Bytes::from(vec![7; 100_000]);
    Encoder::server().message(MessageKind::Binary, Rsv::NONE, payload, &mut transmit);
    assert_eq!(transmit.chunk().len(), 16 * 1024);
    transmit.advance(16 * 1024);
    assert_eq!(transmit.chunk().len(), 10 + 100_000 - 16 * 1024);
}

#[test]
fn bytes_stay_in_order_when_room_is_made_before_a_large_payload() {
    let mut transmit = Transmit::new();
    let mut encoder = Encoder::server();
    let mut expected = Vec::new();
    let mut send = |len: usize, transmit: &mut Transmit| {
        let payload = vec![len as u8; len];
        let kind = MessageKind::Binary;
        let mut alone = Transmit::new();
        encoder.message(kind, Rsv::NONE, payload.clone().into(), &mut alone);
        expected.extend_from_slice(&alone.copy_to_bytes(alone.remaining()));
        encoder.message(kind, Rsv::NONE, payload.into(), transmit);
    };
    send(100, &mut transmit);
    send(5000, &mut transmit);
    let mut written = transmit.copy_to_bytes(50).to_vec();
    for len in 1..60 {
        send(len, &mut transmit);
        written.extend_from_slice(&transmit.copy_to_bytes(1));
    }
    written.extend_from_slice(&transmit.copy_to_bytes(transmit.remaining()));
    assert_eq!(written, expected);
}

#[test]
fn where_text_stops_being_utf8_is_told() {
    let error = Text::try_from(Bytes::from_static(b"ab\xff")).unwrap_err();
    assert_eq!(error.at(), 2);
    assert!(error.to_string().contains('2'), "{error}");
}
