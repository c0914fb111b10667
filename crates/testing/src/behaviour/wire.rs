//! What the bytes of a peer move on, plain or encrypted.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::DerefMut;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bowline_frame::Role;
use bowline_tls::rustls::{
    ClientConnection, ConnectionCommon, ServerConnection, SideData, StreamOwned,
};
use bowline_tls::{ClientTls, ServerTls};

use crate::certificates::{Authority, Identity, Validity};

/// What a connection runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Security {
    /// TCP alone.
    Plain,
    /// TLS over TCP.
    Tls,
}

/// Reads and writes block, but not for ever. The end of TCP alone, without that of TLS, is an `UnexpectedEof`.
pub(super) trait Wire: Read + Write + Send {
    /// Makes the handshake of TLS, if there is one.
    fn encrypt(&mut self) -> io::Result<()>;

    /// Has these bytes written together with the last that this end says in the handshake of TLS.
    fn write_with_handshake(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Begins the handshake of TLS, if there is one and it is this end that does, and says no more.
    fn begin_handshake(&mut self) -> io::Result<()>;

    /// Writes `good` and `bad` at once, and of `bad` a byte is not as TLS made it, if that is there.
    fn write_spoiled(&mut self, good: &[u8], bad: &[u8]) -> io::Result<()>;

    /// Ends the writing direction and leaves the other open.
    fn end_writing(&mut self) -> io::Result<()>;

    /// The same, without a word of TLS.
    fn cut(&mut self) -> io::Result<()>;

    /// The protocol that TLS agreed on (ALPN).
    fn protocol(&self) -> Option<Vec<u8>>;

    /// What is below.
    fn tcp(&mut self) -> &mut TcpStream;
}

/// The wire of a peer whose other end has the role `tested`.
pub(super) fn wire(
    security: Security,
    trust: &Trust,
    tested: Role,
    stream: TcpStream,
    patience: Duration,
) -> io::Result<Box<dyn Wire>> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(match (security, tested) {
        (Security::Plain, _) => Box::new(stream),
        (Security::Tls, Role::Server) => {
            let name = ClientTls::server_name("127.0.0.1")?;
            let config = Arc::clone(trust.client.config());
            let client = ClientConnection::new(config, name).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(client, stream))
        }
        (Security::Tls, Role::Client) => {
            let config = Arc::clone(trust.server.config());
            let server = ServerConnection::new(config).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(server, stream))
        }
    })
}

/// What clients and servers encrypt with.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    pub(super) client: ClientTls,
    pub(super) server: ServerTls,
}

/// An authority that nobody knew before, and its certificate for `127.0.0.1`.
pub(super) fn trust() -> &'static Trust {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    TRUST.get_or_init(|| {
        let authority = Authority::new("behaviour");
        Trust {
            client: trusting(&authority),
            server: showing(&authority.server(&["127.0.0.1"], Validity::Now)),
        }
    })
}

/// A client that trusts this authority and nobody else.
pub(super) fn trusting(authority: &Authority) -> ClientTls {
    ClientTls::authorities(authority.pem.as_bytes()).expect("an authority")
}

/// A server that shows this certificate.
pub(super) fn showing(identity: &Identity) -> ServerTls {
    let (chain, key) = (identity.chain.as_bytes(), identity.key.as_bytes());
    ServerTls::certificate(chain, key).expect("a certificate")
}

impl Wire for TcpStream {
    fn encrypt(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write_with_handshake(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn begin_handshake(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write_spoiled(&mut self, good: &[u8], bad: &[u8]) -> io::Result<()> {
        self.write_all(&[good, bad].concat())
    }

    fn end_writing(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn cut(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        None
    }

    fn tcp(&mut self) -> &mut TcpStream {
        self
    }
}

impl<C, S> Wire for StreamOwned<C, TcpStream>
where
    C: DerefMut<Target = ConnectionCommon<S>> + Send,
    S: SideData,
{
    fn encrypt(&mut self) -> io::Result<()> {
        while self.conn.is_handshaking() {
            self.conn.complete_io(&mut self.sock)?;
        }
        self.flush()
    }

    fn write_with_handshake(&mut self, bytes: &[u8]) -> io::Result<()> {
        // It is kept until it may be encrypted, which is in the same step as the end of the handshake.
        self.conn.writer().write_all(bytes)?;
        self.encrypt()
    }

    fn begin_handshake(&mut self) -> io::Result<()> {
        while self.conn.wants_write() {
            self.conn.write_tls(&mut self.sock)?;
        }
        Ok(())
    }

    fn write_spoiled(&mut self, good: &[u8], bad: &[u8]) -> io::Result<()> {
        let mut wire = Vec::new();
        for payload in [good, bad] {
            self.conn.writer().write_all(payload)?;
            while self.conn.wants_write() {
                self.conn.write_tls(&mut wire)?;
            }
        }
        if let Some(last) = wire.last_mut() {
            *last ^= 1;
        }
        self.sock.write_all(&wire)
    }

    fn end_writing(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.cut()
    }

    fn cut(&mut self) -> io::Result<()> {
        self.sock.shutdown(Shutdown::Write)
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        self.conn.alpn_protocol().map(<[u8]>::to_vec)
    }

    fn tcp(&mut self) -> &mut TcpStream {
        &mut self.sock
    }
}
