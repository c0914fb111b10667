use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zlib_rs::{DeflateConfig, Inflate};

use crate::history::History;

/// What decides how a compressor works and how much memory it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shape {
    pub(crate) level: u8,
    pub(crate) memory_level: u8,
    pub(crate) window_bits: u8,
}

/// A compressor that knows its shape.
pub(crate) struct Compressor {
    pub(crate) deflate: zlib_rs::Deflate,
    shape: Shape,
    /// Its next message might refer to earlier ones.
    pub(crate) remembers: bool,
}

/// A decompressor with a copy of its window, which it can't tell by itself.
pub(crate) struct Decompressor {
    pub(crate) inflate: Inflate,
    pub(crate) history: History,
}

/// Compressors and decompressors that no connection needs now, a bounded number of each.
///
/// In several shards, so that threads seldom meet: whoever finds a shard locked goes on to the next, and nobody waits.
pub(crate) struct Pool {
    shards: Box<[Mutex<Shard>]>,
    size: usize,
    homes: AtomicUsize,
    /// The names of the ways to compress that connections have agreed on: a few.
    keys: Mutex<Vec<(Shape, Arc<str>)>>,
}

#[derive(Default)]
#[expect(
    clippy::vec_box,
    reason = "each goes from here to a connection and back in its box: a connection has room for a pointer only"
)]
struct Shard {
    /// Those that came back last are behind.
    compressors: Vec<Box<Compressor>>,
    decompressors: Vec<Box<Decompressor>>,
    /// How many of each kind it keeps.
    most: usize,
}

impl Pool {
    /// Keeps at most `size` of each kind.
    pub(crate) fn new(size: usize) -> Self {
        let shards = size.min(MAX_SHARDS);
        let shard = |index: usize| Shard {
            // The first ones keep one more if the size can't be shared evenly.
            most: size.saturating_sub(index).div_ceil(shards),
            ..Shard::default()
        };
        Self {
            shards: (0..shards).map(|index| Mutex::new(shard(index))).collect(),
            size,
            homes: AtomicUsize::new(0),
            keys: Mutex::default(),
        }
    }

    /// Chooses the shard that a connection asks first.
    pub(crate) fn home(&self) -> usize {
        self.homes.fetch_add(1, Ordering::Relaxed)
    }

    /// The name of all that decides what a compressed message looks like. Takeover isn't part of it: shared messages are
    /// compressed without reference to others. Nor is the threshold: a peer reads a message whether it is compressed or
    /// not, so whoever encodes it first may decide.
    pub(crate) fn key(&self, shape: Shape) -> Arc<str> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = keys.iter().find(|(its, _)| *its == shape) {
            return Arc::clone(key);
        }
        let Shape {
            level,
            memory_level,
            window_bits,
        } = shape;
        let key = format!("permessage-deflate {window_bits} {level} {memory_level}");
        let key = Arc::<str>::from(key);
        keys.push((shape, Arc::clone(&key)));
        key
    }

    /// A compressor without history.
    pub(crate) fn compressor(&self, home: usize, shape: Shape) -> Box<Compressor> {
        let pooled = self.find(home, |shard| {
            let mut all = shard.compressors.iter();
            let at = all.rposition(|compressor| compressor.shape == shape)?;
            Some(shard.compressors.remove(at))
        });
        match pooled {
            Some(mut compressor) => {
                if mem::take(&mut compressor.remembers) {
                    compressor.deflate.reset();
                }
                compressor
            }
            None => Box::new(Compressor::new(shape)),
        }
    }

    /// A decompressor without history, which will keep `window` bytes.
    pub(crate) fn decompressor(&self, home: usize, window: usize) -> Box<Decompressor> {
        match self.find(home, |shard| shard.decompressors.pop()) {
            Some(mut decompressor) => {
                decompressor.inflate.reset(false);
                decompressor.history.restart(window);
                decompressor
            }
            None => Box::new(Decompressor {
                inflate: Inflate::new(false, MAX_WINDOW_BITS),
                history: History::new(window),
            }),
        }
    }

    /// Keeps a compressor: where there is room, or else in place of one of another shape, the oldest in its shard. So the
    /// pool holds the shapes that are in use.
    pub(crate) fn keep_compressor(&self, home: usize, compressor: Box<Compressor>) {
        let shape = compressor.shape;
        let mut waiting = Some(compressor);
        let room = self.find(home, |shard| {
            if shard.compressors.len() >= shard.most {
                return None;
            }
            shard.compressors.extend(waiting.take());
            Some(())
        });
        if room.is_some() {
            return;
        }
        let replaced = self.find(home, |shard| {
            let mut all = shard.compressors.iter();
            let at = all.position(|compressor| compressor.shape != shape)?;
            let replaced = shard.compressors.remove(at);
            shard.compressors.extend(waiting.take());
            Some(replaced)
        });
        // Freed only here, outside of the lock.
        drop(replaced);
    }

    pub(crate) fn keep_decompressor(&self, home: usize, decompressor: Box<Decompressor>) {
        let mut waiting = Some(decompressor);
        self.find(home, |shard| {
            if shard.decompressors.len() >= shard.most {
                return None;
            }
            shard.decompressors.extend(waiting.take());
            Some(())
        });
    }

    /// Asks the shards that aren't locked, `home` first, until one has an answer.
    fn find<T>(&self, home: usize, mut ask: impl FnMut(&mut Shard) -> Option<T>) -> Option<T> {
        let first = home.checked_rem(self.shards.len())?;
        let (before, after) = self.shards.split_at(first);
        after
            .iter()
            .chain(before)
            .find_map(|shard| ask(&mut *shard.try_lock().ok()?))
    }
}

impl Compressor {
    fn new(shape: Shape) -> Self {
        let config = DeflateConfig {
            // Below 0: raw DEFLATE, without zlib's header.
            window_bits: -i32::from(shape.window_bits),
            mem_level: i32::from(shape.memory_level),
            ..DeflateConfig::new(i32::from(shape.level))
        };
        Self {
            deflate: zlib_rs::Deflate::new_with_config(config),
            shape,
            remembers: false,
        }
    }
}

impl Decompressor {
    /// Begins a new stream that may refer to all that came before.
    ///
    /// `false` if the inflater refuses.
    #[must_use]
    pub(crate) fn resume(&mut self) -> bool {
        self.inflate.reset(false);
        self.history
            .runs()
            .into_iter()
            .filter(|run| !run.is_empty())
            .all(|run| self.inflate.set_dictionary(run).is_ok())
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// zlib-rs takes the same memory for every window when it inflates, so there is no point in a smaller one.
const MAX_WINDOW_BITS: u8 = 15;

const MAX_SHARDS: usize = 8;
