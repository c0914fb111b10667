//! Two connections over a seeded transport, with a clock of its own: what is promised holds whatever happens.
//!
//! A run follows from its seed alone. `cargo xtask simulate` runs as many as you like. A run that breaks a promise
//! is run once more, telling what happens, and named.

mod end;
mod link;
mod trace;
mod world;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use bowline_testing::alloc::CountingAllocator;
use bowline_testing::random::{Random, seed};

use world::World;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

// covers WS-5.5.1-06, WS-5.5.1-09, WS-7.1.4-01, WS-7.2.1-01
#[test]
fn what_is_delivered_was_sent_and_the_end_comes_in_time() {
    let from = seed();
    let seeds = seeds();
    let counts = run_all(from, seeds);
    println!("{counts:?}");
    assert_eq!(counts.runs, seeds);
    // Few seeds need not meet everything.
    if seeds >= SEEDS {
        let Counts {
            runs: _,
            messages,
            clean,
            violations,
            deadlines,
            lost,
            unanswered,
            dropped,
        } = counts;
        let met = [
            messages, clean, violations, deadlines, lost, unanswered, dropped,
        ];
        assert!(
            met.iter().all(|count| *count > 100),
            "some end is never met"
        );
    }
}

/// What happened in all runs. Each end of a run ends in one way.
#[derive(Debug, Default)]
struct Counts {
    runs: u64,
    messages: u64,
    clean: u64,
    violations: u64,
    deadlines: u64,
    /// The transport failed or ended.
    lost: u64,
    /// One Close went out, and no other came.
    unanswered: u64,
    dropped: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.messages += other.messages;
        self.clean += other.clean;
        self.violations += other.violations;
        self.deadlines += other.deadlines;
        self.lost += other.lost;
        self.unanswered += other.unanswered;
        self.dropped += other.dropped;
    }
}

fn run_all(from: u64, seeds: u64) -> Counts {
    let next = AtomicU64::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut counts = Counts::default();
    thread::scope(|scope| {
        let work = || {
            let mut counts = Counts::default();
            loop {
                let done = next.fetch_add(1, Relaxed);
                if done >= seeds {
                    return counts;
                }
                if done > 0 && done.is_multiple_of(STRIDE) {
                    println!("{done} of {seeds} seeds");
                }
                run(from.wrapping_add(done), &mut counts);
            }
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(found) => counts.add(&found),
                Err(broken) => {
                    // The others need not go on.
                    next.store(seeds, Relaxed);
                    std::panic::resume_unwind(broken);
                }
            }
        }
    });
    counts
}

/// Runs one seed; if it breaks a promise, tells how.
fn run(seed: u64, counts: &mut Counts) {
    let quiet = catch_unwind(AssertUnwindSafe(|| World::new(seed, false).run(counts)));
    if quiet.is_ok() {
        return;
    }
    println!("\nseed {seed} again, with all that happens:\n");
    let told = catch_unwind(AssertUnwindSafe(|| {
        World::new(seed, true).run(&mut Counts::default());
    }));
    let told = if told.is_ok() {
        " (which didn't happen again)"
    } else {
        ""
    };
    panic!(
        "seed {seed} broke a promise{told}; again: cargo xtask simulate --from {seed} --seeds 1"
    );
}

/// How many seeds to run: the environment variable `BOWLINE_SEEDS`, else a number that takes some seconds.
fn seeds() -> u64 {
    match std::env::var("BOWLINE_SEEDS") {
        Ok(text) => text.parse().expect("BOWLINE_SEEDS is a number"),
        Err(std::env::VarError::NotPresent) => SEEDS,
        Err(error) => panic!("BOWLINE_SEEDS: {error}"),
    }
}

/// Starts the masking keys of this thread's next connection.
fn seed_keys(seed: u64) {
    KEYS.set(Random::new(!seed));
}

/// Where masking keys come from.
fn fill(bytes: &mut [u8]) {
    KEYS.with_borrow_mut(|keys| keys.fill(bytes));
}

thread_local! {
    static KEYS: RefCell<Random> = RefCell::new(Random::new(0));
}

const SEEDS: u64 = 10_000;

/// Seeds from one line of progress to the next.
const STRIDE: u64 = 50_000;
