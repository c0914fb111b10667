//! Every bound: one below, at it, one above.

mod driver;

use bowline_extension::{Decode, ExtensionError, Progress};
use bowline_frame::{CloseFrame, Message, MessageKind, Role, Rsv};
use bowline_proto::{Config, Connection, Inbound, QueueError, SendError};
use bowline_testing::alloc::CountingAllocator;
use bowline_testing::extension::RunLength;
use bowline_testing::hex::assert_bytes_eq;
use bowline_testing::wire::{BINARY, CLOSE, CONT, FIN, PING, PONG, RSV2, RSV3, TEXT, frame, head};
use bytes::{Buf, Bytes, BytesMut};

use driver::{Driver, Seen, WAYS, Way, connection};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

// covers WS-10.4-01
#[test]
fn a_message_of_the_limit_is_taken_and_one_more_byte_fails_with_the_header() {
    for limit in [0_u64, 1, 125, 126, 65_535, 65_536, 100_000] {
        for kind in [TEXT, BINARY] {
            for way in [Way::Whole, Way::Assembly, Way::Buffer] {
                for len in [limit.saturating_sub(1), limit] {
                    let mut driver = limited(limit, way);
                    let wire = frame(Role::Server, FIN | kind, vec![b'a'; len as usize]);
                    wire.chunks(20_000).for_each(|chunk| driver.feed(chunk));
                    assert_eq!(lengths(&driver), [len], "limit {limit}, {way:?}");
                }
                let mut driver = limited(limit, way);
                driver.feed(&head(Role::Server, FIN | kind, limit + 1));
                assert_too_big(&driver, limit);
            }
        }
    }
}

// covers WS-10.4-01
#[test]
fn without_a_word_a_server_takes_16_mib_and_a_client_64() {
    for (role, limit) in [(Role::Server, 16 << 20), (Role::Client, 64 << 20)] {
        for fin in [FIN, 0] {
            let default = || Driver::new(connection(role, &Config::new(role), None), Way::Whole);
            let mut driver = default();
            driver.feed(&head(role, fin | BINARY, limit));
            assert_eq!(driver.seen, []);
            let mut driver = default();
            driver.feed(&head(role, fin | BINARY, limit + 1));
            assert_too_big(&driver, limit);
        }
    }
}

// covers WS-10.4-01
#[test]
fn fragments_are_limited_together() {
    for way in [Way::Whole, Way::Assembly, Way::Buffer] {
        for kind in [TEXT, BINARY] {
            let wire = [
                frame(Role::Server, kind, [b'a'; 30_000]),
                frame(Role::Server, CONT, [b'b'; 30_000]),
                frame(Role::Server, FIN | CONT, [b'c'; 30_000]),
            ]
            .concat();
            for (limit, fits) in [(90_001, true), (90_000, true), (89_999, false)] {
                let mut driver = limited(limit, way);
                wire.chunks(20_000).for_each(|chunk| driver.feed(chunk));
                if fits {
                    assert_eq!(lengths(&driver), [90_000], "{way:?}");
                } else {
                    assert_too_big(&driver, limit);
                }
            }
            // The last byte of the length decides; the masking key and the payload don't matter.
            let decides = wire.len() - 30_000 - 5;
            let mut driver = limited(89_999, way);
            driver.feed(&wire[..decides]);
            assert_eq!(driver.seen, []);
            driver.feed(&wire[decides..=decides]);
            assert_too_big(&driver, 89_999);
        }
    }
}

// covers WS-10.4-01
#[test]
fn lengths_that_overflow_together_are_too_big() {
    let mut driver = limited(u64::MAX, Way::Whole);
    driver.feed(&frame(Role::Server, BINARY, b"a"));
    for _ in 0..2 {
        driver.feed(&head(Role::Server, CONT, (1 << 63) - 1));
    }
    // A payload of 2^63 − 1 never ends, so the second header is payload.
    assert_eq!(driver.seen, []);
    let config = Config::new(Role::Server).max_message((1 << 63) - 1);
    let mut driver = Driver::new(connection(Role::Server, &config, None), Way::Whole);
    driver.feed(&frame(Role::Server, BINARY, b"a"));
    driver.feed(&head(Role::Server, CONT, (1 << 63) - 1));
    assert_too_big(&driver, (1 << 63) - 1);
}

// covers WS-10.4-01
#[test]
fn what_is_handed_out_in_chunks_has_no_limit() {
    let mut driver = limited(10, Way::Chunks);
    driver.feed(&frame(Role::Server, FIN | BINARY, [7; 100_000]));
    assert_eq!(lengths(&driver), [100_000]);
}

#[test]
fn a_header_read_for_chunks_does_not_lift_the_limit_of_a_whole_message() {
    for kind in [TEXT, BINARY] {
        for fin in [FIN, 0] {
            for way in [Way::Whole, Way::Assembly, Way::Buffer] {
                let wire = frame(Role::Server, fin | kind, [b'a'; 100_000]);
                let header = head(Role::Server, fin | kind, 100_000).len();
                let config = Config::new(Role::Server).max_message(50_000);
                let mut connection = connection(Role::Server, &config, None);
                let mut start = wire[..header].to_vec();
                let (used, event) = connection.handle_chunk(&mut start).unwrap();
                assert!(event.is_none() && used == header);
                let mut driver = Driver::new(connection, way);
                for chunk in wire[header..].chunks(20_000) {
                    driver.feed(chunk);
                }
                assert_too_big(&driver, 50_000);
            }
        }
    }
}

#[test]
fn bits_that_an_extension_claims_do_not_lift_the_limit_of_a_message_it_leaves_alone() {
    for (fin, len) in [(FIN, 50_001_u64), (0, 50_001), (FIN, 1 << 62)] {
        for way in [Way::Whole, Way::Assembly, Way::Buffer] {
            let mut driver = Driver::new(leaving_alone(50_000), way);
            driver.feed(&head(Role::Server, fin | RSV2 | BINARY, len));
            for _ in 0..6 {
                driver.feed(&[7; 20_000]);
            }
            assert_too_big(&driver, 50_000);
        }
    }
    let mut driver = Driver::new(leaving_alone(50_000), Way::Assembly);
    driver.feed(&frame(Role::Server, FIN | RSV2 | BINARY, [7; 50_000]));
    assert_eq!(lengths(&driver), [50_000]);
}

// covers WS-10.4-01
#[test]
fn what_an_extension_makes_of_a_message_is_limited_not_what_arrives() {
    const LIMIT: u64 = 40_000;
    for way in [Way::Whole, Way::Assembly, Way::Buffer] {
        for (len, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
            // Far below the limit, and above it, on the wire.
            for byte in [|_| b'a', |at: u64| b'a' + (at % 2) as u8] {
                let payload: Vec<u8> = (0..len).map(byte).collect();
                let wire = encoded(payload);
                for chunk in [wire.len(), 7, 1000] {
                    let mut driver = limited(LIMIT, way);
                    wire.chunks(chunk).for_each(|chunk| driver.feed(chunk));
                    if fits {
                        assert_eq!(lengths(&driver), [len], "{way:?}");
                    } else {
                        assert_too_big(&driver, LIMIT);
                    }
                }
            }
        }
    }
}

// covers WS-10.4-01
#[test]
fn fragments_of_an_encoded_message_may_be_longer_together_than_the_message() {
    // Runs of one byte each: twice as long on the wire.
    let runs = [1, 1].repeat(15_000);
    let wire = [
        frame(Role::Server, RSV2 | RSV3 | BINARY, &runs),
        frame(Role::Server, FIN | CONT, &runs),
    ]
    .concat();
    for (limit, fits) in [(30_000, true), (29_999, false)] {
        for way in [Way::Whole, Way::Assembly, Way::Buffer] {
            let mut driver = limited(limit, way);
            wire.chunks(1000).for_each(|chunk| driver.feed(chunk));
            if fits {
                assert_eq!(lengths(&driver), [30_000], "{way:?}");
            } else {
                assert_too_big(&driver, limit);
            }
        }
    }
}

// covers WS-10.4-01
#[test]
fn an_expanding_message_takes_no_memory_beyond_the_limit() {
    let runs = [255, 1].repeat(10_000);
    let wire = frame(Role::Server, FIN | RSV2 | RSV3 | BINARY, &runs);
    let mut driver = limited(100_000, Way::Whole);
    let (_, used) = ALLOCATOR.measure(|| driver.feed(&wire));
    assert_too_big(&driver, 100_000);
    // The driver's copy of the input, the message, and what is known of it.
    let bound = wire.len() + 100_000 + 16 * 1024;
    assert!(used.peak <= bound, "{used:?}, over {bound}");
}

// covers WS-10.4-01
#[test]
fn a_message_has_at_most_16384_frames_or_a_64th_of_its_limit() {
    for (limit, most) in [
        (20_000, 16_384),
        (64 * 16_384, 16_384),
        (64 * 16_385, 16_385),
        (64 * 20_000, 20_000),
    ] {
        for fragment in [&b"a"[..], b""] {
            for way in [Way::Whole, Way::Chunks] {
                let mut driver = limited(limit, way);
                send_fragments(&mut driver, most, fragment);
                driver.feed(&frame(Role::Server, FIN | CONT, b"last"));
                if way == Way::Chunks {
                    assert_eq!(driver.seen.len(), 1);
                    continue;
                }
                let [Seen::Failed(1009, why)] = &driver.seen[..] else {
                    panic!("{:?}", driver.seen);
                };
                assert!(why.contains("max_message / 64"), "{why}");
                assert!(why.contains(&most.to_string()), "{why}");

                let mut driver = limited(limit, way);
                send_fragments(&mut driver, most - 1, fragment);
                driver.feed(&frame(Role::Server, FIN | CONT, b"last"));
                assert!(matches!(driver.seen[..], [Seen::Message(_)]));
            }
        }
    }
}

// covers WS-5.4-07, WS-10.4-01
#[test]
fn up_to_128_empty_fragments_may_follow_each_other() {
    for way in WAYS {
        for (first, empty, fits) in [
            (&b"a"[..], 128, true),
            (b"a", 129, false),
            (b"", 127, true),
            (b"", 128, false),
        ] {
            let mut driver = limited(1000, way);
            driver.feed(&frame(Role::Server, BINARY, first));
            for _ in 0..empty {
                // A control frame between them changes nothing.
                driver.feed(&frame(Role::Server, PONG, b"x"));
                driver.feed(&frame(Role::Server, CONT, b""));
            }
            driver.seen.retain(|seen| *seen != Seen::Pong(b"x".into()));
            if fits {
                // A byte ends the row.
                driver.feed(&frame(Role::Server, CONT, b"b"));
                for _ in 0..127 {
                    driver.feed(&frame(Role::Server, CONT, b""));
                }
                driver.feed(&frame(Role::Server, FIN | CONT, b""));
                assert_eq!(lengths(&driver), [first.len() as u64 + 1]);
            } else {
                assert!(
                    matches!(driver.seen[..], [Seen::Failed(1009, _)]),
                    "{way:?}: {:?}",
                    driver.seen
                );
            }
        }
    }
}

// covers WS-10.4-01
#[test]
fn each_message_is_counted_from_its_own_start() {
    let mut driver = limited(10, Way::Whole);
    for _ in 0..3 {
        driver.feed(&frame(Role::Server, BINARY, b"12345"));
        driver.feed(&frame(Role::Server, FIN | CONT, b"67890"));
        for _ in 0..100 {
            driver.feed(&frame(Role::Server, FIN | BINARY, b""));
        }
    }
    assert_eq!(driver.seen.len(), 303);
}

// covers WS-5.5.2-01, WS-5.5.3-02
#[test]
fn pongs_go_out_in_order_up_to_the_soft_mark_and_then_only_the_newest() {
    let config = Config::new(Role::Server).soft_mark(1000);
    let mut driver = Driver::new(connection(Role::Server, &config, None), Way::Whole);
    let pong = |index: u32| frame(Role::Client, PONG, index.to_be_bytes());
    let mut expected = Vec::new();
    for index in 0..100_000_u32 {
        driver.feed(&frame(Role::Server, PING, index.to_be_bytes()));
        if expected.len() <= 1000 {
            expected.extend(pong(index));
        }
        assert!(driver.connection.outbound().len() <= 1000 + 6);
    }
    assert!(!driver.connection.outbound().is_empty());
    let waiting = driver.connection.transmit().remaining();
    let first = driver.connection.transmit().copy_to_bytes(waiting);
    assert_bytes_eq(&first, &expected, "below the mark");
    assert!(!driver.connection.outbound().is_empty(), "one pong is kept");
    assert_bytes_eq(&driver.written(), &pong(99_999), "the newest");
    assert!(driver.connection.outbound().is_empty());
    // And the next are answered in order again.
    driver.feed(&[pong_request(1), pong_request(2)].concat());
    assert_bytes_eq(
        &driver.written(),
        &[pong(1), pong(2)].concat(),
        "afterwards",
    );
}

// covers WS-5.5.3-02
#[test]
fn a_kept_pong_goes_out_before_the_close() {
    let config = Config::new(Role::Server).soft_mark(1);
    let mut driver = Driver::new(connection(Role::Server, &config, None), Way::Whole);
    driver.connection.send(Message::from("abc")).unwrap();
    driver.feed(&[pong_request(1), pong_request(2)].concat());
    assert!(driver.connection.close(None));
    let expected = [
        frame(Role::Client, FIN | TEXT, b"abc"),
        frame(Role::Client, PONG, 2_u32.to_be_bytes()),
        frame(Role::Client, CLOSE, b""),
    ];
    assert_bytes_eq(&driver.written(), &expected.concat(), "all output");
}

#[test]
fn pongs_go_out_even_with_a_soft_mark_of_zero() {
    let config = Config::new(Role::Server).soft_mark(0);
    let mut driver = Driver::new(connection(Role::Server, &config, None), Way::Whole);
    assert!(!driver.connection.outbound().is_over_soft_mark());
    driver.feed(&pong_request(1));
    assert!(driver.connection.outbound().is_over_soft_mark());
    let expected = frame(Role::Client, PONG, 1_u32.to_be_bytes());
    assert_bytes_eq(&driver.written(), &expected, "the pong");
    assert!(driver.connection.outbound().is_empty());
}

#[test]
fn output_above_the_hard_mark_gives_the_message_back() {
    let config = Config::new(Role::Server).hard_mark(100);
    let mut connection = connection(Role::Server, &config, None);
    let message = Message::from(vec![7; 96]);
    connection.queue(message.clone()).unwrap();
    assert_eq!(connection.outbound().len(), 98);
    connection.queue(message.clone()).unwrap();
    assert_eq!(connection.outbound().len(), 196);
    let Err(QueueError::Full(back)) = connection.queue(message.clone()) else {
        panic!("more than the hard mark waits");
    };
    assert_eq!(back, message);
    assert_eq!(connection.outbound().len(), 196);
    // `send` is told to go on regardless, and room makes `queue` go on too.
    connection.send(message.clone()).unwrap();
    connection.transmit().advance(200);
    connection.queue(message.clone()).unwrap();
    // After a Close nothing can be queued, however full.
    connection.close(None);
    let closed = connection.queue(message);
    assert!(matches!(closed, Err(QueueError::Send(SendError::Closed))));
}

#[test]
fn a_message_larger_than_the_hard_mark_is_queued_while_nothing_waits() {
    let config = Config::new(Role::Server).hard_mark(0);
    let mut connection = connection(Role::Server, &config, None);
    connection.queue(Message::from("a")).unwrap();
    let full = connection.queue(Message::from("b"));
    assert!(matches!(full, Err(QueueError::Full(_))));
}

// covers WS-5.5-01, WS-5.5.2-02
#[test]
fn a_ping_has_at_most_125_bytes() {
    let mut connection = connection(Role::Server, &Config::new(Role::Server), None);
    connection.ping(&[7; 125]).unwrap();
    let waiting = connection.outbound().len();
    assert_eq!(waiting, 127);
    let refused = connection.ping(&[7; 126]);
    assert!(matches!(refused, Err(SendError::PingTooLong { len: 126 })));
    assert_eq!(connection.outbound().len(), waiting);
}

// covers WS-10.4-01
#[test]
fn an_announced_length_reserves_nothing() {
    for kind in [TEXT, BINARY] {
        for fin in [FIN, 0] {
            let config = Config::new(Role::Server).max_message(u64::MAX);
            let mut inbound = Inbound::new(Role::Server, &config, None);
            let mut wire = head(Role::Server, fin | kind, 1 << 62);
            wire.extend_from_slice(b"a");
            let (_, used) = ALLOCATOR.measure(|| {
                assert!(inbound.handle(&mut wire).unwrap().1.is_none());
                // Not worth a buffer of its own yet.
                assert!(inbound.assembly().is_none());
            });
            // What is known of a message that is arriving has a box of its own.
            assert!(used.peak <= 128, "{used:?}");
        }
    }
}

// covers WS-10.4-01
#[test]
fn memory_follows_what_arrived() {
    for way in WAYS {
        for read in [1, 700, 10_000] {
            let config = Config::new(Role::Server).max_message(u64::MAX);
            let mut driver = Driver::new(connection(Role::Server, &config, None), way);
            let mut received = 0;
            let mut held = 0;
            for chunk in [head(Role::Server, BINARY, 1 << 40), vec![7; 300_000]]
                .concat()
                .chunks(read)
            {
                let (_, used) = ALLOCATOR.measure(|| driver.feed(chunk));
                received += chunk.len();
                held += used.kept;
                // The driver joins chunks itself, the same way.
                let most = 2 * received + 17 * 1024;
                assert!(held <= most as isize, "{held} after {received}, {way:?}");
            }
        }
    }
}

#[test]
fn a_connection_between_messages_holds_no_buffer() {
    let config = Config::new(Role::Server);
    for way in WAYS {
        let mut driver = Driver::new(
            connection(Role::Server, &config, Some(RunLength::new(255).boxed())),
            way,
        );
        driver.seen.reserve(16);
        let wire = [
            encoded(vec![7; 100_000]),
            frame(Role::Server, BINARY, [7; 100_000]),
            frame(Role::Server, FIN | CONT, [7; 100_000]),
            frame(Role::Server, PONG, b"p"),
        ]
        .concat();
        let (_, used) = ALLOCATOR.measure(|| {
            wire.chunks(1000).for_each(|chunk| driver.feed(chunk));
            assert_eq!(driver.seen.len(), 3);
            driver.seen.clear();
        });
        assert!(used.kept <= 256, "{way:?}: {used:?}");
    }
}

#[test]
fn the_close_reason_names_the_option_to_raise() {
    let mut driver = limited(10, Way::Whole);
    driver.feed(&head(Role::Server, FIN | TEXT, 11));
    let wire = driver.written();
    let close = CloseFrame::parse(&wire[2..]).unwrap().unwrap();
    assert_eq!(close.code().get(), 1009);
    assert_eq!(
        close.reason(),
        "message of more than 10 bytes (max_message)"
    );
}

fn limited(limit: u64, way: Way) -> Driver {
    let config = Config::new(Role::Server).max_message(limit);
    let extension = Some(RunLength::new(255).boxed());
    Driver::new(connection(Role::Server, &config, extension), way)
}

/// A server whose extension claims RSV2 and touches no message.
fn leaving_alone(limit: u64) -> Connection {
    struct Alone;

    impl Decode for Alone {
        fn claims(&self) -> Rsv {
            Rsv::RSV2
        }

        fn begin(&mut self, _: MessageKind, _: Rsv) -> Result<bool, ExtensionError> {
            Ok(false)
        }

        fn decode(
            &mut self,
            _: &mut &[u8],
            _: bool,
            _: &mut BytesMut,
            _: usize,
        ) -> Result<Progress, ExtensionError> {
            Err(ExtensionError::internal("called for a message left alone"))
        }
    }

    impl bowline_extension::Extension for Alone {
        fn split(self: Box<Self>) -> (Box<dyn bowline_extension::Encode>, Box<dyn Decode>) {
            let (encode, _) = RunLength::new(1).boxed().split();
            (encode, self)
        }
    }

    let config = Config::new(Role::Server).max_message(limit);
    connection(Role::Server, &config, Some(Box::new(Alone)))
}

/// A binary message as a client with the test extension writes it.
fn encoded(payload: Vec<u8>) -> Vec<u8> {
    let config = Config::new(Role::Client);
    let extension = Some(RunLength::new(255).boxed());
    let mut client = Driver::new(connection(Role::Client, &config, extension), Way::Whole);
    client.connection.send(Message::from(payload)).unwrap();
    client.written()
}

/// A message of so many frames, unfinished, with a byte in at least every hundredth.
fn send_fragments(driver: &mut Driver, frames: u64, fragment: &[u8]) {
    driver.feed(&frame(Role::Server, BINARY, b"a"));
    for index in 1..frames {
        let payload = if index % 100 == 0 { b"a" } else { fragment };
        driver.feed(&frame(Role::Server, CONT, payload));
    }
}

fn pong_request(index: u32) -> Vec<u8> {
    frame(Role::Server, PING, index.to_be_bytes())
}

fn lengths(driver: &Driver) -> Vec<u64> {
    let length = |seen: &Seen| match seen {
        Seen::Message(message) => message.len() as u64,
        other => panic!("not a message: {other:?}"),
    };
    driver.seen.iter().map(length).collect()
}

#[track_caller]
fn assert_too_big(driver: &Driver, limit: u64) {
    let why = format!("message of more than {limit} bytes (max_message)");
    assert_eq!(driver.seen, [Seen::Failed(1009, why)]);
}

#[test]
fn bytes_in_the_assembly_are_not_lost_when_handle_is_called_first() {
    let mut inbound = Inbound::new(Role::Server, &Config::new(Role::Server), None);
    let payload = Bytes::from(vec![7; 40_000]);
    let mut wire = frame(Role::Server, FIN | BINARY, &payload);
    // From 16 KiB on.
    let start = wire.len() - 40_000;
    let enough = start + 16 * 1024;
    assert!(inbound.handle(&mut wire[..enough - 1]).unwrap().1.is_none());
    assert!(inbound.assembly().is_none());
    assert!(
        inbound
            .handle(&mut wire[enough - 1..enough])
            .unwrap()
            .1
            .is_none()
    );
    let space = inbound.assembly().expect("the frame is large");
    space.extend_from_slice(&payload[..1000]);
    let rest = &mut wire[enough + 1000..];
    let total = rest.len();
    let (used, event) = inbound.handle(rest).unwrap();
    let event = format!("{event:?}");
    if event == "None" {
        assert_eq!(used, total, "without an event all input is used");
    }
    assert!(event.starts_with("Some(Assembled"), "{event}");
}
