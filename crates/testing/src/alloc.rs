//! A global allocator that counts what passes through it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, with counters for the whole process and for each thread.
///
/// A test that asserts memory makes it the allocator of its own test program, and asserts what one thread took with
/// [`measure`](Self::measure), or what the process holds with [`current`](Self::current) and [`peak`](Self::peak).
/// Tests of one program run at the same time: give a test that reads the process's counters a program of its own.
///
/// # Examples
///
/// ```
/// use bowline_testing::alloc::CountingAllocator;
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator::new();
///
/// let (bytes, used) = ALLOCATOR.measure(|| vec![0_u8; 1000]);
/// assert_eq!((bytes.len(), used.allocations, used.peak), (1000, 1, 1000));
/// ```
#[derive(Debug, Default)]
pub struct CountingAllocator {
    current: AtomicUsize,
    peak: AtomicUsize,
    allocations: AtomicUsize,
}

/// What one thread did between two points, other threads excluded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// How often memory was taken or resized.
    pub allocations: usize,
    /// The most bytes held at once, above what was held at the start.
    pub peak: usize,
    /// Bytes held at the end, less those held at the start: below 0 when older memory was given back.
    pub kept: isize,
}

impl CountingAllocator {
    /// Starts all counters at 0.
    pub const fn new() -> Self {
        Self {
            current: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            allocations: AtomicUsize::new(0),
        }
    }

    /// Runs `f` and says what it did to memory on this thread.
    ///
    /// Calls can be nested: the outer one includes the inner. Memory that another thread gives back counts as kept here.
    pub fn measure<R>(&self, f: impl FnOnce() -> R) -> (R, Usage) {
        let before = THREAD.get();
        THREAD.set(Thread {
            peak: before.held,
            ..before
        });
        let result = f();
        let after = THREAD.get();
        THREAD.set(Thread {
            peak: after.peak.max(before.peak),
            ..after
        });
        let used = Usage {
            allocations: after.allocations - before.allocations,
            peak: (after.peak - before.held).unsigned_abs(),
            kept: after.held - before.held,
        };
        (result, used)
    }

    /// Starts a new peak at the bytes held now.
    pub fn reset_peak(&self) {
        self.peak.store(self.current(), Relaxed);
    }

    /// Bytes the whole process holds now.
    pub fn current(&self) -> usize {
        self.current.load(Relaxed)
    }

    /// The most bytes the whole process held at once since the start or [`reset_peak`](Self::reset_peak).
    pub fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    /// How often the whole process took or resized memory.
    pub fn allocations(&self) -> usize {
        self.allocations.load(Relaxed)
    }

    fn took(&self, bytes: usize) {
        self.allocations.fetch_add(1, Relaxed);
        let current = self.current.fetch_add(bytes, Relaxed).wrapping_add(bytes);
        self.peak.fetch_max(current, Relaxed);
        let thread = THREAD.get();
        let held = thread.held + bytes as isize;
        THREAD.set(Thread {
            allocations: thread.allocations + 1,
            held,
            peak: thread.peak.max(held),
        });
    }

    fn gave_back(&self, bytes: usize) {
        self.current.fetch_sub(bytes, Relaxed);
        let thread = THREAD.get();
        THREAD.set(Thread {
            held: thread.held - bytes as isize,
            ..thread
        });
    }
}

/// One thread's counters. What it holds is below 0 when it gives back what another thread took.
#[derive(Clone, Copy)]
struct Thread {
    allocations: usize,
    held: isize,
    peak: isize,
}

thread_local! {
    // Built at compile time and without a destructor: using it allocates nothing, and works while a thread ends.
    static THREAD: Cell<Thread> = const { Cell::new(Thread { allocations: 0, held: 0, peak: 0 }) };
}

// SAFETY: every call goes to `System` with the arguments it came with, and its result is returned as it is; `System`
// keeps the contract. The counters touch no allocated memory, and they neither allocate nor unwind: with overflow
// checks on, the sums stay in range because a process cannot hold `isize::MAX` bytes.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        let memory = unsafe { System.alloc(layout) };
        if !memory.is_null() {
            self.took(layout.size());
        }
        memory
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        let memory = unsafe { System.alloc_zeroed(layout) };
        if !memory.is_null() {
            self.took(layout.size());
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.gave_back(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`, and `memory` came from `System`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`, and `memory` came from `System`.
        let resized = unsafe { System.realloc(memory, layout, new_size) };
        if !resized.is_null() {
            self.gave_back(layout.size());
            self.took(new_size);
        }
        resized
    }
}
