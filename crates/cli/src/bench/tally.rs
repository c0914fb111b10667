use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;

/// What all connections count together while they run.
#[derive(Debug)]
pub(super) struct Tally {
    /// A connection keeps to one of them, so that threads rarely meet.
    shards: Vec<Shard>,
    counts: Mutex<Counts>,
}

/// Round trips; a cache line of its own, with the neighbour that processors fetch along.
#[derive(Debug)]
#[repr(align(128))]
struct Shard(Mutex<Histogram<u64>>);

/// What is rare beside messages that come back.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Connections that were opened.
    pub(super) opened: u64,
    /// Connections that could not be opened.
    pub(super) failed: u64,
    /// Those of the opened ones that ended before we closed them.
    pub(super) ended: u64,
    /// Echoes that were not what was sent.
    pub(super) altered: u64,
    /// Messages that did not come back.
    pub(super) lost: u64,
    /// What went wrong with connections, and how often.
    pub(super) troubles: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let shard = || Shard(Mutex::new(round_trips()));
        Self {
            shards: (0..4 * threads.min(16)).map(|_| shard()).collect(),
            counts: Mutex::default(),
        }
    }

    /// Counts a message that connection `number` got back after `time`.
    #[inline]
    pub(super) fn record(&self, number: usize, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let Shard(shard) = &self.shards[number % self.shards.len()];
        locked(shard).saturating_record(nanos);
    }

    /// The counts, to be read or changed.
    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        locked(&self.counts)
    }

    /// The round trips since this was called last.
    pub(super) fn take(&self) -> Histogram<u64> {
        let mut taken = round_trips();
        let mut shard_taken = round_trips();
        for Shard(shard) in &self.shards {
            // Nobody waits while they are added up.
            mem::swap(&mut *locked(shard), &mut shard_taken);
            join(&mut taken, &shard_taken);
            shard_taken.reset();
        }
        taken
    }
}

impl Counts {
    /// Notes why a connection is not what it should be.
    pub(super) fn trouble(&mut self, why: String) {
        // Peers choose some of the words, and might choose others each time.
        let known = self.troubles.len() < DIFFERENT || self.troubles.contains_key(&why);
        let why = if known { why } else { "something else".into() };
        *self.troubles.entry(why).or_default() += 1;
    }
}

/// No round trip yet. Nanoseconds, with three digits that count, up to 18 minutes.
pub(super) fn round_trips() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1 << 40, 3).expect("these bounds are in order")
}

/// Adds one to the other.
pub(super) fn join(all: &mut Histogram<u64>, more: &Histogram<u64>) {
    all.add(more).expect("all have the same bounds");
}

/// What a panicking thread leaves is counts all the same.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Different troubles that are told apart.
const DIFFERENT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_was_recorded_since() {
        let tally = Tally::new();
        for number in 0..1000 {
            tally.record(number, Duration::from_micros(100));
        }
        tally.record(7, Duration::from_secs(3));
        let taken = tally.take();
        assert_eq!(taken.len(), 1001);
        let median = taken.value_at_quantile(0.5);
        assert!(median.abs_diff(100_000) <= 100, "{median}");
        assert!(taken.max().abs_diff(3_000_000_000) <= 3_000_000);
        assert_eq!(tally.take().len(), 0);
    }

    #[test]
    fn a_round_trip_longer_than_any_is_counted() {
        let tally = Tally::new();
        tally.record(0, Duration::MAX);
        tally.record(0, Duration::ZERO);
        assert_eq!(tally.take().len(), 2);
    }

    #[test]
    fn troubles_that_are_ever_new_take_no_more_room() {
        let mut counts = Counts::default();
        for number in 0..1000 {
            counts.trouble(format!("closed by the peer: {number}"));
        }
        counts.trouble("closed by the peer: 0".into());
        assert_eq!(counts.troubles.len(), DIFFERENT + 1);
        assert_eq!(counts.troubles["closed by the peer: 0"], 2);
        assert_eq!(counts.troubles["something else"], 984);
    }
}
