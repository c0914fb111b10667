use std::future::Future;
use std::io;
use std::net::SocketAddr;

use crate::Transport;

/// What a runtime brings to a [`Connector`](crate::Connector) and an [`Acceptor`](crate::Acceptor): streams, timers
/// and name resolution. The timer is that of the stream's [`Transport`].
pub trait Runtime: Send + Sync + 'static {
    /// A TCP stream. `TCP_NODELAY` is set: what is written is wanted at the other end.
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
}
