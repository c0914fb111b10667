//! Targets of the proto crate.

use std::time::{Duration, Instant};

use bowline_extension::Extension;
use bowline_frame::{CloseFrame, MaskKeys, Message, MessageKind, Role};
use bowline_proto::{Config, Connection, Ended, EventRef, ProtocolError};
use bytes::{Buf, BytesMut};

use super::chunkings;
use crate::extension::RunLength;
use crate::wire;

/// A server's connection, from its peer's bytes to its end. See [`client`] for what holds.
pub fn server(input: &[u8]) {
    machine(Role::Server, input);
}

/// A client's connection, from its peer's bytes to its end.
///
/// Events, output and end are the same however the bytes are cut and wherever they are read into. The output obeys RFC
/// 6455: each ping is answered in order, a Close is answered or says what is wrong, nothing follows it. The end comes
/// within a minute. The messages survive the way through a peer of ours.
///
/// The first byte of the input chooses extension, message limit and whether the transport ends behind the bytes.
pub fn client(input: &[u8]) {
    machine(Role::Client, input);
}

fn machine(role: Role, input: &[u8]) {
    let Some((&setting, wire)) = input.split_first() else {
        return;
    };
    let setup = Setup {
        role,
        extended: setting & 1 != 0,
        max_message: if setting & 2 == 0 { 1 << 20 } else { 100 },
        eof: setting & 4 != 0,
    };
    // All pongs fit below the mark from which on only the newest counts.
    let wire = &wire[..wire.len().min(16 * 1024)];
    let course = setup.run(Way::Whole, &[wire]);
    for way in [Way::Whole, Way::Chunks, Way::Assembly, Way::Buffer] {
        for (cut, chunks) in chunkings(wire).iter().enumerate() {
            let other = setup.run(way, chunks);
            match course.seen.split_last() {
                // Chunks have no limit: only what came before is the same.
                Some((Seen::Failed(1009, _), before)) if way == Way::Chunks => {
                    assert!(other.seen.starts_with(before), "cut {cut}: {other:?}");
                }
                // Of what is wrong on the wire and what is wrong inside, the split decides which comes first.
                Some((Seen::Failed(..), before)) if setup.extended => {
                    let Some((Seen::Failed(..), others)) = other.seen.split_last() else {
                        panic!("{way:?}, cut {cut}: no failure in {other:?}");
                    };
                    assert_eq!(others, before, "{way:?}, cut {cut}");
                    assert_eq!(other.ended, course.ended, "{way:?}, cut {cut}");
                }
                _ => assert_eq!(other, course, "{way:?}, cut {cut}"),
            }
        }
    }
    setup.check(&course);
    setup.check_round_trip(&course.seen);
}

#[derive(Clone, Copy)]
struct Setup {
    role: Role,
    extended: bool,
    max_message: u64,
    eof: bool,
}

/// Where the bytes go.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// `handle` only.
    Whole,
    /// `handle_chunk` only.
    Chunks,
    /// `assembly` whenever there is one, else `handle`.
    Assembly,
    /// `handle_buffer`, then `handle` what it leaves.
    Buffer,
}

/// All that a connection did.
#[derive(Clone, Debug, PartialEq)]
struct Course {
    seen: Vec<Seen>,
    written: Vec<u8>,
    ended: Ended,
}

/// An event with a payload of its own; chunks are joined to their message.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Message(Message),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseFrame>),
    /// The close code, and the error in words.
    Failed(u16, String),
}

impl Setup {
    fn connection(self, role: Role) -> Connection {
        let config = Config::new(role).max_message(self.max_message);
        let extension: Option<Box<dyn Extension>> =
            self.extended.then(|| RunLength::new(100).boxed());
        match role {
            Role::Server => Connection::server(&config, extension),
            Role::Client => {
                Connection::client(MaskKeys::new(|keys| keys.fill(0x5A)), &config, extension)
            }
        }
    }

    fn run(self, way: Way, chunks: &[&[u8]]) -> Course {
        let mut driver = Driver {
            connection: self.connection(self.role),
            seen: Vec::new(),
            written: Vec::new(),
            open: None,
        };
        let start = Instant::now();
        driver.connection.wants(start);
        for chunk in chunks {
            driver.feed(way, chunk);
            driver.write();
        }
        if self.eof {
            driver.connection.handle_eof();
        }
        driver.wait_for_end(start);
        Course {
            ended: driver.connection.ended(),
            seen: driver.seen,
            written: driver.written,
        }
    }

    fn check(self, course: &Course) {
        let mut pings = Vec::new();
        let mut close = None;
        for seen in &course.seen {
            assert_eq!(close, None, "{seen:?} behind the last event");
            match seen {
                Seen::Message(message) => assert!(message.len() as u64 <= self.max_message),
                Seen::Ping(payload) => pings.push(payload),
                Seen::Pong(_) => {}
                Seen::Close(body) => {
                    close = Some(body.as_ref().map(|body| body.code().get()));
                }
                Seen::Failed(code, _) => close = Some(Some(*code)),
            }
        }
        let mut frames = wire::whole_frames(&course.written);
        if let Some((wire::CLOSE, payload)) = frames.last() {
            let code = payload.first_chunk().copied().map(u16::from_be_bytes);
            assert!(payload.len() <= 125);
            if let Some(close) = close {
                assert_eq!(code, close, "close code");
            }
            frames.pop();
        } else {
            assert_eq!(close, None, "the Close was not answered");
        }
        let pongs = frames.iter().filter_map(|(first, payload)| match *first {
            wire::PONG => Some(payload),
            wire::PING => None,
            other => panic!("frame {other:#04x} that nobody sent"),
        });
        assert!(pongs.eq(pings), "{frames:?}");
        assert_eq!(
            course.ended.clean,
            matches!(course.seen.last(), Some(Seen::Close(_)))
        );
    }

    fn check_round_trip(self, seen: &[Seen]) {
        let mut sender = self.connection(self.role.peer());
        let messages = seen.iter().filter(|seen| matches!(seen, Seen::Message(_)));
        let mut wire = Vec::new();
        for seen in messages.clone() {
            if let Seen::Message(message) = seen {
                sender.send(message.clone()).expect("the sender is open");
                take_written(&mut sender, &mut wire);
            }
        }
        let received = self.run(Way::Whole, &[&wire]).seen;
        assert!(received.iter().eq(messages), "{received:?}");
    }
}

struct Driver {
    connection: Connection,
    seen: Vec<Seen>,
    written: Vec<u8>,
    /// The message that comes in chunks.
    open: Option<(MessageKind, BytesMut)>,
}

impl Driver {
    fn feed(&mut self, way: Way, chunk: &[u8]) {
        let mut chunk = chunk.to_vec();
        let mut rest = &mut chunk[..];
        loop {
            if way == Way::Assembly
                && !rest.is_empty()
                && let Some(space) = self.connection.assembly()
            {
                let fits = rest.len().min(space.capacity() - space.len());
                assert_ne!(fits, 0, "an assembly without room");
                let (now, later) = rest.split_at_mut(fits);
                space.extend_from_slice(now);
                rest = later;
                match self.connection.handle_assembly() {
                    Ok(event) => note(event, &mut self.seen, &mut self.open),
                    Err(error) => return failed(&error, &mut self.seen),
                }
                continue;
            }
            if way == Way::Buffer {
                let mut buffer = BytesMut::from(&*rest);
                match self.connection.handle_buffer(&mut buffer) {
                    Ok(event) => note(event, &mut self.seen, &mut self.open),
                    Err(error) => return failed(&error, &mut self.seen),
                }
                let used = rest.len() - buffer.len();
                rest = &mut rest[used..];
                assert_eq!(buffer, &*rest, "what is left is what came");
                if used > 0 {
                    continue;
                }
            }
            let total = rest.len();
            let handled = match way {
                Way::Chunks => self.connection.handle_chunk(rest),
                Way::Whole | Way::Assembly | Way::Buffer => self.connection.handle(rest),
            };
            let used = match handled {
                Ok((used, None)) => {
                    assert_eq!(used, total, "without an event all input is used");
                    return;
                }
                Ok((used, event)) => {
                    note(event, &mut self.seen, &mut self.open);
                    used
                }
                Err(error) => return failed(&error, &mut self.seen),
            };
            rest = &mut rest[used..];
        }
    }

    fn write(&mut self) {
        take_written(&mut self.connection, &mut self.written);
    }

    /// Obeys the connection until it has no more wishes, with a peer who says nothing.
    fn wait_for_end(&mut self, start: Instant) {
        let mut now = start;
        for _ in 0..32 {
            let wants = self.connection.wants(now);
            if wants.is_over() {
                assert!(now - start <= LONGEST_END);
                return;
            } else if wants.write {
                self.write();
            } else if wants.shutdown {
                self.connection.shut_down();
            } else {
                let until = wants
                    .until
                    .expect("a silent peer is not waited for forever");
                now = now.max(until);
                self.connection.handle_timeout(now);
            }
        }
        panic!("no end in sight");
    }
}

fn take_written(connection: &mut Connection, written: &mut Vec<u8>) {
    let transmit = connection.transmit();
    while transmit.has_remaining() {
        let chunk = transmit.chunk();
        written.extend_from_slice(chunk);
        transmit.advance(chunk.len());
    }
}

fn failed(error: &ProtocolError, seen: &mut Vec<Seen>) {
    seen.push(Seen::Failed(error.close_code().get(), error.to_string()));
}

fn note(
    event: Option<EventRef<'_>>,
    seen: &mut Vec<Seen>,
    open: &mut Option<(MessageKind, BytesMut)>,
) {
    let Some(event) = event else {
        return;
    };
    seen.push(match event {
        EventRef::Message(message) => Seen::Message(message.to_owned()),
        EventRef::Assembled(message) => Seen::Message(message),
        EventRef::Ping(payload) => Seen::Ping(payload.to_vec()),
        EventRef::Pong(payload) => Seen::Pong(payload.to_vec()),
        EventRef::Close(close) => Seen::Close(close),
        EventRef::Decoding => return,
        EventRef::Chunk(chunk) => {
            assert_eq!(chunk.first, open.is_none(), "a message begins once");
            let (kind, mut whole) = open.take().unwrap_or((chunk.kind, BytesMut::new()));
            assert_eq!(kind, chunk.kind, "a message is of one kind");
            whole.extend_from_slice(chunk.payload);
            if !chunk.last {
                *open = Some((kind, whole));
                return;
            }
            Seen::Message(match kind {
                MessageKind::Text => Message::Text(whole.try_into().expect("text is checked")),
                MessageKind::Binary => Message::Binary(whole.freeze()),
            })
        }
        other => panic!("{other:?} is unknown here"),
    });
}

/// From the last byte of the peer to the end: keepalive, its answer and the close deadline.
const LONGEST_END: Duration = Duration::from_secs(60);
