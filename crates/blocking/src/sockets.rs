use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use bowline_threads::{Carrier, Sockets};

use crate::Stream;
use crate::tls::{self, ClientTls, ServerTls};

/// The sockets of std, for a [`Connector`](crate::Connector) and an [`Acceptor`](crate::Acceptor).
#[derive(Clone, Copy, Debug)]
pub struct Blocking;

impl Carrier for Blocking {
    type ClientTls = ClientTls;
    type ServerTls = ServerTls;
}

impl Sockets for Blocking {
    type Stream = Stream;

    fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    fn connect(address: SocketAddr, timeout: Duration) -> io::Result<Stream> {
        Ok(TcpStream::connect_timeout(&address, timeout)?.into())
    }

    fn default_tls() -> Option<ClientTls> {
        #[cfg(feature = "tls")]
        return Some(ClientTls::webpki_roots());
        #[cfg(not(feature = "tls"))]
        None
    }

    fn encrypt(
        stream: Stream,
        host: &str,
        tls: ClientTls,
        deadline: Instant,
    ) -> io::Result<Option<Stream>> {
        tls::connect(stream, host, &tls, deadline)
    }

    fn accept_encrypted(
        stream: Stream,
        tls: ServerTls,
        deadline: Instant,
    ) -> io::Result<Option<Stream>> {
        tls::accept(stream, &tls, deadline)
    }
}
