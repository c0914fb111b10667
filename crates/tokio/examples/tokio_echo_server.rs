//! Echoes every message on any path, for ever: `tokio_echo_server ADDR [--max-message BYTES]`.
//!
//! The first line of output is the address it listens on.

use std::error::Error;

use bowline_tokio::{Acceptor, OriginPolicy, WebSocket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (address, acceptor) = arguments()?;
    let listener = TcpListener::bind(&address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = acceptor.serve(stream, echo).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), bowline_tokio::Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

fn arguments() -> Result<(String, Acceptor), Box<dyn Error>> {
    const USAGE: &str = "usage: tokio_echo_server ADDR [--max-message BYTES]";
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or(USAGE)?;
    // Nothing but the peer's own words is sent back, so any page may ask for them.
    let mut acceptor = Acceptor::new().origin(OriginPolicy::Any);
    while let Some(argument) = arguments.next() {
        let value = arguments.next();
        match (argument.as_str(), value) {
            ("--max-message", Some(bytes)) => acceptor = acceptor.max_message(bytes.parse()?),
            _ => return Err(USAGE.into()),
        }
    }
    Ok((address, acceptor))
}
