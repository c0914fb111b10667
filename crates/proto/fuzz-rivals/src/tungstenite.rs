use std::io::{self, Read, Write};

use bowline_frame::Role;
use tungstenite::protocol::{self, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

use crate::{Course, End, MAX_MESSAGE};

pub(crate) fn run(role: Role, wire: &[u8]) -> Course {
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut socket = WebSocket::from_raw_socket(Given(wire), role, Some(config));
    let mut messages = Vec::new();
    loop {
        let end = match socket.read() {
            Ok(Message::Text(text)) => {
                messages.push((true, text.as_bytes().to_vec()));
                continue;
            }
            Ok(Message::Binary(payload)) => {
                messages.push((false, payload.to_vec()));
                continue;
            }
            Ok(Message::Close(close)) => End::Closed(close.map(|close| close.code.into())),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => End::Open,
            Err(Error::Protocol(_)) => End::Failed(None, 1002),
            Err(Error::Utf8(_)) => End::Failed(None, 1007),
            Err(Error::Capacity(_)) => End::Failed(None, 1009),
            Err(error) => panic!("{error:?} is unknown here"),
        };
        return Course { messages, end };
    }
}

/// Gives its bytes and then nothing, and takes everything.
struct Given<'a>(&'a [u8]);

impl Read for Given<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for Given<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
