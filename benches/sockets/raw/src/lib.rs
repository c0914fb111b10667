//! An echo of bytes, whatever they mean.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sends back what is received, until the peer ends the stream.
///
/// It reads into a buffer of the thread and writes from there; only what the stream doesn't take is kept.
///
/// # Errors
///
/// When the stream fails.
pub async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut rest = Vec::new();
    poll_fn(|cx| poll_echo(Pin::new(&mut stream), &mut rest, cx)).await
}

fn poll_echo(
    mut stream: Pin<&mut (impl AsyncRead + AsyncWrite)>,
    rest: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        while !rest.is_empty() {
            let count = ready!(stream.as_mut().poll_write(cx, rest))?;
            rest.drain(..count);
        }
        // What encrypts keeps some of what it took.
        ready!(stream.as_mut().poll_flush(cx))?;
        let ended = BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            if stream.as_mut().poll_read(cx, &mut buffer)?.is_pending() {
                // A connection that waits holds nothing.
                *rest = Vec::new();
                return Poll::Pending;
            }
            let mut bytes = buffer.filled();
            let ended = bytes.is_empty();
            while !bytes.is_empty() {
                match stream.as_mut().poll_write(cx, bytes)? {
                    Poll::Ready(count) => bytes = &bytes[count..],
                    Poll::Pending => {
                        rest.extend_from_slice(bytes);
                        break;
                    }
                }
            }
            Poll::Ready(io::Result::Ok(ended))
        });
        if ready!(ended)? {
            return Poll::Ready(Ok(()));
        }
    }
}

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; 256 * 1024].into());
}
