//! Echoes every message on any path, for ever:
//! `smol_echo_server ADDR [--max-message BYTES] [--no-deflate | --context-takeover]`.
//!
//! The first line of output is the address it listens on. `--context-takeover` lets messages refer to earlier ones, which
//! saves more and costs each connection memory. smol serves on one thread unless `SMOL_THREADS` names more.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use bowline_smol::{Acceptor, OriginPolicy, PerMessageDeflate, WebSocket};
use macro_rules_attribute::apply;
use smol::net::TcpListener;
use smol_macros::main;

#[apply(main!)]
async fn main() -> Result<(), Box<dyn Error>> {
    let (address, acceptor) = arguments()?;
    let listener = TcpListener::bind(&address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    serve(listener, acceptor).await;
    Ok(())
}

/// Serves each client in a task of its own, for ever.
pub(crate) async fn serve(listener: TcpListener, acceptor: Acceptor) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                accept_failed(&error).await;
                continue;
            }
        };
        let acceptor = acceptor.clone();
        smol::spawn(async move {
            if let Err(error) = acceptor.serve(stream, echo).await {
                eprintln!("{peer}: {}", with_causes(&error));
            }
        })
        .detach();
    }
}

async fn echo(ws: &mut WebSocket) -> Result<(), bowline_smol::Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// An error says what happened, its sources why.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A client that is gone before it was accepted is its own affair. What else fails, such as a lack of descriptors,
/// takes a while to pass: the others are served meanwhile.
async fn accept_failed(error: &std::io::Error) {
    eprintln!("accept: {error}");
    if !matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    ) {
        smol::Timer::after(Duration::from_millis(100)).await;
    }
}

fn arguments() -> Result<(String, Acceptor), Box<dyn Error>> {
    const USAGE: &str =
        "usage: smol_echo_server ADDR [--max-message BYTES] [--no-deflate | --context-takeover]";
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or(USAGE)?;
    // Nothing but the peer's own words is sent back, so any page may ask for them.
    let mut acceptor = Acceptor::new().origin(OriginPolicy::Any);
    let mut deflate = Some(PerMessageDeflate::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--max-message" => {
                let bytes = arguments.next().ok_or(USAGE)?;
                acceptor = acceptor.max_message(bytes.parse()?);
            }
            "--no-deflate" => deflate = None,
            "--context-takeover" => deflate = deflate.map(|deflate| deflate.context_takeover(true)),
            _ => return Err(USAGE.into()),
        }
    }
    if let Some(deflate) = deflate {
        acceptor = acceptor.extension(deflate);
    }
    Ok((address, acceptor))
}
