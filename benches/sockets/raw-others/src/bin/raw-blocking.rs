//! Bytes back as they came, with a thread for each connection.
#![forbid(unsafe_code)]

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use bench_sockets_raw_others::address;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(address())?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        thread::spawn(move || {
            if let Err(error) = echo(stream) {
                eprintln!("{error}");
            }
        });
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count])?;
    }
}
