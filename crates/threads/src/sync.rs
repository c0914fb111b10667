//! What threads share: std's locks and atomics, or loom's in the models of `concurrency`.

use std::sync::PoisonError;
use std::time::Instant;

#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

/// Locks. What a thread that panicked has left is whole, in this crate: under a lock that may only happen in an
/// extension, and then nothing goes through that any more.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condvar` is notified, or `until`. The guard is of `mutex`.
///
/// In a model no clock runs, and loom's own wait knows no time: there, time may be up as soon as others can have had the
/// lock.
pub(crate) fn wait<'a, T>(
    condvar: &Condvar,
    mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    until: Option<Instant>,
) -> MutexGuard<'a, T> {
    let Some(until) = until else {
        return condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
    };
    if cfg!(all(test, loom)) {
        drop(guard);
        return lock(mutex);
    }
    let left = until.saturating_duration_since(Instant::now());
    let waited = condvar.wait_timeout(guard, left);
    waited.unwrap_or_else(PoisonError::into_inner).0
}
