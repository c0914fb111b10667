use std::time::Duration;

use crate::process::Holdings;

/// What a process held over time, second by second.
#[derive(Default)]
pub(crate) struct Course(Vec<Holdings>);

/// What a process held before, during and after the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// Before the first connection.
    pub(crate) start: Holdings,
    /// Under load, when all was warm.
    pub(crate) warm: Holdings,
    /// Under load, at the end.
    pub(crate) end: Holdings,
    /// When the last connection was gone.
    pub(crate) idle: Holdings,
}

impl Course {
    pub(crate) fn note(&mut self, holdings: Holdings) {
        self.0.push(holdings);
    }

    /// What was held in the second quarter and in the last; `None` before there are as many samples.
    pub(crate) fn warm_and_end(&self) -> Option<(Holdings, Holdings)> {
        let quarter = self.0.len() / 4;
        let warm = median(self.0.get(quarter..2 * quarter)?)?;
        let end = median(self.0.get(self.0.len() - quarter..)?)?;
        Some((warm, end))
    }
}

impl Growth {
    /// What grew that should not have.
    pub(crate) fn faults(&self, who: &str, connections: u64) -> Vec<String> {
        let Self {
            start,
            warm,
            end,
            idle,
        } = self;
        let mut faults = Vec::new();
        let allowed = warm.resident + warm.resident / 10 + NOISE + connections * NOISE_EACH;
        if end.resident > allowed {
            faults.push(format!(
                "the {who}'s memory grew from {} to {} KiB under load",
                warm.resident, end.resident
            ));
        }
        // Killed connections are replaced at once, but the other end may see a death a little later.
        if end.descriptors > warm.descriptors + warm.descriptors / 50 + 4 {
            faults.push(format!(
                "the {who}'s descriptors grew from {} to {} under load",
                warm.descriptors, end.descriptors
            ));
        }
        if idle.descriptors != start.descriptors {
            faults.push(format!(
                "the {who} had {} descriptors before and has {} with no connection left",
                start.descriptors, idle.descriptors
            ));
        }
        faults
    }
}

/// What was held in the middle, so that a peak of a second decides nothing.
fn median(samples: &[Holdings]) -> Option<Holdings> {
    let middle = |mut numbers: Vec<u64>| {
        numbers.sort_unstable();
        numbers.get(numbers.len() / 2).copied()
    };
    Some(Holdings {
        resident: middle(samples.iter().map(|sample| sample.resident).collect())?,
        descriptors: middle(samples.iter().map(|sample| sample.descriptors).collect())?,
    })
}

/// By how many KiB memory goes up and down without growing: a few large messages at once.
const NOISE: u64 = 4 * 1024;

/// How many KiB more for each connection, whose messages may come together.
const NOISE_EACH: u64 = 8;

/// How long the last descriptors may take to go: above the server's deadlines for a closing handshake.
pub(crate) const SETTLING: Duration = Duration::from_secs(20);
