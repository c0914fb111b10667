//! Every input that the fuzzer kept still passes.

use bowline_testing::fuzzing::{self, replay};

#[test]
fn request_head() {
    replay(
        env!("CARGO_MANIFEST_DIR"),
        "request_head",
        fuzzing::request_head,
    );
}

#[test]
fn response_head() {
    replay(
        env!("CARGO_MANIFEST_DIR"),
        "response_head",
        fuzzing::response_head,
    );
}

#[test]
fn subprotocols() {
    replay(
        env!("CARGO_MANIFEST_DIR"),
        "subprotocols",
        fuzzing::subprotocols,
    );
}

#[test]
fn url() {
    replay(env!("CARGO_MANIFEST_DIR"), "url", fuzzing::url);
}
