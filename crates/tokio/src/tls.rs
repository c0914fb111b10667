//! TLS over tokio's TCP stream. Without the feature there is nothing to encrypt with, and no way to ask for it.

#[cfg(not(feature = "rustls-tls"))]
pub(crate) use bowline_io::{NoTls as ClientTls, NoTls as ServerTls};
#[cfg(feature = "rustls-tls")]
pub(crate) use bowline_tls::{ClientTls, ServerTls, end};
#[cfg(feature = "rustls-tls")]
pub(crate) use encrypted::{Encrypted, accept, connect};

#[cfg(feature = "rustls-tls")]
mod encrypted {
    use std::io::{self, IoSlice};
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, ready};

    use bowline_tls::check_protocol;
    use bowline_tls::rustls::Reader;
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::TcpStream;
    use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

    use super::{ClientTls, ServerTls};

    /// TLS over a TCP stream. What was read of it before an error is given before that.
    #[derive(Debug)]
    pub(crate) struct Encrypted {
        stream: TlsStream<TcpStream>,
        /// What is to be told when the payload before it is given.
        failed: Option<io::Error>,
    }

    pub(crate) async fn connect(
        stream: TcpStream,
        host: &str,
        tls: ClientTls,
    ) -> io::Result<Encrypted> {
        let name = ClientTls::server_name(host)?;
        let connector = TlsConnector::from(Arc::clone(tls.config()));
        let stream = connector.connect(name, stream).await?;
        check_protocol(stream.get_ref().1.alpn_protocol())?;
        Ok(Encrypted::new(stream.into()))
    }

    pub(crate) async fn accept(stream: TcpStream, tls: ServerTls) -> io::Result<Encrypted> {
        let acceptor = TlsAcceptor::from(Arc::clone(tls.config()));
        let stream = acceptor.accept(stream).await?;
        check_protocol(stream.get_ref().1.alpn_protocol())?;
        Ok(Encrypted::new(stream.into()))
    }

    impl Encrypted {
        const fn new(stream: TlsStream<TcpStream>) -> Self {
            Self {
                stream,
                failed: None,
            }
        }
    }

    fn session(stream: &mut TlsStream<TcpStream>) -> Reader<'_> {
        match stream {
            TlsStream::Client(client) => client.get_mut().1.reader(),
            TlsStream::Server(server) => server.get_mut().1.reader(),
        }
    }

    impl AsyncRead for Encrypted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let Self { stream, failed } = &mut *self;
            let read = match failed.take() {
                Some(error) => Err(error),
                None => ready!(Pin::new(&mut *stream).poll_read(cx, buffer)),
            };
            Poll::Ready(match read {
                Ok(()) => Ok(()),
                Err(error) => {
                    let room = buffer.initialize_unfilled();
                    let before = bowline_tls::before(error, session(stream), room, failed);
                    before.map(|count| buffer.advance(count))
                }
            })
        }
    }

    impl AsyncWrite for Encrypted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write(cx, bytes)
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            runs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write_vectored(cx, runs)
        }

        fn is_write_vectored(&self) -> bool {
            self.stream.is_write_vectored()
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }
}
