use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Answers the opening handshake for libraries that leave it to others.
///
/// The response has `extensions` as `Sec-WebSocket-Extensions`, if there are any. Of the request only the key is looked at:
/// who sends it is the load generator.
///
/// # Errors
///
/// When the stream ends, or there is no key.
pub async fn upgrade(stream: &mut TcpStream, extensions: Option<&str>) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let request = String::from_utf8_lossy(&request);
    let key = request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map(|(_, key)| key)
        .ok_or(io::ErrorKind::InvalidData)?;
    let accept = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    let accept = BASE64_STANDARD.encode(accept);
    let extensions = extensions.map_or(String::new(), |extensions| {
        format!("Sec-WebSocket-Extensions: {extensions}\r\n")
    });
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    );
    stream.write_all(response.as_bytes()).await
}
