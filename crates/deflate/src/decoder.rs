use std::sync::Arc;
use std::time::Duration;

use bowline_extension::{Decode, ExtensionError, Progress};
use bowline_frame::{MessageKind, Rsv};
use bytes::BytesMut;
use zlib_rs::{InflateFlush, Status};

use crate::config::Settings;
use crate::deflate::Direction;
use crate::history::History;
use crate::pool::{Decompressor, Pool};

/// Decompresses the peer's messages.
pub(crate) struct Decoder {
    pool: Arc<Pool>,
    home: usize,
    takeover: bool,
    /// How far back the peer may refer, in bytes.
    window: usize,
    release_after: Option<Duration>,
    state: State,
    /// Bytes of the open message on the wire.
    wire: u64,
    /// Bytes they became.
    made: u64,
    /// Bytes of history that may be copied to go on behind blocks that said they are the last.
    copies: u64,
    /// The open message has needed such a copy.
    copied: bool,
}

enum State {
    /// No decompressor is held.
    Empty,
    /// An idle connection gave its decompressor back, and kept what the next message may refer to.
    Released(History),
    Held {
        decompressor: Box<Decompressor>,
        stream: Stream,
    },
    /// An error came: what later messages refer to is lost.
    Failed,
}

/// Where the decompressor stands.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Stream {
    Open,
    /// A block with BFINAL ended the DEFLATE stream, not the message. What follows is a new stream.
    Ended,
}

impl Decoder {
    pub(crate) fn new(
        settings: &Settings,
        pool: Arc<Pool>,
        home: usize,
        inbound: Direction,
    ) -> Self {
        Self {
            home,
            pool,
            takeover: inbound.takeover,
            window: match inbound.takeover {
                true => 1 << inbound.window_bits.min(15),
                // The memory goes back to the pool, so it may as well do for everyone.
                false => 1 << 15,
            },
            release_after: settings.release_after.filter(|_| inbound.takeover),
            state: State::Empty,
            wire: 0,
            made: 0,
            copies: COPIES,
            copied: false,
        }
    }

    fn advance(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError> {
        let limit = out.len().saturating_add(room);
        let mut step = input.len().saturating_mul(4).max(LEAST_STEP);
        self.hold()?;
        loop {
            let State::Held {
                decompressor,
                stream,
            } = &mut self.state
            else {
                return Err(ExtensionError::internal("decompression failed before"));
            };
            if *stream == Stream::Ended {
                if input.is_empty() {
                    // RFC 7692 §7.2.2 has a tail appended here, of which a new stream's first block would be made.
                    // Whoever ends a message with BFINAL and nothing behind it means the end.
                    return Ok(self.pause(last));
                }
                // One is free: there are peers who end each message so.
                if std::mem::replace(&mut self.copied, true) {
                    let history = decompressor.history.len() as u64;
                    let left = self.copies.checked_sub(history);
                    self.copies =
                        left.ok_or_else(|| ExtensionError::too_big("too many final blocks"))?;
                }
                if !decompressor.resume() {
                    return Err(failure());
                }
                *stream = Stream::Open;
            }
            let start = out.len();
            let room = limit.saturating_sub(start);
            let space = step.min(STEP).min(room);
            out.resize(start.saturating_add(space), 0);
            let space_out = out.get_mut(start..).unwrap_or_default();
            let inflate = &mut decompressor.inflate;
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let run = input.get(..bearable(self.wire, self.made)).unwrap_or(input);
            let status = inflate.decompress(run, space_out, InflateFlush::NoFlush);
            let used = difference(inflate.total_in(), before_in);
            let made = difference(inflate.total_out(), before_out);
            out.truncate(start.saturating_add(made));
            decompressor
                .history
                .push(out.get(start..).unwrap_or_default());
            *input = input.get(used..).unwrap_or_default();
            self.wire = self.wire.saturating_add(used as u64);
            let earned = COPIES_PER_BYTE.saturating_mul(used as u64);
            self.copies = self.copies.saturating_add(earned).min(COPIES);
            self.made = self.made.saturating_add(made as u64);
            // Where the room is full, more may have been made of the same bytes.
            if made < space && bearable(self.wire, self.made) == 0 {
                return Err(ExtensionError::too_big(
                    "a compressed message without content",
                ));
            }
            match status {
                Err(error) => {
                    return Err(ExtensionError::invalid_payload("invalid DEFLATE data")
                        .with_source(error.as_str()));
                }
                Ok(Status::StreamEnd) => *stream = Stream::Ended,
                // Full: there may be more.
                Ok(_) if made == space && made == room => return Ok(Progress::NeedRoom),
                Ok(_) if made == space => step = step.saturating_mul(4),
                Ok(_) if !input.is_empty() && used == 0 && made == 0 => return Err(failure()),
                Ok(_) if !input.is_empty() => {}
                Ok(_) if !last => return Ok(Progress::NeedInput),
                Ok(_) => {
                    finish(decompressor, stream)?;
                    return Ok(self.pause(last));
                }
            }
        }
    }

    /// Makes sure that there is a decompressor.
    fn hold(&mut self) -> Result<(), ExtensionError> {
        let history = match std::mem::replace(&mut self.state, State::Failed) {
            State::Empty => None,
            State::Released(history) => Some(history),
            state @ (State::Held { .. } | State::Failed) => {
                self.state = state;
                return Ok(());
            }
        };
        let mut decompressor = self.pool.decompressor(self.home, self.window);
        if let Some(history) = history {
            decompressor.history = history;
            if !decompressor.resume() {
                return Err(failure());
            }
        }
        self.state = State::Held {
            decompressor,
            stream: Stream::Open,
        };
        Ok(())
    }

    /// All input is used and all output is out.
    fn pause(&mut self, last: bool) -> Progress {
        if !last {
            return Progress::NeedInput;
        }
        if !self.takeover
            && let State::Held { decompressor, .. } =
                std::mem::replace(&mut self.state, State::Empty)
        {
            self.pool.keep_decompressor(self.home, decompressor);
        }
        Progress::Done
    }
}

/// Reads what the sender left out, and makes sure that the message ends where a block does.
///
/// `Block` makes the inflater stop behind each block. The first stop must come right behind the four bytes, with
/// nothing made of them. A second empty block, all of it on byte borders, must be read as one too: else bits of the
/// four bytes are still waiting.
fn finish(decompressor: &mut Decompressor, stream: &mut Stream) -> Result<(), ExtensionError> {
    let cut_short = || ExtensionError::invalid_payload("the message ends inside a DEFLATE block");
    let inflate = &mut decompressor.inflate;
    for (bytes, wanted) in [(&TAIL[..], 4), (&EMPTY_BLOCK[..], 5)] {
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let mut nothing = [0];
        let status = inflate
            .decompress(bytes, &mut nothing, InflateFlush::Block)
            .map_err(|error| cut_short().with_source(error.as_str()))?;
        let used = difference(inflate.total_in(), before_in);
        let made = difference(inflate.total_out(), before_out);
        match status {
            // The block that was left out had BFINAL.
            Status::StreamEnd if wanted == 5 && used == 0 => {
                *stream = Stream::Ended;
                return Ok(());
            }
            Status::Ok if used == wanted && made == 0 => {}
            _ => return Err(cut_short()),
        }
    }
    Ok(())
}

impl Decode for Decoder {
    fn claims(&self) -> Rsv {
        Rsv::RSV1
    }

    fn begin(&mut self, _: MessageKind, rsv: Rsv) -> Result<bool, ExtensionError> {
        self.wire = 0;
        self.made = 0;
        self.copied = false;
        Ok(rsv.contains(Rsv::RSV1))
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError> {
        let result = self.advance(input, last, out, room);
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    fn release_after(&self) -> Option<Duration> {
        self.release_after
    }

    fn release(&mut self) {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Held {
                mut decompressor, ..
            } => {
                self.state = State::Released(decompressor.history.take());
                self.pool.keep_decompressor(self.home, decompressor);
            }
            state => self.state = state,
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        if let State::Held { decompressor, .. } = std::mem::replace(&mut self.state, State::Empty) {
            self.pool.keep_decompressor(self.home, decompressor);
        }
    }
}

/// How many bytes may come on the wire before it is time to judge whether too little was made of all.
///
/// No more are inflated at once: else it would depend on the cuts of the input whether content comes in time.
fn bearable(wire: u64, made: u64) -> usize {
    let most = made.saturating_mul(WIRE_PER_BYTE).saturating_add(WIRE);
    usize::try_from(most.saturating_add(1).saturating_sub(wire)).unwrap_or(usize::MAX)
}

fn failure() -> ExtensionError {
    ExtensionError::internal("the decompressor failed")
}

/// How far a counter went in one call, which is no longer than a slice.
fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// What a sender leaves out at the end of a message, and the first byte of the next block.
const TAIL: [u8; 5] = [0x00, 0x00, 0xff, 0xff, 0x00];

/// An empty stored block, and the first byte of the next one.
const EMPTY_BLOCK: [u8; 6] = [0x00, 0x00, 0x00, 0xff, 0xff, 0x00];

/// The least output space that is prepared, in bytes.
const LEAST_STEP: usize = 128;

/// The most output that is made in one call, in bytes.
const STEP: usize = 16 * 1024;

/// A message may take this many bytes on the wire for nothing, and as many for each byte of its own as below. Far above
/// what any sender needs: a flush behind every byte takes 7.
const WIRE: u64 = 64 * 1024;
const WIRE_PER_BYTE: u64 = 16;

/// At most so many bytes of history may be copied at once, and in the long run as many for each byte on the wire as
/// below, besides a copy for each message. A block with BFINAL costs a copy of the window for as little as two bytes.
const COPIES: u64 = 8 * 1024 * 1024;
const COPIES_PER_BYTE: u64 = 64;
