use std::io::{self, Read as _};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bowline_frame::Role;
use fastwebsockets::{FragmentCollector, OpCode, WebSocket, WebSocketError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Course, End, MAX_MESSAGE};

pub(crate) fn run(role: Role, wire: &[u8]) -> Course {
    let role = match role {
        Role::Server => fastwebsockets::Role::Server,
        Role::Client => fastwebsockets::Role::Client,
    };
    let mut socket = WebSocket::after_handshake(Given(wire), role);
    // It refuses a frame of this length, too.
    socket.set_max_message_size(MAX_MESSAGE + 1);
    let mut socket = FragmentCollector::new(socket);
    let mut messages = Vec::new();
    loop {
        let frame = {
            let mut reading = pin!(socket.read_frame());
            match reading
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let end = End::Open;
                    return Course { messages, end };
                }
            }
        };
        let end = match frame {
            Ok(frame) => match frame.opcode {
                OpCode::Text | OpCode::Binary => {
                    messages.push((frame.opcode == OpCode::Text, frame.payload.to_vec()));
                    continue;
                }
                OpCode::Close => {
                    let code = frame.payload.first_chunk().copied();
                    End::Closed(code.map(u16::from_be_bytes))
                }
                _ => continue,
            },
            Err(WebSocketError::InvalidUTF8) => End::Failed(None, 1007),
            Err(WebSocketError::FrameTooLarge) => End::Failed(None, 1009),
            Err(WebSocketError::IoError(error)) => panic!("{error}"),
            Err(_) => End::Failed(None, 1002),
        };
        return Course { messages, end };
    }
}

/// Gives its bytes and then nothing, and takes everything.
struct Given<'a>(&'a [u8]);

impl AsyncRead for Given<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let count = self.0.read(buffer.initialize_unfilled())?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Given<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
