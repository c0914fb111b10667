use bench_micro_harness::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() {
    bench_micro_harness::count("web-socket", bench_micro_web_socket::CASES, &ALLOCATOR);
}
