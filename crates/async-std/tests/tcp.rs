//! Whole connections over TCP and TLS.

#[path = "../../futures/tests/carrier/mod.rs"]
mod carrier;

mod runtime {
    pub(crate) use async_std::net::{TcpListener, TcpStream};
    #[cfg(unix)]
    pub(crate) use async_std::os::unix::net::UnixStream;
    pub(crate) use async_std::task::{block_on, spawn};
    pub(crate) use bowline_async_std::*;
}
