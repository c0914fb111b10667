use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use rustls::ClientConfig;

use crate::arguments::{Arguments, Kind};
use crate::messages::Messages;
use crate::receiving::Receiving;
use crate::{Result, handshake, process, tls};

/// Opens many connections, and prints what each holds of the server's memory: when it is open, after little, after much,
/// and a while later.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    process::raise_files()?;
    let little = Messages::new(arguments.kind, LITTLE, arguments.raw)?;
    let much = Messages::new(arguments.kind, MUCH, arguments.raw)?;
    let mut crowd = Crowd {
        arguments,
        tls: match arguments.tls {
            true => Some(tls::config()?),
            false => None,
        },
        buffer: vec![0; MUCH],
        clients: Vec::new(),
    };

    // What a server allocates once for all is there after the first connection, and doesn't count.
    crowd.open(1)?;
    crowd.exchange(&little)?;
    crowd.exchange(&much)?;
    crowd.clients.clear();
    let before = crowd.settled_rss()?;

    crowd.open(arguments.connections)?;
    let opened = crowd.settled_rss()?;
    crowd.exchange(&little)?;
    let after_little = crowd.settled_rss()?;
    crowd.exchange(&much)?;
    let after_much = process::rss(arguments.pid)?;
    thread::sleep(Duration::from_secs(1));
    let later = process::rss(arguments.pid)?;

    let each = |rss: u64| (rss as f64 - before as f64) / arguments.connections as f64;
    println!(
        "{{\"connections\":{},\"before\":{before},\"opened\":{:.0},\"little\":{:.0},\"much\":{:.0},\"later\":{:.0}}}",
        arguments.connections,
        each(opened),
        each(after_little),
        each(after_much),
        each(later),
    );
    Ok(())
}

/// All connections to a server.
struct Crowd<'a> {
    arguments: &'a Arguments,
    tls: Option<Arc<ClientConfig>>,
    buffer: Vec<u8>,
    clients: Vec<Client>,
}

/// One of them.
struct Client {
    stream: Box<dyn Stream>,
    receiving: Receiving,
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Crowd<'_> {
    fn open(&mut self, count: usize) -> Result<()> {
        for index in 0..count {
            let stream = self::connect_from(source(index), self.arguments.address)?;
            let mut stream: Box<dyn Stream> = match &self.tls {
                None => Box::new(stream),
                Some(config) => Box::new(tls::encrypt(stream, config)?),
            };
            let (raw, deflate) = (self.arguments.raw, self.arguments.kind == Kind::Deflate);
            if !raw {
                handshake::open(&mut stream, deflate)?;
            }
            self.clients.push(Client {
                stream,
                receiving: Receiving::new(raw, deflate && !raw, true),
            });
        }
        Ok(())
    }

    /// Sends a message on each connection, one after the other, and waits for the reply.
    fn exchange(&mut self, messages: &Messages) -> Result<()> {
        for client in &mut self.clients {
            let number = client.receiving.received;
            let index = number as usize % messages.count();
            let frame = &messages.wire[messages.bounds[index]..messages.bounds[index + 1]];
            client.stream.write_all(frame)?;
            while client.receiving.received == number {
                let count = client.stream.read(&mut self.buffer)?;
                if count == 0 {
                    return Err("the server ended a connection".into());
                }
                client
                    .receiving
                    .receive(&self.buffer[..count], messages, |_| {})?;
            }
        }
        Ok(())
    }

    /// The server's memory, once it has done what it has to do.
    fn settled_rss(&self) -> Result<u64> {
        thread::sleep(Duration::from_millis(300));
        process::rss(self.arguments.pid)
    }
}

/// Connects so that nothing is left when the connection ends: the next server needs the ports.
fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    if source != Ipv4Addr::LOCALHOST {
        bind(&socket, &SocketAddr::from((source, 0)))?;
    }
    connect(&socket, &address)?;
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(TcpStream::from(socket))
}

/// An address of this machine with ports to spare.
fn source(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 1 + (index / PORTS) as u8)
}

/// Lengths of messages in bytes.
const LITTLE: usize = 128;
const MUCH: usize = 64 * 1024;

/// How many ports of an address are used.
const PORTS: usize = 20_000;
