fn main() {
    bench_micro_harness::time("sockudo-ws", bench_micro_sockudo_ws::CASES);
}
