use std::mem;

/// The last bytes of what was inflated: what a new DEFLATE stream of the same connection may refer to.
///
/// Takes no more memory than came, and never more than `limit`.
#[derive(Debug)]
pub(crate) struct History {
    /// A ring once it has `limit` bytes.
    bytes: Vec<u8>,
    /// Where the oldest byte is; 0 until the ring is full.
    oldest: usize,
    limit: usize,
}

impl History {
    /// Keeps at most `limit` bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            oldest: 0,
            limit,
        }
    }

    /// Adds bytes; the oldest go.
    pub(crate) fn push(&mut self, mut new: &[u8]) {
        if let Some(at) = new.len().checked_sub(self.limit) {
            // What is here goes altogether.
            new = new.get(at..).unwrap_or_default();
            self.bytes.clear();
            self.oldest = 0;
        }
        let space = self.limit.saturating_sub(self.bytes.len());
        let (grow, mut rest) = new.split_at(space.min(new.len()));
        self.reserve(grow.len());
        self.bytes.extend_from_slice(grow);
        while !rest.is_empty() {
            let ring = self.bytes.get_mut(self.oldest..).unwrap_or_default();
            let count = ring.len().min(rest.len());
            let (now, later) = rest.split_at(count);
            if let Some(oldest) = ring.get_mut(..count) {
                oldest.copy_from_slice(now);
            }
            self.oldest = self.oldest.saturating_add(count);
            if self.oldest >= self.bytes.len() {
                self.oldest = 0;
            }
            rest = later;
        }
    }

    /// Makes room for bytes that fit; twice what there was, but never beyond the limit.
    fn reserve(&mut self, more: usize) {
        let len = self.bytes.len().saturating_add(more);
        if len > self.bytes.capacity() {
            let twice = self.bytes.capacity().saturating_mul(2);
            let wanted = len.max(twice).min(self.limit);
            self.bytes
                .reserve_exact(wanted.saturating_sub(self.bytes.len()));
        }
    }

    /// The bytes, oldest first, in two runs.
    pub(crate) fn runs(&self) -> [&[u8]; 2] {
        let (newer, older) = self.bytes.split_at(self.oldest);
        [older, newer]
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets everything, keeps the memory up to the new limit, which holds from now on.
    pub(crate) fn restart(&mut self, limit: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(limit);
        self.oldest = 0;
        self.limit = limit;
    }

    /// Takes the bytes away in as little memory as they need.
    pub(crate) fn take(&mut self) -> Self {
        let limit = self.limit;
        let mut taken = mem::replace(self, Self::new(limit));
        taken.bytes.shrink_to_fit();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::History;
    use bowline_testing::random::Random;

    #[test]
    fn the_last_bytes_are_kept_in_order() {
        let mut random = Random::new(3);
        for limit in [1, 7, 256] {
            let mut history = History::new(limit);
            let mut all: Vec<u8> = Vec::new();
            for _ in 0..300 {
                let mut new = vec![0; random.below(2 * limit)];
                random.fill(&mut new);
                all.extend_from_slice(&new);
                history.push(&new);
                assert_eq!(
                    history.runs().concat(),
                    all[all.len().saturating_sub(limit)..]
                );
                assert_eq!(history.len(), all.len().min(limit));
                assert!(history.bytes.capacity() <= limit);
            }
            assert_eq!(history.take().runs().concat().len(), limit);
            assert_eq!(history.len(), 0);
        }
    }
}
