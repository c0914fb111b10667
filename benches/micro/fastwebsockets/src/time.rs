fn main() {
    bench_micro_harness::time("fastwebsockets", bench_micro_fastwebsockets::CASES);
}
