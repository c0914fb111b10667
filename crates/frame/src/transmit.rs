use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Buf, Bytes, BytesMut};

use crate::{FrameHeader, Mask};

/// Encoded bytes that wait to be written, in order.
///
/// Headers and small payloads gather in one contiguous buffer; a payload of 4 KiB and more is kept as it
/// is and stands between two runs of it, so that it is never copied behind a header.
///
/// Write what [`slices`](Self::slices) gives (one vectored write) or what
/// [`chunk`](bytes::Buf::chunk) gives, then [`advance`](bytes::Buf::advance) by what the transport took.
/// It owns no memory while it is empty, if its buffer is [lent](Self::lend) and [taken
/// back](Self::take_buffer).
#[derive(Debug)]
pub struct Transmit {
    gather: Vec<u8>,
    /// Bytes at the start of `gather` that are written.
    done: usize,
    large: VecDeque<Large>,
    len: usize,
    /// Bytes of `len` that were handed out and are written elsewhere.
    away: usize,
    written: u64,
    vectored: bool,
}

/// A payload that stands before the byte `at` of `gather`.
#[derive(Debug)]
struct Large {
    at: usize,
    bytes: Bytes,
}

impl Transmit {
    /// Payloads of at least this many bytes are not copied.
    pub const COPY_BELOW: usize = 4 * 1024;

    /// Where a write is not vectored, runs are filled up to this many bytes.
    pub const RUN: usize = 16 * 1024;

    /// An empty transmit for a transport whose writes are vectored; nothing is allocated.
    pub const fn new() -> Self {
        Self {
            gather: Vec::new(),
            done: 0,
            large: VecDeque::new(),
            len: 0,
            away: 0,
            written: 0,
            vectored: true,
        }
    }

    /// Says whether the transport writes several slices in one call.
    ///
    /// If not, the start of a large payload is copied behind its header up to [`RUN`](Self::RUN) bytes,
    /// so that a header never makes a write (or a TLS record) of its own.
    pub const fn set_vectored(&mut self, vectored: bool) {
        self.vectored = vectored;
    }

    /// Bytes that wait, those included that were [handed out](Self::hand_out).
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if no byte waits.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes written since the beginning.
    #[inline]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Fills `out` with the runs that come next, in order; gives how many it filled.
    pub fn slices<'a>(&'a self, out: &mut [&'a [u8]]) -> usize {
        let mut runs = self.runs();
        let mut filled = 0;
        for slot in out {
            match runs.next() {
                Some(run) => *slot = run,
                None => break,
            }
            filled += 1;
        }
        filled
    }

    /// Gives a buffer to gather in, which should be empty. It is dropped if one is in use.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        if self.gather.capacity() == 0 {
            self.gather = buffer;
        }
    }

    /// True if there is a buffer to gather in.
    #[inline]
    pub const fn has_buffer(&self) -> bool {
        self.gather.capacity() > 0
    }

    /// Takes the empty buffer back; `None` while bytes wait or if there is none.
    pub fn take_buffer(&mut self) -> Option<Vec<u8>> {
        if self.is_empty() && self.has_buffer() {
            Some(core::mem::take(&mut self.gather))
        } else {
            None
        }
    }

    /// Moves what waits to `out`, to be written from there while more is queued here.
    ///
    /// The bytes go on waiting, in [`len`](Self::len), until [`wrote`](Self::wrote) tells that they are written. The two
    /// exchange their buffers, so nothing is copied and an empty `out` costs no allocation the second time. Does nothing
    /// while `out` holds bytes, or before all that was handed out last is written.
    pub fn hand_out(&mut self, out: &mut Self) {
        if self.away > 0 || !out.is_empty() {
            return;
        }
        core::mem::swap(&mut self.gather, &mut out.gather);
        core::mem::swap(&mut self.large, &mut out.large);
        out.done = core::mem::take(&mut self.done);
        out.len = self.len;
        self.away = self.len;
    }

    /// Notes that the transport took the first `count` of the bytes that were [handed out](Self::hand_out).
    pub fn wrote(&mut self, count: usize) {
        let count = count.min(self.away);
        self.away -= count;
        self.len -= count;
        self.written += count as u64;
    }

    /// Drops the bytes that wait: the transport takes no more. They don't count as written.
    pub fn clear(&mut self) {
        self.forget();
        self.away = 0;
        self.len = 0;
    }

    /// Empties the buffers.
    fn forget(&mut self) {
        self.gather.clear();
        self.done = 0;
        if self.large.capacity() > 0 {
            self.large.clear();
            // What a burst needed isn't kept for ever.
            self.large.shrink_to(LARGE_KEPT);
        }
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.gather.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Appends a frame with a copy of `payload`, masked.
    pub(crate) fn put_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        if let (None, len @ 0..=125) = (header.mask, payload.len())
            && self.gather.capacity() - self.gather.len() >= 2 + len
        {
            // What a server sends most: no mask, a header of two bytes, and room.
            self.gather
                .extend_from_slice(&[header.first_byte(), len as u8]);
            self.gather.extend_from_slice(payload);
            self.len += 2 + len;
        } else {
            self.put_any_frame(header, payload);
        }
    }

    fn put_any_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        self.reserve(FrameHeader::MAX_LEN + payload.len());
        let before = self.gather.len();
        header.write(|run| self.gather.extend_from_slice(run));
        let start = self.gather.len();
        self.gather.extend_from_slice(payload);
        self.len += self.gather.len() - before;
        if let (Some(mask), Some(copy)) = (header.mask, self.gather.get_mut(start..)) {
            mask.apply(copy);
        }
    }

    /// Appends a copy of `payload`, masked.
    #[inline]
    fn put_masked(&mut self, payload: &[u8], mask: Option<Mask>) {
        self.reserve(payload.len());
        let start = self.gather.len();
        self.gather.extend_from_slice(payload);
        self.len += payload.len();
        if let (Some(mask), Some(copy)) = (mask, self.gather.get_mut(start..)) {
            mask.apply(copy);
        }
    }

    /// Appends a large `payload`, masked; copies it only if it is shared and to be masked.
    pub(crate) fn put_large(&mut self, mut payload: Bytes, mut mask: Option<Mask>) {
        if !self.vectored {
            let since = self.large.back().map_or(self.done, |large| large.at);
            let run = self.gather.len().saturating_sub(since);
            let head = payload.split_to(Self::RUN.saturating_sub(run).min(payload.len()));
            self.put_masked(&head, mask);
            mask = mask.map(|mask| mask.rotate(head.len()));
            if payload.is_empty() {
                return;
            }
        }
        let bytes = match mask {
            Some(mask) => masked(payload, mask),
            None => payload,
        };
        self.len += bytes.len();
        self.large.push_back(Large {
            at: self.gather.len(),
            bytes,
        });
    }

    /// Makes room in `gather` by moving what waits to its start, if that is where the room is.
    #[inline]
    fn reserve(&mut self, additional: usize) {
        if self.done == 0 || self.gather.capacity() - self.gather.len() >= additional {
            return;
        }
        let moved = core::mem::take(&mut self.done);
        self.gather.drain(..moved);
        for large in &mut self.large {
            large.at -= moved;
        }
    }

    fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let tail = self.large.back().map_or(self.done, |large| large.at);
        let mut from = self.done;
        self.large
            .iter()
            .flat_map(move |large| {
                let gathered = self.gather.get(from..large.at).unwrap_or_default();
                from = large.at;
                [gathered, &large.bytes[..]]
            })
            .chain([self.gather.get(tail..).unwrap_or_default()])
            .filter(|run| !run.is_empty())
    }
}

impl Default for Transmit {
    fn default() -> Self {
        Self::new()
    }
}

impl Buf for Transmit {
    #[inline]
    fn remaining(&self) -> usize {
        self.len - self.away
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match self.large.front() {
            None => self.gather.get(self.done..).unwrap_or_default(),
            Some(large) if large.at == self.done => &large.bytes,
            Some(large) => self.gather.get(self.done..large.at).unwrap_or_default(),
        }
    }

    /// Drops the first `count` bytes: the transport took them.
    ///
    /// A count above what waits drops all that waits; a transport that claims more than it was given is
    /// wrong, and the caller is to find that out first.
    #[inline]
    fn advance(&mut self, count: usize) {
        let count = count.min(self.remaining());
        self.len -= count;
        self.written += count as u64;
        if self.remaining() == 0 {
            self.forget();
            return;
        }
        let mut left = count;
        while let Some(large) = self.large.front_mut() {
            let gathered = (large.at - self.done).min(left);
            self.done += gathered;
            left -= gathered;
            let taken = large.bytes.len().min(left);
            large.bytes.advance(taken);
            left -= taken;
            if large.at > self.done || !large.bytes.is_empty() {
                return;
            }
            self.large.pop_front();
        }
        self.done += left;
    }
}

/// Masks a large payload: in place if nobody shares it, else while copying it.
fn masked(payload: Bytes, mask: Mask) -> Bytes {
    match payload.try_into_mut() {
        Ok(mut own) => {
            mask.apply(&mut own);
            own.freeze()
        }
        Err(shared) => {
            let mut copy = BytesMut::with_capacity(shared.len());
            // Piece by piece, so that each is masked while it is in the cache. The size is a multiple
            // of four, so every piece meets the key at its start.
            for piece in shared.chunks(Transmit::RUN) {
                let start = copy.len();
                copy.extend_from_slice(piece);
                if let Some(piece) = copy.get_mut(start..) {
                    mask.apply(piece);
                }
            }
            copy.freeze()
        }
    }
}

/// Places for large payloads that an empty transmit keeps.
const LARGE_KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Drains `transmit` in steps of `step` bytes.
    fn drain(transmit: &mut Transmit, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while transmit.has_remaining() {
            let mut slices = [&[][..]; 8];
            let filled = transmit.slices(&mut slices);
            let vectored: Vec<u8> = slices[..filled].concat();
            assert!(vectored.starts_with(transmit.chunk()));
            assert!(slices[..filled].iter().all(|run| !run.is_empty()));
            let take = step.min(vectored.len());
            all.extend_from_slice(&vectored[..take]);
            transmit.advance(take);
        }
        all
    }

    fn fill(transmit: &mut Transmit, mask: Option<Mask>) -> Vec<u8> {
        let mut expected = Vec::new();
        for len in [1, 0, 5_000, 3, 4_096, 4_095, 20_000, 40_000, 7] {
            let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            transmit.put(b"head");
            if payload.len() < Transmit::COPY_BELOW {
                transmit.put_masked(&payload, mask);
            } else {
                transmit.put_large(payload.clone().into(), mask);
            }
            expected.extend_from_slice(b"head");
            let start = expected.len();
            expected.extend(payload);
            mask.unwrap_or_default().apply(&mut expected[start..]);
        }
        expected
    }

    #[test]
    fn bytes_come_out_in_order_whatever_the_writer_takes() {
        for vectored in [true, false] {
            for mask in [None, Some(Mask::new([1, 2, 3, 4]))] {
                for step in [1, 2, 3, 7, 4_096, 4_100, 30_000, usize::MAX] {
                    let mut transmit = Transmit::new();
                    transmit.set_vectored(vectored);
                    let expected = fill(&mut transmit, mask);
                    assert_eq!(transmit.len(), expected.len());
                    assert!(
                        drain(&mut transmit, step) == expected,
                        "{vectored} {mask:?} {step}"
                    );
                    assert_eq!(transmit.written(), expected.len() as u64);
                }
            }
        }
    }

    #[test]
    fn what_waits_moves_forward_instead_of_growing() {
        let mut transmit = Transmit::new();
        transmit.lend(Vec::with_capacity(1024));
        let mut expected = VecDeque::new();
        for round in 0..100_u8 {
            transmit.put(&[round; 300]);
            expected.extend([round; 300]);
            while transmit.len() > 600 {
                let run = transmit.chunk().len().min(200);
                for byte in transmit.chunk()[..run].iter().copied() {
                    assert_eq!(Some(byte), expected.pop_front());
                }
                transmit.advance(run);
            }
        }
        assert!(transmit.gather.capacity() <= 1024);
    }

    #[test]
    fn an_unvectored_writer_never_gets_a_lone_header() {
        let mut transmit = Transmit::new();
        transmit.set_vectored(false);
        for _ in 0..3 {
            transmit.put(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
            transmit.put_large(alloc::vec![7; 65_536].into(), None);
        }
        while transmit.has_remaining() {
            assert!(transmit.chunk().len() > 14);
            transmit.advance(transmit.chunk().len());
        }
    }

    #[test]
    fn what_is_handed_out_waits_until_it_is_written() {
        for vectored in [true, false] {
            for step in [1, 4_096, 30_000, usize::MAX] {
                let mut transmit = Transmit::new();
                transmit.set_vectored(vectored);
                let mut out = Transmit::new();
                let mut expected = Vec::new();
                let mut written = Vec::new();
                while expected.len() < 500_000 {
                    expected.extend(fill(&mut transmit, None));
                    transmit.hand_out(&mut out);
                    // Behind what is away, and not in its way.
                    transmit.put(b"more");
                    expected.extend(b"more");
                    let left = out.len();
                    transmit.hand_out(&mut out);
                    assert_eq!(out.len(), left);
                    while out.has_remaining() {
                        assert_eq!(transmit.len(), expected.len() - written.len());
                        let run = &out.chunk()[..step.min(out.chunk().len())];
                        written.extend_from_slice(run);
                        let count = run.len();
                        out.advance(count);
                        transmit.wrote(count);
                    }
                    assert_eq!((transmit.len(), transmit.remaining()), (4, 4));
                    assert_eq!(transmit.written(), written.len() as u64);
                }
                written.extend(drain(&mut transmit, step));
                assert!(transmit.is_empty());
                assert!(written == expected, "{vectored} {step}");
            }
        }
    }

    #[test]
    fn what_was_handed_out_may_be_given_up() {
        let (mut transmit, mut out) = (Transmit::new(), Transmit::new());
        transmit.put(b"away");
        transmit.hand_out(&mut out);
        transmit.put(b"here");
        transmit.advance(usize::MAX);
        assert_eq!((transmit.len(), transmit.written()), (4, 4));
        transmit.clear();
        assert!(transmit.is_empty());
        transmit.wrote(4);
        assert_eq!((transmit.len(), transmit.written()), (0, 4));
    }

    #[test]
    fn an_empty_transmit_gives_its_buffer_back() {
        let mut transmit = Transmit::new();
        assert!(transmit.take_buffer().is_none());
        transmit.lend(Vec::with_capacity(64));
        transmit.put(b"abc");
        assert!(transmit.take_buffer().is_none());
        transmit.advance(3);
        assert_eq!(
            transmit.take_buffer().map(|buffer| buffer.capacity()),
            Some(64)
        );
        assert!(!transmit.has_buffer());
    }
}
