//! One direction of a transport: bytes arrive late, in other runs than they were written in, or never.

use std::collections::VecDeque;
use std::time::Duration;

use bowline_testing::random::Random;
use bytes::Bytes;

/// Bytes on their way from one end to the other, as TCP carries them. Times count from the start of the run.
pub(crate) struct Link {
    /// Bytes that may be under way or unread at once.
    capacity: usize,
    delay: Duration,
    segments: VecDeque<Segment>,
    carried: usize,
    last_arrival: Duration,
    /// Nothing arrives before.
    stalled_until: Duration,
    end: Option<Duration>,
    reset: Option<Reset>,
    reader: Reader,
}

struct Segment {
    arrives: Duration,
    bytes: Bytes,
}

struct Reset {
    arrives: Duration,
    /// What has arrived unread is lost too.
    takes_unread: bool,
}

#[derive(PartialEq)]
enum Reader {
    Here,
    Gone,
    /// It was written to although nobody reads: the writer is to hear of it.
    Missed,
}

/// What one read gives.
pub(crate) enum Read {
    Bytes(Vec<u8>),
    End,
    Failed,
    Nothing,
}

/// The transport takes nothing more.
#[derive(Debug)]
pub(crate) struct Broken;

impl Link {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            capacity: [4 * 1024, 16 * 1024, 256 * 1024][random.below(3)],
            delay: Duration::from_micros(random.below(50_000) as u64),
            segments: VecDeque::new(),
            carried: 0,
            last_arrival: Duration::ZERO,
            stalled_until: Duration::ZERO,
            end: None,
            reset: None,
            reader: Reader::Here,
        }
    }

    /// Takes some of `bytes`, or none while too much is under way.
    pub(crate) fn write(
        &mut self,
        now: Duration,
        bytes: &[u8],
        random: &mut Random,
    ) -> Result<usize, Broken> {
        if self.end.is_some() || self.is_reset(now) {
            return Err(Broken);
        }
        if self.reader != Reader::Here {
            self.reader = Reader::Missed;
            return Ok(bytes.len());
        }
        let most = [1, 100, bytes.len(), bytes.len()][random.below(4)];
        let room = self.capacity - self.carried;
        let taken = most.min(bytes.len()).min(room);
        if taken > 0 {
            self.last_arrival = self.arrival(now);
            self.carried += taken;
            self.segments.push_back(Segment {
                arrives: self.last_arrival,
                bytes: Bytes::copy_from_slice(&bytes[..taken]),
            });
        }
        Ok(taken)
    }

    /// Gives what has arrived, at most `most` bytes.
    pub(crate) fn read(&mut self, now: Duration, most: usize) -> Read {
        if self
            .reset
            .as_ref()
            .is_some_and(|reset| reset.takes_unread && reset.arrives <= now)
        {
            return Read::Failed;
        }
        let mut read = Vec::new();
        while let Some(segment) = self.segments.front_mut()
            && segment.arrives.max(self.stalled_until) <= now
            && read.len() < most
        {
            let taken = segment.bytes.len().min(most - read.len());
            read.extend_from_slice(&segment.bytes.split_to(taken));
            if segment.bytes.is_empty() {
                self.segments.pop_front();
            }
        }
        self.carried -= read.len();
        if !read.is_empty() {
            return Read::Bytes(read);
        }
        if self.is_reset(now) {
            return Read::Failed;
        }
        match self.end {
            Some(end) if self.segments.is_empty() && end.max(self.stalled_until) <= now => {
                Read::End
            }
            _ => Read::Nothing,
        }
    }

    /// The writer ends its side: the reader finds the end behind all bytes.
    pub(crate) fn end(&mut self, now: Duration) {
        if self.end.is_none() {
            self.end = Some(self.arrival(now));
        }
    }

    /// The reader is gone. True if it left bytes unread, for which TCP sends a reset instead of an end.
    pub(crate) fn abandon(&mut self) -> bool {
        self.reader = Reader::Gone;
        self.segments.clear();
        std::mem::take(&mut self.carried) > 0
    }

    /// Both ends hear of a reset from `arrives` on.
    pub(crate) fn reset(&mut self, arrives: Duration, takes_unread: bool) {
        if self.reset.is_none() {
            self.reset = Some(Reset {
                arrives,
                takes_unread,
            });
        }
    }

    /// Lets nothing arrive before `until`.
    pub(crate) fn stall(&mut self, until: Duration) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// True once after bytes were written that nobody is there to read.
    pub(crate) fn take_missed(&mut self) -> bool {
        let missed = self.reader == Reader::Missed;
        if missed {
            self.reader = Reader::Gone;
        }
        missed
    }

    /// How long a byte takes.
    pub(crate) const fn delay(&self) -> Duration {
        self.delay
    }

    /// When reading may give something that it doesn't give at `now`.
    pub(crate) fn next_arrival(&self, now: Duration) -> Option<Duration> {
        let bytes = self.segments.front().map(|segment| segment.arrives);
        let data = bytes.or(self.end).map(|at| at.max(self.stalled_until));
        let reset = self.reset.as_ref().map(|reset| reset.arrives);
        [data, reset]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
    }

    fn arrival(&self, now: Duration) -> Duration {
        self.last_arrival.max(now + self.delay)
    }

    fn is_reset(&self, now: Duration) -> bool {
        self.reset
            .as_ref()
            .is_some_and(|reset| reset.arrives <= now)
    }
}
