//! TLS over a TCP stream. Without the feature there is nothing to encrypt with, and no way to ask for it.

#[cfg(not(feature = "rustls-tls"))]
pub(crate) use bowline_io::{NoTls as ClientTls, NoTls as ServerTls};
#[cfg(feature = "rustls-tls")]
pub(crate) use bowline_tls::{ClientTls, ServerTls, end};

#[cfg(feature = "rustls-tls")]
use std::io;

#[cfg(feature = "rustls-tls")]
use crate::{Network, Stream};
#[cfg(feature = "rustls-tls")]
use bowline_tls::check_protocol;

/// A stream that carries TLS.
#[cfg(feature = "rustls-tls")]
type Plain<N> = Stream<<N as Network>::Tcp, N>;

#[cfg(feature = "rustls-tls")]
pub(crate) type Encrypted<N> = futures_rustls::TlsStream<Plain<N>>;

#[cfg(feature = "rustls-tls")]
pub(crate) async fn connect<N: Network>(
    stream: Plain<N>,
    host: &str,
    tls: ClientTls,
) -> io::Result<Encrypted<N>> {
    let name = ClientTls::server_name(host)?;
    let config = std::sync::Arc::clone(tls.config());
    let stream = futures_rustls::TlsConnector::from(config)
        .connect(name, stream)
        .await?;
    check_protocol(stream.get_ref().1.alpn_protocol())?;
    Ok(stream.into())
}

#[cfg(feature = "rustls-tls")]
pub(crate) async fn accept<N: Network>(
    stream: Plain<N>,
    tls: ServerTls,
) -> io::Result<Encrypted<N>> {
    let config = std::sync::Arc::clone(tls.config());
    let stream = futures_rustls::TlsAcceptor::from(config)
        .accept(stream)
        .await?;
    check_protocol(stream.get_ref().1.alpn_protocol())?;
    Ok(stream.into())
}
