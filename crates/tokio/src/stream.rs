use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bowline_io::{PollRead, PollWrite, Transport};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::Timer;

/// A TCP stream of tokio, with `TCP_NODELAY`.
#[derive(Debug)]
pub struct Stream(TcpStream);

/// The reading half of a [`Stream`].
#[derive(Debug)]
pub struct StreamReader(OwnedReadHalf);

/// The writing half of a [`Stream`]. Dropping it ends the direction.
#[derive(Debug)]
pub struct StreamWriter(OwnedWriteHalf);

/// Any stream with tokio's traits as a transport, such as a `UnixStream` or a pair in memory: give it to
/// [`accept_on`](bowline_io::Acceptor::accept_on) or [`connect_on`](bowline_io::Connector::connect_on).
///
/// The halves share the stream under a lock of tokio's.
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
        Self(stream)
    }
}

impl Transport for Stream {
    type Reader = StreamReader;
    type Writer = StreamWriter;
    type Timer = Timer;

    fn divide(self) -> (StreamReader, StreamWriter) {
        let (reader, writer) = self.0.into_split();
        (StreamReader(reader), StreamWriter(writer))
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
        read(&mut self.0, cx, buffer)
    }

    fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        // The future keeps nothing between polls.
        pin!(self.0.read_buf(buffer)).poll(cx)
    }
}

impl PollWrite for StreamWriter {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // Outside of the task's budget: at the end of a poll, where it may be spent, output is still to go.
        match self.0.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Pin::new(&mut self.0).poll_write(cx, bytes)
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        runs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.0.try_write_vectored(runs) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Pin::new(&mut self.0).poll_write_vectored(cx, runs)
            }
            written => Poll::Ready(written),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel holds nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
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
        pin!(self.0.read_buf(buffer)).poll(cx)
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
