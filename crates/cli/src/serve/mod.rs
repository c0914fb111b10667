//! `bowline serve`.

mod connection;
mod echo;
mod envelope;
mod host;
mod log;
mod page;
mod room;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bowline_tokio::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use crate::args;
use crate::compression::Takeover;
use crate::failure::Failure;
use crate::signals::Signals;

use self::connection::Site;
use self::log::log;
use self::room::Room;

/// Serves until a signal asks for the end.
pub(crate) async fn run(args: args::Serve) -> Result<(), Failure> {
    let listening = async {
        let listener = TcpListener::bind(&args.listen).await?;
        let address = listener.local_addr()?;
        // Before anybody is told where we are: whoever knows may also ask us to end.
        Ok((listener, address, Signals::new()?))
    };
    let (listener, address, mut signals) = listening.await.map_err(|error: io::Error| {
        Failure::of(format!("cannot listen on {}", args.listen), &error)
    })?;
    let mut acceptor = Acceptor::new()
        .subprotocols([envelope::PROTOCOL])
        .map_err(|error| Failure::of("cannot accept connections", &error))?
        .origin(args.origin_policy())
        .max_message(args.max_message);
    if let Some(deflate) = args.compression.extension(Takeover::None) {
        acceptor = acceptor.extension(deflate);
    }
    let tls = args.encryption.tls(address.ip())?;
    let encrypted = tls.is_some();
    if let Some(tls) = tls {
        acceptor = acceptor.tls(tls);
    }
    let site = Arc::new(Site {
        acceptor,
        only_loopback: address.ip().is_loopback(),
        echo_any: args.echo_any,
        room: Room::default(),
    });
    announce(address, encrypted);

    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, peer) = accept(&listener) => {
                connections.spawn(connection::serve(Arc::clone(&site), stream, peer, stopped.clone()));
            }
            Some(ended) = connections.join_next() => note_panic(ended),
            () = signals.next() => break,
        }
    }

    drop(listener);
    stop.send_replace(true);
    match connections.len() {
        0 => {}
        1 => log(format_args!("closing 1 connection")),
        open => log(format_args!("closing {open} connections")),
    }
    let drained = async {
        while let Some(ended) = connections.join_next().await {
            note_panic(ended);
        }
    };
    tokio::select! {
        () = drained => Ok(()),
        () = time::sleep(GRACE) => Err(Failure::new("some peers did not answer our Close in time")),
        () = signals.next() => Err(Failure::interrupted()),
    }
}

/// Accepts the next stream. Failures, such as too many open files, end neither the server nor what is served.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                log(format_args!("cannot accept a connection: {error}"));
                // It may hold until a connection ends; asking at once again would only burn time.
                time::sleep(PAUSE).await;
            }
        }
    }
}

fn announce(address: SocketAddr, encrypted: bool) {
    let mut addresses = vec![address];
    if address.ip().is_unspecified() {
        addresses = vec![loopback(address), outgoing(address)]
            .into_iter()
            .flatten()
            .map(|ip| SocketAddr::new(ip, address.port()))
            .collect();
        addresses.dedup();
    }
    let s = if encrypted { "s" } else { "" };
    for address in addresses {
        log(format_args!(
            "listening on http{s}://{address}/ (ws{s}://{address}/echo, ws{s}://{address}/chat)"
        ));
    }
}

fn loopback(address: SocketAddr) -> Option<IpAddr> {
    Some(match address {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    })
}

/// The address that others on the network know this machine by; `None` without a network.
fn outgoing(address: SocketAddr) -> Option<IpAddr> {
    // Addresses for documentation. Connecting a UDP socket chooses a route and sends nothing.
    let anywhere: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        SocketAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = UdpSocket::bind((address.ip(), 0)).ok()?;
    socket.connect((anywhere, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        log(format_args!("a connection was given up: {error}"));
    }
}

/// How long the closing handshakes may take at the end; each has a deadline of 5 s of its own.
const GRACE: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(100);
