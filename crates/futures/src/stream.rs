use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bowline_io::Transport;
use futures_io::{AsyncRead, AsyncWrite};

use crate::tls::{ClientTls, ServerTls};
use crate::{Halves, Network, ReadHalf, WriteHalf};
#[cfg(feature = "rustls-tls")]
use crate::{Io, tls};

/// A TCP stream of a [`Network`], with `TCP_NODELAY`; encrypted if the URL or the acceptor says so.
///
/// The halves of a plain stream are clones of it. Those of an encrypted one share it under a lock that is held for one
/// call.
pub struct Stream<S, N: Network<Tcp = S>>(Kind<N>);

enum Kind<N: Network> {
    Plain(N::Tcp),
    #[cfg(feature = "rustls-tls")]
    Encrypted(Box<tls::Encrypted<N>>),
}

/// The reading half of a [`Stream`].
pub type StreamReader<N> = ReadHalf<Stream<<N as Network>::Tcp, N>>;

/// The writing half of a [`Stream`].
pub type StreamWriter<N> = WriteHalf<Stream<<N as Network>::Tcp, N>>;

/// Sets `TCP_NODELAY`: what is written is wanted at the other end.
impl<S, N: Network<Tcp = S>> From<S> for Stream<S, N> {
    fn from(stream: S) -> Self {
        // It fails only on a socket that is dead, as the first read or write will say.
        let _ = N::set_nodelay(&stream);
        Self(Kind::Plain(stream))
    }
}

#[cfg(feature = "rustls-tls")]
impl<N: Network> Stream<N::Tcp, N> {
    pub(crate) async fn encrypt(self, host: &str, tls: ClientTls) -> io::Result<Self> {
        let stream = tls::connect(self, host, tls).await?;
        Ok(Self(Kind::Encrypted(Box::new(stream))))
    }

    pub(crate) async fn accept_encrypted(self, tls: ServerTls) -> io::Result<Self> {
        let stream = tls::accept(self, tls).await?;
        Ok(Self(Kind::Encrypted(Box::new(stream))))
    }
}

#[cfg(not(feature = "rustls-tls"))]
impl<N: Network> Stream<N::Tcp, N> {
    pub(crate) async fn encrypt(self, _: &str, tls: ClientTls) -> io::Result<Self> {
        match tls {}
    }

    pub(crate) async fn accept_encrypted(self, tls: ServerTls) -> io::Result<Self> {
        match tls {}
    }
}

impl<N: Network> Transport for Stream<N::Tcp, N> {
    type Reader = StreamReader<N>;
    type Writer = StreamWriter<N>;
    type Timer = N::Timer;

    fn divide(self) -> (StreamReader<N>, StreamWriter<N>) {
        match self.0 {
            Kind::Plain(stream) => {
                let [reader, writer] = [stream.clone(), stream].map(|tcp| Self(Kind::Plain(tcp)));
                let halves = Halves::<_, _, N::Timer>::new(reader, writer);
                halves.vectored(true).divide()
            }
            // Records of TLS are filled from several runs too.
            #[cfg(feature = "rustls-tls")]
            encrypted => {
                let io = Io::<_, N::Timer>::new(Self(encrypted));
                io.vectored(true).divide()
            }
        }
    }
}

impl<N: Network> AsyncRead for Stream<N::Tcp, N> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(feature = "rustls-tls")]
            Kind::Encrypted(stream) => Pin::new(stream).poll_read(cx, buffer).map(tls::end),
        }
    }
}

impl<N: Network> Stream<N::Tcp, N> {
    fn as_pin(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream),
            #[cfg(feature = "rustls-tls")]
            Kind::Encrypted(encrypted) => Pin::new(encrypted.stream()),
        }
    }
}

impl<N: Network> AsyncWrite for Stream<N::Tcp, N> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_pin().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.as_pin().poll_write_vectored(cx, runs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_pin().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => {
                ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                Poll::Ready(match N::shutdown(stream) {
                    // The peer has ended both directions.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    done => done,
                })
            }
            #[cfg(feature = "rustls-tls")]
            Kind::Encrypted(encrypted) => Pin::new(encrypted.stream()).poll_close(cx),
        }
    }
}

impl<N: Network> fmt::Debug for Stream<N::Tcp, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Plain(stream) => stream.fmt(f),
            #[cfg(feature = "rustls-tls")]
            Kind::Encrypted(encrypted) => encrypted.plain().fmt(f),
        }
    }
}
