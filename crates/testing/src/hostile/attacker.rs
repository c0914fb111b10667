use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use bowline_frame::Role;
use bowline_handshake::accept_key;

use super::case::Step;
use crate::head::{ACCEPT, ANSWER, REQUEST, replaced, value, with_header};
use crate::wire;

/// What the attacker's bytes move on.
///
/// Reads and writes don't block: they give [`ErrorKind::WouldBlock`]. Dropping it ends both directions.
pub trait Transport: Read + Write + Send {
    /// Ends the writing direction and leaves the other open.
    fn end_writing(&mut self) -> io::Result<()>;

    /// Whether the carrier has made the opening handshake already, as over HTTP/2.
    fn is_open(&self) -> bool {
        false
    }

    /// Makes the handshake of TLS, if there is to be one and it was not made; each byte is a write of its own if that is
    /// wanted. It waits for the other end.
    fn encrypt(&mut self, dripping: bool) -> io::Result<()> {
        let _ = dripping;
        Ok(())
    }

    /// What must be written so that the other end reads `payload`.
    fn seal<'a>(&mut self, payload: &'a [u8]) -> Cow<'a, [u8]> {
        payload.into()
    }

    /// What TLS can do beside carrying payload; `None` without it.
    fn tls(&mut self) -> Option<&mut dyn Tls> {
        None
    }
}

/// What an attacker does with TLS.
pub trait Tls {
    /// Has all that follows be records made by hand.
    fn take_in_hand(&mut self) -> io::Result<()>;

    /// A record of this content type, made by hand.
    fn record(&mut self, kind: u8, payload: &[u8]) -> Vec<u8>;

    /// A change of keys that the other end is to answer.
    fn key_update(&mut self) -> Vec<u8>;

    /// Ends the writing direction without a word of TLS.
    fn cut(&mut self) -> io::Result<()>;
}

/// It must have been made non-blocking.
impl Transport for TcpStream {
    fn end_writing(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// One end of a connection, played by hand.
pub(super) struct Attacker {
    /// `None` once the attacker has left.
    transport: Option<Box<dyn Transport>>,
    role: Role,
    /// What a client said to open the connection.
    request: String,
    opened: bool,
    /// What has come and was not taken as a head.
    heard: Vec<u8>,
    reads: bool,
    /// Keeps only the beginning of what it reads.
    skims: bool,
    ended: Option<End>,
    /// Nothing more can be written.
    gone: bool,
    reset: bool,
}

/// How the victim's direction ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Orderly,
    Reset,
}

/// Why a case did not end as it must.
pub(super) type Fault = String;

impl Attacker {
    pub(super) fn new(transport: Box<dyn Transport>, role: Role) -> Self {
        Self {
            transport: Some(transport),
            role,
            request: String::new(),
            opened: false,
            heard: Vec::new(),
            reads: true,
            skims: false,
            ended: None,
            gone: false,
            reset: false,
        }
    }

    pub(super) fn perform(&mut self, step: &Step) -> Result<(), Fault> {
        match step {
            Step::Open(behind) => self.open("", behind, false),
            Step::OpenDripping(behind) => self.open("", behind, true),
            Step::OpenCompressed => self.open(COMPRESSED, b"", false),
            Step::Request => self.read_request(),
            Step::Answer(answer) => {
                self.read_request()?;
                self.write(&self.filled_in(answer))
            }
            Step::Write(bytes) => self.write(bytes),
            Step::Drip(bytes) => bytes.chunks(1).try_for_each(|byte| self.write(byte)),
            Step::DripBelow(bytes) => {
                let sealed = self.sealed(bytes).into_owned();
                sealed.chunks(1).try_for_each(|byte| self.write_below(byte))
            }
            Step::Part(bytes, count) => {
                let sealed = self.sealed(bytes).into_owned();
                self.write_below(&sealed[..*count])
            }
            Step::ByHand => {
                self.encrypt(false)?;
                let taken = self.tls()?.take_in_hand();
                taken.map_err(|error| format!("not taken in hand: {error}"))
            }
            Step::Records(kind, payload, times) => {
                let mut records = Vec::new();
                for _ in 0..*times {
                    records.extend(self.tls()?.record(*kind, payload));
                }
                self.write_below(&records)
            }
            Step::KeyUpdates(times) => (0..*times).try_for_each(|_| {
                let update = self.tls()?.key_update();
                self.write_below(&update)
            }),
            Step::Below(bytes) => self.write_below(bytes),
            Step::TrickleBelow(unit) => {
                self.endlessly_by(unit, PAUSE, Self::write_below, |attacker| {
                    attacker.gone || attacker.ended.is_some()
                })
            }
            Step::Cut => {
                // The victim may be gone already.
                let _ = self.tls()?.cut();
                Ok(())
            }
            Step::Repeat(unit, times) => self.repeat(unit, *times),
            Step::Flood(unit) => {
                let many = unit.repeat((CHUNK / unit.len()).max(1));
                self.endlessly(&many, Duration::ZERO, |attacker| attacker.gone)
            }
            Step::Trickle(unit) => self.endlessly(unit, PAUSE, |attacker| {
                attacker.gone || attacker.ended.is_some()
            }),
            Step::Cling(unit) => self.endlessly(unit, PAUSE, |attacker| attacker.gone),
            Step::Unread => {
                self.reads = false;
                self.skim();
                Ok(())
            }
            Step::Await(first) => {
                let mut seen = 0;
                self.until(&mut &[][..], |attacker| {
                    while let Some((frame, rest)) = wire::decode(&attacker.heard[seen..]) {
                        seen = attacker.heard.len() - rest.len();
                        if frame.0 == *first {
                            return true;
                        }
                    }
                    false
                })
            }
            Step::EndWriting => {
                // The victim may be gone already.
                if let Some(transport) = &mut self.transport {
                    let _ = transport.end_writing();
                }
                Ok(())
            }
            Step::Reset(bytes) => {
                self.reads = false;
                self.write(bytes)?;
                self.reset()
            }
        }
    }

    /// Keeps only the beginning of what it reads from here on.
    pub(super) fn skim(&mut self) {
        self.skims = true;
    }

    /// Reads up to the end of the victim's direction.
    pub(super) fn read_to_end(&mut self) -> Result<(), Fault> {
        self.reads = true;
        self.until(&mut &[][..], |attacker| attacker.ended.is_some())
    }

    pub(super) fn ended(&self) -> Option<End> {
        self.ended
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn is_opened(&self) -> bool {
        self.opened
    }

    /// What was heard behind the heads of the opening handshake.
    pub(super) fn heard(&self) -> &[u8] {
        &self.heard
    }

    fn open(&mut self, lines: &str, behind: &[u8], dripping: bool) -> Result<(), Fault> {
        self.encrypt(dripping)?;
        let needed = !self.transport.as_ref().is_some_and(|it| it.is_open());
        let head = match self.role {
            _ if !needed => Vec::new(),
            Role::Client => with_header(REQUEST, lines),
            Role::Server => {
                self.read_request()?;
                self.filled_in(&with_header(ANSWER, lines))
            }
        };
        let bytes = [&head[..], behind].concat();
        if dripping {
            bytes.chunks(1).try_for_each(|byte| self.write(byte))?;
        } else {
            self.write(&bytes)?;
        }
        if self.role == Role::Client && needed {
            let answer = self.take_head()?;
            if !answer.starts_with("HTTP/1.1 101 ")
                || value(&answer, "Sec-WebSocket-Accept") != ACCEPT
            {
                return Err(format!("not opened: {answer:?}"));
            }
            if value(&answer, "Sec-WebSocket-Extensions").is_empty() != lines.is_empty() {
                return Err(format!("not agreed on: {answer:?}"));
            }
        }
        self.opened = true;
        Ok(())
    }

    fn read_request(&mut self) -> Result<(), Fault> {
        if self.request.is_empty() {
            self.encrypt(false)?;
            self.request = self.take_head()?;
        }
        Ok(())
    }

    fn take_head(&mut self) -> Result<String, Fault> {
        const END: &[u8] = b"\r\n\r\n";
        let end = |heard: &[u8]| heard.windows(END.len()).position(|bytes| bytes == END);
        self.until(&mut &[][..], |attacker| end(&attacker.heard).is_some())?;
        let end = end(&self.heard).map_or(0, |at| at + END.len());
        let head = self.heard.drain(..end).collect();
        String::from_utf8(head).map_err(|error| error.to_string())
    }

    fn filled_in(&self, answer: &[u8]) -> Vec<u8> {
        let key = value(&self.request, "Sec-WebSocket-Key");
        let accept = accept_key(key.as_bytes());
        replaced(&replaced(answer, "{accept}", &accept), "{key}", key)
    }

    fn repeat(&mut self, unit: &[u8], times: usize) -> Result<(), Fault> {
        let at_once = (CHUNK / unit.len()).clamp(1, times);
        let many = unit.repeat(at_once);
        for _ in 0..times / at_once {
            self.write(&many)?;
        }
        self.write(&unit.repeat(times % at_once))
    }

    /// Writes the same again and again, until the victim has had enough.
    fn endlessly(
        &mut self,
        bytes: &[u8],
        pause: Duration,
        is_over: fn(&Self) -> bool,
    ) -> Result<(), Fault> {
        self.endlessly_by(bytes, pause, Self::write, is_over)
    }

    fn endlessly_by(
        &mut self,
        bytes: &[u8],
        pause: Duration,
        write: fn(&mut Self, &[u8]) -> Result<(), Fault>,
        is_over: fn(&Self) -> bool,
    ) -> Result<(), Fault> {
        let since = Instant::now();
        while !is_over(self) {
            if since.elapsed() > PATIENCE {
                return Err("the victim bears it for ever".to_owned());
            }
            write(self, bytes)?;
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// Writes all of it, encrypted if there is TLS, or as much as the victim takes before it is gone.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let sealed = self.sealed(bytes);
        self.write_below(&sealed)
    }

    /// The same as it is.
    fn write_below(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        self.until(&mut bytes, |_| true)
    }

    fn sealed<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match &mut self.transport {
            Some(transport) => transport.seal(bytes),
            None => bytes.into(),
        }
    }

    fn encrypt(&mut self, dripping: bool) -> Result<(), Fault> {
        let encrypted = match &mut self.transport {
            Some(transport) => transport.encrypt(dripping),
            None => Ok(()),
        };
        encrypted.map_err(|error| format!("not encrypted: {error}"))
    }

    fn tls(&mut self) -> Result<&mut dyn Tls, Fault> {
        let tls = self.transport.as_mut().and_then(|it| it.tls());
        tls.ok_or_else(|| "there is no TLS".to_owned())
    }

    fn reset(&mut self) -> Result<(), Fault> {
        let mut byte = [0];
        let since = Instant::now();
        // What lies behind the first byte stays unread.
        while let Some(transport) = &mut self.transport
            && let Err(error) = transport.read(&mut byte)
        {
            if error.kind() != ErrorKind::WouldBlock || since.elapsed() > PATIENCE {
                return Err(format!("nothing to leave unread: {error}"));
            }
            std::thread::sleep(GLANCE);
        }
        self.transport = None;
        Ok(())
    }

    /// Writes and reads until all of `out` is written, or can't be, and `done` says so.
    fn until(
        &mut self,
        out: &mut &[u8],
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), Fault> {
        let mut since = Instant::now();
        let mut moved = true;
        loop {
            if self.gone {
                *out = &[];
            }
            if moved && out.is_empty() && done(self) {
                return Ok(());
            }
            moved = self.turn(out);
            if moved {
                since = Instant::now();
            } else if self.ended.is_some() && (out.is_empty() || self.gone) {
                return Err(format!("ended too early: {:?}", self.ended));
            } else if since.elapsed() > PATIENCE {
                return Err("nothing happens any more".to_owned());
            } else {
                std::thread::sleep(GLANCE);
            }
        }
    }

    /// Writes and reads what can be; false if there was nothing of either.
    fn turn(&mut self, out: &mut &[u8]) -> bool {
        let Some(transport) = &mut self.transport else {
            return false;
        };
        let mut moved = false;
        if !out.is_empty() && !self.gone {
            match transport.write(out) {
                Ok(count) => {
                    *out = &out[count..];
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.gone = true;
                    moved = true;
                    // One that has ended its direction before makes a broken pipe of it.
                    self.reset |= error.kind() == ErrorKind::ConnectionReset;
                }
            }
        }
        if self.reads && self.ended.is_none() {
            let mut chunk = [0; CHUNK];
            match transport.read(&mut chunk) {
                Ok(0) => {
                    self.ended = Some(if self.reset { End::Reset } else { End::Orderly });
                    moved = true;
                }
                Ok(count) => {
                    // What was left unread for long may be more than anybody wants to keep.
                    let room = if self.skims {
                        CHUNK.saturating_sub(self.heard.len())
                    } else {
                        count
                    };
                    self.heard.extend_from_slice(&chunk[..count.min(room)]);
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.ended = Some(End::Reset);
                    moved = true;
                }
            }
        }
        moved
    }
}

/// Agrees on permessage-deflate; every message stands for itself.
const COMPRESSED: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
    client_no_context_takeover\r\n";

/// Bytes in one write or read.
const CHUNK: usize = 16 * 1024;

/// Between two looks at a transport that has nothing to say.
const GLANCE: Duration = Duration::from_micros(200);

/// Between two bytes of one who takes time.
const PAUSE: Duration = Duration::from_millis(2);

/// When a case hangs. No outcome depends on it.
const PATIENCE: Duration = Duration::from_secs(30);
