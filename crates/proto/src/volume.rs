/// Payload that went through an extension in one direction, in bytes. Messages that were left alone don't count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Volume {
    /// As the program sees it.
    pub payload: u64,
    /// As it went over the wire, without frame headers.
    pub wire: u64,
}

impl Volume {
    /// No byte.
    pub(crate) const NONE: Self = Self {
        payload: 0,
        wire: 0,
    };

    pub(crate) const fn add(&mut self, payload: usize, wire: usize) {
        self.payload = self.payload.saturating_add(payload as u64);
        self.wire = self.wire.saturating_add(wire as u64);
    }
}
