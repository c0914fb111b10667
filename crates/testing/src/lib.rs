#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[allow(unsafe_code)]
pub mod alloc;
pub mod certificates;
pub mod extension;
pub mod feed;
pub mod fuzzing;
pub mod hex;
pub mod hostile;
pub mod inflate;
pub mod payload;
pub mod random;
pub mod vectors;
pub mod wire;
