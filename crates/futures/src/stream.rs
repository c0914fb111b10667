use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bowline_io::{PollRead, PollWrite, Transport};
use futures_io::{AsyncRead, AsyncWrite};

use crate::Network;
#[cfg(feature = "rustls-tls")]
use crate::io::Shared;
#[cfg(feature = "rustls-tls")]
use crate::tls::{self, Encrypted};
use crate::tls::{ClientTls, ServerTls};

/// A TCP stream of a [`Network`], with `TCP_NODELAY`; encrypted if the URL or the acceptor says so.
///
/// The halves of a plain stream are clones of it. Those of an encrypted one share it under a lock that is held for one
/// call.
pub struct Stream<S, N: Network<Tcp = S>>(Kind<N>);

enum Kind<N: Network> {
    Plain(Tcp<N>),
    #[cfg(feature = "rustls-tls")]
    Encrypted(Box<Encrypted<N>>),
}

/// The reading half of a [`Stream`].
pub struct StreamReader<N: Network>(HalfKind<N>);

/// The writing half of a [`Stream`].
pub struct StreamWriter<N: Network>(HalfKind<N>);

enum HalfKind<N: Network> {
    Plain(Tcp<N>),
    #[cfg(feature = "rustls-tls")]
    Encrypted(Shared<Encrypted<N>>),
}

/// A TCP stream whose `poll_close` ends the writing direction.
pub(crate) struct Tcp<N: Network>(N::Tcp);

/// Sets `TCP_NODELAY`: what is written is wanted at the other end.
impl<S, N: Network<Tcp = S>> From<S> for Stream<S, N> {
    fn from(stream: S) -> Self {
        // It fails only on a socket that is dead, as the first read or write will say.
        let _ = N::set_nodelay(&stream);
        Self(Kind::Plain(Tcp(stream)))
    }
}

#[cfg(feature = "rustls-tls")]
impl<N: Network> Stream<N::Tcp, N> {
    pub(crate) async fn encrypt(self, host: &str, tls: ClientTls) -> io::Result<Self> {
        let stream = tls::connect(self.plain()?, host, tls).await?;
        Ok(Self(Kind::Encrypted(Box::new(stream))))
    }

    pub(crate) async fn accept_encrypted(self, tls: ServerTls) -> io::Result<Self> {
        let stream = tls::accept(self.plain()?, tls).await?;
        Ok(Self(Kind::Encrypted(Box::new(stream))))
    }

    fn plain(self) -> io::Result<Tcp<N>> {
        match self.0 {
            Kind::Plain(stream) => Ok(stream),
            Kind::Encrypted(_) => Err(io::Error::other("the stream is encrypted already")),
        }
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
        let (reader, writer) = match self.0 {
            Kind::Plain(stream) => (
                HalfKind::Plain(Tcp(stream.0.clone())),
                HalfKind::Plain(stream),
            ),
            #[cfg(feature = "rustls-tls")]
            Kind::Encrypted(stream) => {
                let (reader, writer) = Shared::pair(*stream);
                (HalfKind::Encrypted(reader), HalfKind::Encrypted(writer))
            }
        };
        (StreamReader(reader), StreamWriter(writer))
    }
}

impl<N: Network> PollRead for StreamReader<N> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            HalfKind::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(feature = "rustls-tls")]
            HalfKind::Encrypted(stream) => Pin::new(stream).poll_read(cx, buffer).map(tls::end),
        }
    }
}

impl<N: Network> StreamWriter<N> {
    fn as_pin(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        match &mut self.0 {
            HalfKind::Plain(stream) => Pin::new(stream),
            #[cfg(feature = "rustls-tls")]
            HalfKind::Encrypted(stream) => Pin::new(stream),
        }
    }
}

impl<N: Network> PollWrite for StreamWriter<N> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.as_pin().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.as_pin().poll_write_vectored(cx, runs)
    }

    fn is_write_vectored(&self) -> bool {
        // Records of TLS are filled from several runs too.
        true
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_pin().poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_pin().poll_close(cx)
    }
}

impl<N: Network> AsyncRead for Tcp<N> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<N: Network> AsyncWrite for Tcp<N> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, runs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match N::shutdown(&self.0) {
            // The peer has ended both directions.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}

impl<N: Network> fmt::Debug for Stream<N::Tcp, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Plain(stream) => stream.fmt(f),
            #[cfg(feature = "rustls-tls")]
            Kind::Encrypted(stream) => stream.get_ref().0.fmt(f),
        }
    }
}

impl<N: Network> fmt::Debug for StreamReader<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamReader").field(&self.0).finish()
    }
}

impl<N: Network> fmt::Debug for StreamWriter<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamWriter").field(&self.0).finish()
    }
}

impl<N: Network> fmt::Debug for HalfKind<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(stream) => stream.fmt(f),
            #[cfg(feature = "rustls-tls")]
            Self::Encrypted(stream) => stream.fmt(f),
        }
    }
}

impl<N: Network> fmt::Debug for Tcp<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
