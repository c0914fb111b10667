use std::io::{Read, Write};

use crate::Result;

/// Opens a WebSocket as a client (RFC 6455 §4.1).
///
/// # Errors
///
/// Unless the server agrees, and compresses if it is asked to.
pub(crate) fn open(stream: &mut (impl Read + Write), deflate: bool) -> Result<()> {
    let offer = match deflate {
        true => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        false => "",
    };
    let request = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes)?;
        if count == 0 {
            return Err("the server ended the opening handshake".into());
        }
        response.extend(&bytes[..count]);
    }
    let response = String::from_utf8(response)?;
    if !response.starts_with("HTTP/1.1 101 ") || !response.contains(ACCEPT) {
        return Err(format!("the server answered {response:?}").into());
    }
    let agreed = response.to_ascii_lowercase().contains("permessage-deflate");
    if agreed != deflate {
        return Err(format!("to deflate = {deflate} the server answered {response:?}").into());
    }
    Ok(())
}

/// The example of RFC 6455 §1.3, and what it is answered with.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
