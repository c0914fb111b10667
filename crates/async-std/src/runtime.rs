use std::io;
use std::net::{Shutdown, SocketAddr};

use async_std::net::{TcpStream, ToSocketAddrs as _};
use bowline_futures::{Network, Over};

use crate::Timer;

/// async-std, for a [`Connector`](crate::Connector) and an [`Acceptor`](crate::Acceptor).
pub type AsyncStd = Over<Sockets>;

/// The sockets and timers of async-std, which [`AsyncStd`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct Sockets;

impl Network for Sockets {
    type Tcp = TcpStream;
    type Timer = Timer;

    async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs().await?.collect())
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
