//! Whole connections over TCP and TLS.

#[path = "../../futures/tests/carrier/mod.rs"]
mod carrier;

mod runtime {
    pub(crate) use bowline_smol::*;
    #[cfg(unix)]
    pub(crate) use smol::net::unix::UnixStream;
    pub(crate) use smol::net::{TcpListener, TcpStream};
    pub(crate) use smol::{block_on, spawn};
}
