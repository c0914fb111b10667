/// Counts of durations in nanoseconds, in buckets that are 1/32 of their value wide.
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Histogram {
            buckets: vec![0; bucket(u64::MAX) + 1],
            count: 0,
            max: 0,
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, value: u64) {
        self.buckets[bucket(value)] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// The value that this share of all stays below, as near as buckets tell.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let rank = (self.count as f64 * share) as u64;
        let mut below = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            below += count;
            if below > rank {
                return least(index + 1).min(self.max);
            }
        }
        self.max
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }
}

/// Below 32 each value has a bucket of its own; above, each power of two has 32.
#[inline]
fn bucket(value: u64) -> usize {
    if value < 32 {
        return value as usize;
    }
    let shift = 58 - value.leading_zeros();
    (shift as usize + 1) * 32 + ((value >> shift) as usize - 32)
}

/// The least value of a bucket.
fn least(bucket: usize) -> u64 {
    if bucket < 32 {
        return bucket as u64;
    }
    let shift = bucket / 32 - 1;
    ((bucket % 32 + 32) as u64)
        .checked_shl(shift as u32)
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_bucket_of_which_it_is_not_below_the_least() {
        let mut last = 0;
        for value in (0..100_000).chain([u64::MAX >> 1, u64::MAX]) {
            let bucket = bucket(value);
            assert!(bucket >= last, "{value}");
            assert!(least(bucket) <= value, "{value}");
            assert!(value - least(bucket) <= value / 32, "{value}");
            last = bucket;
        }
    }

    #[test]
    fn quantiles_are_near_the_values() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|value| histogram.record(value * 1000));
        for (share, value) in [(0.5, 500_000), (0.99, 990_000), (1.0, 1_000_000)] {
            let found = histogram.quantile(share);
            assert!(found.abs_diff(value) <= value / 30, "{share}: {found}");
        }
        assert_eq!(histogram.max(), 1_000_000);
    }
}
