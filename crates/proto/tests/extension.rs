//! What a negotiated extension may do, and what a wrong one can't.

mod driver;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bowline_extension::{Compress, Decode, Encode, Extension, ExtensionError, Outgoing, Progress};
use bowline_frame::{CloseCode, Message, MessageKind, Role, Rsv};
use bowline_proto::{Config, Connection, EventRef, Inbound, Outbound, Prepared, SendError};
use bowline_testing::extension::{Panicking, RunLength};
use bowline_testing::hex::assert_bytes_eq;
use bowline_testing::wire::{
    BINARY, CLOSE, CONT, FIN, PING, PONG, RSV2, RSV3, TEXT, frame, whole_frames,
};
use bowline_testing::{feed, payload};
use bytes::{Buf as _, Bytes, BytesMut};

use driver::{Driver, Seen, WAYS, Way, connection};

// covers WS-5.8-01
#[test]
fn messages_come_out_as_they_went_in_whatever_their_length_on_the_wire() {
    for (sender, receiver) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        let mut sending = Driver::new(with(sender, RunLength::new(100)), Way::Whole);
        for message in messages() {
            sending.connection.send(message).unwrap();
        }
        let wire = sending.written();
        let plain: usize = messages().iter().map(Message::len).sum();
        assert_ne!(wire.len(), plain);
        let expected: Vec<_> = messages().into_iter().map(Seen::Message).collect();
        for way in WAYS {
            feed::each_chunking(&wire, |chunks| {
                let mut receiving = Driver::new(with(receiver, RunLength::new(100)), way);
                chunks.iter().for_each(|chunk| receiving.feed(chunk));
                assert_eq!(receiving.seen, expected, "{way:?}");
            });
        }
    }
}

// covers WS-5.4-02, WS-6.1-03
#[test]
fn a_streamed_message_is_joined_whatever_its_fragments() {
    for kind in [MessageKind::Text, MessageKind::Binary] {
        for cut in [1, 7, 1000, 100_000] {
            let mut sending = Driver::new(with(Role::Client, RunLength::new(100)), Way::Whole);
            let text = "añb".repeat(20_000).into_bytes();
            let mut pieces = text.chunks(cut).peekable();
            while let Some(piece) = pieces.next() {
                let piece = Bytes::copy_from_slice(piece);
                let last = pieces.peek().is_none();
                sending.connection.fragment(kind, piece, last).unwrap();
                if !last && cut > 100 {
                    sending.connection.ping(b"between").unwrap();
                }
            }
            sending
                .connection
                .send(Message::from("a whole one"))
                .unwrap();
            let wire = sending.written();
            assert_eq!(
                wire[0] & 0x70,
                RSV2 | RSV3,
                "the bits are on the first frame"
            );
            let message = match kind {
                MessageKind::Text => Message::from(String::from_utf8(text.clone()).unwrap()),
                MessageKind::Binary => Message::from(&text[..]),
            };
            for way in WAYS {
                for read in [wire.len(), 10_000, 13] {
                    let mut receiving = Driver::new(with(Role::Server, RunLength::new(100)), way);
                    wire.chunks(read).for_each(|chunk| receiving.feed(chunk));
                    receiving
                        .seen
                        .retain(|seen| *seen != Seen::Ping(b"between".into()));
                    let expected = [
                        Seen::Message(message.clone()),
                        Seen::Message(Message::from("a whole one")),
                    ];
                    assert!(receiving.seen == expected, "{cut}, {read}, {way:?}");
                }
            }
        }
    }
}

#[test]
fn fragments_that_the_extension_holds_back_make_no_frames() {
    let mut sending = Driver::new(with(Role::Client, RunLength::new(255)), Way::Whole);
    for index in 0..1000 {
        sending
            .connection
            .fragment(MessageKind::Binary, Bytes::from_static(b"a"), index == 999)
            .unwrap();
    }
    let wire = sending.written();
    for way in WAYS {
        let mut receiving = Driver::new(with(Role::Server, RunLength::new(255)), way);
        receiving.feed(&wire);
        assert_eq!(receiving.seen, [Seen::Message(vec![b'a'; 1000].into())]);
    }
}

/// The guard for secrets holds for each fragment, or says so.
// covers PMD-8-01
#[test]
fn a_fragment_that_must_not_be_compressed_is_refused_where_its_message_is() {
    let fragment = |server: &mut Connection, compress, last| {
        server.compress(compress);
        server.fragment(MessageKind::Text, Bytes::from_static(b"aaaaaa"), last)
    };
    let (first, never) = (Compress::Auto, Compress::Never);
    let mut server = with(Role::Server, RunLength::new(255));
    fragment(&mut server, first, false).unwrap();
    let waiting = server.outbound().len();
    for last in [false, true] {
        let refused = fragment(&mut server, never, last);
        assert!(matches!(refused, Err(SendError::InsideMessage)));
        assert_eq!(server.outbound().len(), waiting);
    }
    fragment(&mut server, Compress::Always, true).unwrap();
    // A message that was begun so goes past the extension, whoever ends it.
    let mut server = Driver::new(with(Role::Server, RunLength::new(255)), Way::Whole);
    fragment(&mut server.connection, never, false).unwrap();
    fragment(&mut server.connection, first, false).unwrap();
    fragment(&mut server.connection, never, true).unwrap();
    let expected = [
        frame(Role::Client, TEXT, b"aaaaaa"),
        frame(Role::Client, CONT, b"aaaaaa"),
        frame(Role::Client, FIN | CONT, b"aaaaaa"),
    ];
    assert_bytes_eq(&server.written(), &expected.concat(), "as it is");
}

#[test]
fn a_prepared_message_is_encoded_once_for_all_that_encode_alike() {
    let pair = |max_run, compress| {
        let (mut server, client) = pair(RunLength::new(max_run));
        server.connection.compress(compress);
        (server, client)
    };
    let auto = Compress::Auto;
    let mut ends = [
        pair(100, auto),
        pair(100, auto),
        pair(3, auto),
        pair(100, Compress::Never),
        pair(100, auto),
    ];
    let plain = connection(Role::Client, &Config::new(Role::Client), None);
    let mut plain = Driver::new(plain, Way::Whole);
    for round in 1..4 {
        let own = Message::from(vec![round; 10]);
        let shared = Message::from(vec![round + 1; 50]);
        let mut prepared = Prepared::new(shared.clone());
        let mut frames = Vec::new();
        for (sender, receiver) in &mut ends {
            sender.connection.send(own.clone()).unwrap();
            receiver.feed(&sender.written());
            sender.connection.send_prepared(&mut prepared).unwrap();
            let wire = sender.written();
            receiver.feed(&wire);
            frames.push(wire);
            // What follows refers to nothing that the receiver doesn't know.
            sender.connection.send(own.clone()).unwrap();
            receiver.feed(&sender.written());
            let seen = [&own, &shared, &own].map(|message| Seen::Message(message.clone()));
            assert_eq!(std::mem::take(&mut receiver.seen), seen);
        }
        plain.connection.send_prepared(&mut prepared).unwrap();
        assert_eq!(frames[0], frames[1]);
        assert_eq!(frames[0], frames[4]);
        assert!(frames[0].len() < frames[2].len() && frames[2].len() < frames[3].len());
        assert_bytes_eq(&frames[3], &plain.written(), "as it is");
    }
    let volume = ends[1].0.connection.outbound().volume();
    assert_eq!(volume.payload, 3 * (10 + 50 + 10), "the shared ones count");
}

#[test]
fn a_prepared_message_is_refused_as_any_other() {
    let mut server = with(Role::Server, RunLength::new(9));
    let mut prepared = Prepared::from(Message::from("prepared"));
    let payload = Bytes::from_static(b"a");
    server.fragment(MessageKind::Text, payload, false).unwrap();
    let refused = server.send_prepared(&mut prepared);
    assert!(matches!(refused, Err(SendError::InsideMessage)));
    server.close(None);
    let refused = server.send_prepared(&mut prepared);
    assert!(matches!(refused, Err(SendError::Closed)));
}

// covers WS-5.4-02
#[test]
fn a_control_frame_inside_a_message_leaves_the_extension_alone() {
    let wire = [
        frame(Role::Client, TEXT | RSV2 | RSV3, [3, b'a', 2]),
        frame(Role::Client, PING, b"p"),
        frame(Role::Client, CONT, [1]),
        frame(Role::Client, PONG, b"q"),
        frame(Role::Client, CONT | FIN, []),
        frame(Role::Client, TEXT | FIN | RSV2, [1, 1]),
    ]
    .concat();
    for way in WAYS {
        feed::each_chunking(&wire, |chunks| {
            let mut client = Driver::new(with(Role::Client, RunLength::new(9)), way);
            chunks.iter().for_each(|chunk| client.feed(chunk));
            let expected = [
                Seen::Ping(b"p".into()),
                Seen::Pong(b"q".into()),
                Seen::Message(Message::from("aaabb")),
                Seen::Message(Message::from("c")),
            ];
            assert_eq!(client.seen, expected);
        });
    }
}

#[test]
fn an_encoded_message_may_be_empty() {
    let wire = [
        frame(Role::Server, FIN | TEXT | RSV2, b""),
        frame(Role::Server, BINARY | RSV2 | RSV3, b""),
        frame(Role::Server, FIN | CONT, b""),
    ]
    .concat();
    for way in WAYS {
        feed::each_chunking(&wire, |chunks| {
            let mut server = Driver::new(with(Role::Server, RunLength::new(9)), way);
            chunks.iter().for_each(|chunk| server.feed(chunk));
            let empty = [Message::from(""), Message::from(&b""[..])];
            assert_eq!(server.seen, empty.map(Seen::Message));
        });
    }
}

#[test]
fn messages_left_alone_stand_between_encoded_ones() {
    let (mut client, mut server) = pair(RunLength::new(9));
    let sent = ["aaaa", "abc", "aaab", "", "bbbb"].map(Message::from);
    for message in sent.clone() {
        client.connection.send_ref(message.as_ref()).unwrap();
    }
    let wire = client.written();
    let alone = frame(Role::Server, FIN | TEXT, b"abc");
    assert!(wire.windows(alone.len()).any(|window| window == alone));
    server.feed(&wire);
    assert_eq!(server.seen, sent.map(Seen::Message));
}

#[test]
fn how_a_message_came_is_told() {
    let mut inbound = inbound(Role::Client, RunLength::new(9).boxed());
    let mut wire = [
        frame(Role::Client, BINARY | RSV2 | RSV3, [3, 1]),
        frame(Role::Client, CONT | FIN, [1, 1]),
    ]
    .concat();
    let (used, event) = inbound.handle(&mut wire).unwrap();
    assert!(matches!(event, Some(EventRef::Assembled(message)) if message.len() == 4));
    assert_eq!(used, wire.len());
    let arrival = inbound.arrival();
    assert_eq!((arrival.fragments, arrival.wire_len), (2, 4));
    assert_eq!(arrival.rsv, Rsv::RSV2 | Rsv::RSV3);

    let mut plain = frame(Role::Client, BINARY | FIN, [1]);
    inbound.handle(&mut plain).unwrap();
    let arrival = inbound.arrival();
    assert_eq!((arrival.fragments, arrival.wire_len), (1, 1));
    assert_eq!(arrival.rsv, Rsv::NONE);
}

#[test]
fn the_halves_work_apart() {
    let config = Config::new(Role::Client);
    let (encode, _) = RunLength::new(50).boxed().split();
    let mut outbound = Outbound::server(&config, Some(encode));
    let mut inbound = inbound(Role::Client, RunLength::new(50).boxed());
    for message in messages() {
        outbound.send(message.clone()).unwrap();
        let mut wire = BytesMut::new();
        bytes::BufMut::put(&mut wire, outbound.transmit());
        let (used, event) = inbound.handle(&mut wire).unwrap();
        let event = match event {
            Some(EventRef::Message(event)) => event.to_owned(),
            Some(EventRef::Assembled(event)) => event,
            other => panic!("{other:?}"),
        };
        assert!(event == message);
        assert_eq!(used, wire.len());
    }
}

#[test]
fn chunks_are_of_limited_size_however_much_a_message_expands() {
    let runs = [255, 0].repeat(2000);
    let mut wire = frame(Role::Client, FIN | BINARY | RSV2, &runs);
    let mut inbound = inbound(Role::Client, RunLength::new(255).boxed());
    let mut rest = &mut wire[..];
    let mut total = 0;
    loop {
        let (used, event) = inbound.handle_chunk(rest).unwrap();
        let Some(EventRef::Chunk(chunk)) = event else {
            assert!(event.is_none());
            break;
        };
        // A step that is not the last is used to the full.
        assert!(chunk.payload.len() == 16 * 1024 || chunk.last);
        assert!(chunk.payload.len() <= 16 * 1024);
        assert_eq!(chunk.first, total == 0);
        total += chunk.payload.len();
        assert_eq!(chunk.last, total == 255 * 2000);
        rest = &mut rest[used..];
    }
    assert_eq!(total, 255 * 2000);
}

/// However much a message becomes, a call of `handle` does no more than its share, and what follows waits its turn.
// covers PMD-8-02
#[test]
fn a_message_that_becomes_much_is_decoded_in_several_calls() {
    let runs = |count: usize| [255, 1].repeat(count);
    let whole = frame(Role::Client, FIN | BINARY | RSV2 | RSV3, runs(10_000));
    let fragments = [
        frame(Role::Client, BINARY | RSV2 | RSV3, runs(4_000)),
        frame(Role::Client, PING, b"p"),
        frame(Role::Client, FIN | CONT, runs(6_000)),
    ]
    .concat();
    let after = frame(Role::Client, PING, b"q");
    for (message, pings) in [(whole, "q"), (fragments, "pq")] {
        for size in [message.len() + after.len(), 3_000, 100] {
            let mut inbound = inbound(Role::Client, RunLength::new(255).boxed());
            let mut wire = [&message[..], &after].concat();
            let (mut messages, mut seen) = (0, String::new());
            for mut rest in wire.chunks_mut(size) {
                loop {
                    let before = inbound.volume().payload;
                    let (used, event) = inbound.handle(rest).unwrap();
                    let ends = match event {
                        Some(EventRef::Ping(payload)) => {
                            seen.push_str(std::str::from_utf8(payload).unwrap());
                            false
                        }
                        Some(EventRef::Assembled(message)) => {
                            assert_eq!(message.len(), 10_000 * 255);
                            messages += 1;
                            false
                        }
                        Some(EventRef::Decoding) => false,
                        other => other.is_none_or(|other| panic!("{other:?}")),
                    };
                    let made = inbound.volume().payload - before;
                    assert!(made < (256 + 16) * 1024, "{made} bytes in one call");
                    rest = &mut rest[used..];
                    if ends {
                        break;
                    }
                }
                assert!(rest.is_empty() && !inbound.has_more());
            }
            assert_eq!((messages, &seen[..]), (1, pings), "by {size} bytes");
        }
    }
}

// covers PMD-8-03
#[test]
fn a_chunk_is_let_go_of_with_the_next_call() {
    let mut wire = frame(Role::Client, FIN | BINARY | RSV2 | RSV3, [255, 1]);
    let mut inbound = inbound(Role::Client, RunLength::new(255).boxed());
    let (used, event) = inbound.handle_chunk(&mut wire).unwrap();
    assert!(matches!(event, Some(EventRef::Chunk(chunk)) if chunk.last));
    assert_eq!(used, wire.len());
    assert!(inbound.has_more(), "the chunk");
    assert!(inbound.handle(&mut []).unwrap().1.is_none());
    assert!(!inbound.has_more());
}

// covers WS-5.2-02, WS-5.8-01, WS-8.1-01, WS-8.1-02
#[test]
fn misuse_of_the_extension_fails_with_its_close_code() {
    type Frames = &'static [(u8, &'static [u8])];
    #[rustfmt::skip]
    let cases: [(&str, Frames, u16); 11] = [
        ("a bit that nobody claims",   &[(FIN | TEXT | 0x40, b"a")], 1002),
        ("one of them unclaimed",      &[(FIN | TEXT | 0x40 | RSV2, b"a")], 1002),
        ("bits the extension refuses", &[(FIN | TEXT | RSV3, b"a")], 1002),
        ("a bit on a continuation",    &[(TEXT | RSV2, &[1, b'a']), (FIN | CONT | RSV2, &[1, 0])], 1002),
        ("a bit on a ping",            &[(PING | RSV2, b"")], 1002),
        ("a bit on a close",           &[(CLOSE | RSV2, b"")], 1002),
        ("an empty run",               &[(FIN | TEXT | RSV2, &[1, b'a', 0, 1])], 1007),
        ("a run too long",             &[(FIN | TEXT | RSV2, &[10])], 1007),
        ("half a run at the end",      &[(TEXT | RSV2, &[1, b'a', 1]), (FIN | CONT, b"")], 1007),
        ("decodes to broken text",     &[(TEXT | RSV2, &[1, 0xFF])], 1007),
        ("decodes to text cut short",  &[(TEXT | RSV2, &[1, 0xC3]), (FIN | CONT, b"")], 1007),
    ];
    for (what, frames, code) in cases {
        let frames: Vec<_> = frames
            .iter()
            .map(|(first, payload)| frame(Role::Server, *first, payload))
            .collect();
        for way in WAYS {
            feed::each_chunking(&frames.concat(), |chunks| {
                let mut server = Driver::new(with(Role::Server, RunLength::new(9)), way);
                chunks.iter().for_each(|chunk| server.feed(chunk));
                assert_fails_with(&mut server, code, what);
            });
        }
    }
}

#[test]
fn a_decoder_that_breaks_its_contract_fails_the_connection() {
    type Act = fn(&mut &[u8], bool, &mut BytesMut) -> Result<Progress, ExtensionError>;
    let cases: [(&str, Act, u16); 9] = [
        ("never moves", |_, _, _| Ok(Progress::NeedRoom), 1011),
        ("leaves input", |_, _, _| Ok(Progress::NeedInput), 1011),
        ("ends with input left", |_, _, _| Ok(Progress::Done), 1011),
        (
            "ends before the end",
            |input, _, _| {
                *input = &[];
                Ok(Progress::Done)
            },
            1011,
        ),
        (
            "wants more after the end",
            |input, _, _| {
                *input = &[];
                Ok(Progress::NeedInput)
            },
            1011,
        ),
        (
            "protocol",
            |_, _, _| Err(ExtensionError::protocol("no")),
            1002,
        ),
        (
            "payload",
            |_, _, _| Err(ExtensionError::invalid_payload("no")),
            1007,
        ),
        ("size", |_, _, _| Err(ExtensionError::too_big("no")), 1009),
        (
            "itself",
            |_, _, _| Err(ExtensionError::internal("no")),
            1011,
        ),
    ];
    for (what, act, code) in cases {
        let wire = [
            frame(Role::Server, BINARY | RSV2, b"abc"),
            frame(Role::Server, FIN | CONT, b"def"),
            frame(Role::Server, FIN | BINARY, b"after"),
        ]
        .concat();
        for way in WAYS {
            let mut server = Driver::new(with(Role::Server, Wrong { act }), way);
            server.feed(&wire);
            assert_fails_with(&mut server, code, what);
        }
    }
}

#[test]
fn a_decoder_may_take_input_and_ask_for_room_before_it_makes_anything() {
    let act = |input: &mut &[u8], last: bool, out: &mut BytesMut| {
        let Some((byte, rest)) = input.split_first() else {
            return Ok(if last {
                Progress::Done
            } else {
                Progress::NeedInput
            });
        };
        *input = rest;
        if *byte == b'+' {
            out.extend_from_slice(b"made");
        }
        Ok(Progress::NeedRoom)
    };
    for way in WAYS {
        let mut server = Driver::new(with(Role::Server, Wrong { act }), way);
        server.feed(&frame(Role::Server, BINARY | RSV2, b"---"));
        server.feed(&frame(Role::Server, FIN | CONT, b"-+-"));
        let made = Message::from(&b"made"[..]);
        assert_eq!(server.seen, [Seen::Message(made)], "{way:?}");
    }
}

#[test]
fn an_encoder_that_breaks_its_contract_closes_the_connection() {
    type Act = fn(&mut &[u8], bool, &mut BytesMut) -> Result<Progress, ExtensionError>;
    let cases: [(&str, Act, CloseCode); 5] = [
        (
            "never moves",
            |_, _, _| Ok(Progress::NeedRoom),
            CloseCode::INTERNAL_ERROR,
        ),
        (
            "leaves input",
            |_, _, _| Ok(Progress::NeedInput),
            CloseCode::INTERNAL_ERROR,
        ),
        (
            "ends with input left",
            |_, _, _| Ok(Progress::Done),
            CloseCode::INTERNAL_ERROR,
        ),
        (
            "takes input for ever",
            |input, _, _| {
                *input = &[];
                Ok(Progress::NeedInput)
            },
            CloseCode::INTERNAL_ERROR,
        ),
        (
            "has an error",
            |_, _, _| Err(ExtensionError::too_big("no")),
            CloseCode::MESSAGE_TOO_BIG,
        ),
    ];
    for (what, act, code) in cases {
        for fragment in [true, false] {
            let mut server = Driver::new(with(Role::Server, Wrong { act }), Way::Whole);
            let sent = if fragment {
                let payload = Bytes::from_static(b"abc");
                server.connection.fragment(MessageKind::Text, payload, true)
            } else {
                server.connection.send(Message::from("abc"))
            };
            let Err(SendError::Extension(error)) = sent else {
                panic!("{what}: {sent:?}");
            };
            assert_eq!(error.close_code(), code, "{what}");
            let closed = server.connection.send(Message::from("abc"));
            assert!(matches!(closed, Err(SendError::Closed)), "{what}");
            // Nothing of the message is on the wire, only the Close.
            let body = [&code.get().to_be_bytes()[..], error.to_string().as_bytes()].concat();
            let close = frame(Role::Client, CLOSE, &body);
            assert_bytes_eq(&server.written(), &close, what);
        }
    }
}

/// Claims RSV2, and does what it is told to instead of coding.
struct Wrong {
    act: fn(&mut &[u8], bool, &mut BytesMut) -> Result<Progress, ExtensionError>,
}

impl Extension for Wrong {
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
        let act = self.act;
        (self, Box::new(Wrong { act }))
    }
}

impl Encode for Wrong {
    fn begin(&mut self, _: &Outgoing) -> Option<Rsv> {
        Some(Rsv::RSV2)
    }

    fn encode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        _: usize,
    ) -> Result<Progress, ExtensionError> {
        (self.act)(input, last, out)
    }
}

impl Decode for Wrong {
    fn claims(&self) -> Rsv {
        Rsv::RSV2
    }

    fn begin(&mut self, _: MessageKind, rsv: Rsv) -> Result<bool, ExtensionError> {
        Ok(rsv == Rsv::RSV2)
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        _: usize,
    ) -> Result<Progress, ExtensionError> {
        (self.act)(input, last, out)
    }
}

fn with(role: Role, extension: impl Extension + 'static) -> Connection {
    connection(role, &Config::new(role), Some(Box::new(extension)))
}

fn pair(extension: RunLength) -> (Driver, Driver) {
    let driver = |role| Driver::new(with(role, extension), Way::Whole);
    (driver(Role::Client), driver(Role::Server))
}

fn inbound(role: Role, extension: Box<dyn Extension>) -> Inbound {
    let (_, decode) = extension.split();
    Inbound::new(role, &Config::new(role), Some(decode))
}

fn messages() -> [Message; 8] {
    [
        Message::from(""),
        Message::from("ab"),
        Message::from("abcd"),
        Message::from("aaaaaaaaaaaaaaaaaaaa"),
        Message::from("añb€c"),
        Message::from(payload::seq(300)),
        Message::from(payload::repeat(7, 900)),
        Message::from("ééééé"),
    ]
}

#[test]
fn an_extension_that_panics_closes_the_connection_as_one_that_fails() {
    type Sends = fn(&mut Outbound, &str);
    let ways: [Sends; 4] = [
        |out, text| out.send(text.into()).unwrap(),
        |out, text| out.send_ref(Message::from(text).as_ref()).unwrap(),
        |out, text| out.send_prepared(&mut Prepared::new(text.into())).unwrap(),
        |out, text| {
            let payload = Bytes::copy_from_slice(text.as_bytes());
            out.fragment(MessageKind::Text, payload, false).unwrap();
        },
    ];
    for send in ways {
        let (encode, _) = Panicking.boxed().split();
        let mut out = Outbound::server(&Config::new(Role::Server), Some(encode));
        out.send("before".into()).unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| send(&mut out, "now panic")));
        assert!(panicked.is_err());
        assert!(out.is_closed());
        assert!(matches!(out.send("behind".into()), Err(SendError::Closed)));
        let mut wire = vec![0; out.len()];
        out.transmit().copy_to_slice(&mut wire);
        let frames = whole_frames(&wire);
        assert_eq!(frames.len(), 2, "{frames:?}");
        assert_eq!(
            frames[1],
            (CLOSE, b"\x03\xf3the extension panicked".to_vec())
        );
        assert!(out.is_done());
    }
}

#[track_caller]
fn assert_fails_with(driver: &mut Driver, code: u16, what: &str) {
    let [Seen::Failed(actual, why)] = &driver.seen[..] else {
        panic!("{what}: {:?}", driver.seen);
    };
    assert_eq!(*actual, code, "{what}");
    let body = [&code.to_be_bytes()[..], why.as_bytes()].concat();
    let close = frame(Role::Client, CLOSE, &body);
    assert_bytes_eq(&driver.written(), &close, what);
}
