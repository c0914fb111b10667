//! What every carrier does alike.

use std::io;
use std::net::TcpStream;

use bowline_async_std::{AsyncStd, Stream};
use bowline_testing::behaviour::{self, Async};

struct OnAsyncStd;

impl behaviour::Runtime for OnAsyncStd {
    type Io = AsyncStd;

    fn block_on<F: Future>(future: F) -> F::Output {
        async_std::task::block_on(future)
    }

    fn stream(stream: TcpStream) -> io::Result<Stream> {
        Ok(async_std::net::TcpStream::from(stream).into())
    }
}

#[test]
fn a_connection_over_tcp_behaves() {
    behaviour::run::<Async<OnAsyncStd>>();
}

// covers WS-4.1-06, WS-4.1-07, WS-4.2.2-01, WS-10.6-01, TLS-01, TLS-02, TLS-04, TLS-05
#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Async<OnAsyncStd>>();
}
