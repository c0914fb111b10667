fn main() {
    bench_micro_harness::time("bowline", bench_micro_bowline::CASES);
}
