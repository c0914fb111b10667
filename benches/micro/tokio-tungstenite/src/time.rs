fn main() {
    bench_micro_harness::time("tokio-tungstenite", bench_micro_tokio_tungstenite::CASES);
}
