use std::sync::Arc;
use std::time::Duration;

use bowline_extension::{Compress, Encode, ExtensionError, Outgoing, Progress};
use bowline_frame::Rsv;
use bytes::BytesMut;
use zlib_rs::DeflateFlush;

use crate::config::Settings;
use crate::pool::{Compressor, Pool, Shape};

/// Compresses our messages.
///
/// ```text
///            ┌─────────┐ last, nothing was compressed            ┌──────┐
///   begin ──▶│ Payload │────────────────────────────────────────▶│ Tail │──▶ done, or Payload again
///            └─────────┘                                         └──────┘
///                 │ last or flush, all is out but some bits        ▲
///                 │                                 ┌────────┐     │
///                 └────────────────────────────────▶│ Marker │─────┘
///                                                   └────────┘
/// ```
///
/// The flush that ends a message or a fragment is done in two steps. `Block` brings out everything but at most 7 bits
/// and can be repeated at will. Then a sync or full flush has only its marker to write, into a place that is large
/// enough. One flush for both would write a second marker whenever the room ends where the first one does.
pub(crate) struct Encoder {
    pool: Arc<Pool>,
    home: usize,
    shape: Shape,
    takeover: bool,
    threshold: u64,
    release_after: Option<Duration>,
    key: Arc<str>,
    /// Between messages only with takeover.
    compressor: Option<Box<Compressor>>,
    /// The next message must not refer to earlier ones.
    forget: bool,
    step: Step,
}

enum Step {
    Payload {
        /// Something of the message went into the compressor since it was flushed.
        begun: bool,
    },
    Marker,
    Tail(Tail),
    /// An error came: what the peer knows of earlier messages is no longer certain.
    Failed,
}

/// What a run of payload is followed by.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Then {
    More,
    /// More, but the peer must be able to read what there is.
    Flush,
    End,
}

/// The last bytes of a message or a fragment that wait for room.
struct Tail {
    bytes: [u8; TAIL],
    from: u8,
    to: u8,
}

impl Encoder {
    pub(crate) fn new(
        settings: &Settings,
        pool: Arc<Pool>,
        home: usize,
        shape: Shape,
        takeover: bool,
    ) -> Self {
        let threshold = settings.threshold.unwrap_or(match takeover {
            false => 128,
            true => 64,
        });
        Self {
            key: pool.key(shape),
            home,
            pool,
            shape,
            takeover,
            threshold,
            release_after: settings.release_after.filter(|_| takeover),
            compressor: None,
            forget: false,
            step: Step::Payload { begun: false },
        }
    }

    /// Compresses a run into `out`; tells whether all that the flush brings out is out.
    fn run(
        &mut self,
        input: &mut &[u8],
        flush: DeflateFlush,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<bool, ExtensionError> {
        let start = out.len();
        let wanted = (input.len() / 2).saturating_add(MARKER_ROOM).min(STEP);
        let space = wanted.min(room);
        out.resize(start.saturating_add(space), 0);
        let compressor = self
            .compressor
            .get_or_insert_with(|| self.pool.compressor(self.home, self.shape));
        compressor.remembers = true;
        let deflate = &mut compressor.deflate;
        let (before_in, before_out) = (deflate.total_in(), deflate.total_out());
        let result = deflate.compress(input, out.get_mut(start..).unwrap_or_default(), flush);
        let used = difference(deflate.total_in(), before_in);
        let made = difference(deflate.total_out(), before_out);
        out.truncate(start.saturating_add(made));
        *input = input.get(used..).unwrap_or_default();
        match result {
            Ok(_) if used == 0 && made == 0 && !input.is_empty() => Err(failure()),
            Ok(_) => Ok(input.is_empty() && made < space),
            Err(_) => Err(failure()),
        }
    }

    /// Writes the marker that ends a flush; at the end of the message without the four bytes that don't go on the wire.
    fn marker(&mut self, then: Then) -> Result<Tail, ExtensionError> {
        let mut bytes = [0; MARKER_ROOM];
        let compressor = self.compressor.as_mut().ok_or_else(failure)?;
        // A full flush forgets as well, which costs less than a reset before the next message.
        let forget = then == Then::End && !self.takeover;
        let flush = match forget {
            false => DeflateFlush::SyncFlush,
            true => DeflateFlush::FullFlush,
        };
        let deflate = &mut compressor.deflate;
        let before = deflate.total_out();
        deflate
            .compress(&[], &mut bytes, flush)
            .map_err(|_| failure())?;
        compressor.remembers = !forget;
        let made = bytes.get(..difference(deflate.total_out(), before));
        let kept = match then {
            // RFC 7692 §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
            Then::End => made.and_then(|made| made.strip_suffix(&MARKER)),
            Then::Flush | Then::More => made,
        };
        kept.and_then(Tail::of).ok_or_else(failure)
    }

    fn advance(
        &mut self,
        input: &mut &[u8],
        then: Then,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError> {
        let limit = out.len().saturating_add(room);
        loop {
            let room = limit.saturating_sub(out.len());
            match &mut self.step {
                Step::Payload { .. } if input.is_empty() && then == Then::More => {
                    return Ok(Progress::NeedInput);
                }
                Step::Payload { begun: false } if input.is_empty() && then == Then::Flush => {
                    return Ok(Progress::NeedInput);
                }
                Step::Payload { begun: false } if input.is_empty() => {
                    // RFC 7692 §7.2.3.6. A second sync flush in a row would write nothing at all.
                    self.step = Step::Tail(Tail::empty_block());
                }
                Step::Payload { .. } | Step::Marker if room == 0 => return Ok(Progress::NeedRoom),
                Step::Payload { begun } => {
                    *begun = true;
                    let flush = match then {
                        Then::More => DeflateFlush::NoFlush,
                        Then::Flush | Then::End => DeflateFlush::Block,
                    };
                    if self.run(input, flush, out, room)? && then != Then::More {
                        self.step = Step::Marker;
                    }
                }
                Step::Marker => self.step = Step::Tail(self.marker(then)?),
                Step::Tail(tail) => {
                    tail.write(out, room);
                    if !tail.is_empty() {
                        return Ok(Progress::NeedRoom);
                    }
                    self.step = Step::Payload { begun: false };
                    if then == Then::End {
                        self.end();
                        return Ok(Progress::Done);
                    }
                }
                Step::Failed => {
                    return Err(ExtensionError::internal("compression failed before"));
                }
            }
        }
    }

    fn step(
        &mut self,
        input: &mut &[u8],
        then: Then,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError> {
        let result = self.advance(input, then, out, room);
        if result.is_err() {
            self.step = Step::Failed;
            self.compressor = None;
        }
        result
    }

    fn end(&mut self) {
        if !self.takeover
            && let Some(compressor) = self.compressor.take()
        {
            self.pool.keep_compressor(self.home, compressor);
        }
    }
}

impl Tail {
    /// An empty stored block, without the four bytes that don't go on the wire.
    fn empty_block() -> Self {
        Self {
            bytes: [0; TAIL],
            from: 0,
            to: 1,
        }
    }

    /// These bytes, if they aren't more than there can be.
    fn of(kept: &[u8]) -> Option<Self> {
        let mut bytes = [0; TAIL];
        bytes.get_mut(..kept.len())?.copy_from_slice(kept);
        let to = u8::try_from(kept.len()).ok()?;
        Some(Self { bytes, from: 0, to })
    }

    fn write(&mut self, out: &mut BytesMut, room: usize) {
        let waiting = usize::from(self.from)..usize::from(self.to);
        for byte in self
            .bytes
            .get(waiting)
            .unwrap_or_default()
            .iter()
            .take(room)
        {
            out.extend_from_slice(&[*byte]);
            self.from = self.from.saturating_add(1);
        }
    }

    fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

impl Encode for Encoder {
    fn begin(&mut self, message: &Outgoing) -> Option<Rsv> {
        let compress = match message.compress {
            Compress::Never => false,
            Compress::Always => true,
            Compress::Auto => message.len.is_none_or(|len| len >= self.threshold),
        };
        if !compress || self.shape.window_bits < MIN_BITS {
            return None;
        }
        if std::mem::take(&mut self.forget)
            && let Some(compressor) = &mut self.compressor
        {
            compressor.deflate.reset();
        }
        Some(Rsv::RSV1)
    }

    fn encode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError> {
        let then = if last { Then::End } else { Then::More };
        self.step(input, then, out, room)
    }

    fn flush(&mut self, out: &mut BytesMut, room: usize) -> Result<Progress, ExtensionError> {
        self.step(&mut &[][..], Then::Flush, out, room)
    }

    fn shared_key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn interrupt(&mut self) {
        self.forget = true;
    }

    fn release_after(&self) -> Option<Duration> {
        self.release_after
    }

    fn release(&mut self) {
        // A sender may forget at any time: the peer keeps what it needs by itself.
        if let Some(compressor) = self.compressor.take() {
            self.pool.keep_compressor(self.home, compressor);
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.release();
    }
}

fn failure() -> ExtensionError {
    ExtensionError::internal("the compressor failed")
}

/// How far a counter went in one call, which is no longer than a slice.
fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// What a sync flush ends with and a sender leaves out.
const MARKER: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Far more than a sync flush takes that has only its marker to write: 6 bytes.
const MARKER_ROOM: usize = 64;

/// No less than a marker takes: at most 7 bits before it and 3 of its header, in 2 bytes, and its last four.
const TAIL: usize = 6;

/// The most output that is made in one call, in bytes.
const STEP: usize = 16 * 1024;

/// zlib can't compress with a window of 8 bits.
const MIN_BITS: u8 = 9;
