//! What holds for every input: one function per fuzz target, for the fuzzer and for the replay of its corpus.
//!
//! A target panics when a promise is broken. The fuzz packages lie in `crates/*/fuzz`, each with the inputs that reach
//! new code in `corpus/TARGET/`; the tests of the same crate [`replay`] them.

mod deflate;
mod extension;
mod frame;
mod handshake;
mod machine;

pub use deflate::{deflate, inflate};
pub use extension::extension_header;
pub use frame::{close, frames, header, utf8};
pub use handshake::{request_head, response_head, subprotocols, url};
pub use machine::{client, server};

use std::fs;
use std::path::Path;

use crate::random::Random;

/// Runs `target` on each file of `fuzz/corpus/NAME/` in the crate that lies in `manifest_dir`.
///
/// When the target panics, the file is printed.
///
/// # Panics
///
/// If an input breaks a promise, or if the corpus is empty or larger than a repository should hold.
#[track_caller]
pub fn replay(manifest_dir: &str, name: &str, target: fn(&[u8])) {
    let corpus = Path::new(manifest_dir).join("fuzz/corpus").join(name);
    let entries =
        fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    assert!(files.len() <= MAX_FILES, "{} files", files.len());
    let mut bytes = 0;
    for file in files {
        let input = fs::read(&file).unwrap();
        bytes += input.len();
        let _name_on_panic = NameOnPanic(&file);
        target(&input);
    }
    assert!(bytes <= MAX_BYTES, "{bytes} bytes");
}

struct NameOnPanic<'a>(&'a Path);

impl Drop for NameOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was {}", self.0.display());
        }
    }
}

/// The same bytes whole, byte by byte and in chunks that depend on nothing but them, some of them empty.
fn chunkings(input: &[u8]) -> [Vec<&[u8]>; 3] {
    let seed = input.iter().fold(input.len() as u64, |seed, &byte| {
        seed.rotate_left(5) ^ u64::from(byte)
    });
    let mut random = Random::new(seed);
    let mut chunks = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(random.below(24).min(rest.len()));
        chunks.push(chunk);
        rest = behind;
    }
    [vec![input], input.chunks(1).collect(), chunks]
}

/// Runs `read` on each of the [`chunkings`]: the result must be the same each time.
#[track_caller]
fn agreed<T: std::fmt::Debug + PartialEq>(input: &[u8], read: impl Fn(&[&[u8]]) -> T) -> T {
    let [whole, bytewise, random] = chunkings(input);
    let wanted = read(&whole);
    assert_eq!(read(&bytewise), wanted, "byte by byte");
    assert_eq!(read(&random), wanted, "split at random");
    wanted
}

const MAX_FILES: usize = 200;

const MAX_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunking_is_the_whole_input() {
        let input = crate::payload::seq(500);
        for chunks in chunkings(&input) {
            assert_eq!(chunks.concat(), input);
        }
        let [_, _, random] = chunkings(&input);
        assert!(random.len() > 10, "{} chunks", random.len());
    }

    #[test]
    #[should_panic(expected = "split at random")]
    fn a_reader_that_depends_on_the_split_is_found() {
        agreed(&[1; 100], |chunks| {
            chunks.iter().any(|chunk| (2..100).contains(&chunk.len()))
        });
    }

    #[test]
    #[should_panic(expected = "the target said so")]
    fn a_replay_panics_where_the_target_does() {
        let dir = std::env::temp_dir().join(format!("bowline-replay-{}", std::process::id()));
        let corpus = dir.join("fuzz/corpus/example");
        fs::create_dir_all(&corpus).unwrap();
        fs::write(corpus.join("input"), b"x").unwrap();
        replay(dir.to_str().unwrap(), "example", |input| {
            assert_ne!(input, b"x", "the target said so");
        });
    }
}
