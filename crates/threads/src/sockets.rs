use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::{Carrier, Transport};

/// What a carrier brings to a [`Connector`](crate::Connector) and an [`Acceptor`](crate::Acceptor): streams, name
/// resolution and TLS. Each call blocks until it is done.
pub trait Sockets: Carrier {
    /// A stream over TCP, encrypted or not. `TCP_NODELAY` is set: what is written is wanted at the other end.
    type Stream: Transport + Send;

    /// Resolves a host name, or an address written out, to addresses in the order of preference. It is called in a
    /// thread of its own, since no resolver can be told to stop.
    ///
    /// # Errors
    ///
    /// The name is unknown, or the resolver failed.
    fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// Connects to an address. It is called in a thread of its own, which ends with it.
    ///
    /// # Errors
    ///
    /// Nobody listens there, the way is closed, or `timeout` has passed.
    fn connect(address: SocketAddr, timeout: Duration) -> io::Result<Self::Stream>;

    /// What `wss` is encrypted with if nothing else was [set](crate::Connector::tls); `None`: something must be set.
    ///
    /// It is asked for each connection: making it anew each time would be slow.
    fn default_tls() -> Option<Self::ClientTls>;

    /// Encrypts a connected stream as the client of `host`, a name or an address; `None` if that took longer than
    /// until `deadline`.
    ///
    /// # Errors
    ///
    /// The server's certificate is not good for `host`, or nothing could be agreed on.
    fn encrypt(
        stream: Self::Stream,
        host: &str,
        tls: Self::ClientTls,
        deadline: Instant,
    ) -> io::Result<Option<Self::Stream>>;

    /// Encrypts an accepted stream as the server; `None` if that took longer than until `deadline`.
    ///
    /// # Errors
    ///
    /// The client speaks no TLS, or nothing could be agreed on. It was told so, where it listens.
    fn accept_encrypted(
        stream: Self::Stream,
        tls: Self::ServerTls,
        deadline: Instant,
    ) -> io::Result<Option<Self::Stream>>;
}
