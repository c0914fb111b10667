use std::future::Future;
use std::io;
use std::net::SocketAddr;

use crate::{Carrier, Transport};

/// What a runtime brings to a [`Connector`](crate::Connector) and an [`Acceptor`](crate::Acceptor): streams, timers,
/// name resolution and TLS. The timer is that of the stream's [`Transport`].
pub trait Runtime: Carrier + Send + Sync {
    /// A stream over TCP, encrypted or not. `TCP_NODELAY` is set: what is written is wanted at the other end.
    type Stream: Transport;

    /// Resolves a host name, or an address written out, to addresses in the order of preference.
    ///
    /// # Errors
    ///
    /// The name is unknown, or the resolver failed.
    fn resolve(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// Nobody listens there, or the way is closed.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// What `wss` is encrypted with if nothing else was [set](crate::Connector::tls); `None`: something must be set.
    ///
    /// It is asked for each connection: making it anew each time would be slow.
    fn default_tls() -> Option<Self::ClientTls>;

    /// Encrypts a connected stream as the client of `host`, a name or an address.
    ///
    /// # Errors
    ///
    /// The server's certificate is not good for `host`, or nothing could be agreed on.
    fn encrypt(
        stream: Self::Stream,
        host: &str,
        tls: Self::ClientTls,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Encrypts an accepted stream as the server.
    ///
    /// # Errors
    ///
    /// The client speaks no TLS, or nothing could be agreed on. It was told so, where it listens.
    fn accept_encrypted(
        stream: Self::Stream,
        tls: Self::ServerTls,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The timer of a runtime's streams.
pub(crate) type Clock<R> = <<R as Runtime>::Stream as Transport>::Timer;
