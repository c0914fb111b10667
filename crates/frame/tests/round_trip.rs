//! What an encoder writes, a decoder reads.

mod reader;

use std::cell::RefCell;

use bowline_frame::{
    CloseCode, CloseFrame, Encoder, MaskKeys, Message, OpCode, Role, Rsv, Transmit,
};
use bowline_testing::random::{self, Random};
use bowline_testing::{feed, hex};
use bytes::Buf;

use reader::{Event, Reader};

// covers WS-5.1-01, WS-5.1-03, WS-5.4-01, WS-5.4-02, WS-5.4-07, WS-6.1-02, WS-6.1-03
#[test]
fn random_messages_survive_however_they_arrive() {
    let seed = random::seed();
    let mut random = Random::new(seed);
    for round in 0..40 {
        for role in [Role::Client, Role::Server] {
            let (wire, expected) = conversation(role, &mut random);
            feed::each_chunking(&wire, |chunks| {
                let mut reader = Reader::new(role.peer());
                for chunk in chunks {
                    assert_eq!(
                        reader.read(chunk),
                        Ok(()),
                        "BOWLINE_SEED={seed}, round {round}"
                    );
                }
                assert_eq!(
                    reader.events, expected,
                    "BOWLINE_SEED={seed}, round {round}"
                );
                assert!(reader.decoder().is_between_frames());
            });
        }
    }
}

#[test]
fn a_cut_connection_gives_the_messages_before_the_cut_only() {
    let mut random = Random::new(random::seed());
    for role in [Role::Client, Role::Server] {
        let (wire, expected) = conversation(role, &mut random);
        for cut in 0..wire.len() {
            let mut reader = Reader::new(role.peer());
            assert_eq!(reader.read(&wire[..cut]), Ok(()), "cut at {cut}");
            assert!(reader.events.len() < expected.len(), "cut at {cut}");
            assert_eq!(
                reader.events,
                expected[..reader.events.len()],
                "cut at {cut}"
            );
        }
    }
}

// covers WS-5.3-01, WS-10.3-01
#[test]
fn every_client_frame_has_a_key_of_its_own() {
    let mut encoder = Encoder::client(MaskKeys::new(fill));
    let mut transmit = Transmit::new();
    let mut keys = std::collections::BTreeSet::new();
    for _ in 0..1000 {
        encoder.ping(b"", &mut transmit);
        let wire = transmit.copy_to_bytes(transmit.remaining());
        let [0x89, 0x80, key @ ..] = &wire[..] else {
            panic!("not an empty masked ping: {}", hex::Shown(&wire));
        };
        keys.insert(key.to_vec());
    }
    assert_eq!(keys.len(), 1000);
}

// covers WS-5.3-03
#[test]
fn a_payload_that_the_caller_holds_too_is_masked_in_a_copy() {
    for len in [10, Transmit::COPY_BELOW, 100_000] {
        let mut encoder = Encoder::client(MaskKeys::new(fill));
        let mut transmit = Transmit::new();
        let payload = bytes::Bytes::from(vec![7; len]);
        encoder.fragment(
            OpCode::Binary,
            Rsv::NONE,
            true,
            payload.clone(),
            &mut transmit,
        );
        assert!(
            payload.iter().all(|byte| *byte == 7),
            "the caller's payload has changed"
        );
        drop(payload);
        let mut reader = Reader::new(Role::Server);
        let wire = transmit.copy_to_bytes(transmit.remaining());
        assert_eq!(reader.read(&wire), Ok(()));
        assert_eq!(reader.events, [Event::Message(vec![7; len].into())]);
    }
}

/// Messages in random fragments with control frames between them, and a Close at the end.
fn conversation(role: Role, random: &mut Random) -> (Vec<u8>, Vec<Event>) {
    let mut encoder = match role {
        Role::Client => Encoder::client(MaskKeys::new(fill)),
        Role::Server => Encoder::server(),
    };
    let mut transmit = Transmit::new();
    let mut events = Vec::new();
    for _ in 0..1 + random.below(4) {
        let message = message(random);
        let mut opcode = OpCode::from(message.kind());
        let mut rest = message.as_bytes();
        loop {
            let len = random.below(rest.len() + 1);
            let (fragment, behind) = rest.split_at(if random.below(3) == 0 {
                rest.len()
            } else {
                len
            });
            rest = behind;
            let fin = rest.is_empty() && random.below(2) == 0;
            encoder.fragment_ref(opcode, Rsv::NONE, fin, fragment, &mut transmit);
            opcode = OpCode::Continuation;
            if fin {
                break;
            }
            let mut payload = vec![0; random.below(126)];
            random.fill(&mut payload);
            match random.below(4) {
                0 => {
                    encoder.ping(&payload, &mut transmit);
                    events.push(Event::Ping(payload));
                }
                1 => {
                    encoder.pong(&payload, &mut transmit);
                    events.push(Event::Pong(payload));
                }
                _ => {}
            }
        }
        events.push(Event::Message(message));
    }
    let close = CloseFrame::truncated(CloseCode::GOING_AWAY, &"fin €".repeat(random.below(40)));
    let close = (random.below(2) == 0).then_some(close);
    encoder.close(close.as_ref(), &mut transmit);
    events.push(Event::Close(close));
    (
        transmit.copy_to_bytes(transmit.remaining()).to_vec(),
        events,
    )
}

fn message(random: &mut Random) -> Message {
    // Around the borders of the three length forms, mostly small.
    let len = match random.below(8) {
        0 => 120 + random.below(10),
        1 => 2000 + random.below(3000),
        _ => random.below(40),
    };
    if random.below(2) == 0 {
        let text: String = (0..len)
            .map(|_| ['a', 'é', '€', '😀'][random.below(4)])
            .collect();
        Message::from(text)
    } else {
        let mut bytes = vec![0; len];
        random.fill(&mut bytes);
        Message::from(bytes)
    }
}

/// A repeatable source of masking keys.
fn fill(bytes: &mut [u8]) {
    thread_local! {
        static KEYS: RefCell<Random> = RefCell::new(Random::new(random::seed()));
    }
    KEYS.with_borrow_mut(|keys| keys.fill(bytes));
}
