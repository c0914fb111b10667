//! TLS over tokio's TCP stream. Without the feature there is nothing to encrypt with, and no way to ask for it.

#[cfg(not(feature = "rustls-tls"))]
pub(crate) use bowline_io::{NoTls as ClientTls, NoTls as ServerTls};
#[cfg(feature = "rustls-tls")]
pub(crate) use bowline_tls::{ClientTls, ServerTls, end};

#[cfg(feature = "rustls-tls")]
use std::io;

#[cfg(feature = "rustls-tls")]
use bowline_tls::check_protocol;
#[cfg(feature = "rustls-tls")]
use tokio::net::TcpStream;

#[cfg(feature = "rustls-tls")]
pub(crate) type Encrypted = tokio_rustls::TlsStream<TcpStream>;

#[cfg(feature = "rustls-tls")]
pub(crate) async fn connect(
    stream: TcpStream,
    host: &str,
    tls: ClientTls,
) -> io::Result<Encrypted> {
    let name = ClientTls::server_name(host)?;
    let config = std::sync::Arc::clone(tls.config());
    let stream = tokio_rustls::TlsConnector::from(config)
        .connect(name, stream)
        .await?;
    check_protocol(stream.get_ref().1.alpn_protocol())?;
    Ok(stream.into())
}

#[cfg(feature = "rustls-tls")]
pub(crate) async fn accept(stream: TcpStream, tls: ServerTls) -> io::Result<Encrypted> {
    let config = std::sync::Arc::clone(tls.config());
    let stream = tokio_rustls::TlsAcceptor::from(config)
        .accept(stream)
        .await?;
    check_protocol(stream.get_ref().1.alpn_protocol())?;
    Ok(stream.into())
}
