//! What every carrier does alike.

use std::io;
use std::net::TcpStream;

use bowline_smol::{Smol, Stream};
use bowline_testing::behaviour::{self, Async};

struct OnSmol;

impl behaviour::Runtime for OnSmol {
    type Io = Smol;

    fn block_on<F: Future>(future: F) -> F::Output {
        smol::block_on(future)
    }

    fn stream(stream: TcpStream) -> io::Result<Stream> {
        Ok(smol::net::TcpStream::try_from(stream)?.into())
    }
}

#[test]
fn a_connection_over_tcp_behaves() {
    behaviour::run::<Async<OnSmol>>();
}

#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Async<OnSmol>>();
}
