use std::io;
use std::net::SocketAddr;

use bowline_io::{Carrier, Runtime};
use tokio::net::{self, TcpStream};

use crate::Stream;
use crate::tls::{ClientTls, ServerTls};

/// tokio, for a [`Connector`](crate::Connector) and an [`Acceptor`](crate::Acceptor).
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

impl Carrier for Tokio {
    type ClientTls = ClientTls;
    type ServerTls = ServerTls;
}

impl Runtime for Tokio {
    type Stream = Stream;

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(net::lookup_host((host, port)).await?.collect())
    }

    async fn connect(address: SocketAddr) -> io::Result<Stream> {
        Ok(TcpStream::connect(address).await?.into())
    }

    fn default_tls() -> Option<ClientTls> {
        #[cfg(feature = "tls")]
        return Some(ClientTls::webpki_roots());
        #[cfg(not(feature = "tls"))]
        None
    }

    async fn encrypt(stream: Stream, host: &str, tls: ClientTls) -> io::Result<Stream> {
        stream.encrypt(host, tls).await
    }

    async fn accept_encrypted(stream: Stream, tls: ServerTls) -> io::Result<Stream> {
        stream.accept_encrypted(tls).await
    }
}
