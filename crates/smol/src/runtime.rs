use std::io;
use std::net::{Shutdown, SocketAddr};

use async_net::TcpStream;
use bowline_futures::{Network, Over};

use crate::Timer;

/// smol, for a [`Connector`](crate::Connector) and an [`Acceptor`](crate::Acceptor).
pub type Smol = Over<Sockets>;

/// The sockets and timers of smol, which [`Smol`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct Sockets;

impl Network for Sockets {
    type Tcp = TcpStream;
    type Timer = Timer;

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        async_net::resolve((host, port)).await
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }

    fn set_nodelay(stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)
    }

    fn shutdown(stream: &TcpStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }
}
