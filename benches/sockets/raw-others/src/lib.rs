//! An echo of bytes with the traits of futures, whatever they mean.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

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

/// Where to listen, as the command line has it.
///
/// # Panics
///
/// When it has nothing.
pub fn address() -> String {
    std::env::args().nth(1).expect("an address")
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
        let ended = BUFFER.with_borrow_mut(|buffer| {
            let count = match stream.as_mut().poll_read(cx, buffer)? {
                Poll::Ready(count) => count,
                Poll::Pending => {
                    // A connection that waits holds nothing.
                    *rest = Vec::new();
                    return Poll::Pending;
                }
            };
            let mut bytes = &buffer[..count];
            while !bytes.is_empty() {
                match stream.as_mut().poll_write(cx, bytes)? {
                    Poll::Ready(count) => bytes = &bytes[count..],
                    Poll::Pending => {
                        rest.extend_from_slice(bytes);
                        break;
                    }
                }
            }
            Poll::Ready(io::Result::Ok(count == 0))
        });
        if ready!(ended)? {
            return Poll::Ready(Ok(()));
        }
    }
}

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; 256 * 1024].into());
}
