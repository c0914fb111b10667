use std::io;
use std::net::SocketAddr;

use tokio::net::{self, TcpStream};

use crate::Stream;

/// tokio, for a [`Connector`](crate::Connector) and an [`Acceptor`](crate::Acceptor).
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

impl bowline_io::Runtime for Tokio {
    type Stream = Stream;

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(net::lookup_host((host, port)).await?.collect())
    }

    async fn connect(address: SocketAddr) -> io::Result<Stream> {
        Ok(TcpStream::connect(address).await?.into())
    }
}
