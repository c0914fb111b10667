//! Vectors, scripted transports and drivers shared by the tests of all Bowline crates
#![forbid(unsafe_code)]
