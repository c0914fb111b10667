use bench_micro_harness::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() {
    bench_micro_harness::count("sockudo-ws", bench_micro_sockudo_ws::CASES, &ALLOCATOR);
}
