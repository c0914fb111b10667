//! What both servers on yawc have in common.
#![forbid(unsafe_code)]

use bench_sockets_harness::{Result, upgrade};
use tokio::net::TcpStream;
use yawc::{Options, Role, WebSocket};

/// Answers the opening handshake, agreeing to `extensions`.
///
/// Text is checked, which it isn't without a word. Messages may have as many bytes as the bench sends.
///
/// # Errors
///
/// When the stream ends.
pub async fn accept(
    mut stream: TcpStream,
    options: Options,
    extensions: Option<&str>,
) -> Result<WebSocket<TcpStream>> {
    upgrade(&mut stream, extensions).await?;
    let options = options.with_utf8().with_limits(LIMIT, 2 * LIMIT);
    let ws = WebSocket::from_stream_with_extensions(stream, Role::Server, extensions, options)?;
    Ok(ws)
}

/// The longest message.
const LIMIT: usize = 16 * 1024 * 1024;
