use std::ops::Range;
use std::time::Duration;

use bowline_extension::Decode;
use bowline_frame::{
    CloseFrame, Decoder, FrameHeader, MessageKind, MessageRef, OpCode, Piece, Role, Rsv,
};
use bytes::{Buf, BytesMut};

use crate::partial::{Partial, Run, Taken};
use crate::spent::Spent;
use crate::{Arrival, ChunkRef, Config, EventRef, ProtocolError, Volume};

/// The reading half of a connection: bytes in, events out.
///
/// ```text
///            Close                     end of the transport
///   Open ───────────▶ PeerClosed ──┐
///    │  violation                  ├──▶ nothing more comes
///    ├──────────────▶ Failed ──────┤
///    └──────────────▶ Eof ─────────┘
/// ```
///
/// The caller lends the bytes; the machine owns only what is incomplete: a cut header, a cut control
/// frame, and the message that is being put together, in a buffer that grows with what has arrived.
///
/// After a Close, a violation or the end of the transport it takes input and throws it away, so that the
/// caller can drain the transport before ending it.
///
/// # How the input is cut
///
/// Events, and whether the connection fails, don't depend on how the input is cut. Without an extension the error
/// doesn't either. With one, a message may break two rules close together: what comes out of the extension is not UTF-8
/// or too long, and a little further on the extension can't decode. It decodes a run of input before what came out is
/// judged, so in one run the second error is told, and in two the first. Either code fits (RFC 6455 §7.1.7).
#[derive(Debug)]
pub struct Inbound {
    decoder: Decoder,
    // In boxes is what an idle connection or a plain one lacks: there may be a million of them.
    extension: Option<Box<Extended>>,
    state: State,
    /// The transport gives nothing more.
    ended: bool,
    message: Option<Box<Partial>>,
    /// A control frame that arrived in pieces.
    control: Option<Box<Control>>,
    max_message: u64,
    heard: bool,
    message_seen: bool,
    drained: u64,
    arrival: Arrival,
}

#[derive(Debug)]
enum State {
    Open,
    PeerClosed(Option<Box<CloseFrame>>),
    Failed,
    Eof,
}

/// The inbound half of an extension, and what goes with it.
#[derive(Debug)]
struct Extended {
    decode: Box<dyn Decode>,
    /// It may hold memory of messages that went through it.
    held: bool,
    volume: Volume,
    /// The chunk that it decoded last.
    decoded: BytesMut,
}

#[derive(Debug)]
struct Control {
    payload: Vec<u8>,
}

/// What a data frame's header says of its payload.
enum Begun {
    /// It is for the message at hand.
    Part,
    /// It is a message.
    Message,
    /// It is a message for the extension to decode.
    Extended,
}

type Handled<'a> = Result<(usize, Option<EventRef<'a>>), ProtocolError>;

impl Inbound {
    /// The reading half for the end that has this role, with the inbound half of the negotiated extension.
    pub fn new(role: Role, config: &Config, extension: Option<Box<dyn Decode>>) -> Self {
        let mut decoder = Decoder::new(role);
        if let Some(extension) = &extension {
            decoder.claim(extension.claims());
        }
        Self {
            decoder,
            extension: extension.map(|decode| {
                Box::new(Extended {
                    decode,
                    held: false,
                    volume: Volume::default(),
                    decoded: BytesMut::new(),
                })
            }),
            state: State::Open,
            ended: false,
            message: None,
            control: None,
            max_message: config.max_message,
            heard: false,
            message_seen: false,
            drained: 0,
            arrival: Arrival::default(),
        }
    }

    /// Takes bytes that arrived; gives how many it used and at most one event.
    ///
    /// Call again with the rest until there is no event: then all of the input is used. The input is
    /// unmasked in place, and events may borrow it. A message that lies whole in the input costs neither
    /// copy nor allocation. An event may come without input: see [`has_more`](Self::has_more).
    ///
    /// Give the event's [`reply`](EventRef::reply) to the writing half. Afterwards
    /// [`assembly`](Self::assembly) may have a better place for the bytes that come next.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol: write the error's [`reply`](ProtocolError::reply). What comes after
    /// is thrown away.
    #[inline]
    pub fn handle<'a>(&'a mut self, input: &'a mut [u8]) -> Handled<'a> {
        match self.find_message(input) {
            Some((kind, payload)) => {
                let used = payload.end;
                let message = self.found(kind, input.get(payload).unwrap_or_default())?;
                Ok((used, Some(EventRef::Message(message))))
            }
            None => self.run(input, false),
        }
    }

    /// Takes the next message if it lies whole at the start of the input, in one frame, and no extension was
    /// agreed on; gives how many bytes it used. It is what [`handle`](Self::handle) would give, for less.
    ///
    /// With `None` nothing was taken: ask `handle`, which has all other events.
    ///
    /// # Errors
    ///
    /// As `handle`.
    // Inlined, or its result would go through memory, which takes longer than to find it.
    #[inline(always)]
    pub fn handle_message<'a>(
        &mut self,
        input: &'a mut [u8],
    ) -> Result<Option<(usize, MessageRef<'a>)>, ProtocolError> {
        let Some((kind, payload)) = self.find_message(input) else {
            return Ok(None);
        };
        let used = payload.end;
        let message = self.found(kind, input.get(payload).unwrap_or_default())?;
        Ok(Some((used, message)))
    }

    /// As [`handle`](Self::handle), but a message that begins now is handed out in
    /// [`Chunk`](EventRef::Chunk)s as it arrives and is not limited in length.
    ///
    /// A message begun by one of the two is finished by it, whichever is called. An event may come without
    /// input: call until there is none.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    #[inline]
    pub fn handle_chunk<'a>(&'a mut self, input: &'a mut [u8]) -> Handled<'a> {
        self.run(input, true)
    }

    /// A place to read into while a large frame of a whole message is arriving, if there is one.
    ///
    /// Append to its spare capacity, which is never more than the frame still lacks, and call
    /// [`handle_assembly`](Self::handle_assembly): the bytes are then where the message needs them. The
    /// answer may change with every call of `handle` and `handle_assembly`.
    #[inline]
    pub fn assembly(&mut self) -> Option<&mut BytesMut> {
        // Most of the time no message is open.
        self.message.is_some().then(|| self.place()).flatten()
    }

    fn place(&mut self) -> Option<&mut BytesMut> {
        let missing = usize::try_from(self.decoder.missing()).unwrap_or(usize::MAX);
        if missing < IN_PLACE {
            return None;
        }
        let (builder, tail) = self.message.as_mut()?.in_place()?;
        // A peer who announces much and sends little is to cost little.
        if builder.len() < IN_PLACE {
            return None;
        }
        if tail.capacity() == 0 {
            *tail = builder.spare(missing);
            // Capacity beyond the frame would take bytes of the next one.
            if tail.capacity() > missing {
                drop(tail.split_off(missing));
            }
        }
        Some(tail)
    }

    /// Takes the bytes that were appended to [`assembly`](Self::assembly).
    ///
    /// Bytes beyond its spare capacity are not part of the frame and are dropped.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn handle_assembly(&mut self) -> Result<Option<EventRef<'_>>, ProtocolError> {
        if !self
            .message
            .as_ref()
            .is_some_and(|partial| partial.has_tail())
        {
            return Ok(None);
        }
        self.heard = true;
        self.handle_tail()
    }

    /// True if [`handle_buffer`](Self::handle_buffer) may take a message now: none has begun, nor a frame, and no
    /// extension was agreed on.
    #[inline]
    pub const fn takes_buffer(&self) -> bool {
        self.message.is_none()
            && self.extension.is_none()
            && self.is_open()
            && self.decoder.is_between_frames()
    }

    /// Takes bytes that arrived in memory which the caller gives away: a message in one frame that lies whole at the
    /// start is handed out in that memory, and one that only begins there goes on in it.
    ///
    /// What stays in `buffer` was not used, and may be all of it: [`handle`](Self::handle) takes that. So it is with
    /// anything but a message in one frame, and with one that would hold more than twice the memory it needs.
    ///
    /// # Errors
    ///
    /// As [`handle`](Self::handle).
    pub fn handle_buffer(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<EventRef<'_>>, ProtocolError> {
        if !self.takes_buffer() {
            return Ok(None);
        }
        // What is wrong with a header, `handle` will say.
        let Ok(Some((header, start))) = FrameHeader::parse(buffer) else {
            return Ok(None);
        };
        let Some(kind) = header.opcode.message_kind().filter(|_| header.fin) else {
            return Ok(None);
        };
        let needed = header.len.saturating_add(start as u64);
        if buffer.capacity() as u64 > needed.saturating_mul(2) {
            return Ok(None);
        }
        self.heard = true;
        self.decoder.limit(self.max_message);
        let (len, ends) = match self.decoder.decode(buffer) {
            Ok((Some(piece), _)) => (piece.payload.len(), piece.last),
            Ok((None, _)) => {
                buffer.clear();
                return Ok(None);
            }
            Err(error) => return Err(self.fail(error.into())),
        };
        let mut payload = std::mem::take(buffer);
        if payload.len() > start + len {
            buffer.extend_from_slice(payload.get(start + len..).unwrap_or_default());
            payload.truncate(start + len);
        }
        payload.advance(start);
        let mut partial = Partial::new(&header, kind, false, false);
        let taken = partial
            .frame(&header, self.max_message)
            .and_then(|()| partial.adopt(payload));
        if let Err(error) = taken {
            return Err(self.fail(error));
        }
        if ends {
            return self.finish(partial).map_err(|error| self.fail(error));
        }
        self.message = Some(Box::new(partial));
        Ok(None)
    }

    /// Says that the transport has ended: nothing more will come.
    ///
    /// Without a Close before it, the end is abnormal; an unfinished message is dropped.
    pub fn handle_eof(&mut self) {
        self.ended = true;
        if self.is_open() {
            self.leave(State::Eof);
        }
    }

    /// Gives up reading although the peer broke no rule: it is gone.
    pub(crate) fn abort(&mut self) {
        if self.is_open() {
            self.leave(State::Failed);
        }
    }

    /// True if a call of [`handle`](Self::handle) or [`handle_chunk`](Self::handle_chunk) has something to do
    /// without input: to go on decoding, or to let go of a chunk that it handed out.
    ///
    /// Only of interest to a caller who stops calling before there is no event.
    #[inline]
    pub fn has_more(&self) -> bool {
        match (&self.message, &self.extension) {
            (Some(partial), _) => partial.is_pending(),
            (None, Some(extension)) => extension.decoded.capacity() > 0,
            (None, None) => false,
        }
    }

    /// True while events may come.
    #[inline]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// True once the transport has ended.
    #[inline]
    pub const fn is_eof(&self) -> bool {
        self.ended
    }

    /// True if the peer's Close frame has arrived.
    #[inline]
    pub const fn is_peer_closed(&self) -> bool {
        matches!(self.state, State::PeerClosed(_))
    }

    /// True if the peer broke the protocol, or was given up.
    #[inline]
    pub const fn is_failed(&self) -> bool {
        matches!(self.state, State::Failed)
    }

    /// The body of the peer's Close frame, once it has arrived and if it had one.
    pub const fn close_frame(&self) -> Option<&CloseFrame> {
        match &self.state {
            State::PeerClosed(Some(close)) => Some(close),
            State::PeerClosed(None) | State::Open | State::Failed | State::Eof => None,
        }
    }

    /// How the last whole message came over the wire.
    #[inline]
    pub const fn arrival(&self) -> Arrival {
        self.arrival
    }

    /// What the extension has decoded so far.
    #[inline]
    pub const fn volume(&self) -> Volume {
        match &self.extension {
            Some(extension) => extension.volume,
            None => Volume::NONE,
        }
    }

    /// Bytes thrown away since the end of events.
    pub const fn drained(&self) -> u64 {
        self.drained
    }

    /// True once after anything arrived.
    pub(crate) const fn take_heard(&mut self) -> bool {
        std::mem::replace(&mut self.heard, false)
    }

    /// True once after a message, or a chunk of one, arrived.
    pub(crate) const fn take_message_seen(&mut self) -> bool {
        std::mem::replace(&mut self.message_seen, false)
    }

    /// How long after a message the extension wants to give back memory; `None` if it holds none, or never.
    pub(crate) fn release_after(&self) -> Option<Duration> {
        let extension = self.extension.as_ref()?;
        if !extension.held || self.message.is_some() {
            return None;
        }
        extension.decode.release_after()
    }

    /// Lets the extension give back memory: no message came for a while.
    pub(crate) fn release(&mut self) {
        if let Some(extension) = &mut self.extension
            && self.message.is_none()
        {
            extension.decode.release();
            extension.held = false;
        }
    }

    /// Where the next message lies, if all of it does and nothing needs to be done to it.
    #[inline(always)]
    fn find_message(&mut self, input: &mut [u8]) -> Option<(MessageKind, Range<usize>)> {
        if self.message.is_some() || self.extension.is_some() || !self.is_open() {
            return None;
        }
        self.decoder.limit(self.max_message);
        let found = self.decoder.decode_message(input)?;
        self.heard = true;
        Some(found)
    }

    /// The message that was found; its text is yet to be checked.
    #[inline(always)]
    fn found<'a>(
        &mut self,
        kind: MessageKind,
        payload: &'a [u8],
    ) -> Result<MessageRef<'a>, ProtocolError> {
        match MessageRef::new(kind, payload) {
            Ok(message) => {
                self.arrived(Arrival {
                    fragments: 1,
                    wire_len: payload.len() as u64,
                    rsv: Rsv::NONE,
                });
                Ok(message)
            }
            Err(error) => Err(self.fail(error.into())),
        }
    }

    fn run<'a>(&'a mut self, input: &'a mut [u8], chunked: bool) -> Handled<'a> {
        self.heard |= !input.is_empty();
        if !self.is_open() {
            self.drained = self.drained.saturating_add(input.len() as u64);
            return Ok((input.len(), None));
        }

        if let Some(partial) = &mut self.message {
            if partial.is_pending() {
                match self.step() {
                    Ok(Taken::More | Taken::Run(_)) => {}
                    Ok(Taken::Part) => return Ok((0, Some(EventRef::Decoding))),
                    Ok(Taken::Whole) => return Ok((0, self.finish_message()?)),
                    Ok(Taken::Decoded(run)) => return Ok((0, Some(self.decoded(&run)))),
                    Err(error) => return Err(self.fail(error)),
                }
            } else if !partial.has_tail() {
                partial.restore_tail();
            } else if let Some(event) = self.handle_tail()? {
                return Ok((0, Some(event)));
            }
        } else if let Some(extension) = &mut self.extension
            && extension.decoded.capacity() > 0
        {
            extension.decoded = BytesMut::new();
        }

        let message = self.message.as_ref();
        let unlimited = message.map_or(chunked, |partial| partial.is_chunked());
        self.decoder.limit(if unlimited {
            u64::MAX
        } else {
            self.max_message
        });
        let total = input.len();
        let mut rest = input;
        loop {
            let (piece, after) = match self.decoder.decode(rest) {
                Ok(decoded) => decoded,
                Err(error) => return Err(self.fail(error.into())),
            };
            let Some(piece) = piece else {
                return Ok((total, None));
            };
            let used = total - after.len();
            rest = after;

            if piece.header.opcode.is_control() {
                if !(piece.first && piece.last) {
                    let control = match &mut self.control {
                        Some(control) if !piece.first => control,
                        control => control.insert(Box::new(Control {
                            payload: Vec::new(),
                        })),
                    };
                    control.payload.extend_from_slice(piece.payload);
                    if piece.last {
                        return Ok((used, Some(self.assembled_control(piece.header.opcode)?)));
                    }
                    continue;
                }
                return match event(piece.header.opcode, piece.payload) {
                    Ok(event) => {
                        self.note(&event);
                        Ok((used, Some(event)))
                    }
                    Err(error) => Err(self.fail(error)),
                };
            }

            let ends = piece.last && piece.header.fin;
            if piece.first {
                match self.begin_frame(&piece, ends, chunked) {
                    Ok(Begun::Part) => {}
                    Ok(Begun::Extended) => {
                        return match self.decode_at_once(&piece) {
                            Ok(event) => Ok((used, event)),
                            Err(error) => Err(self.fail(error)),
                        };
                    }
                    Ok(Begun::Message) => {
                        // The decoder lets only text and binary begin a message.
                        let kind = piece.header.opcode.message_kind().unwrap_or(BINARY);
                        return match MessageRef::new(kind, piece.payload) {
                            Ok(message) => {
                                self.arrived(Arrival {
                                    fragments: 1,
                                    wire_len: piece.header.len,
                                    rsv: piece.header.rsv,
                                });
                                Ok((used, Some(EventRef::Message(message))))
                            }
                            Err(error) => Err(self.fail(error.into())),
                        };
                    }
                    Err(error) => return Err(self.fail(error)),
                }
            }
            match self.payload(piece.payload, ends) {
                Ok(Taken::More) => {}
                Ok(Taken::Part) => return Ok((used, Some(EventRef::Decoding))),
                Ok(Taken::Whole) => return Ok((used, self.finish_message()?)),
                Ok(Taken::Run(run)) => {
                    self.note_chunk(&run);
                    return Ok((used, Some(chunk(&run, piece.payload))));
                }
                Ok(Taken::Decoded(run)) => return Ok((used, Some(self.decoded(&run)))),
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Takes a data frame's header: it begins a message or goes on with one. `ends`: the frame is here to its end, and
    /// so is the message.
    #[inline]
    fn begin_frame(
        &mut self,
        piece: &Piece<'_>,
        ends: bool,
        chunked: bool,
    ) -> Result<Begun, ProtocolError> {
        let header = &piece.header;
        if let Some(partial) = &mut self.message {
            partial.frame(header, self.max_message)?;
            return Ok(Begun::Part);
        }
        let kind = header.opcode.message_kind().unwrap_or(BINARY);
        let extended = match &mut self.extension {
            Some(extension) => {
                let extended = extension.decode.begin(kind, header.rsv)?;
                extension.held |= extended;
                extended
            }
            None => false,
        };
        if ends && !chunked {
            return if extended {
                Ok(Begun::Extended)
            } else if header.len > self.max_message {
                // As in `Partial::frame`: the decoder may have let it pass.
                Err(ProtocolError::MessageTooBig {
                    limit: self.max_message,
                })
            } else {
                Ok(Begun::Message)
            };
        }
        let partial = Partial::new(header, kind, extended, chunked);
        self.message
            .insert(Box::new(partial))
            .frame(header, self.max_message)
            .map(|()| Begun::Part)
    }

    /// Decodes a message that is here to its end, and as a rule needs no place to be kept.
    fn decode_at_once(
        &mut self,
        piece: &Piece<'_>,
    ) -> Result<Option<EventRef<'static>>, ProtocolError> {
        let Some(extension) = &mut self.extension else {
            return Ok(None);
        };
        let header = &piece.header;
        let kind = header.opcode.message_kind().unwrap_or(BINARY);
        let mut partial = Partial::new(header, kind, true, false);
        partial.frame(header, self.max_message)?;
        let decode = Some(extension.decode.as_mut());
        let volume = &mut extension.volume;
        partial.payload(piece.payload, true, decode, self.max_message, volume)?;
        if partial.is_pending() {
            self.message = Some(Box::new(partial));
            return Ok(Some(EventRef::Decoding));
        }
        self.finish(partial)
    }

    fn payload(&mut self, payload: &[u8], ends: bool) -> Result<Taken, ProtocolError> {
        let Some(partial) = &mut self.message else {
            return Ok(Taken::More);
        };
        partial.expect(payload.len(), self.decoder.missing());
        let mut none = Volume::NONE;
        let (decode, volume) = match &mut self.extension {
            Some(extension) => (Some(extension.decode.as_mut()), &mut extension.volume),
            None => (None, &mut none),
        };
        let taken = partial.payload(payload, ends, decode, self.max_message, volume)?;
        if partial.is_chunked() && partial.is_pending() {
            return self.step();
        }
        Ok(taken)
    }

    /// Decodes what waits: until there is a chunk, for one call's time, or to its end.
    fn step(&mut self) -> Result<Taken, ProtocolError> {
        let (Some(partial), Some(extension)) = (&mut self.message, &mut self.extension) else {
            return Ok(Taken::More);
        };
        let Extended {
            decode,
            volume,
            decoded,
            ..
        } = extension.as_mut();
        loop {
            match partial.step(decode.as_mut(), decoded, self.max_message, volume)? {
                Taken::More if partial.is_pending() => {}
                taken => return Ok(taken),
            }
        }
    }

    fn decoded(&mut self, run: &Run) -> EventRef<'_> {
        self.note_chunk(run);
        let extension = self.extension.as_ref();
        chunk(
            run,
            extension.map_or(&[], |extension| extension.decoded.as_ref()),
        )
    }

    fn note_chunk(&mut self, run: &Run) {
        self.message_seen = true;
        if run.last
            && let Some(partial) = self.message.take()
        {
            self.arrived(partial.arrival());
        }
    }

    fn finish_message(&mut self) -> Result<Option<EventRef<'static>>, ProtocolError> {
        match self.message.take() {
            Some(partial) => self.finish(*partial).map_err(|error| self.fail(error)),
            None => Ok(None),
        }
    }

    #[inline]
    fn finish(&mut self, partial: Partial) -> Result<Option<EventRef<'static>>, ProtocolError> {
        let arrival = partial.arrival();
        let message = partial.finish()?;
        self.arrived(arrival);
        Ok(message.map(EventRef::Assembled))
    }

    fn handle_tail(&mut self) -> Result<Option<EventRef<'static>>, ProtocolError> {
        match self.take_tail() {
            Ok(false) => Ok(None),
            Ok(true) => self.finish_message(),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Moves what was read in place into its message; true if that ends the message.
    fn take_tail(&mut self) -> Result<bool, ProtocolError> {
        let message = self.message.as_mut();
        let Some((builder, tail)) = message.and_then(|partial| partial.in_place()) else {
            return Ok(false);
        };
        let mut tail = std::mem::take(tail);
        let (piece, rest) = self.decoder.decode(&mut tail)?;
        let ends = piece.is_some_and(|piece| piece.last && piece.header.fin);
        let surplus = rest.len();
        tail.truncate(tail.len() - surplus);
        builder.append(tail)?;
        Ok(ends)
    }

    fn assembled_control(&mut self, opcode: OpCode) -> Result<EventRef<'_>, ProtocolError> {
        if opcode != OpCode::Close {
            return event(opcode, assembled(self.control.as_deref()));
        }
        match CloseFrame::parse(assembled(self.control.as_deref())) {
            Ok(close) => {
                let event = EventRef::Close(close);
                self.note(&event);
                Ok(event)
            }
            Err(error) => Err(self.fail(error.into())),
        }
    }

    /// Ends reading if the event is the peer's Close.
    #[inline]
    fn note(&mut self, event: &EventRef<'_>) {
        if let EventRef::Close(close) = event {
            // RFC 6455 §5.5.1: what the peer didn't finish before its Close is void.
            self.leave(State::PeerClosed(close.clone().map(Box::new)));
        }
    }

    #[inline]
    fn arrived(&mut self, arrival: Arrival) {
        self.arrival = arrival;
        self.message_seen = true;
    }

    #[cold]
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        self.leave(State::Failed);
        error
    }

    fn leave(&mut self, state: State) {
        self.state = state;
        self.message = None;
        self.control = None;
        if let Some(extension) = &mut self.extension {
            extension.decoded = BytesMut::new();
            extension.decode = Box::new(Spent);
            extension.held = false;
        }
    }
}

fn assembled(control: Option<&Control>) -> &[u8] {
    control.map_or(&[], |control| &control.payload)
}

/// What a whole control frame says.
#[inline]
fn event(opcode: OpCode, payload: &[u8]) -> Result<EventRef<'_>, ProtocolError> {
    Ok(match opcode {
        OpCode::Ping => EventRef::Ping(payload),
        OpCode::Pong => EventRef::Pong(payload),
        // Data frames don't come here.
        OpCode::Close | OpCode::Continuation | OpCode::Text | OpCode::Binary => {
            EventRef::Close(CloseFrame::parse(payload)?)
        }
    })
}

fn chunk<'a>(run: &Run, payload: &'a [u8]) -> EventRef<'a> {
    EventRef::Chunk(ChunkRef {
        kind: run.kind,
        payload,
        first: run.first,
        last: run.last,
    })
}

const BINARY: MessageKind = MessageKind::Binary;

/// A frame that lacks less is not worth a read of its own, in bytes.
const IN_PLACE: usize = 16 * 1024;
