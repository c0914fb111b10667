//! An end of TLS that can do what no honest end does.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bowline_frame::Role;
use bowline_tls::rustls::client::Resumption;
use bowline_tls::rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundPlainMessage,
};
use bowline_tls::rustls::server::NoServerSessionStorage;
use bowline_tls::rustls::{
    ClientConfig, ClientConnection, Connection, ConnectionTrafficSecrets, ContentType,
    ProtocolVersion, ServerConfig, ServerConnection, SupportedCipherSuite,
};
use bowline_tls::{ClientTls, ServerTls};

use super::attacker::{Tls, Transport};
use super::run::plain;
use crate::certificates::{Authority, Validity};

/// What the victims encrypt with. No session is kept: it would look like memory that is not given back.
pub(super) struct Trust {
    pub(super) client: ClientTls,
    pub(super) server: ServerTls,
}

/// One for the process.
pub(super) fn trust() -> &'static Trust {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    TRUST.get_or_init(|| {
        let authority = Authority::new("hostile");
        let client = ClientTls::authorities(authority.pem.as_bytes()).expect("an authority");
        let mut client = ClientConfig::clone(client.config());
        client.resumption = Resumption::disabled();
        let server = authority.server(&["127.0.0.1"], Validity::Now);
        let server = ServerTls::certificate(server.chain.as_bytes(), server.key.as_bytes());
        let mut server = ServerConfig::clone(server.expect("a certificate").config());
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Trust {
            client: client.into(),
            server: server.into(),
        }
    })
}

/// An attacker over TLS 1.3, which encrypts when it is told to.
pub(super) struct Encrypting {
    tcp: Box<dyn Transport>,
    socket: TcpStream,
    role: Role,
    layer: Layer,
}

enum Layer {
    /// Nothing is encrypted yet.
    Plain,
    /// By rustls.
    Honest(Box<Connection>),
    /// The other end has said that something was wrong, or something is: all that comes is dropped.
    Broken,
    /// Records made by hand.
    ByHand(Box<Hand>),
}

struct Hand {
    encrypter: Box<dyn MessageEncrypter>,
    sent: u64,
    decrypter: Box<dyn MessageDecrypter>,
    received: u64,
    /// Of a record that has not come as a whole.
    encrypted: Vec<u8>,
    /// Payload that nobody has read.
    payload: Vec<u8>,
}

/// An attacker with this role on a connection of TCP.
pub(super) fn encrypting(socket: TcpStream, role: Role) -> io::Result<Box<dyn Transport>> {
    Ok(Box::new(Encrypting {
        tcp: plain(socket.try_clone()?)?,
        socket,
        role,
        layer: Layer::Plain,
    }))
}

impl Encrypting {
    fn connection(&self) -> io::Result<Connection> {
        let made = match self.role {
            Role::Client => {
                let mut config = ClientConfig::clone(trust().client.config());
                config.enable_secret_extraction = true;
                let name = ClientTls::server_name("127.0.0.1")?;
                ClientConnection::new(Arc::new(config), name).map(Connection::from)
            }
            Role::Server => {
                let mut config = ServerConfig::clone(trust().server.config());
                config.enable_secret_extraction = true;
                ServerConnection::new(Arc::new(config)).map(Connection::from)
            }
        };
        let mut connection = made.map_err(io::Error::other)?;
        connection.set_buffer_limit(None);
        Ok(connection)
    }

    /// Reads what comes, so that the end is seen.
    fn skip(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 4096];
        while self.tcp.read(&mut chunk)? > 0 {}
        Ok(0)
    }
}

impl Transport for Encrypting {
    fn end_writing(&mut self) -> io::Result<()> {
        let last = match &mut self.layer {
            Layer::Honest(connection) => {
                connection.send_close_notify();
                written(connection)
            }
            Layer::ByHand(hand) => hand.record(ALERT, &[1, 0]),
            Layer::Plain | Layer::Broken => Vec::new(),
        };
        self.tcp.write_all(&last)?;
        self.tcp.end_writing()
    }

    fn encrypt(&mut self, dripping: bool) -> io::Result<()> {
        if !matches!(self.layer, Layer::Plain) {
            return Ok(());
        }
        let mut connection = self.connection()?;
        self.socket.set_nonblocking(false)?;
        self.socket.set_read_timeout(Some(PATIENCE))?;
        loop {
            let said = written(&mut connection);
            let at_once = if dripping { 1 } else { said.len().max(1) };
            for bytes in said.chunks(at_once) {
                self.socket.write_all(bytes)?;
            }
            if !connection.is_handshaking() {
                break;
            }
            // Not a byte more: what comes behind the handshake belongs to whoever reads then.
            let mut record = vec![0; HEADER];
            self.socket.read_exact(&mut record)?;
            record.resize(HEADER + length(&record), 0);
            self.socket.read_exact(&mut record[HEADER..])?;
            let mut rest = &record[..];
            while !rest.is_empty() {
                connection.read_tls(&mut rest)?;
                connection.process_new_packets().map_err(io::Error::other)?;
            }
        }
        self.socket.set_nonblocking(true)?;
        self.layer = Layer::Honest(Box::new(connection));
        Ok(())
    }

    fn seal<'a>(&mut self, payload: &'a [u8]) -> Cow<'a, [u8]> {
        match &mut self.layer {
            Layer::Plain | Layer::Broken => payload.into(),
            Layer::Honest(connection) => {
                let all = connection.writer().write_all(payload);
                all.expect("its buffer has no limit");
                written(connection).into()
            }
            Layer::ByHand(hand) => {
                let records = payload.chunks(LONGEST);
                let sealed: Vec<_> = records.map(|part| hand.record(PAYLOAD, part)).collect();
                sealed.concat().into()
            }
        }
    }

    fn tls(&mut self) -> Option<&mut dyn Tls> {
        Some(self)
    }
}

impl Tls for Encrypting {
    fn take_in_hand(&mut self) -> io::Result<()> {
        let layer = std::mem::replace(&mut self.layer, Layer::Broken);
        let Layer::Honest(connection) = layer else {
            return Err(io::Error::other("rustls has nothing in hand"));
        };
        let Some(SupportedCipherSuite::Tls13(suite)) = connection.negotiated_cipher_suite() else {
            return Err(io::Error::other("it is not TLS 1.3"));
        };
        let secrets = connection
            .dangerous_extract_secrets()
            .map_err(io::Error::other)?;
        let ((sent, ours), (received, theirs)) = (secrets.tx, secrets.rx);
        let [ours, theirs] = [key(ours)?, key(theirs)?];
        let encrypter = suite.aead_alg.encrypter(ours.0, ours.1);
        let decrypter = suite.aead_alg.decrypter(theirs.0, theirs.1);
        self.layer = Layer::ByHand(Box::new(Hand {
            encrypter,
            sent,
            decrypter,
            received,
            encrypted: Vec::new(),
            payload: Vec::new(),
        }));
        Ok(())
    }

    fn record(&mut self, kind: u8, payload: &[u8]) -> Vec<u8> {
        match &mut self.layer {
            Layer::ByHand(hand) => hand.record(kind, payload),
            _ => panic!("a case makes records by hand without having taken TLS in hand"),
        }
    }

    fn key_update(&mut self) -> Vec<u8> {
        match &mut self.layer {
            Layer::Honest(connection) => {
                connection.refresh_traffic_keys().expect("it is TLS 1.3");
                written(connection)
            }
            // The other end has had enough of them.
            Layer::Broken => Vec::new(),
            _ => panic!("a case changes keys that rustls has not"),
        }
    }

    fn cut(&mut self) -> io::Result<()> {
        self.tcp.end_writing()
    }
}

impl Read for Encrypting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let came = match &mut self.layer {
                Layer::Plain => return self.tcp.read(buffer),
                Layer::Broken => return self.skip(),
                Layer::Honest(connection) => match connection.reader().read(buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        connection.read_tls(&mut self.tcp)?;
                        connection.process_new_packets().is_ok()
                    }
                    read => return bowline_tls::end(read),
                },
                Layer::ByHand(hand) => {
                    if !hand.payload.is_empty() {
                        let count = buffer.len().min(hand.payload.len());
                        buffer[..count].copy_from_slice(&hand.payload[..count]);
                        hand.payload.drain(..count);
                        return Ok(count);
                    }
                    let mut chunk = [0; 4096];
                    let count = self.tcp.read(&mut chunk)?;
                    if count == 0 {
                        return Ok(0);
                    }
                    hand.encrypted.extend_from_slice(&chunk[..count]);
                    hand.decrypt()
                }
            };
            if !came {
                self.layer = Layer::Broken;
            }
        }
    }
}

impl Write for Encrypting {
    /// What goes below TLS.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

impl Hand {
    fn record(&mut self, kind: u8, payload: &[u8]) -> Vec<u8> {
        let plain = OutboundPlainMessage {
            typ: ContentType::from(kind),
            version: ProtocolVersion::TLSv1_3,
            payload: OutboundChunks::Single(payload),
        };
        let record = self.encrypter.encrypt(plain, self.sent);
        self.sent += 1;
        record.expect("anything can be encrypted").encode()
    }

    /// Decrypts the records that have come; false if one can't be.
    fn decrypt(&mut self) -> bool {
        while self.encrypted.len() >= HEADER
            && self.encrypted.len() >= HEADER + length(&self.encrypted)
        {
            let rest = self.encrypted.split_off(HEADER + length(&self.encrypted));
            let mut record = std::mem::replace(&mut self.encrypted, rest);
            let opaque = InboundOpaqueMessage::new(
                ContentType::from(record[0]),
                ProtocolVersion::TLSv1_2,
                &mut record[HEADER..],
            );
            let Ok(plain) = self.decrypter.decrypt(opaque, self.received) else {
                return false;
            };
            self.received += 1;
            if plain.typ == ContentType::ApplicationData {
                self.payload.extend_from_slice(plain.payload);
            }
        }
        true
    }
}

/// What rustls wants written.
fn written(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        let write = connection.write_tls(&mut bytes);
        write.expect("memory takes everything");
    }
    bytes
}

fn key(secrets: ConnectionTrafficSecrets) -> io::Result<(AeadKey, Iv)> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Ok((key, iv)),
        _ => Err(io::Error::other("another cipher than those of TLS 1.3")),
    }
}

/// Payload of the record whose header this is, in bytes.
fn length(record: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([record[3], record[4]]))
}

/// A record's header, in bytes.
const HEADER: usize = 5;

/// The longest payload of a record, in bytes.
const LONGEST: usize = 1 << 14;

/// Content types (RFC 8446 §5.1).
const ALERT: u8 = 21;
const PAYLOAD: u8 = 23;

/// When a handshake hangs. No outcome depends on it.
const PATIENCE: Duration = Duration::from_secs(30);
