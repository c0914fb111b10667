//! Every input that the fuzzer kept still passes.

use bowline_testing::fuzzing::{self, replay};

#[test]
fn inflate() {
    replay(env!("CARGO_MANIFEST_DIR"), "inflate", fuzzing::inflate);
}

#[test]
fn deflate() {
    replay(env!("CARGO_MANIFEST_DIR"), "deflate", fuzzing::deflate);
}
