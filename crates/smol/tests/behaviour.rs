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

// covers WS-4.1-06, WS-4.1-07, WS-4.2.2-01, WS-10.6-01, TLS-01, TLS-02, TLS-04, TLS-05
#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Async<OnSmol>>();
}
