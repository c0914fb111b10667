fn main() {
    bench_micro_harness::time("web-socket", bench_micro_web_socket::CASES);
}
