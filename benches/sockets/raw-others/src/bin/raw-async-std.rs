//! Bytes back as they came: the least that an echo on async-std can cost.
#![forbid(unsafe_code)]

use std::io;

use async_std::net::TcpListener;
use async_std::task;
use bench_sockets_raw_others::{address, echo};

#[async_std::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(address()).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        task::spawn(async move {
            if let Err(error) = echo(stream).await {
                eprintln!("{error}");
            }
        });
    }
}
