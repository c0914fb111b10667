//! Bytes back as they came: the least that an echo on smol can cost. Its runtime is that of the example.
#![forbid(unsafe_code)]

use std::io;

use bench_sockets_raw_others::{address, echo};
use macro_rules_attribute::apply;
use smol::net::TcpListener;
use smol_macros::main;

#[apply(main!)]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(address()).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        smol::spawn(async move {
            if let Err(error) = echo(stream).await {
                eprintln!("{error}");
            }
        })
        .detach();
    }
}
