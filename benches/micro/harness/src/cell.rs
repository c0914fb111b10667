use std::time::Duration;

use bowline_testing::alloc::CountingAllocator;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Builder;

use crate::wire::{self, Sent};
use crate::{Output, Wire};

/// A way to echo.
pub struct Case {
    /// What echoes: a layer, or the way in which a library is used.
    pub name: &'static str,
    /// Makes a server on a transport. Each call of what it gives is a wake-up: it echoes all that the transport has.
    pub open: fn(Wire) -> Box<dyn FnMut()>,
}

/// A case with messages of one length, ready to be measured.
struct Cell {
    case: &'static str,
    len: usize,
    messages: usize,
    wake_up: Box<dyn FnMut()>,
    sent: Sent,
    output: Output,
    /// Bytes that a wake-up writes.
    replies: u64,
}

/// What a program beside this one does that tells time: prints a line of JSON for each case and length.
///
/// With `--run CASE LENGTH WAKE_UPS` it does only that, for a profiler.
///
/// # Panics
///
/// An echo is not what was sent, or an argument is unknown.
pub fn time(library: &str, cases: &[Case]) {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => each(cases, |mut cell| {
            let time = cell.time();
            cell.print(library, "ns", time);
        }),
        ["--run", case, len, wake_ups] => {
            let case = cases.iter().find(|one| one.name == case);
            let len = len.parse().expect("a length");
            let wake_ups = wake_ups.parse().expect("a number of wake-ups");
            enter(|| Cell::open(case.expect("a case"), len).run(wake_ups));
        }
        _ => panic!("what is {arguments:?}?"),
    }
}

/// What a program beside this one does that counts allocations: prints a line of JSON for each case and length.
///
/// # Panics
///
/// An echo is not what was sent.
pub fn count(library: &str, cases: &[Case], allocator: &CountingAllocator) {
    each(cases, |mut cell| {
        cell.run(WARM_UP);
        let used = allocator.measure(|| cell.run(COUNTED)).1;
        let messages = COUNTED * cell.messages;
        cell.print(
            library,
            "allocations",
            used.allocations as f64 / messages as f64,
        );
    });
}

fn each(cases: &[Case], measure: impl Fn(Cell)) {
    enter(|| {
        for case in cases {
            for len in LENGTHS {
                measure(Cell::open(case, len));
            }
        }
    });
}

/// Some libraries need a runtime around them, if only for its timers.
fn enter(work: impl FnOnce()) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    work();
}

impl Cell {
    /// Opens a server and compares its first echoes.
    fn open(case: &Case, len: usize) -> Self {
        let messages = (BATCH / len).clamp(1, MESSAGES);
        let wire = Wire::new(len, messages, CHECKED);
        let replies = wire::replies(len, messages);
        let mut cell = Self {
            case: case.name,
            len,
            messages,
            sent: wire.input.sent(),
            output: wire.output.clone(),
            wake_up: (case.open)(wire),
            replies: replies.len() as u64,
        };
        cell.run(CHECKED);
        assert!(
            cell.output.kept() == replies.repeat(CHECKED),
            "{} altered a message of {len} bytes",
            cell.case
        );
        cell
    }

    fn run(&mut self, wake_ups: usize) {
        let before = self.output.bytes();
        for _ in 0..wake_ups {
            self.sent.send();
            (self.wake_up)();
        }
        let written = self.output.bytes() - before;
        let Self { case, len, .. } = self;
        assert_eq!(
            written,
            wake_ups as u64 * self.replies,
            "{case} held back a message of {len} bytes"
        );
    }

    /// Nanoseconds of CPU time for a message: the least of many samples. What disturbs only adds to it.
    fn time(&mut self) -> f64 {
        let mut wake_ups = WARM_UP;
        let mut took = self.sample(wake_ups);
        while took < SAMPLE {
            wake_ups *= 2;
            took = self.sample(wake_ups);
        }
        let least = (0..SAMPLES).map(|_| self.sample(wake_ups)).min();
        let nanoseconds = least.unwrap_or(took).as_nanos() as f64;
        nanoseconds / (wake_ups * self.messages) as f64
    }

    fn sample(&mut self, wake_ups: usize) -> Duration {
        let started = clock();
        self.run(wake_ups);
        clock() - started
    }

    /// A line that `cargo xtask bench` reads.
    fn print(&self, library: &str, unit: &str, value: f64) {
        let Self { case, len, .. } = self;
        println!(
            "{{\"library\":\"{library}\",\"case\":\"{case}\",\"len\":{len},\"messages\":{},\"{unit}\":{value:.3}}}",
            self.messages
        );
    }
}

/// What this thread has computed: what others compute meanwhile doesn't count.
fn clock() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The lengths of messages, in bytes.
const LENGTHS: [usize; 4] = [16, 125, 1024, 64 * 1024];

/// Messages at a wake-up, unless they are more than `BATCH` bytes.
const MESSAGES: usize = 64;

/// Payload at a wake-up, in bytes, unless a single message has more.
const BATCH: usize = 16 * 1024;

/// Wake-ups whose echoes are compared.
const CHECKED: usize = 3;

/// Wake-ups before anything is measured.
const WARM_UP: usize = 16;

/// Wake-ups whose allocations are counted.
const COUNTED: usize = 256;

/// How long a sample takes at least.
const SAMPLE: Duration = Duration::from_millis(5);

const SAMPLES: usize = 40;
