//! Builds, checks and releases Bowline.
#![forbid(unsafe_code)]
fn main() {}
