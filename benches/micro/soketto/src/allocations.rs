use bench_micro_harness::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() {
    bench_micro_harness::count("soketto", bench_micro_soketto::CASES, &ALLOCATOR);
}
