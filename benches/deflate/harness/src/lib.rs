//! What every package beside this one measures: a text message is compressed and sent by a server, received and
//! inflated by a client of the same library, over a pair of streams in memory.

mod json;
mod wire;

use std::future::Future;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};
use tokio::task;

pub use wire::Wire;

/// A library: a server and a client whose opening handshake is done.
pub trait Pair: Sized {
    /// A message in the form in which the library takes it at the least cost.
    type Message;

    fn message(text: &str) -> Self::Message;

    /// Sends a message, and returns when it is written.
    fn send(&mut self, message: &mut Self::Message) -> impl Future<Output = ()>;

    /// Receives a message, and shows its bytes to `look`.
    fn recv<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> impl Future<Output = R>;
}

/// Measures `name`, with and without context takeover as `takeovers` says.
///
/// `open` makes a pair on two ends of a wire, the server's first, with context takeover or without.
pub fn measure<P, F>(name: &str, takeovers: &[bool], open: impl Fn(Wire, Wire, bool) -> F)
where
    P: Pair,
    F: Future<Output = P>,
{
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let mut criterion = Criterion::default().configure_from_args();
    for &takeover in takeovers {
        let kept = match takeover {
            true => "takeover",
            false => "no takeover",
        };
        let mut group = criterion.benchmark_group(format!("{name}, {kept}"));
        // Linear sampling begins with a round per sample, which is a second for long messages.
        group.sampling_mode(SamplingMode::Flat);
        for len in LENGTHS {
            // More than any window holds, so that takeover finds what is alike and not what is the same.
            let count = (128 * 1024 / len).max(16);
            let texts: Vec<_> = (0..count as u64)
                .map(|seed| json::text(len, seed))
                .collect();
            let (server, client, written) = Wire::pair();
            let mut pair = runtime.block_on(open(server, client, takeover));

            let before = written.get();
            all(&runtime, &mut pair, &texts);
            let wire = written.get() - before;
            // `cargo xtask bench` reads these lines.
            println!(
                "wire: {name}, {kept}/{len}: {:.1}",
                wire as f64 / count as f64
            );

            let mut messages: Vec<_> = texts.iter().map(|text| P::message(text)).collect();
            let mut next = 0;
            group.throughput(Throughput::Bytes(len as u64));
            group.bench_function(BenchmarkId::from_parameter(len), |bencher| {
                bencher.iter_custom(|rounds| {
                    runtime.block_on(task::unconstrained(run(
                        &mut pair,
                        &mut messages,
                        &mut next,
                        len,
                        rounds,
                    )))
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
}

/// Sends each text once, and compares what comes out.
fn all<P: Pair>(runtime: &Runtime, pair: &mut P, texts: &[String]) {
    runtime.block_on(async {
        for text in texts {
            pair.send(&mut P::message(text)).await;
            let same = pair.recv(|bytes| bytes == text.as_bytes()).await;
            assert!(same, "a message was altered");
        }
    });
}

async fn run<P: Pair>(
    pair: &mut P,
    messages: &mut [P::Message],
    next: &mut usize,
    len: usize,
    rounds: u64,
) -> Duration {
    let started = clock();
    for _ in 0..rounds {
        pair.send(&mut messages[*next]).await;
        let received = pair.recv(<[u8]>::len).await;
        assert_eq!(received, len, "a message was altered");
        *next = (*next + 1) % messages.len();
    }
    clock() - started
}

/// What this thread has computed: what others compute meanwhile doesn't count.
fn clock() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The lengths of messages, in bytes.
const LENGTHS: [usize; 4] = [64, 1024, 16 * 1024, 256 * 1024];
