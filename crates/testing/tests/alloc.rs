//! The counting allocator, as the allocator of this program.

use std::hint::black_box;

use bowline_testing::alloc::{CountingAllocator, Usage};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

#[test]
fn memory_that_is_given_back_counts_in_the_peak_only() {
    let ((), used) = ALLOCATOR.measure(|| {
        drop(black_box(vec![1_u8; 4096]));
        drop(black_box(vec![1_u8; 1024]));
    });
    assert_eq!(
        used,
        Usage {
            allocations: 2,
            peak: 4096,
            kept: 0
        }
    );
}

#[test]
fn memory_that_is_kept_is_told() {
    let (kept, used) = ALLOCATOR.measure(|| black_box(vec![0_u8; 512]));
    assert_eq!(
        used,
        Usage {
            allocations: 1,
            peak: 512,
            kept: 512
        }
    );
    let ((), used) = ALLOCATOR.measure(|| drop(kept));
    assert_eq!(
        used,
        Usage {
            allocations: 0,
            peak: 0,
            kept: -512
        }
    );
}

#[test]
fn growing_counts_as_an_allocation() {
    let mut bytes = black_box(vec![0_u8; 100]);
    let ((), used) = ALLOCATOR.measure(|| bytes.reserve_exact(300));
    assert_eq!(
        used,
        Usage {
            allocations: 1,
            peak: 300,
            kept: 300
        }
    );
    black_box(bytes);
}

#[test]
fn an_outer_measurement_includes_the_inner_one() {
    let (inner, outer) = ALLOCATOR.measure(|| {
        let held = black_box(vec![0_u8; 1000]);
        let ((), inner) = ALLOCATOR.measure(|| drop(black_box(vec![0_u8; 200])));
        drop(held);
        inner
    });
    assert_eq!(
        inner,
        Usage {
            allocations: 1,
            peak: 200,
            kept: 0
        }
    );
    assert_eq!(
        outer,
        Usage {
            allocations: 2,
            peak: 1200,
            kept: 0
        }
    );
}

#[test]
fn other_threads_count_in_the_process_only() {
    let before = ALLOCATOR.allocations();
    let (thread, _) = ALLOCATOR.measure(|| std::thread::spawn(|| vec![0_u8; 1 << 20]));
    let (held, used) = ALLOCATOR.measure(|| thread.join().expect("the thread only allocates"));
    assert!(used.peak < 1 << 20, "{used:?}");
    assert!(ALLOCATOR.allocations() > before);
    assert!(ALLOCATOR.current() >= held.len());
    assert!(ALLOCATOR.peak() >= held.len());
}
