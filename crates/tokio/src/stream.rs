use std::future::{Future as _, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bowline_io::{PollRead, PollWrite, Transport};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::coop;

use crate::Timer;
#[cfg(feature = "rustls-tls")]
use crate::tls::{self, Encrypted};
use crate::tls::{ClientTls, ServerTls};

/// A TCP stream of tokio, with `TCP_NODELAY`; encrypted if the URL or the acceptor says so.
///
/// The halves of a plain stream know nothing of each other. Those of an encrypted one share it under a lock that is
/// held for one call.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Plain(TcpStream),
    #[cfg(feature = "rustls-tls")]
    Encrypted(Box<Encrypted>),
}

/// The reading half of a [`Stream`].
#[derive(Debug)]
pub struct StreamReader(ReaderKind);

#[derive(Debug)]
enum ReaderKind {
    Plain(OwnedReadHalf),
    #[cfg(feature = "rustls-tls")]
    Encrypted(ReadHalf<Encrypted>),
}

/// The writing half of a [`Stream`]. Dropping it ends the direction, unless the stream is encrypted: then both halves
/// must be dropped.
#[derive(Debug)]
pub struct StreamWriter {
    half: WriterKind,
    /// Writes since the task's budget was spent.
    beyond: u32,
}

#[derive(Debug)]
enum WriterKind {
    Plain(OwnedWriteHalf),
    #[cfg(feature = "rustls-tls")]
    Encrypted(WriteHalf<Encrypted>),
}

/// Any stream with tokio's traits as a transport, such as a `UnixStream` or a pair in memory: give it to
/// [`accept_on`](bowline_io::Acceptor::accept_on) or [`connect_on`](bowline_io::Connector::connect_on).
///
/// The halves share the stream under a lock of tokio's. An error of the kind `InvalidData` counts as one of TLS:
/// [`Error::Tls`](bowline_io::Error::Tls).
#[derive(Debug)]
pub struct Io<S>(pub S);

/// The reading half of an [`Io`] transport.
#[derive(Debug)]
pub struct IoReader<S>(ReadHalf<S>);

/// The writing half of an [`Io`] transport.
#[derive(Debug)]
pub struct IoWriter<S>(WriteHalf<S>);

/// Sets `TCP_NODELAY`: what is written is wanted at the other end.
impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        // It fails only on a socket that is dead, as the first read or write will say.
        let _ = stream.set_nodelay(true);
        Self(Kind::Plain(stream))
    }
}

#[cfg(feature = "rustls-tls")]
impl Stream {
    pub(crate) async fn encrypt(self, host: &str, tls: ClientTls) -> io::Result<Self> {
        let stream = tls::connect(self.plain()?, host, tls).await?;
        Ok(Self(Kind::Encrypted(Box::new(stream))))
    }

    pub(crate) async fn accept_encrypted(self, tls: ServerTls) -> io::Result<Self> {
        let stream = tls::accept(self.plain()?, tls).await?;
        Ok(Self(Kind::Encrypted(Box::new(stream))))
    }

    fn plain(self) -> io::Result<TcpStream> {
        match self.0 {
            Kind::Plain(stream) => Ok(stream),
            Kind::Encrypted(_) => Err(io::Error::other("the stream is encrypted already")),
        }
    }
}

#[cfg(not(feature = "rustls-tls"))]
impl Stream {
    pub(crate) async fn encrypt(self, _: &str, tls: ClientTls) -> io::Result<Self> {
        match tls {}
    }

    pub(crate) async fn accept_encrypted(self, tls: ServerTls) -> io::Result<Self> {
        match tls {}
    }
}

impl Transport for Stream {
    type Reader = StreamReader;
    type Writer = StreamWriter;
    type Timer = Timer;

    fn divide(self) -> (StreamReader, StreamWriter) {
        let (reader, half) = match self.0 {
            Kind::Plain(stream) => {
                let (reader, writer) = stream.into_split();
                (ReaderKind::Plain(reader), WriterKind::Plain(writer))
            }
            #[cfg(feature = "rustls-tls")]
            Kind::Encrypted(stream) => {
                let (reader, writer) = tokio::io::split(*stream);
                (ReaderKind::Encrypted(reader), WriterKind::Encrypted(writer))
            }
        };
        (StreamReader(reader), StreamWriter { half, beyond: 0 })
    }
}

impl<S> Transport for Io<S>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    type Reader = IoReader<S>;
    type Writer = IoWriter<S>;
    type Timer = Timer;

    fn divide(self) -> (IoReader<S>, IoWriter<S>) {
        let (reader, writer) = tokio::io::split(self.0);
        (IoReader(reader), IoWriter(writer))
    }
}

impl PollRead for StreamReader {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            ReaderKind::Plain(half) => read(half, cx, buffer),
            #[cfg(feature = "rustls-tls")]
            ReaderKind::Encrypted(half) => read(half, cx, buffer).map(tls::end),
        }
    }

    fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            ReaderKind::Plain(half) => read_buf(half, cx, buffer),
            #[cfg(feature = "rustls-tls")]
            ReaderKind::Encrypted(half) => read_buf(half, cx, buffer).map(tls::end),
        }
    }
}

impl WriterKind {
    fn as_pin(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        match self {
            Self::Plain(half) => Pin::new(half),
            #[cfg(feature = "rustls-tls")]
            Self::Encrypted(half) => Pin::new(half),
        }
    }
}

impl StreamWriter {
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(
            Pin<&mut (dyn AsyncWrite + Unpin)>,
            &mut Context<'_>,
        ) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.goes_beyond_budget() {
            let half = &mut self.half;
            let beyond = coop::unconstrained(poll_fn(|cx| write(half.as_pin(), cx)));
            return pin!(beyond).poll(cx);
        }
        write(self.half.as_pin(), cx)
    }

    /// Tells whether to write although the budget of the running task is spent.
    ///
    /// Output that is to go at the end of a poll still goes then. But a task that only writes is refused in the end, so
    /// that it waits and others run.
    fn goes_beyond_budget(&mut self) -> bool {
        if coop::has_budget_remaining() {
            self.beyond = 0;
            return false;
        }
        self.beyond = (self.beyond + 1) % (BEYOND + REFUSALS);
        (1..=BEYOND).contains(&self.beyond)
    }
}

impl PollWrite for StreamWriter {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |half, cx| half.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |half, cx| half.poll_write_vectored(cx, runs))
    }

    fn is_write_vectored(&self) -> bool {
        // Records of TLS are filled from several runs too.
        true
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel holds nothing back, as tokio's stream knows.
        self.half.as_pin().poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.as_pin().poll_shutdown(cx)
    }
}

impl<S: AsyncRead + 'static> PollRead for IoReader<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        read(&mut self.0, cx, buffer)
    }

    fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        read_buf(&mut self.0, cx, buffer)
    }
}

impl<S: AsyncWrite + Send + 'static> PollWrite for IoWriter<S> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, runs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn read<R: AsyncRead + Unpin>(
    reader: &mut R,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(buffer);
    ready!(Pin::new(reader).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

fn read_buf<R: AsyncRead + Unpin>(
    reader: &mut R,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    // The future keeps nothing between polls.
    pin!(reader.read_buf(buffer)).poll(cx)
}

/// Writes that a task may make in one poll after its budget is spent.
const BEYOND: u32 = 16;

/// How often it is refused then: whoever is refused asks once more before it waits.
const REFUSALS: u32 = 2;

#[cfg(test)]
mod tests {
    use bowline_io::Runtime as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::Tokio;

    async fn connected() -> (Stream, Stream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Tokio::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        (client, listener.accept().await.unwrap().0.into())
    }

    /// Uses up what the running task may do in this poll.
    fn spend_budget(cx: &mut Context<'_>) {
        while let Poll::Ready(spent) = coop::poll_proceed(cx) {
            spent.made_progress();
        }
    }

    #[tokio::test]
    async fn both_ends_write_without_delay() {
        let (client, server) = connected().await;
        for stream in [client, server] {
            let Kind::Plain(stream) = stream.0 else {
                panic!("encrypted");
            };
            assert!(stream.nodelay().unwrap());
        }
    }

    #[tokio::test]
    async fn output_goes_out_at_the_end_of_a_spent_poll() {
        let (client, server) = connected().await;
        let (_reader, mut writer) = client.divide();
        let written = poll_fn(|cx| {
            spend_budget(cx);
            Poll::Ready(writer.poll_write(cx, b"hello"))
        });
        assert!(matches!(written.await, Poll::Ready(Ok(5))));
        let runs = [IoSlice::new(b"a"), IoSlice::new(b"b")];
        let written = poll_fn(|cx| {
            spend_budget(cx);
            Poll::Ready(writer.poll_write_vectored(cx, &runs))
        });
        assert!(matches!(written.await, Poll::Ready(Ok(2))));
        drop(server);
    }

    #[tokio::test]
    async fn a_task_that_only_writes_lets_others_run() {
        let (client, _server) = connected().await;
        let (_reader, mut writer) = client.divide();
        for vectored in [false, true] {
            let pending = poll_fn(|cx| {
                // The kernel takes so little without waiting.
                for _ in 0..10_000 {
                    let written = if vectored {
                        writer.poll_write_vectored(cx, &[IoSlice::new(b"x")])
                    } else {
                        writer.poll_write(cx, b"x")
                    };
                    if written.is_pending() {
                        return Poll::Ready(true);
                    }
                }
                Poll::Ready(false)
            });
            assert!(pending.await, "vectored: {vectored}");
        }
    }
}
