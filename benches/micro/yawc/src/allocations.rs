use bench_micro_harness::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() {
    bench_micro_harness::count("yawc", bench_micro_yawc::CASES, &ALLOCATOR);
}
