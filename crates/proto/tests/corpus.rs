//! Every input that the fuzzer kept still passes.

use bowline_testing::fuzzing::{self, replay};

#[test]
fn server() {
    replay(env!("CARGO_MANIFEST_DIR"), "server", fuzzing::server);
}

#[test]
fn client() {
    replay(env!("CARGO_MANIFEST_DIR"), "client", fuzzing::client);
}
