//! TLS over a TCP stream. Without the feature there is nothing to encrypt with, and no way to ask for it.

#[cfg(not(feature = "rustls-tls"))]
pub(crate) use bowline_io::{NoTls as ClientTls, NoTls as ServerTls};
#[cfg(feature = "rustls-tls")]
pub(crate) use bowline_tls::{ClientTls, ServerTls, end};
#[cfg(feature = "rustls-tls")]
pub(crate) use encrypted::{Encrypted, accept, connect};

#[cfg(feature = "rustls-tls")]
mod encrypted {
    use std::io;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, ready};

    use bowline_tls::check_protocol;
    use bowline_tls::rustls::Reader;
    use futures_io::AsyncRead;
    use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};

    use super::{ClientTls, ServerTls};
    use crate::{Network, Stream};

    /// A stream that carries TLS.
    type Plain<N> = Stream<<N as Network>::Tcp, N>;

    /// TLS over a TCP stream. What was read of it before an error is given before that.
    pub(crate) struct Encrypted<N: Network> {
        stream: TlsStream<Plain<N>>,
        /// What is to be told when the payload before it is given.
        failed: Option<io::Error>,
    }

    pub(crate) async fn connect<N: Network>(
        stream: Plain<N>,
        host: &str,
        tls: ClientTls,
    ) -> io::Result<Encrypted<N>> {
        let name = ClientTls::server_name(host)?;
        let connector = TlsConnector::from(Arc::clone(tls.config()));
        let stream = connector.connect(name, stream).await?;
        check_protocol(stream.get_ref().1.alpn_protocol())?;
        Ok(Encrypted::new(stream.into()))
    }

    pub(crate) async fn accept<N: Network>(
        stream: Plain<N>,
        tls: ServerTls,
    ) -> io::Result<Encrypted<N>> {
        let acceptor = TlsAcceptor::from(Arc::clone(tls.config()));
        let stream = acceptor.accept(stream).await?;
        check_protocol(stream.get_ref().1.alpn_protocol())?;
        Ok(Encrypted::new(stream.into()))
    }

    impl<N: Network> Encrypted<N> {
        const fn new(stream: TlsStream<Plain<N>>) -> Self {
            Self {
                stream,
                failed: None,
            }
        }

        pub(crate) const fn stream(&mut self) -> &mut TlsStream<Plain<N>> {
            &mut self.stream
        }

        pub(crate) fn plain(&self) -> &Plain<N> {
            self.stream.get_ref().0
        }
    }

    fn session<N: Network>(stream: &mut TlsStream<Plain<N>>) -> Reader<'_> {
        match stream {
            TlsStream::Client(client) => client.get_mut().1.reader(),
            TlsStream::Server(server) => server.get_mut().1.reader(),
        }
    }

    impl<N: Network> AsyncRead for Encrypted<N> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let Self { stream, failed } = &mut *self;
            let read = match failed.take() {
                Some(error) => Err(error),
                None => ready!(Pin::new(&mut *stream).poll_read(cx, buffer)),
            };
            Poll::Ready(match read {
                Err(error) => bowline_tls::before(error, session(stream), buffer, failed),
                read => read,
            })
        }
    }
}
