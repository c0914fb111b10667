//! What can be foreseen of a peer that sends large messages one by one: how long the next is.

use bowline_proto::Arrival;

use crate::buffers::NARROW;

/// What came since the connection was last between two messages, or what is expected from there.
///
/// A message that is read into a block has to be copied out of it. If the length of the next one is foreseen, it is
/// read into memory of its own at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Foresight {
    Between {
        /// The transport had nothing to give when it was asked last.
        waited: bool,
        /// Length of the next frame in bytes, header included; 0: nothing is foreseen.
        expected: u32,
    },
    Within {
        /// What the first read gave in KiB, or [`u16::MAX`] if that was all it could.
        first: u16,
        /// Bytes read so far.
        came: u32,
    },
}

impl Foresight {
    /// Nothing came yet.
    pub(super) const NONE: Self = Self::Between {
        waited: false,
        expected: 0,
    };

    /// Notes that a read gave `count` bytes of at most `room`.
    #[inline]
    pub(super) fn read(&mut self, count: usize, room: usize) {
        let bytes = u32::try_from(count).unwrap_or(u32::MAX);
        match self {
            Self::Within { came, .. } => *came = came.saturating_add(bytes),
            Self::Between { .. } => {
                let first = if count == room { usize::MAX } else { count };
                *self = Self::Within {
                    first: u16::try_from(first.div_ceil(1024)).unwrap_or(u16::MAX),
                    came: bytes,
                };
            }
        }
    }

    /// Notes that there was nothing to read.
    #[inline]
    pub(super) const fn wait(&mut self) {
        if let Self::Between { waited, .. } = self {
            *waited = true;
        }
    }

    /// How many bytes to make room for, if a large message is all that the next read should bring. To be asked between
    /// two messages; `arrival` is that of the last.
    #[inline]
    pub(super) fn room(&mut self, arrival: &Arrival) -> Option<usize> {
        match *self {
            // What is there already has others behind it, as a rule, and a block holds them all.
            Self::Between { waited, expected } => {
                (waited && expected > 0).then_some(expected as usize)
            }
            Self::Within { first, came } => {
                *self = Self::Between {
                    waited: false,
                    expected: next(first, came, arrival),
                };
                None
            }
        }
    }
}

/// The next frame is as long as the last if nothing else came beside that. A first read that brought little of it will
/// do so again; room for less than a block takes would be filled too soon.
fn next(first: u16, came: u32, arrival: &Arrival) -> u32 {
    let alone = arrival.fragments == 1
        && arrival.wire_len >= LEAST
        && (arrival.wire_len..=arrival.wire_len + MAX_HEAD).contains(&came.into());
    if !alone {
        return 0;
    }
    let twice = (u32::from(first) * 2 * 1024).max(NARROW as u32);
    came.min(twice).min(MOST)
}

/// A shorter message is worth no memory of its own before it is there, in bytes.
const LEAST: u64 = 16 * 1024;

/// What is foreseen at most, in bytes: a message that goes on beyond it has all the room it needs by then.
const MOST: u32 = 1024 * 1024 + MAX_HEAD as u32;

/// Length of the longest frame header in bytes.
const MAX_HEAD: u64 = bowline_frame::FrameHeader::MAX_LEN as u64;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is foreseen after these reads, which brought a message of `len` bytes.
    fn after(reads: &[usize], len: u64, fragments: u64) -> Option<usize> {
        let mut foresight = Foresight::NONE;
        foresight.wait();
        for count in reads {
            foresight.read(*count, NARROW);
        }
        let arrival = arrival(len, fragments);
        assert_eq!(foresight.room(&arrival), None, "nobody has waited since");
        foresight.wait();
        let room = foresight.room(&arrival);
        assert_eq!(foresight.room(&arrival), room, "until something comes");
        room
    }

    fn arrival(wire_len: u64, fragments: u64) -> Arrival {
        Arrival {
            fragments,
            wire_len,
            ..Arrival::default()
        }
    }

    #[test]
    fn nothing_is_foreseen_at_first() {
        let mut foresight = Foresight::NONE;
        foresight.wait();
        assert_eq!(foresight.room(&Arrival::default()), None);
    }

    #[test]
    fn a_message_alone_is_expected_again() {
        for (reads, len) in [
            (&[40_008][..], 40_000),
            (&[40_000], 40_000),
            (&[NARROW, 34_408], 100_000),
            (&[30_000, 10_014], 40_000),
        ] {
            assert_eq!(after(reads, len, 1), Some(reads.iter().sum()));
        }
    }

    #[test]
    fn company_and_fragments_and_little_messages_are_not() {
        assert_eq!(after(&[40_015], 40_000, 1), None);
        assert_eq!(after(&[39_999], 40_000, 1), None);
        assert_eq!(after(&[40_012], 40_000, 2), None);
        assert_eq!(after(&[16_391], 16_383, 1), None);
        assert_eq!(after(&[16_392], 16_384, 1), Some(16_392));
    }

    #[test]
    fn a_first_read_that_brings_little_is_expected_again() {
        assert_eq!(after(&[40_960, 59_048], 100_000, 1), Some(81_920));
        assert_eq!(after(&[1, 100_007], 100_000, 1), Some(NARROW));
        assert_eq!(after(&[1, 40_007], 40_000, 1), Some(40_008));
    }

    #[test]
    fn there_is_a_most() {
        for (len, room) in [
            ((1 << 20) - 1, (1 << 20) + 13),
            (1 << 20, (1 << 20) + 14),
            ((1 << 20) + 1, (1 << 20) + 14),
            (1 << 40, 0),
        ] {
            let came = usize::try_from(len).unwrap() + 14;
            let reads = [NARROW, came - NARROW];
            let room = Some(room).filter(|room| *room > 0);
            assert_eq!(after(&reads, len, 1), room, "{len}");
        }
    }
}
