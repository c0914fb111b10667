//! Bytes back as they came, over TLS, with the same settings: what rustls and tokio-rustls hold by themselves.
#![forbid(unsafe_code)]

use bench_sockets_harness::serve;
use bench_sockets_raw::echo;
use bench_sockets_tls::server_tls;
use tokio_rustls::TlsAcceptor;

fn main() {
    let acceptor = TlsAcceptor::from(server_tls().config().clone());
    serve(move |stream, _| {
        // In a box that goes when the handshake is done: else each connection would hold its room for ever.
        let accepting = Box::pin(acceptor.accept(stream));
        async move { Ok(echo(accepting.await?).await?) }
    });
}
