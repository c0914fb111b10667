use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// The three reserved bits of a frame header, as a value.
///
/// They are clear unless a negotiated extension gives them a meaning (RFC 6455 §5.2).
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Rsv(u8);

impl Rsv {
    /// No bit set.
    pub const NONE: Self = Self(0);
    /// The first bit, 0x40 on the wire; permessage-deflate uses it.
    pub const RSV1: Self = Self(0x40);
    /// The second bit, 0x20 on the wire.
    pub const RSV2: Self = Self(0x20);
    /// The third bit, 0x10 on the wire.
    pub const RSV3: Self = Self(0x10);

    /// The reserved bits of a header's first byte; its other bits are ignored.
    #[inline]
    pub const fn from_bits(first_byte: u8) -> Self {
        Self(first_byte & 0x70)
    }

    /// The bits where they stand in a header's first byte.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True if no bit is set.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if every bit of `other` is set here too; always true for [`Rsv::NONE`].
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Rsv {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Rsv {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Rsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names the set bits: `RSV1+RSV3`, or `none`.
impl fmt::Display for Rsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = [
            (Self::RSV1, "RSV1"),
            (Self::RSV2, "RSV2"),
            (Self::RSV3, "RSV3"),
        ];
        let mut set = bits.iter().filter(|(bit, _)| self.contains(*bit));
        let Some((_, first)) = set.next() else {
            return f.write_str("none");
        };
        f.write_str(first)?;
        set.try_for_each(|(_, name)| write!(f, "+{name}"))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn names_the_set_bits() {
        assert_eq!(Rsv::NONE.to_string(), "none");
        assert_eq!((Rsv::RSV1 | Rsv::RSV3).to_string(), "RSV1+RSV3");
        assert!(Rsv::from_bits(0xFF).contains(Rsv::RSV2));
        assert_eq!(Rsv::from_bits(0x8F), Rsv::NONE);
    }
}
