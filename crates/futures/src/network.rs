use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;

use bowline_io::{Carrier, Runtime, Timer};
use futures_io::{AsyncRead, AsyncWrite};

use crate::Stream;
use crate::tls::{ClientTls, ServerTls};

/// A runtime whose TCP streams have the traits of futures-io: what a carrier of its own has to say about it.
///
/// [`Over`] makes a runtime for connectors and acceptors of it.
pub trait Network: Send + Sync + 'static {
    /// A TCP stream. Its clones are the same stream, each of which keeps the wakers of who polls it.
    type Tcp: AsyncRead + AsyncWrite + Clone + fmt::Debug + Send + Sync + Unpin + 'static;
    /// The timer that deadlines are kept with.
    type Timer: Timer;

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
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send;

    /// Sets `TCP_NODELAY`.
    ///
    /// # Errors
    ///
    /// The socket is dead.
    fn set_nodelay(stream: &Self::Tcp) -> io::Result<()>;

    /// Ends the writing direction, as `poll_close` doesn't on every runtime.
    ///
    /// # Errors
    ///
    /// The socket is dead.
    fn shutdown(stream: &Self::Tcp) -> io::Result<()>;
}

/// A [`Network`] for connectors and acceptors: name resolution, TCP and TLS.
pub struct Over<N>(PhantomData<fn() -> N>);

impl<N: Network> Carrier for Over<N> {
    type ClientTls = ClientTls;
    type ServerTls = ServerTls;
}

impl<N: Network> Runtime for Over<N> {
    type Stream = Stream<N::Tcp, N>;

    fn resolve(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        N::resolve(host, port)
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        Ok(N::connect(address).await?.into())
    }

    fn default_tls() -> Option<ClientTls> {
        #[cfg(feature = "tls")]
        return Some(ClientTls::webpki_roots());
        #[cfg(not(feature = "tls"))]
        None
    }

    async fn encrypt(stream: Self::Stream, host: &str, tls: ClientTls) -> io::Result<Self::Stream> {
        stream.encrypt(host, tls).await
    }

    async fn accept_encrypted(stream: Self::Stream, tls: ServerTls) -> io::Result<Self::Stream> {
        stream.accept_encrypted(tls).await
    }
}

impl<N> fmt::Debug for Over<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Over")
    }
}
