use bench_micro_harness::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() {
    bench_micro_harness::count(
        "tokio-tungstenite",
        bench_micro_tokio_tungstenite::CASES,
        &ALLOCATOR,
    );
}
