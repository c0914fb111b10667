fn main() {
    bench_micro_harness::time("soketto", bench_micro_soketto::CASES);
}
