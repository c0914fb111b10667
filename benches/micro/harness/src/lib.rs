//! What every package beside this one does the same way: a server echoes the messages of a client that isn't there. What
//! the client would send lies in memory, what the server writes is dropped.

mod cell;
mod echo;
mod stream;
mod wire;

pub use bowline_testing::alloc::CountingAllocator;
pub use cell::{Case, count, time};
pub use echo::polled;
pub use stream::Stream;
pub use wire::{Input, Output, Wire};
