//! Echoes every message on any path, for ever:
//! `blocking_echo_server ADDR [--max-message BYTES] [--no-deflate | --context-takeover]`.
//!
//! The first line of output is the address it listens on. `--context-takeover` lets messages refer to earlier ones, which
//! saves more and costs each connection memory.

use std::error::Error;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use bowline_blocking::{Acceptor, OriginPolicy, PerMessageDeflate, WebSocket};

fn main() -> Result<(), Box<dyn Error>> {
    let (address, acceptor) = arguments()?;
    let listener = TcpListener::bind(&address)?;
    println!("listening on ws://{}", listener.local_addr()?);
    serve(&listener, &acceptor);
    Ok(())
}

/// Serves each client in a thread of its own, for ever.
pub(crate) fn serve(listener: &TcpListener, acceptor: &Acceptor) {
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                accept_failed(&error);
                continue;
            }
        };
        let acceptor = acceptor.clone();
        let client = move || {
            if let Err(error) = acceptor.serve(stream, echo) {
                eprintln!("{peer}: {}", with_causes(&error));
            }
        };
        // Without a thread the client is dropped, and the others are served.
        if let Err(error) = thread::Builder::new().spawn(client) {
            eprintln!("{peer}: {error}");
        }
    }
}

fn echo(ws: &mut WebSocket) -> Result<(), bowline_blocking::Error> {
    while let Some(message) = ws.recv()? {
        // To receive is all that is done next, and before it waits it writes what was fed: replies to what came together
        // go out together. Whoever does something else in between sends.
        ws.feed(message)?;
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
fn accept_failed(error: &std::io::Error) {
    eprintln!("accept: {error}");
    if !matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    ) {
        thread::sleep(Duration::from_millis(100));
    }
}

fn arguments() -> Result<(String, Acceptor), Box<dyn Error>> {
    const USAGE: &str = "usage: blocking_echo_server ADDR [--max-message BYTES] [--no-deflate | --context-takeover]";
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
