//! Every input that the fuzzer kept still passes.

use bowline_testing::fuzzing::{self, replay};

#[test]
fn header() {
    replay(env!("CARGO_MANIFEST_DIR"), "header", fuzzing::header);
}

#[test]
fn frames() {
    replay(env!("CARGO_MANIFEST_DIR"), "frames", fuzzing::frames);
}

#[test]
fn close() {
    replay(env!("CARGO_MANIFEST_DIR"), "close", fuzzing::close);
}

#[test]
fn utf8() {
    replay(env!("CARGO_MANIFEST_DIR"), "utf8", fuzzing::utf8);
}
