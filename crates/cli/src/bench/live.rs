use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::time::{self, Interval, MissedTickBehavior};
use unicode_width::UnicodeWidthStr as _;

use crate::screen;

use super::report::{RoundTrip, mebibytes, per_second};
use super::tally::{Counts, Tally, join, round_trips};

/// A line on the terminal that tells how it goes, and the figures behind it.
#[derive(Debug)]
pub(super) struct Live {
    /// `None` if nobody looks.
    interval: Option<Interval>,
    /// The round trips that are counted, as far as they are known.
    pub(super) round_trips: Histogram<u64>,
    since: Instant,
    size: u32,
}

/// What goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    Opening { wanted: u16 },
    WarmingUp,
    Measuring { since: Instant },
    Closing,
}

impl Live {
    /// For messages of `size` bytes.
    pub(super) fn new(size: u32) -> Self {
        // Standard output is for what comes out in the end.
        let looked_at = io::stderr().is_terminal() && screen::moves_cursor();
        Self {
            interval: looked_at.then(|| {
                let mut interval = time::interval(PERIOD);
                interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
                interval
            }),
            round_trips: round_trips(),
            since: Instant::now(),
            size,
        }
    }

    /// Waits until the line is to be shown again. Cancel safe.
    pub(super) async fn due(&mut self) {
        match &mut self.interval {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Begins to count anew.
    pub(super) fn restart(&mut self, tally: &Tally) {
        tally.take();
        self.round_trips.reset();
        self.since = Instant::now();
    }

    /// Counts what came since the last time; what that was is given.
    pub(super) fn refresh(&mut self, tally: &Tally) -> (Histogram<u64>, Duration) {
        let recent = tally.take();
        join(&mut self.round_trips, &recent);
        let now = Instant::now();
        let time = now.duration_since(self.since);
        self.since = now;
        (recent, time)
    }

    /// Shows what begins, if anybody looks; else it might be over before the line is due.
    pub(super) fn announce(&mut self, phase: Phase, tally: &Tally) {
        if self.interval.is_some() {
            self.show(phase, tally);
        }
    }

    /// Shows how it goes.
    pub(super) fn show(&mut self, phase: Phase, tally: &Tally) {
        let (recent, time) = self.refresh(tally);
        let counts = tally.counts().clone();
        let mut fields = Vec::new();
        match phase {
            Phase::Opening { wanted } => fields.push(format!("opening {wanted} connections")),
            Phase::WarmingUp => fields.push("warming up".into()),
            Phase::Measuring { since } => {
                fields.push(format!("{} s", since.elapsed().as_secs()));
            }
            Phase::Closing => fields.push("closing".into()),
        }
        if let Some(times) = RoundTrip::of(&recent) {
            let rate = per_second(recent.len(), time);
            let volume = mebibytes(rate * f64::from(self.size));
            fields.push(format!("{rate:.0}/s"));
            fields.push(format!("{volume:.1} MiB/s"));
            let times = times
                .rows()
                .map(|(name, time)| format!("{name} {time:.0?}"));
            fields.extend(times);
        }
        fields.extend(connections(&counts));
        draw(&format!("\r{}\x1b[K", fitting(&fields, screen::columns())));
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.interval.is_some() {
            draw("\r\x1b[K");
        }
    }
}

fn connections(counts: &Counts) -> Vec<String> {
    let mut fields = vec![format!("{} open", counts.opened - counts.ended)];
    for (count, what) in [
        (counts.failed, "failed"),
        (counts.ended, "ended"),
        (counts.altered, "altered"),
        (counts.lost, "lost"),
    ] {
        if count > 0 {
            fields.push(format!("{count} {what}"));
        }
    }
    fields
}

/// As many of the fields as fit into a line.
fn fitting(fields: &[String], columns: usize) -> String {
    let mut line = String::new();
    for field in fields {
        let gap = if line.is_empty() { "" } else { "  " };
        // Not in the last column: some terminals go on in the next line then.
        if line.width() + gap.len() + field.width() >= columns {
            break;
        }
        line.push_str(gap);
        line.push_str(field);
    }
    line
}

/// If the terminal is gone, nobody is left who could be told.
fn draw(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

const PERIOD: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_shows_the_first_fields() {
        let fields = ["3 s", "p50 1µs", "2 open"].map(str::to_owned);
        assert_eq!(fitting(&fields, 80), "3 s  p50 1µs  2 open");
        assert_eq!(fitting(&fields, 21), "3 s  p50 1µs  2 open");
        assert_eq!(fitting(&fields, 20), "3 s  p50 1µs");
        assert_eq!(fitting(&fields, 3), "");
    }

    #[test]
    fn what_went_wrong_is_named_once_it_did() {
        let mut counts = Counts {
            opened: 3,
            ..Counts::default()
        };
        assert_eq!(connections(&counts), ["3 open"]);
        (counts.failed, counts.ended, counts.lost) = (1, 2, 5);
        assert_eq!(
            connections(&counts),
            ["1 open", "1 failed", "2 ended", "5 lost"]
        );
    }
}
