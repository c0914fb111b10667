//! Every input that the fuzzer kept still passes.

use bowline_testing::fuzzing::{self, replay};

#[test]
fn extension_header() {
    replay(
        env!("CARGO_MANIFEST_DIR"),
        "extension_header",
        fuzzing::extension_header,
    );
}
