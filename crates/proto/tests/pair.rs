//! Two connections talk: random calls, random cuts, and everything arrives once and in order.

mod driver;

use std::cell::RefCell;
use std::time::Instant;

use bowline_frame::{CloseFrame, MaskKeys, Message, MessageKind, Role};
use bowline_proto::{Config, Connection, EndedBy};
use bowline_testing::extension::RunLength;
use bowline_testing::random::{Random, seed};
use bytes::{Buf, Bytes, BytesMut};

use driver::{Driver, Seen, WAYS, Way};

// covers WS-5.1-01, WS-5.1-03, WS-5.3-01, WS-5.4-04, WS-5.5.1-06, WS-5.5.1-09, WS-5.5.1-11, WS-6.1-02,
// WS-6.2-01, WS-7.1.4-01, WS-5.1-05, WS-5.3-03
#[test]
fn everything_arrives_once_and_in_order_until_both_have_closed() {
    talks(None);
}

// covers WS-5.8-01
#[test]
fn everything_arrives_through_an_extension_too() {
    talks(Some(RunLength::new(200)));
}

// covers WS-7.2.1-01
#[test]
fn a_session_cut_at_any_byte_gives_whole_messages_only() {
    for extension in [None, Some(RunLength::new(9))] {
        for receiver in [Role::Server, Role::Client] {
            let wire = session(receiver.peer(), extension);
            for way in WAYS {
                let mut whole = Driver::new(end(receiver, extension), way);
                whole.feed(&wire);
                assert_eq!(whole.seen.len(), 12, "{:?}", whole.seen);
                for cut in 0..wire.len() {
                    let mut driver = Driver::new(end(receiver, extension), way);
                    driver.feed(&wire[..cut]);
                    driver.connection.handle_eof();
                    assert!(
                        whole.seen.starts_with(&driver.seen),
                        "cut at {cut}: {:?}",
                        driver.seen
                    );
                    // The session's last byte ends its Close.
                    let ended = driver.connection.ended();
                    assert_eq!((ended.by, ended.code()), (EndedBy::Transport, 1006));
                    // Nothing is left that could become a message.
                    driver.feed(&wire[cut..]);
                    assert!(driver.seen.len() < whole.seen.len());
                }
            }
        }
    }
}

#[test]
fn a_garbled_session_ends_in_order() {
    let seed = seed();
    let mut random = Random::new(seed);
    for run in 0..5000 {
        let extension = [None, Some(RunLength::new(9))][random.below(2)];
        let receiver = [Role::Server, Role::Client][random.below(2)];
        let mut wire = session(receiver.peer(), extension);
        for _ in 0..=random.below(4) {
            let at = random.below(wire.len());
            wire[at] ^= 1 << random.below(8);
        }
        let mut driver = Driver::new(end(receiver, extension), WAYS[random.below(3)]);
        let read = 1 + random.below(300);
        wire.chunks(read).for_each(|chunk| driver.feed(chunk));
        driver.connection.handle_eof();
        let context = format!("seed {seed}, run {run}: {:?}", driver.seen);
        let last = |seen: &Seen| matches!(seen, Seen::Failed(..) | Seen::Close(_));
        let ends = driver.seen.iter().filter(|seen| last(seen)).count();
        assert!(ends <= 1, "{context}");
        assert!(
            ends == 0 || driver.seen.last().is_some_and(last),
            "{context}"
        );
        // A violation or a Close is answered, and nothing else is.
        assert_eq!(
            driver.connection.outbound().is_closed(),
            ends == 1,
            "{context}"
        );
    }
}

/// Two ends, and what each has sent.
struct Talk {
    random: Random,
    ends: [Driver; 2],
    sent: [Vec<Message>; 2],
    pinged: [Vec<Vec<u8>>; 2],
    /// The message that each is sending in fragments.
    open: [Option<(MessageKind, BytesMut)>; 2],
    closed: [Option<Option<CloseFrame>>; 2],
}

fn talks(extension: Option<RunLength>) {
    let seed = seed();
    for run in 0..100 {
        let run_seed = seed.wrapping_add(run);
        let _name_on_panic = NameOnPanic(run_seed);
        let mut talk = Talk::new(run_seed, extension);
        for _ in 0..talk.random.below(150) {
            let who = talk.random.below(2);
            talk.call(who);
            talk.carry(0, 20_000);
            talk.carry(1, 20_000);
        }
        let first = talk.random.below(2);
        talk.close(first);
        if talk.random.below(2) == 0 {
            talk.close(1 - first);
        }
        while talk.carry(0, 200_000) | talk.carry(1, 200_000) {}
        talk.check();
    }
}

impl Talk {
    fn new(seed: u64, extension: Option<RunLength>) -> Self {
        Self {
            random: Random::new(seed),
            ends: [Role::Client, Role::Server]
                .map(|role| Driver::new(end(role, extension), Way::Whole)),
            sent: [const { Vec::new() }; 2],
            pinged: [const { Vec::new() }; 2],
            open: [None, None],
            closed: [None, None],
        }
    }

    /// Calls something on one end.
    fn call(&mut self, who: usize) {
        let choice = self.random.below(20);
        if let Some((kind, mut sent)) = self.open[who].take() {
            match choice {
                0..9 => {
                    let piece = self.payload(kind);
                    let last = self.random.below(4) == 0;
                    self.ends[who]
                        .connection
                        .fragment(kind, piece.clone(), last)
                        .unwrap();
                    sent.extend_from_slice(&piece);
                    if last {
                        self.sent[who].push(message(kind, sent.freeze()));
                        return;
                    }
                }
                9..12 => self.ping(who),
                _ => {}
            }
            self.open[who] = Some((kind, sent));
            return;
        }
        let kind = [MessageKind::Text, MessageKind::Binary][self.random.below(2)];
        match choice {
            0..6 => {
                let message = message(kind, self.payload(kind));
                let connection = &mut self.ends[who].connection;
                connection.send(message.clone()).unwrap();
                self.sent[who].push(message);
            }
            6..9 => {
                let message = message(kind, self.payload(kind));
                let connection = &mut self.ends[who].connection;
                connection.send_ref(message.as_ref()).unwrap();
                self.sent[who].push(message);
            }
            9..12 => self.open[who] = Some((kind, BytesMut::new())),
            12..15 => self.ping(who),
            _ => {}
        }
    }

    fn ping(&mut self, who: usize) {
        let mut payload = vec![0; self.random.below(126)];
        self.random.fill(&mut payload);
        self.ends[who].connection.ping(&payload).unwrap();
        self.pinged[who].push(payload);
    }

    fn close(&mut self, who: usize) {
        let close = CloseFrame::new(4000_u16.try_into().unwrap(), "enough").unwrap();
        let close = [None, Some(close)][self.random.below(2)].clone();
        if self.ends[who].connection.close(close.as_ref()) {
            self.closed[who] = Some(close);
        }
    }

    fn payload(&mut self, kind: MessageKind) -> Bytes {
        let most = [1, 10, 50, 200, 1000, 5000, 70_000][self.random.below(7)];
        let len = self.random.below(most);
        match kind {
            MessageKind::Text => "aaaaaaé€bbb\u{10348}"
                .chars()
                .cycle()
                .take(len)
                .collect::<String>()
                .into(),
            MessageKind::Binary => {
                let mut bytes = vec![0; len];
                self.random.fill(&mut bytes);
                // Some of it repeats itself.
                bytes[len / 2..].fill(7);
                bytes.into()
            }
        }
    }

    /// Carries up to `most` bytes from one end to the other, cut at random. False if there was nothing.
    fn carry(&mut self, from: usize, most: usize) -> bool {
        let [client, server] = &mut self.ends;
        let (source, target) = if from == 0 {
            (client, server)
        } else {
            (server, client)
        };
        let mut left = self.random.below(most);
        let moved = !source.connection.outbound().is_empty();
        while left > 0 && !source.connection.outbound().is_empty() {
            let typical = [2, 50, 2000, 60_000][self.random.below(4)];
            let most = left.min(1 + self.random.below(typical));
            let transmit = source.connection.transmit();
            let run = transmit.chunk();
            let taken = run[..run.len().min(most)].to_vec();
            transmit.advance(taken.len());
            left -= taken.len();
            target.way = WAYS[self.random.below(3)];
            target.feed(&taken);
        }
        moved
    }

    /// Checks that everything has arrived, and how it ended.
    fn check(mut self) {
        let now = Instant::now();
        for (who, peer) in [(0, 1), (1, 0)] {
            let mut messages = Vec::new();
            let mut pings = Vec::new();
            let mut pongs = Vec::new();
            let mut closes = Vec::new();
            for seen in self.ends[peer].seen.drain(..) {
                match seen {
                    Seen::Message(message) => messages.push(message),
                    Seen::Ping(payload) => pings.push(payload),
                    Seen::Pong(payload) => pongs.push(payload),
                    Seen::Close(close) => closes.push(close),
                    Seen::Failed(code, why) => panic!("failed with {code}: {why}"),
                }
            }
            assert!(messages == self.sent[who], "messages");
            assert_eq!(pings, self.pinged[who]);
            // Some pongs are left out above the soft mark and behind a Close; none is made up.
            let mut asked = self.pinged[peer].iter();
            assert!(pongs.iter().all(|pong| asked.any(|ping| ping == pong)));
            // The one that closed first is answered with its code.
            let expected = match &self.closed[who] {
                Some(close) => close.clone(),
                None => {
                    let asked = self.closed[peer].as_ref().unwrap();
                    asked.as_ref().map(|close| close.code().into())
                }
            };
            assert_eq!(closes, std::slice::from_ref(&expected));

            let connection = &mut self.ends[peer].connection;
            let wants = connection.wants(now);
            assert!(wants.read && !wants.write);
            assert_eq!(wants.shutdown, peer == 1, "the server ends the transport");
            connection.handle_eof();
            connection.shut_down();
            assert!(connection.wants(now).is_over());
            let ended = connection.ended();
            assert!(ended.clean);
            assert_eq!(ended.close, expected);
            let by = match self.closed[peer] {
                Some(_) => EndedBy::Us,
                None => EndedBy::Peer,
            };
            assert_eq!(ended.by, by);
        }
    }
}

/// What an end writes that says a little of everything and closes: 12 events for its peer.
fn session(role: Role, extension: Option<RunLength>) -> Vec<u8> {
    let mut driver = Driver::new(end(role, extension), Way::Whole);
    let connection = &mut driver.connection;
    connection.send(Message::from("Hello")).unwrap();
    connection.send(Message::from("")).unwrap();
    connection.ping(b"ping").unwrap();
    connection.send(Message::from(vec![7; 130])).unwrap();
    for piece in ["é", "", "aaa", "bb", "€"] {
        let payload = Bytes::from(piece);
        connection
            .fragment(MessageKind::Text, payload, false)
            .unwrap();
        connection.ping(piece.as_bytes()).unwrap();
    }
    connection
        .fragment(MessageKind::Text, Bytes::new(), true)
        .unwrap();
    connection.send(Message::from("x".repeat(200))).unwrap();
    let close = CloseFrame::new(1000_u16.try_into().unwrap(), "bye").unwrap();
    assert!(connection.close(Some(&close)));
    driver.written()
}

fn end(role: Role, extension: Option<RunLength>) -> Connection {
    let config = Config::new(role);
    let extension = extension.map(RunLength::boxed);
    match role {
        Role::Client => Connection::client(MaskKeys::new(fill), &config, extension),
        Role::Server => Connection::server(&config, extension),
    }
}

fn fill(bytes: &mut [u8]) {
    thread_local! {
        static RANDOM: RefCell<Random> = RefCell::new(Random::new(seed()));
    }
    RANDOM.with_borrow_mut(|random| random.fill(bytes));
}

fn message(kind: MessageKind, payload: Bytes) -> Message {
    match kind {
        MessageKind::Text => Message::Text(payload.try_into().unwrap()),
        MessageKind::Binary => Message::Binary(payload),
    }
}

struct NameOnPanic(u64);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with BOWLINE_SEED={}", self.0);
        }
    }
}
