#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[allow(unsafe_code)]
pub mod alloc;
#[cfg(feature = "behaviour")]
pub mod behaviour;
#[cfg(feature = "certificates")]
pub mod certificates;
mod deflated;
pub mod extension;
pub mod feed;
pub mod fuzzing;
mod head;
pub mod hex;
pub mod hostile;
pub mod inflate;
pub mod payload;
pub mod programs;
pub mod random;
pub mod vectors;
pub mod wire;
