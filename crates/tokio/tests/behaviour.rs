//! What every carrier does alike.

use std::io;
use std::net::TcpStream;
use std::sync::OnceLock;

use bowline_testing::behaviour::{self, Async};
use bowline_tokio::{Stream, Tokio};
use tokio::runtime::{Builder, Runtime};

struct OnTokio;

impl behaviour::Runtime for OnTokio {
    type Io = Tokio;

    fn block_on<F: Future>(future: F) -> F::Output {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        let start = || {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).enable_all().build().unwrap()
        };
        RUNTIME.get_or_init(start).block_on(future)
    }

    fn stream(stream: TcpStream) -> io::Result<Stream> {
        stream.set_nonblocking(true)?;
        Ok(tokio::net::TcpStream::from_std(stream)?.into())
    }
}

#[test]
fn a_connection_over_tcp_behaves() {
    behaviour::run::<Async<OnTokio>>();
}

// covers WS-4.1-06, WS-4.1-07, WS-4.2.2-01, WS-10.6-01, TLS-01, TLS-02, TLS-04, TLS-05
#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Async<OnTokio>>();
}
