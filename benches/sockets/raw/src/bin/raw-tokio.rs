//! Bytes back as they came, without any WebSocket: the least that an echo on tokio can cost.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bench_sockets_harness::{Result, serve};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

fn main() {
    serve(|mut stream, _| async move {
        let mut rest = Vec::new();
        poll_fn(|cx| poll_echo(&mut stream, &mut rest, cx)).await
    });
}

/// Reads into the thread's buffer and writes from there; only what the socket doesn't take is kept in `rest`.
fn poll_echo(stream: &mut TcpStream, rest: &mut Vec<u8>, cx: &mut Context<'_>) -> Poll<Result<()>> {
    loop {
        while !rest.is_empty() {
            let count = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
            rest.drain(..count);
        }
        let ended = BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
            let mut bytes = buffer.filled();
            let ended = bytes.is_empty();
            while !bytes.is_empty() {
                match Pin::new(&mut *stream).poll_write(cx, bytes)? {
                    Poll::Ready(count) => bytes = &bytes[count..],
                    Poll::Pending => {
                        rest.extend_from_slice(bytes);
                        break;
                    }
                }
            }
            Poll::Ready(Result::Ok(ended))
        });
        if ready!(ended)? {
            return Poll::Ready(Ok(()));
        }
    }
}

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; 256 * 1024].into());
}
