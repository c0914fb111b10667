fn main() {
    bench_micro_harness::time("yawc", bench_micro_yawc::CASES);
}
