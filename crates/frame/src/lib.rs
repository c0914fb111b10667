#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod builder;
mod close;
mod decoder;
mod encoder;
mod error;
mod header;
mod keys;
mod mask;
mod message;
mod opcode;
mod role;
mod rsv;
mod text;
mod transmit;
mod utf8;
mod wide;

pub use builder::MessageBuilder;
pub use close::{CloseCode, CloseFrame, InvalidCloseCode, ReasonTooLong};
pub use decoder::{Decoder, Piece};
pub use encoder::Encoder;
pub use error::FrameError;
pub use header::{EncodedHeader, FrameHeader};
pub use keys::MaskKeys;
pub use mask::Mask;
pub use message::{Message, MessageKind, MessageRef};
pub use opcode::OpCode;
pub use role::Role;
pub use rsv::Rsv;
pub use text::Text;
pub use transmit::Transmit;
pub use utf8::{Utf8Error, Utf8Validator};
