//! The bowline program: serve, connect
#![forbid(unsafe_code)]
fn main() {}
