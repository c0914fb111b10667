use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bowline_extension::{Decode, Encode, Extension, ExtensionError, Outgoing, Progress};
use bowline_frame::{MessageKind, Rsv};
use bytes::BytesMut;

use super::RunLength;

/// [`RunLength`] that asks to be called when idle, and counts the calls.
#[derive(Debug)]
pub struct Releasing {
    after: Duration,
    released: Arc<Released>,
}

/// How often the halves of a [`Releasing`] were asked to give back memory.
#[derive(Debug, Default)]
pub struct Released {
    encode: AtomicUsize,
    decode: AtomicUsize,
}

impl Released {
    /// Calls of the outbound and of the inbound half, in that order.
    pub fn counts(&self) -> (usize, usize) {
        (
            self.encode.load(Ordering::SeqCst),
            self.decode.load(Ordering::SeqCst),
        )
    }
}

impl Releasing {
    /// Both halves want to be called after this much silence.
    pub fn new(after: Duration) -> (Self, Arc<Released>) {
        let released = Arc::<Released>::default();
        let extension = Self {
            after,
            released: Arc::clone(&released),
        };
        (extension, released)
    }
}

impl Extension for Releasing {
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
        let (encode, decode) = RunLength::new(255).boxed().split();
        let half = Half {
            inner: encode,
            after: self.after,
            released: Arc::clone(&self.released),
        };
        let other = Half {
            inner: decode,
            after: self.after,
            released: self.released,
        };
        (Box::new(half), Box::new(other))
    }
}

struct Half<T: ?Sized> {
    after: Duration,
    released: Arc<Released>,
    inner: Box<T>,
}

impl Encode for Half<dyn Encode> {
    fn begin(&mut self, message: &Outgoing) -> Option<Rsv> {
        self.inner.begin(message)
    }

    fn encode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError> {
        self.inner.encode(input, last, out, room)
    }

    fn release_after(&self) -> Option<Duration> {
        Some(self.after)
    }

    fn release(&mut self) {
        self.released.encode.fetch_add(1, Ordering::SeqCst);
    }
}

impl Decode for Half<dyn Decode> {
    fn claims(&self) -> Rsv {
        self.inner.claims()
    }

    fn begin(&mut self, kind: MessageKind, rsv: Rsv) -> Result<bool, ExtensionError> {
        self.inner.begin(kind, rsv)
    }

    fn decode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError> {
        self.inner.decode(input, last, out, room)
    }

    fn release_after(&self) -> Option<Duration> {
        Some(self.after)
    }

    fn release(&mut self) {
        self.released.decode.fetch_add(1, Ordering::SeqCst);
    }
}
