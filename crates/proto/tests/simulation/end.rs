//! One end: a shell that moves bytes, a program that calls at random, and what must hold of both.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bowline_extension::Extension;
use bowline_frame::{CloseCode, CloseFrame, MaskKeys, Message, MessageKind, Role};
use bowline_proto::{
    Config, Connection, Deadlines, Ended, EndedBy, EventRef, Inbound, Outbound, ProtocolError,
    QueueError, Reply, Timeout,
};
use bowline_testing::extension::RunLength;
use bowline_testing::random::Random;
use bytes::{Buf, Bytes, BytesMut};

use crate::ALLOCATOR;
use crate::link::{Link, Read};
use crate::trace::Trace;

/// One end of the connection, driven as a shell drives it.
pub(crate) struct End {
    pub(crate) role: Role,
    config: Config,
    extension: Option<RunLength>,
    outbound: Outbound,
    inbound: Inbound,
    deadlines: Deadlines,
    /// The program does something else until then.
    pub(crate) busy_until: Duration,
    pub(crate) until: Option<Duration>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) happened: Happened,
    /// How much of the message that comes in chunks was delivered.
    chunked: Option<usize>,
    /// Bytes that the reading half holds, and those that came since it last finished a message.
    held: isize,
    fed: usize,
    longest: usize,
    count: u64,
}

/// How it ended for one end.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The machine said that nothing is left to wait for.
    Ended(Ended),
    /// The program dropped the connection.
    Dropped,
}

/// What led to the end.
#[derive(Debug, Default)]
pub(crate) struct Happened {
    pub(crate) asked: bool,
    pub(crate) closed: bool,
    pub(crate) violated: bool,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) lost: bool,
    pub(crate) delivered: u64,
}

/// What one end has said and the other has not yet heard.
#[derive(Default)]
pub(crate) struct Said {
    messages: VecDeque<Message>,
    /// The message that is being sent in fragments.
    open: Option<(MessageKind, BytesMut)>,
    pings: VecDeque<Ping>,
    unanswered: VecDeque<Ping>,
    pub(crate) close: Option<Option<CloseFrame>>,
}

/// The number in a ping or a pong; `None`: it is empty, as the machine's own are.
type Ping = Option<u64>;

/// A way to let time pass for the machine.
type HandleTime = fn(&mut Deadlines, Instant, &mut Inbound, &mut Outbound) -> Option<Timeout>;

/// What an end meets when it moves.
pub(crate) struct Scene<'a> {
    pub(crate) start: Instant,
    pub(crate) out: &'a mut Link,
    pub(crate) input: &'a mut Link,
    /// What this end says.
    pub(crate) said: &'a mut Said,
    /// What the peer says.
    pub(crate) heard: &'a mut Said,
    pub(crate) random: &'a mut Random,
    pub(crate) trace: &'a Trace,
}

/// What an event tells, with nothing borrowed, and nothing allocated that would pass for the machine's memory.
enum Told {
    Message,
    Chunk { len: usize, last: bool },
    Ping(Ping),
    Pong(Ping),
    Close(Option<CloseFrame>),
}

impl End {
    pub(crate) fn new(role: Role, config: Config, extension: Option<RunLength>) -> Self {
        let boxed = extension.map(|extension| Box::new(extension) as Box<dyn Extension>);
        let connection = match role {
            Role::Client => Connection::client(MaskKeys::new(crate::fill), &config, boxed),
            Role::Server => Connection::server(&config, boxed),
        };
        let (outbound, inbound, deadlines) = connection.split();
        Self {
            role,
            config,
            extension,
            outbound,
            inbound,
            deadlines,
            busy_until: Duration::ZERO,
            until: None,
            outcome: None,
            happened: Happened::default(),
            chunked: None,
            held: 0,
            fed: 0,
            longest: 0,
            count: 0,
        }
    }

    /// Does all that can be done without waiting. True if something moved.
    pub(crate) fn step(&mut self, scene: &mut Scene<'_>) -> bool {
        let now = scene.trace.now;
        if self.outcome.is_some() || self.busy_until > now {
            return false;
        }
        let mut moved = self.write(scene);
        if scene.random.below(4) == 0 {
            moved |= self.time_out(Deadlines::handle_overdue, scene);
        }
        let wants = self.wants(scene);
        if wants.read && self.read(scene) {
            moved = true;
        }
        if !moved && wants.until.is_some_and(|until| until <= scene.start + now) {
            self.time_out(Deadlines::handle_timeout, scene);
            moved = true;
        }
        let wants = self.wants(scene);
        if wants.shutdown {
            scene
                .trace
                .end(self.role, format_args!("ends its side of the transport"));
            scene.out.end(now);
            self.deadlines.shut_down();
            moved = true;
        }
        let wants = self.wants(scene);
        if wants.is_over() {
            let ended = self.deadlines.ended(&self.inbound, self.outbound.status());
            scene.trace.end(
                self.role,
                format_args!("over: {ended} (clean: {})", ended.clean),
            );
            self.check_end(&ended, scene.said);
            self.leave(Outcome::Ended(ended), scene);
            return true;
        }
        self.until = wants.until.map(|until| until - scene.start);
        moved
    }

    /// Calls something that a program may call.
    pub(crate) fn call(&mut self, scene: &mut Scene<'_>) {
        if self.outcome.is_some() {
            return;
        }
        let choice = scene.random.below(20);
        if choice == 0 && !self.outbound.is_over_soft_mark() {
            self.ping(scene);
        } else if choice < 6 || scene.said.open.is_some() {
            self.fragment(scene);
        } else {
            self.message(choice, scene);
        }
        self.check_output();
    }

    /// Begins the closing handshake with a frame of any legal kind.
    pub(crate) fn close(&mut self, scene: &mut Scene<'_>) {
        if self.outcome.is_some() {
            return;
        }
        let code = [1000, 1001, 1011, 3000, 4999][scene.random.below(5)];
        let close = match scene.random.below(3) {
            0 => None,
            1 => Some(CloseCode::new(code).unwrap().into()),
            _ => Some(CloseFrame::new(CloseCode::new(code).unwrap(), "bis später").unwrap()),
        };
        self.close_with(close, scene);
    }

    /// Drops the connection; a courteous program offers a Close once.
    pub(crate) fn drop(&mut self, courteous: bool, scene: &mut Scene<'_>) {
        if self.outcome.is_some() {
            return;
        }
        scene
            .trace
            .end(self.role, format_args!("drops (courteous: {courteous})"));
        if courteous {
            self.close_with(Some(CloseCode::GOING_AWAY.into()), scene);
            self.write(scene);
        }
        self.leave(Outcome::Dropped, scene);
    }

    fn close_with(&mut self, close: Option<CloseFrame>, scene: &mut Scene<'_>) {
        if self.outbound.close(close.as_ref()) {
            scene.trace.end(self.role, format_args!("closes {close:?}"));
            scene.said.close = Some(close);
            self.happened.asked = true;
        }
    }

    fn wants(&mut self, scene: &Scene<'_>) -> bowline_proto::Wants {
        let now = scene.start + scene.trace.now;
        self.deadlines
            .wants(now, &mut self.inbound, self.outbound.status())
    }

    fn write(&mut self, scene: &mut Scene<'_>) -> bool {
        let mut moved = false;
        loop {
            let transmit = self.outbound.transmit();
            if !transmit.has_remaining() {
                return moved;
            }
            let written = scene
                .out
                .write(scene.trace.now, transmit.chunk(), scene.random);
            match written {
                Ok(0) => return moved,
                Ok(count) => transmit.advance(count),
                Err(_) => {
                    scene
                        .trace
                        .end(self.role, format_args!("can't write any more"));
                    self.happened.lost = true;
                    self.outbound.abandon();
                }
            }
            moved = true;
        }
    }

    fn read(&mut self, scene: &mut Scene<'_>) -> bool {
        // A shell reads large frames into their place, or into a block; chunks or whole as its caller likes.
        let way = scene.random.below(3);
        let (space, used) = ALLOCATOR.measure(|| match way {
            0 => self
                .inbound
                .assembly()
                .map(|space| space.capacity() - space.len()),
            _ => None,
        });
        self.held += used.kept;
        let block = [1, 7, 500, BLOCK][scene.random.below(4)];
        match scene.input.read(scene.trace.now, space.unwrap_or(block)) {
            Read::Nothing => return false,
            Read::End => {
                if self.inbound.is_eof() {
                    return false;
                }
                scene.trace.end(self.role, format_args!("reads the end"));
                self.happened.lost |= self.inbound.is_open();
                self.forget(Inbound::handle_eof);
            }
            Read::Failed => {
                scene.trace.end(self.role, format_args!("fails to read"));
                self.happened.lost = true;
                self.forget(Inbound::handle_eof);
                self.deadlines.give_up(EndedBy::Transport);
            }
            Read::Bytes(mut bytes) => {
                self.fed += bytes.len();
                if space.is_some() {
                    self.take_assembly(&bytes, scene);
                } else {
                    self.take(&mut bytes, way == 1, scene);
                }
            }
        }
        true
    }

    fn take_assembly(&mut self, bytes: &[u8], scene: &mut Scene<'_>) {
        let (told, used) = ALLOCATOR.measure(|| {
            let space = self.inbound.assembly().expect("the space is still there");
            space.extend_from_slice(bytes);
            let event = self.inbound.handle_assembly()?;
            Ok(event.map(|event| told(&event, scene.heard, None)))
        });
        self.held += used.kept;
        match told {
            Ok(Some(told)) => self.hear(told, scene),
            Ok(None) => {}
            Err(error) => self.fail(&error, scene),
        }
        self.check_input();
    }

    fn take(&mut self, mut bytes: &mut [u8], chunked: bool, scene: &mut Scene<'_>) {
        loop {
            let left = bytes.len();
            let (inbound, delivered) = (&mut self.inbound, self.chunked);
            let (handled, memory) = ALLOCATOR.measure(|| {
                let (used, event) = if chunked {
                    inbound.handle_chunk(bytes)?
                } else {
                    inbound.handle(bytes)?
                };
                Ok((
                    used,
                    event.map(|event| told(&event, scene.heard, delivered)),
                ))
            });
            self.held += memory.kept;
            match handled {
                Ok((used, Some(told))) => {
                    self.hear(told, scene);
                    bytes = &mut bytes[used..];
                    if self.fed == 0 {
                        self.fed = bytes.len();
                    }
                }
                Ok((used, None)) => {
                    assert_eq!(used, left, "without an event all input is used");
                    break;
                }
                Err(error) => {
                    self.fail(&error, scene);
                    break;
                }
            }
        }
        self.check_input();
        self.check_output();
    }

    /// Takes note of what the peer said, which `told` has compared.
    fn hear(&mut self, told: Told, scene: &mut Scene<'_>) {
        let heard = &mut *scene.heard;
        match told {
            Told::Message => {
                let message = heard.messages.pop_front().expect("it was compared");
                let (kind, len) = (message.kind(), message.len());
                scene
                    .trace
                    .end(self.role, format_args!("receives {kind}, {len} bytes"));
                self.finished_message();
            }
            Told::Chunk { len, last } => {
                scene.trace.end(
                    self.role,
                    format_args!("receives a chunk, {len} bytes, last: {last}"),
                );
                if last {
                    heard.messages.pop_front();
                    self.chunked = None;
                    self.finished_message();
                } else {
                    self.chunked = Some(self.chunked.unwrap_or(0) + len);
                    self.fed = 0;
                }
            }
            Told::Ping(ping) => {
                scene
                    .trace
                    .end(self.role, format_args!("receives ping {ping:?}"));
                let sent = heard.pings.pop_front();
                assert_eq!(sent, Some(ping), "pings arrive once and in order");
                let payload = ping.map(u64::to_be_bytes);
                let payload = payload.as_ref().map_or(&[][..], |payload| &payload[..]);
                self.outbound.reply(Reply::Pong(payload));
            }
            Told::Pong(pong) => {
                scene
                    .trace
                    .end(self.role, format_args!("receives pong {pong:?}"));
                let mut unanswered = scene.said.unanswered.iter();
                let asked = unanswered.position(|ping| *ping == pong);
                let asked = asked.expect("a pong answers a ping, once and in order");
                scene.said.unanswered.drain(..=asked);
            }
            Told::Close(close) => {
                scene
                    .trace
                    .end(self.role, format_args!("receives a Close: {close:?}"));
                assert_eq!(
                    heard.close.as_ref(),
                    Some(&close),
                    "the Close that was sent"
                );
                assert!(
                    heard.messages.is_empty() && heard.pings.is_empty(),
                    "what was sent before the Close arrives before it"
                );
                self.happened.closed = true;
                let answer = close.map(|close| close.code().into());
                self.reply_close(answer, scene);
            }
        }
    }

    fn fail(&mut self, error: &ProtocolError, scene: &mut Scene<'_>) {
        scene.trace.end(self.role, format_args!("fails: {error}"));
        let limit = self.config.max_message;
        let heard = &scene.heard;
        let open = heard.open.as_ref().map(|(_, open)| open.len());
        let next = heard.messages.front().map(Message::len).or(open);
        assert!(
            matches!(error, ProtocolError::MessageTooBig { .. })
                && next.unwrap_or(0) as u64 > limit,
            "a peer that breaks no rule was accused: {error}"
        );
        self.happened.violated = true;
        let Reply::Close(close) = error.reply() else {
            panic!("a violation is answered with a Close");
        };
        self.reply_close(close, scene);
    }

    fn reply_close(&mut self, close: Option<CloseFrame>, scene: &mut Scene<'_>) {
        if !self.outbound.is_closed() {
            scene.said.close = Some(close.clone());
        }
        self.outbound.reply(Reply::Close(close));
    }

    /// True if a deadline has passed that ends the connection.
    fn time_out(&mut self, handle: HandleTime, scene: &mut Scene<'_>) -> bool {
        let now = scene.start + scene.trace.now;
        let (waits, was_closed) = (self.outbound.len(), self.outbound.is_closed());
        let handled = handle(
            &mut self.deadlines,
            now,
            &mut self.inbound,
            &mut self.outbound,
        );
        let Some(timeout) = handled else {
            if self.outbound.len() > waits {
                scene
                    .trace
                    .end(self.role, format_args!("asks for a sign of life"));
                scene.said.pings.push_back(None);
                scene.said.unanswered.push_back(None);
            }
            return false;
        };
        scene
            .trace
            .end(self.role, format_args!("times out: {timeout}"));
        let code = match timeout {
            Timeout::Pong { .. } => Some(CloseCode::INTERNAL_ERROR),
            Timeout::Idle { .. } => Some(CloseCode::POLICY_VIOLATION),
            _ => None,
        };
        assert!(code.is_none() || !was_closed, "a Close is queued once");
        if let Some(code) = code {
            let close = CloseFrame::truncated(code, &timeout.to_string());
            scene.said.close = Some(Some(close));
        }
        self.happened.timeout.get_or_insert(timeout);
        // It is offered once.
        self.write(scene);
        true
    }

    fn ping(&mut self, scene: &mut Scene<'_>) {
        self.count += 1;
        match self.outbound.ping(&self.count.to_be_bytes()) {
            Ok(()) => {
                scene
                    .trace
                    .end(self.role, format_args!("sends ping {}", self.count));
                scene.said.pings.push_back(Some(self.count));
                scene.said.unanswered.push_back(Some(self.count));
            }
            Err(error) => assert!(self.outbound.is_closed(), "{error}"),
        }
    }

    fn fragment(&mut self, scene: &mut Scene<'_>) {
        if self.outbound.is_over_soft_mark() {
            return;
        }
        let kind = match &scene.said.open {
            Some((kind, _)) => *kind,
            None => any_kind(scene.random),
        };
        let payload = self.payload(kind, scene.random);
        let last = scene.random.below(3) == 0;
        match self.outbound.fragment(kind, payload.clone(), last) {
            Ok(()) => {
                scene.trace.end(
                    self.role,
                    format_args!("sends a fragment, {} bytes, last: {last}", payload.len()),
                );
                let open = scene.said.open.take();
                let (_, mut whole) = open.unwrap_or((kind, BytesMut::new()));
                whole.extend_from_slice(&payload);
                self.longest = self.longest.max(payload.len());
                if last {
                    scene.said.messages.push_back(message(kind, whole.freeze()));
                } else {
                    scene.said.open = Some((kind, whole));
                }
            }
            Err(error) => assert!(self.outbound.is_closed(), "{error}"),
        }
    }

    fn message(&mut self, choice: usize, scene: &mut Scene<'_>) {
        let kind = any_kind(scene.random);
        let message = message(kind, self.payload(kind, scene.random));
        let queues = choice < 12;
        if !queues && self.outbound.is_over_soft_mark() {
            return;
        }
        let sent = if queues {
            match self.outbound.queue(message.clone()) {
                Ok(()) => true,
                Err(QueueError::Full(back)) => {
                    assert!(back == message && self.outbound.len() > self.config.hard_mark);
                    scene
                        .trace
                        .end(self.role, format_args!("has its queue full"));
                    return;
                }
                Err(_) => false,
            }
        } else if choice < 16 {
            self.outbound.send(message.clone()).is_ok()
        } else {
            self.outbound.send_ref(message.as_ref()).is_ok()
        };
        assert_eq!(sent, !self.outbound.is_closed(), "sent unless closed");
        if sent {
            scene.trace.end(
                self.role,
                format_args!("sends {kind}, {} bytes", message.len()),
            );
            self.longest = self.longest.max(message.len());
            scene.said.messages.push_back(message);
        }
    }

    /// A payload unlike those before it.
    fn payload(&mut self, kind: MessageKind, random: &mut Random) -> Bytes {
        self.count += 1;
        let len = match random.below(100) {
            0..5 => 0,
            5..70 => random.below(200),
            70..93 => random.below(1500),
            93..98 => random.below(6000),
            98 => random.below(20_000),
            // Long enough to be read into its place.
            _ => 20_000 + random.below(40_000),
        };
        let mut payload = format!("{} ", self.count).into_bytes();
        let pattern = match kind {
            MessageKind::Text => "Größe €uro 𝄞 aaaa".as_bytes(),
            MessageKind::Binary => b"\0\xFF\x80aaaa\x01",
        };
        payload.extend(pattern.repeat(len / pattern.len() + 1));
        payload.truncate(len);
        if kind == MessageKind::Text {
            let valid = match std::str::from_utf8(&payload) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            };
            payload.truncate(valid);
        }
        payload.into()
    }

    /// Lets the reading half do something after which it holds less.
    fn forget(&mut self, what: fn(&mut Inbound)) {
        let ((), used) = ALLOCATOR.measure(|| what(&mut self.inbound));
        self.held += used.kept;
    }

    fn finished_message(&mut self) {
        self.fed = 0;
        self.happened.delivered += 1;
    }

    fn leave(&mut self, outcome: Outcome, scene: &mut Scene<'_>) {
        let now = scene.trace.now;
        self.outcome = Some(outcome);
        self.until = None;
        if scene.input.abandon() {
            let arrives = now + scene.out.delay();
            let takes_unread = scene.random.below(2) == 0;
            scene.out.reset(arrives, takes_unread);
        } else {
            scene.out.end(now);
        }
    }

    /// Output is bounded by the marks, the message in hand, and one reply of each kind.
    fn check_output(&self) {
        let growth = if self.extension.is_some() { 2 } else { 1 };
        let marks = self.config.hard_mark.max(self.config.soft_mark);
        let most = marks + growth * self.longest + 3 * 139;
        let waits = self.outbound.len();
        assert!(
            waits <= most,
            "{waits} bytes of output, at most {most} allowed"
        );
    }

    /// Input is bounded by what has arrived, or by what it may decode to.
    fn check_input(&self) {
        let most = match self.extension {
            None => 2 * self.fed + 16 * 1024 + 512,
            // A message that is put together, or what one read left to be decoded into chunks, and a chunk.
            Some(_) => 2 * (self.config.max_message as usize).max(BLOCK) + 32 * 1024,
        };
        let held = self.held;
        assert!(
            held <= most as isize,
            "{held} bytes held for {} that arrived, at most {most} allowed",
            self.fed
        );
    }

    fn check_end(&self, ended: &Ended, said: &Said) {
        let happened = &self.happened;
        let why = match ended.by {
            EndedBy::Us => happened.asked,
            EndedBy::Peer => happened.closed,
            EndedBy::Violation => happened.violated,
            EndedBy::Deadline => happened.timeout.is_some(),
            EndedBy::Transport => happened.lost,
            _ => false,
        };
        assert!(why, "{ended} after {happened:?}");
        assert_eq!(
            ended.clean,
            happened.closed && said.close.is_some() && self.outbound.is_done(),
            "both Closes were exchanged or not"
        );
        assert_eq!(
            ended.code() != 1006,
            happened.closed,
            "1006 without a Close"
        );
    }
}

/// Compares an event with what the peer said; `delivered` of a message that comes in chunks is known.
fn told(event: &EventRef<'_>, heard: &Said, delivered: Option<usize>) -> Told {
    let next = heard.messages.front();
    match event {
        EventRef::Message(message) => {
            assert!(
                next.is_some_and(|next| next.as_ref() == *message),
                "wrong message"
            );
            Told::Message
        }
        EventRef::Assembled(message) => {
            assert!(next == Some(message), "wrong message");
            Told::Message
        }
        EventRef::Chunk(chunk) => {
            assert_eq!(chunk.first, delivered.is_none(), "one first chunk");
            let (kind, sent) = match (next, &heard.open) {
                (Some(next), _) => (next.kind(), next.as_bytes()),
                (None, Some((kind, open))) => (*kind, &open[..]),
                (None, None) => panic!("a chunk of no message"),
            };
            let rest = &sent[delivered.unwrap_or(0)..];
            assert!(
                kind == chunk.kind && rest.starts_with(chunk.payload),
                "wrong chunk"
            );
            if chunk.last {
                assert!(
                    next.is_some() && rest.len() == chunk.payload.len(),
                    "cut message"
                );
            }
            Told::Chunk {
                len: chunk.payload.len(),
                last: chunk.last,
            }
        }
        EventRef::Ping(payload) => Told::Ping(number(payload)),
        EventRef::Pong(payload) => Told::Pong(number(payload)),
        EventRef::Close(close) => Told::Close(close.clone()),
        _ => unreachable!("an event the simulation does not know"),
    }
}

fn number(payload: &[u8]) -> Ping {
    let number = payload.try_into().map(u64::from_be_bytes).ok();
    assert!(number.is_some() || payload.is_empty(), "altered payload");
    number
}

fn any_kind(random: &mut Random) -> MessageKind {
    [MessageKind::Text, MessageKind::Binary][random.below(2)]
}

fn message(kind: MessageKind, payload: Bytes) -> Message {
    match kind {
        MessageKind::Text => Message::Text(payload.try_into().expect("made of characters")),
        MessageKind::Binary => Message::Binary(payload),
    }
}

/// The most that one read gives, in bytes.
const BLOCK: usize = 64 * 1024;
