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

#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Async<OnAsyncStd>>();
}
