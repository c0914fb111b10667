//! What every echo server on tokio beside this package has in common: its command line, its runtime, how it accepts.
//!
//! `SERVER ADDR [--deflate]` prints the address it listens on, and serves for ever; on one thread, unless it says otherwise.
#![forbid(unsafe_code)]

mod upgrade;

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task;

pub use upgrade::upgrade;

/// How a connection ends that doesn't end well.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What the command line says.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether to agree to permessage-deflate.
    pub deflate: bool,
}

/// Serves each connection with a future of `echo`, in a task of its own.
///
/// # Panics
///
/// When the command line is wrong, or the address can't be bound.
pub fn serve<F>(echo: impl Fn(TcpStream, Options) -> F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    serve_on(&mut Builder::new_current_thread(), echo);
}

/// As [`serve`], on tokio's default runtime, which has a worker for each CPU.
///
/// # Panics
///
/// As [`serve`].
pub fn serve_multi_thread<F>(echo: impl Fn(TcpStream, Options) -> F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    serve_on(&mut Builder::new_multi_thread(), echo);
}

fn serve_on<F>(builder: &mut Builder, echo: impl Fn(TcpStream, Options) -> F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (address, options) = (address(), options());
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let listener = TcpListener::bind(&address).await.expect("a free address");
        let address = listener.local_addr().expect("an address");
        println!("listening on {address}");
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    eprintln!("accept: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            stream.set_nodelay(true).expect("TCP_NODELAY");
            let connection = echo(stream, options);
            // As the examples of fastwebsockets and tokio-websockets have it.
            task::spawn(task::unconstrained(async move {
                if let Err(error) = connection.await {
                    eprintln!("{error}");
                }
            }));
        }
    });
}

/// What the command line says, for what is made once for all connections.
///
/// # Panics
///
/// When the command line is wrong.
pub fn options() -> Options {
    let mut options = Options { deflate: false };
    for argument in std::env::args().skip(2) {
        match argument.as_str() {
            "--deflate" => options.deflate = true,
            _ => panic!("unknown argument {argument}"),
        }
    }
    options
}

fn address() -> String {
    std::env::args().nth(1).expect("an address")
}
