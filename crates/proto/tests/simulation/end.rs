//! One end: a shell that moves bytes for its machine, and what must hold meanwhile.

mod program;
mod said;

use std::time::{Duration, Instant};

use bowline_extension::Extension;
use bowline_frame::{CloseCode, CloseFrame, MaskKeys, Message, Role};
use bowline_proto::{
    Config, Connection, Deadlines, Ended, EndedBy, Inbound, Outbound, ProtocolError, Reply, Timeout,
};
use bowline_testing::extension::RunLength;
use bowline_testing::random::Random;
use bytes::{Buf, BytesMut};

use crate::ALLOCATOR;
use crate::link::{Link, Read};
use crate::trace::Trace;

use said::{Told, told};

pub(crate) use said::Said;

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
    /// Bytes that the transport took, and those it takes until our Close is out.
    written: u64,
    close_ends: Option<u64>,
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
            written: 0,
            close_ends: None,
            count: 0,
        }
    }

    /// Does all that can be done without waiting. True if something moved.
    pub(crate) fn step(&mut self, scene: &mut Scene<'_>) -> bool {
        let now = scene.trace.now;
        if self.outcome.is_some() || self.busy_until > now {
            return false;
        }
        let wants = self.wants(scene);
        let mut moved = wants.write && self.write(scene);
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
            self.check_end(&ended);
            self.leave(Outcome::Ended(ended), scene);
            return true;
        }
        self.until = wants.until.map(|until| until - scene.start);
        moved
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
                Ok(count) => {
                    transmit.advance(count);
                    self.written += count as u64;
                }
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
        // A shell reads large frames into their place, into memory that it gives away, or into a block; chunks or whole
        // as its caller likes.
        let way = scene.random.below(4);
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
                } else if way == 3 {
                    self.take_buffer(&bytes, scene);
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

    fn take_buffer(&mut self, bytes: &[u8], scene: &mut Scene<'_>) {
        let mut rest = bytes.to_vec();
        let (told, used) = ALLOCATOR.measure(|| {
            let mut buffer = BytesMut::from(bytes);
            let event = self.inbound.handle_buffer(&mut buffer)?;
            let told = event.map(|event| told(&event, scene.heard, None));
            rest.clear();
            rest.extend_from_slice(&buffer);
            Ok(told)
        });
        self.held += used.kept;
        match told {
            Ok(Some(told)) => {
                self.hear(told, scene);
                self.fed = rest.len();
            }
            Ok(None) => {}
            Err(error) => return self.fail(&error, scene),
        }
        self.take(&mut rest, false, scene);
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
        let was_closed = self.outbound.is_closed();
        self.outbound.reply(Reply::Close(close.clone()));
        if !was_closed {
            self.closed_with(close, scene);
        }
    }

    /// Takes note of the Close that was queued.
    fn closed_with(&mut self, close: Option<CloseFrame>, scene: &mut Scene<'_>) {
        scene.said.close = Some(close);
        self.close_ends = Some(self.written + self.outbound.len() as u64);
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
            self.closed_with(Some(close), scene);
        }
        self.happened.timeout.get_or_insert(timeout);
        // It is offered once.
        self.write(scene);
        true
    }

    /// Lets the reading half do something after which it holds less.
    fn forget(&mut self, what: fn(&mut Inbound)) {
        let ((), used) = ALLOCATOR.measure(|| what(&mut self.inbound));
        self.held += used.kept;
        self.check_input();
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

    /// Input is bounded by what has arrived, or by what it may decode to; after the end there is none.
    fn check_input(&self) {
        let most = match self.extension {
            // After the end nothing is kept but a close reason.
            _ if !self.inbound.is_open() => 512,
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

    fn check_end(&self, ended: &Ended) {
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
            happened.closed && self.close_ends.is_some_and(|end| end <= self.written),
            "both Closes were exchanged or not"
        );
        // RFC 6455 §7.1.1: the transport ends before we let go of it.
        let excused = happened.lost || happened.timeout.is_some();
        assert!(
            !ended.clean || self.inbound.is_eof() || excused,
            "let go too early"
        );
        assert_eq!(
            ended.code() != 1006,
            happened.closed,
            "1006 without a Close"
        );
    }
}

/// The most that one read gives, in bytes.
const BLOCK: usize = 64 * 1024;
