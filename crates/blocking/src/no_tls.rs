//! In place of TLS where it is not built in: nothing to encrypt with, and no way to ask for it.

use std::io;
use std::time::Instant;

use crate::Stream;
pub(crate) use bowline_threads::{NoTls as ClientTls, NoTls as ServerTls};

pub(crate) const fn connect(
    _: Stream,
    _: &str,
    tls: &ClientTls,
    _: Instant,
) -> io::Result<Option<Stream>> {
    match *tls {}
}

pub(crate) const fn accept(_: Stream, tls: &ServerTls, _: Instant) -> io::Result<Option<Stream>> {
    match *tls {}
}
