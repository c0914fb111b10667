//! A driver that feeds one input in every way a transport could deliver it.

use std::fmt;

use crate::random::{Random, seed};

/// Calls `run` with `input` cut into chunks in many ways: the result must be the same each time.
///
/// In this order:
/// 1. whole;
/// 2. byte by byte;
/// 3. in two, at every index; of an input above 4096 bytes, at the first and the last 64;
/// 4. at random, 24 times, with typical chunks of 2 to 4096 bytes and some empty ones.
///
/// The chunks of one call are never fewer than one and joined are always `input`. The random cuts start from
/// [`seed`], so that they are the same on every run.
///
/// When `run` panics, the cut and the seed are printed.
///
/// # Examples
///
/// ```
/// let mut calls = 0;
/// bowline_testing::feed::each_chunking(b"Hello", |chunks| {
///     assert_eq!(chunks.concat(), b"Hello");
///     calls += 1;
/// });
/// assert!(calls > 6);
/// ```
pub fn each_chunking(input: &[u8], mut run: impl FnMut(&[&[u8]])) {
    let seed = seed();
    for cut in cuts(input.len(), seed) {
        let _name_on_panic = NameOnPanic {
            cut,
            len: input.len(),
            seed,
        };
        run(&cut.chunks(input));
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cut {
    Whole,
    Bytewise,
    At(usize),
    Random { seed: u64, typical: usize },
}

impl Cut {
    fn chunks(self, input: &[u8]) -> Vec<&[u8]> {
        match self {
            Cut::Whole => vec![input],
            // An empty input has no byte, but somebody must be told of it.
            Cut::Bytewise if input.is_empty() => vec![input],
            Cut::Bytewise => input.chunks(1).collect(),
            Cut::At(index) => <[_; 2]>::from(input.split_at(index)).to_vec(),
            Cut::Random { seed, typical } => random_chunks(input, &mut Random::new(seed), typical),
        }
    }
}

fn cuts(len: usize, seed: u64) -> impl Iterator<Item = Cut> {
    let splits = (1..len).filter(move |&index| {
        len <= SPLIT_EVERYWHERE || index <= SPLITS_AT_ENDS || len - index <= SPLITS_AT_ENDS
    });
    let mut seeds = Random::new(seed);
    let random = TYPICAL_CHUNKS
        .into_iter()
        .cycle()
        .take(RANDOM_CUTS)
        .map(move |typical| Cut::Random {
            seed: seeds.next_u64(),
            typical,
        });
    [Cut::Whole, Cut::Bytewise]
        .into_iter()
        .chain(splits.map(Cut::At))
        .chain(random)
}

fn random_chunks<'a>(mut input: &'a [u8], random: &mut Random, typical: usize) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    while !input.is_empty() {
        // 0 is in the range: an empty chunk must change nothing.
        let len = random.below(2 * typical + 1).min(input.len());
        let (chunk, rest) = input.split_at(len);
        chunks.push(chunk);
        input = rest;
    }
    chunks.push(input);
    chunks
}

/// Prints the cut when the test fails in it, and nothing otherwise.
struct NameOnPanic {
    cut: Cut,
    len: usize,
    seed: u64,
}

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "failed with an input of {} bytes fed {} (BOWLINE_SEED={})",
                self.len, self.cut, self.seed
            );
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cut::Whole => f.write_str("whole"),
            Cut::Bytewise => f.write_str("byte by byte"),
            Cut::At(index) => write!(f, "in two at index {index}"),
            Cut::Random { seed, typical } => {
                write!(f, "at random from {seed}, about {typical} bytes each")
            }
        }
    }
}

const RANDOM_CUTS: usize = 24;
const TYPICAL_CHUNKS: [usize; 6] = [2, 7, 16, 64, 512, 4096];
const SPLIT_EVERYWHERE: usize = 4096;
const SPLITS_AT_ENDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload;

    #[test]
    fn every_cut_keeps_the_input() {
        for len in [0, 1, 2, 14, 300, 5000] {
            let input = payload::seq(len);
            each_chunking(&input, |chunks| {
                assert!(!chunks.is_empty());
                assert_eq!(chunks.concat(), input);
            });
        }
    }

    #[test]
    fn whole_bytewise_and_every_split_come_first() {
        let mut seen = Vec::new();
        each_chunking(b"abc", |chunks| {
            seen.push(chunks.iter().map(|chunk| chunk.len()).collect::<Vec<_>>())
        });
        assert_eq!(seen[..4], [vec![3], vec![1, 1, 1], vec![1, 2], vec![2, 1]]);
        assert_eq!(seen.len(), 4 + RANDOM_CUTS);
    }

    #[test]
    fn a_long_input_is_split_near_both_ends() {
        let splits: Vec<_> = cuts(10_000, 1)
            .filter_map(|cut| {
                if let Cut::At(index) = cut {
                    Some(index)
                } else {
                    None
                }
            })
            .collect();
        let expected: Vec<_> = (1..=64).chain(9936..10_000).collect();
        assert_eq!(splits, expected);
    }

    #[test]
    fn random_cuts_differ_and_repeat_with_their_seed() {
        let input = payload::seq(1000);
        let random = |seed| {
            cuts(1000, seed)
                .filter(|cut| matches!(cut, Cut::Random { .. }))
                .map(|cut| cut.chunks(&input))
                .collect::<Vec<_>>()
        };
        let first = random(1);
        assert_eq!(first, random(1));
        assert_ne!(first, random(2));
        assert!(first.iter().flatten().any(|chunk| chunk.is_empty()));
        for (index, cut) in first.iter().enumerate() {
            assert!(
                !first[..index].contains(cut) || cut.len() <= 2,
                "cut {index} is there twice"
            );
        }
    }
}
