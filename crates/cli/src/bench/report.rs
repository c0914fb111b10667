//! What came out, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use bowline_tokio::{MessageKind, Volume};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::args;
use crate::compression;
use crate::escape;

use super::tally::Counts;

/// All figures; the names are what `--json` shows, and times end in their unit.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    url: String,
    kind: &'static str,
    size: u32,
    depth: u16,
    connections: Connections,
    messages: Messages,
    /// From the first message that was measured to the last echo.
    seconds: f64,
    messages_per_second: f64,
    /// Payload of the messages in one direction.
    bytes_per_second: f64,
    /// `None` if no message came back.
    round_trip_ns: Option<RoundTrip>,
    /// `None` if it was not offered.
    deflate: Option<Deflate>,
    troubles: Vec<Trouble>,
}

#[derive(Debug, Serialize)]
struct Connections {
    wanted: u16,
    opened: u64,
    failed: u64,
    ended_early: u64,
}

#[derive(Debug, Serialize)]
struct Messages {
    echoed: u64,
    altered: u64,
    lost: u64,
}

/// Times from a message to its echo, in nanoseconds.
#[derive(Debug, Serialize)]
pub(super) struct RoundTrip {
    min: u64,
    mean: u64,
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
}

/// What came of an offer to compress.
#[derive(Debug, Serialize)]
struct Deflate {
    /// Connections whose server agreed.
    agreed: u64,
    sent: Compressed,
    received: Compressed,
}

#[derive(Debug, Serialize)]
struct Compressed {
    payload: u64,
    wire: u64,
}

#[derive(Debug, Serialize)]
struct Trouble {
    what: String,
    count: u64,
}

/// What was measured.
pub(super) struct Measured {
    pub(super) counts: Counts,
    pub(super) round_trips: Histogram<u64>,
    pub(super) elapsed: Duration,
    /// Connections that compress, and what that made of the messages sent and received.
    pub(super) deflate: Option<(u64, [Volume; 2])>,
}

impl Report {
    pub(super) fn new(args: &args::Bench, measured: Measured) -> Self {
        let Measured {
            counts,
            round_trips,
            elapsed,
            deflate,
        } = measured;
        let seconds = elapsed.as_secs_f64();
        let echoed = round_trips.len();
        let rate = per_second(echoed, elapsed);
        let mut troubles: Vec<_> = counts
            .troubles
            .into_iter()
            .map(|(what, count)| Trouble { what, count })
            .collect();
        troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.count));
        Self {
            url: args.target.url.to_string(),
            kind: match args.kind.get() {
                MessageKind::Text => "text",
                MessageKind::Binary => "binary",
            },
            size: args.size,
            depth: args.depth,
            connections: Connections {
                wanted: args.connections,
                opened: counts.opened,
                failed: counts.failed,
                ended_early: counts.ended,
            },
            messages: Messages {
                echoed,
                altered: counts.altered,
                lost: counts.lost,
            },
            seconds,
            messages_per_second: rate,
            bytes_per_second: rate * f64::from(args.size),
            round_trip_ns: RoundTrip::of(&round_trips),
            deflate: deflate.map(|(agreed, [sent, received])| Deflate {
                agreed,
                sent: sent.into(),
                received: received.into(),
            }),
            troubles,
        }
    }

    /// Why this is no success; `None` if it is one.
    pub(super) fn failure(&self) -> Option<String> {
        let Messages { altered, lost, .. } = self.messages;
        if self.connections.opened == 0 {
            return Some("no connection could be opened".into());
        }
        match (lost, altered) {
            (0, 0) => None,
            (lost, 0) => Some(format!("messages that did not come back: {lost}")),
            (0, altered) => Some(format!("messages that came back altered: {altered}")),
            (lost, altered) => Some(format!(
                "messages that did not come back: {lost}; that came back altered: {altered}"
            )),
        }
    }

    /// One JSON object on one line.
    pub(super) fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|json| json + "\n")
    }

    /// One figure or a few on each line.
    pub(super) fn table(&self) -> String {
        let Connections {
            wanted,
            opened,
            failed,
            ended_early,
        } = self.connections;
        let mut out = String::new();
        let s = if wanted == 1 { "" } else { "s" };
        // Writing to a string doesn't fail.
        let _ = writeln!(
            out,
            "{}: {wanted} connection{s}, {} under way on each, {} of {} bytes\n",
            escape::line(&self.url),
            self.depth,
            self.kind,
            self.size
        );
        let mut row = |name: &str, value: &str| {
            let _ = writeln!(out, "{name:<12} {value}");
        };
        row(
            "connections",
            &format!("{opened} opened, {failed} failed, {ended_early} ended early"),
        );
        let Messages {
            echoed,
            altered,
            lost,
        } = self.messages;
        let time = match self.round_trip_ns {
            Some(_) => format!(" in {:.1?}", Duration::from_secs_f64(self.seconds)),
            None => String::new(),
        };
        row(
            "messages",
            &format!("{echoed} echoed{time}, {altered} altered, {lost} lost"),
        );
        if let Some(times) = &self.round_trip_ns {
            let rate = format!(
                "{:.0}/s, {:.1} MiB/s each way",
                self.messages_per_second,
                mebibytes(self.bytes_per_second)
            );
            row("rate", &rate);
            let mut name = "round trip";
            for (quantile, time) in times.rows() {
                row(name, &format!("{quantile:<5} {time:.1?}"));
                name = "";
            }
        }
        if let Some(deflate) = &self.deflate {
            let mut name = "compression";
            if deflate.agreed == 0 {
                row(name, "the server did not agree");
            }
            for (direction, volume) in [("sent", &deflate.sent), ("received", &deflate.received)] {
                let volume = Volume {
                    payload: volume.payload,
                    wire: volume.wire,
                };
                if let Some(saved) = compression::saved(volume) {
                    row(name, &format!("{direction} {saved}"));
                    name = "";
                }
            }
        }
        let mut name = "trouble";
        for Trouble { what, count } in &self.troubles {
            row(name, &format!("{count} × {what}"));
            name = "";
        }
        out
    }
}

impl RoundTrip {
    /// `None` if there was none.
    pub(super) fn of(times: &Histogram<u64>) -> Option<Self> {
        (!times.is_empty()).then(|| Self {
            min: times.min(),
            mean: times.mean() as u64,
            p50: times.value_at_quantile(0.5),
            p90: times.value_at_quantile(0.9),
            p99: times.value_at_quantile(0.99),
            p99_9: times.value_at_quantile(0.999),
            max: times.max(),
        })
    }

    /// What people are shown.
    pub(super) fn rows(&self) -> [(&'static str, Duration); 5] {
        [
            ("p50", self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p99.9", self.p99_9),
            ("max", self.max),
        ]
        .map(|(name, nanos)| (name, Duration::from_nanos(nanos)))
    }
}

impl From<Volume> for Compressed {
    fn from(volume: Volume) -> Self {
        Self {
            payload: volume.payload,
            wire: volume.wire,
        }
    }
}

/// A rate; 0 if no time has passed.
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

pub(super) fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::args::{Args, Command};

    use super::super::tally::round_trips;
    use super::*;

    fn report(counts: Counts) -> Report {
        let args = Args::parse_from(["bowline", "bench", "ws://localhost/", "--connections=3"]);
        let Command::Bench(args) = args.command else {
            panic!("{args:?}");
        };
        let measured = Measured {
            counts,
            round_trips: round_trips(),
            elapsed: Duration::ZERO,
            deflate: None,
        };
        Report::new(&args, measured)
    }

    #[test]
    fn only_a_message_that_went_wrong_makes_a_failure() {
        let failure = |opened, lost, altered| {
            let counts = Counts {
                opened,
                failed: 1,
                lost,
                altered,
                ..Counts::default()
            };
            report(counts).failure()
        };
        assert_eq!(failure(2, 0, 0), None);
        for (failure, expected) in [
            (failure(2, 3, 0), "messages that did not come back: 3"),
            (failure(2, 0, 4), "messages that came back altered: 4"),
            (
                failure(2, 3, 4),
                "messages that did not come back: 3; that came back altered: 4",
            ),
            (failure(0, 0, 0), "no connection could be opened"),
        ] {
            assert_eq!(failure.as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_went_wrong_most_often_comes_first() {
        let mut counts = Counts::default();
        for why in ["a", "b", "c", "b"] {
            counts.trouble(why.into());
        }
        let table = report(counts).table();
        let rows = "\ntrouble      2 × b\n             1 × a\n             1 × c\n";
        assert!(table.ends_with(rows), "{table}");
    }
}
