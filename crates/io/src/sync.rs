//! What threads share: locks, atomics and values of a thread. In the models of `concurrency.rs` they are loom's, which
//! runs every order of their operations.
//!
//! `Arc` is std's in both: loom's can't become a `Waker` or an `Arc<dyn _>`, and nothing depends on its counts.

#[cfg(not(all(test, loom)))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard, atomic::AtomicBool},
    thread_local,
};

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicBool};

/// loom's own takes no `const` block.
#[cfg(all(test, loom))]
macro_rules! local {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const $init:block;) => {
        loom::thread_local! { $(#[$attribute])* static $name: $type = $init; }
    };
}

#[cfg(all(test, loom))]
pub(crate) use local as thread_local;
