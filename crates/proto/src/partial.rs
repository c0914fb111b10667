use bowline_extension::{Decode, ExtensionError, Progress};
use bowline_frame::{
    FrameError, FrameHeader, Message, MessageBuilder, MessageKind, Utf8Error, Utf8Validator,
};
use bytes::{Buf, BytesMut};

use crate::config::{MAX_EMPTY_FRAGMENTS, max_fragments};
use crate::{Arrival, ProtocolError, Volume};

/// The message that is arriving: some of its frames are here.
#[derive(Debug)]
pub(crate) struct Partial {
    kind: MessageKind,
    /// Its payload goes through the extension.
    extended: bool,
    body: Body,
    /// Payload that waits to be decoded. While there is some, no more is taken.
    backlog: Option<Box<Backlog>>,
    /// The space behind it that is lent out, to read into.
    tail: BytesMut,
    /// Frames without payload, in a row.
    empty: u32,
    arrival: Arrival,
}

#[derive(Debug)]
enum Body {
    /// Put together and handed out whole.
    Whole(MessageBuilder),
    /// Handed out as it comes.
    Chunks(Chunks),
}

#[derive(Debug, Default)]
struct Chunks {
    utf8: Utf8Validator,
    begun: bool,
}

/// A run of payload, or the rest of one; empty if it is used and there may be output of it.
#[derive(Debug)]
struct Backlog {
    payload: BytesMut,
    /// It ends the message.
    ends: bool,
}

/// What became of a run of payload.
pub(crate) enum Taken {
    /// It was taken; more is needed.
    More,
    /// It was taken, and enough of it decoded for one call; the rest waits.
    Part,
    /// It ended a message that is put together.
    Whole,
    /// It is to be handed out as it is.
    Run(Run),
    /// What it decoded to is to be handed out.
    Decoded(Run),
}

pub(crate) struct Run {
    pub(crate) kind: MessageKind,
    pub(crate) first: bool,
    pub(crate) last: bool,
}

impl Partial {
    pub(crate) fn new(
        header: &FrameHeader,
        kind: MessageKind,
        extended: bool,
        chunked: bool,
    ) -> Self {
        Self {
            kind,
            extended,
            body: if chunked {
                Body::Chunks(Chunks::default())
            } else {
                Body::Whole(MessageBuilder::new(kind))
            },
            backlog: None,
            tail: BytesMut::new(),
            empty: 0,
            arrival: Arrival {
                fragments: 0,
                wire_len: 0,
                rsv: header.rsv,
            },
        }
    }

    /// Takes note of the next data frame.
    pub(crate) fn frame(
        &mut self,
        header: &FrameHeader,
        max_message: u64,
    ) -> Result<(), ProtocolError> {
        self.arrival.fragments += 1;
        self.arrival.wire_len = self.arrival.wire_len.saturating_add(header.len);
        if !self.is_chunked() {
            // The decoder lets claimed bits pass, and headers that were read while chunks were asked for.
            let max_wire = if self.extended {
                max_message.saturating_mul(EXPANSION).saturating_add(IDLE)
            } else {
                max_message
            };
            if self.arrival.wire_len > max_wire {
                return Err(ProtocolError::MessageTooBig { limit: max_message });
            }
            let max_fragments = max_fragments(max_message);
            if self.arrival.fragments > max_fragments {
                return Err(ProtocolError::TooManyFragments {
                    limit: max_fragments,
                });
            }
        }
        self.empty = if header.len == 0 { self.empty + 1 } else { 0 };
        if self.empty > MAX_EMPTY_FRAGMENTS {
            return Err(ProtocolError::TooManyEmptyFragments);
        }
        Ok(())
    }

    /// Makes room for a first run of payload of which the frame has `more`.
    pub(crate) fn expect(&mut self, len: usize, more: u64) {
        if let Body::Whole(builder) = &mut self.body
            && !self.extended
        {
            builder.expect(len, usize::try_from(more).unwrap_or(usize::MAX));
        }
    }

    /// Takes a run of payload; `ends`: the message's last.
    pub(crate) fn payload(
        &mut self,
        mut payload: &[u8],
        ends: bool,
        extension: Option<&mut (dyn Decode + 'static)>,
        max_message: u64,
        volume: &mut Volume,
    ) -> Result<Taken, ProtocolError> {
        let extension = extension.filter(|_| self.extended);
        let kind = self.kind;
        match (&mut self.body, extension) {
            (Body::Whole(builder), Some(extension)) => {
                let input = &mut payload;
                if decode_whole(extension, builder, input, ends, max_message, volume)? {
                    self.wait(payload, ends);
                    return Ok(Taken::Part);
                }
            }
            (Body::Whole(builder), None) => builder.extend(payload)?,
            (Body::Chunks(_), Some(_)) => {
                self.wait(payload, ends);
                return Ok(Taken::More);
            }
            (Body::Chunks(chunks), None) => {
                chunks.check(kind, payload, ends)?;
                let first = !chunks.begun;
                if payload.is_empty() && !ends && !first {
                    return Ok(Taken::More);
                }
                chunks.begun = true;
                let last = ends;
                return Ok(Taken::Run(Run { kind, first, last }));
            }
        }
        Ok(if ends { Taken::Whole } else { Taken::More })
    }

    /// Lets the extension decode some of the backlog: into the message, or into `decoded` what is to be handed out.
    pub(crate) fn step(
        &mut self,
        extension: &mut (dyn Decode + 'static),
        decoded: &mut BytesMut,
        max_message: u64,
        volume: &mut Volume,
    ) -> Result<Taken, ProtocolError> {
        let kind = self.kind;
        let Some(backlog) = &mut self.backlog else {
            return Ok(Taken::More);
        };
        let ends = backlog.ends;
        let mut input = &backlog.payload[..];
        let (taken, more) = match &mut self.body {
            Body::Whole(builder) => {
                let more = decode_whole(extension, builder, &mut input, ends, max_message, volume)?;
                let taken = match (more, ends) {
                    (true, _) => Taken::Part,
                    (false, true) => Taken::Whole,
                    (false, false) => Taken::More,
                };
                (taken, more)
            }
            Body::Chunks(chunks) => {
                decoded.clear();
                let progress = extension.decode(&mut input, ends, decoded, STEP)?;
                let used = backlog.payload.len() - input.len();
                volume.add(decoded.len(), used);
                check_progress(progress, used + decoded.len(), input, ends)?;
                let last = progress == Progress::Done;
                chunks.check(kind, decoded, last)?;
                let first = !chunks.begun;
                let taken = if decoded.is_empty() && !last {
                    Taken::More
                } else {
                    chunks.begun = true;
                    Taken::Decoded(Run { kind, first, last })
                };
                (taken, progress == Progress::NeedRoom)
            }
        };
        let left = input.len();
        if more {
            backlog.payload.advance(backlog.payload.len() - left);
        } else {
            self.backlog = None;
        }
        Ok(taken)
    }

    fn wait(&mut self, payload: &[u8], ends: bool) {
        self.backlog = Some(Box::new(Backlog {
            payload: payload.into(),
            ends,
        }));
    }

    /// The message is handed out in chunks.
    #[inline]
    pub(crate) const fn is_chunked(&self) -> bool {
        matches!(self.body, Body::Chunks(_))
    }

    /// There is something to decode before further input.
    #[inline]
    pub(crate) const fn is_pending(&self) -> bool {
        self.backlog.is_some()
    }

    /// The buffer of a message whose payload needs no decoding, and the space behind it.
    #[inline]
    pub(crate) const fn in_place(&mut self) -> Option<(&mut MessageBuilder, &mut BytesMut)> {
        match &mut self.body {
            Body::Whole(builder) if !self.extended => Some((builder, &mut self.tail)),
            Body::Whole(_) | Body::Chunks(_) => None,
        }
    }

    /// Takes its first run of payload with the memory that it lies in.
    pub(crate) fn adopt(&mut self, payload: BytesMut) -> Result<(), ProtocolError> {
        if let Some((builder, _)) = self.in_place() {
            builder.append(payload)?;
        }
        Ok(())
    }

    /// Something was read into the space behind it.
    #[inline]
    pub(crate) fn has_tail(&self) -> bool {
        !self.tail.is_empty()
    }

    /// Takes the unused space behind it back.
    #[inline]
    pub(crate) fn restore_tail(&mut self) {
        if self.tail.capacity() > 0
            && let Body::Whole(builder) = &mut self.body
        {
            // Nothing was read into it, and an empty piece is always valid.
            let _ = builder.append(std::mem::take(&mut self.tail));
        }
    }

    pub(crate) const fn arrival(&self) -> Arrival {
        self.arrival
    }

    /// Ends a message that was put together; one handed out in chunks leaves nothing.
    pub(crate) fn finish(self) -> Result<Option<Message>, Utf8Error> {
        match self.body {
            Body::Whole(builder) => builder.finish().map(Some),
            Body::Chunks(_) => Ok(None),
        }
    }
}

impl Chunks {
    fn check(&mut self, kind: MessageKind, run: &[u8], last: bool) -> Result<(), ProtocolError> {
        if kind == MessageKind::Text {
            self.utf8.push(run)?;
            if last && !self.utf8.is_complete() {
                return Err(FrameError::Utf8.into());
            }
        }
        Ok(())
    }
}

/// Decodes `input` into the message, in steps, so that what doesn't fit the limit is never made. `true`: there is more,
/// and it was enough for one call.
fn decode_whole(
    extension: &mut (dyn Decode + 'static),
    builder: &mut MessageBuilder,
    input: &mut &[u8],
    ends: bool,
    limit: u64,
    volume: &mut Volume,
) -> Result<bool, ProtocolError> {
    let begun = builder.len();
    // One byte beyond the limit is how we learn that there is more.
    let most = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    // Most messages shrink to no less than a quarter, so this is all they take.
    let wanted = input.len().saturating_mul(4).clamp(LEAST_STEP, STEP);
    loop {
        let mut out = builder.spare_within(wanted, most);
        let room = out.capacity().min(STEP);
        let before = input.len();
        let progress = extension.decode(input, ends, &mut out, room)?;
        let made = out.len();
        volume.add(made, before - input.len());
        builder.append(out)?;
        if builder.len() as u64 > limit {
            return Err(ProtocolError::MessageTooBig { limit });
        }
        check_progress(progress, before - input.len() + made, input, ends)?;
        if progress != Progress::NeedRoom {
            return Ok(false);
        }
        if builder.len() - begun >= TURN {
            return Ok(true);
        }
    }
}

/// Holds an extension to its contract, so that a wrong one can neither loop for ever nor lose bytes.
fn check_progress(
    progress: Progress,
    moved: usize,
    left: &[u8],
    ends: bool,
) -> Result<(), ProtocolError> {
    let kept = match progress {
        Progress::NeedInput => left.is_empty() && !ends,
        Progress::NeedRoom => moved > 0,
        Progress::Done => left.is_empty() && ends,
    };
    if kept {
        Ok(())
    } else {
        Err(ExtensionError::internal("extension made no progress").into())
    }
}

/// So many times its limit and so many bytes more a message may be long on the wire before an extension decodes it.
/// Who flushes a compressor behind every byte needs 7; without a bound, payload that decodes to nothing would have no
/// end.
const EXPANSION: u64 = 8;
const IDLE: u64 = 16 * 1024;

/// What an extension may decode to before the limits are looked at again, in bytes.
const STEP: usize = 16 * 1024;

/// What an extension may decode to in one call, or a little more, in bytes: others want to run.
const TURN: usize = 256 * 1024;

/// What a message that is decoded takes at least, in bytes.
const LEAST_STEP: usize = 128;
