use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// The transport of a server: what it reads and where it writes.
pub struct Wire {
    pub input: Input,
    pub output: Output,
}

/// What a client sends: the same masked frames at each wake-up, one message each.
pub struct Input {
    batch: Arc<[u8]>,
    at: usize,
    wake_ups: u64,
    sent: Sent,
}

/// For how many wake-ups the client has sent frames.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<AtomicU64>);

/// Where a server writes. The bytes are counted and dropped.
#[derive(Clone)]
pub struct Output(Arc<Written>);

struct Written {
    bytes: AtomicU64,
    kept: Mutex<Vec<u8>>,
    /// Bytes that are still to be kept.
    keep: AtomicU64,
}

impl Wire {
    /// A transport whose client sends `messages` of `len` bytes at each wake-up; its output is kept for the first
    /// `wake_ups`.
    pub(crate) fn new(len: usize, messages: usize, wake_ups: usize) -> Self {
        let replies = replies(len, messages).len() * wake_ups;
        let batch: Arc<[_]> = requests(len, messages).into();
        Self {
            input: Input {
                at: batch.len(),
                batch,
                wake_ups: 0,
                sent: Sent::default(),
            },
            output: Output(Arc::new(Written {
                bytes: AtomicU64::new(0),
                kept: Mutex::new(Vec::with_capacity(replies)),
                keep: AtomicU64::new(replies as u64),
            })),
        }
    }
}

impl Input {
    /// The bytes that come next, at most `room`; `None` while there are none.
    pub fn take(&mut self, room: usize) -> Option<&[u8]> {
        if self.at == self.batch.len() {
            if self.wake_ups == self.sent.0.load(Relaxed) {
                return None;
            }
            self.wake_ups += 1;
            self.at = 0;
        }
        let left = &self.batch[self.at..];
        let taken = &left[..left.len().min(room)];
        self.at += taken.len();
        Some(taken)
    }

    pub(crate) fn sent(&self) -> Sent {
        self.sent.clone()
    }
}

impl Sent {
    /// Sends the frames of the next wake-up.
    pub(crate) fn send(&self) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }
}

impl Output {
    pub fn write(&self, bytes: &[u8]) {
        // One thread writes: a sum that is no read-modify-write costs nothing.
        let sum = self.0.bytes.load(Relaxed) + bytes.len() as u64;
        self.0.bytes.store(sum, Relaxed);
        if self.0.keep.load(Relaxed) > 0 {
            self.keep(bytes);
        }
    }

    /// How many bytes were written.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// The first bytes that were written.
    pub(crate) fn kept(&self) -> Vec<u8> {
        self.0.kept.lock().expect("one thread").clone()
    }

    #[cold]
    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.0.kept.lock().expect("one thread");
        kept.extend_from_slice(bytes);
        let left = self.0.keep.load(Relaxed);
        self.0
            .keep
            .store(left.saturating_sub(bytes.len() as u64), Relaxed);
    }
}

/// What the client sends at a wake-up.
fn requests(len: usize, messages: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for seed in 0..messages {
        let key = [0x9D, 0x3C, seed as u8, 0xE1];
        head(&mut bytes, len, 0x80);
        bytes.extend(key);
        bytes.extend(
            payload(len, seed)
                .zip(key.into_iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
    }
    bytes
}

/// What the server is to write for it.
pub(crate) fn replies(len: usize, messages: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for seed in 0..messages {
        head(&mut bytes, len, 0);
        bytes.extend(payload(len, seed));
    }
    bytes
}

/// The header of a binary message (RFC 6455 §5.2), without a masking key.
fn head(bytes: &mut Vec<u8>, len: usize, masked: u8) {
    bytes.push(0x82);
    match len {
        0..126 => bytes.push(masked | len as u8),
        126..0x1_0000 => {
            bytes.push(masked | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
}

fn payload(len: usize, seed: usize) -> impl Iterator<Item = u8> {
    (0..len).map(move |at| (at * 31 + seed) as u8)
}
