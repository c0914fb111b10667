fn main() {
    bench_micro_harness::time("tokio-websockets", bench_micro_tokio_websockets::CASES);
}
