//! Echoes every message of any number of clients on one thread, with a readiness loop:
//! `mio_echo_server ADDR [--no-deflate]`.
//!
//! It stands on `bowline-handshake` and `bowline-proto` alone, which neither read nor write: each client is a value that
//! is told what has come, and says what it waits for. Compression is a value too, which the one agrees on and the other
//! applies. The first line of output is the address it listens on.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline_deflate::PerMessageDeflate;
use bowline_frame::Role;
use bowline_handshake::{OriginPolicy, ServerConfig, ServerHandshake, ServerHead};
use bowline_proto::{Config, Connection, EventRef, Wants};
use bytes::{Buf as _, Bytes};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

fn main() -> Result<(), Box<dyn Error>> {
    const USAGE: &str = "usage: mio_echo_server ADDR [--no-deflate]";
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or(USAGE)?;
    let deflate = match arguments.next().as_deref() {
        None => Some(PerMessageDeflate::new()),
        Some("--no-deflate") => None,
        Some(_) => return Err(USAGE.into()),
    };
    let listener = TcpListener::bind(address.parse()?)?;
    println!("listening on ws://{}", listener.local_addr()?);
    Ok(serve(listener, deflate)?)
}

/// Serves all clients, for ever.
pub(crate) fn serve(
    mut listener: TcpListener,
    deflate: Option<PerMessageDeflate>,
) -> io::Result<()> {
    let mut config = ServerConfig::default().origin(OriginPolicy::Any);
    if let Some(deflate) = deflate {
        config = config.extension(Arc::new(deflate));
    }
    let config = Arc::new(config);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut clients = HashMap::new();
    let mut next = LISTENER.0;
    // Clients may wait whom nothing tells of any more.
    let mut unaccepted = false;
    // One for all: what is read is handled at once.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // With many clients, keep the deadlines in a heap.
        let until = clients
            .values()
            .filter_map(|client: &Client| client.until)
            .min();
        let mut timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        if unaccepted {
            timeout = Some(timeout.map_or(PAUSE, |timeout| timeout.min(PAUSE)));
        }
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let mut ready: Vec<Token> = events.iter().map(|event| event.token()).collect();
        if unaccepted || ready.contains(&LISTENER) {
            unaccepted = false;
            loop {
                match listener.accept() {
                    Ok((mut socket, _)) => {
                        next += 1;
                        let interest = Interest::READABLE | Interest::WRITABLE;
                        poll.registry()
                            .register(&mut socket, Token(next), interest)?;
                        // It fails only on a socket that is dead, as the first read will say.
                        let _ = socket.set_nodelay(true);
                        clients.insert(Token(next), Client::new(socket, &config));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // A client that is gone already, or a lack of descriptors, which passes. The poll tells of clients
                    // that come, not of those that wait.
                    Err(error) => {
                        eprintln!("accept: {error}");
                        unaccepted = true;
                        break;
                    }
                }
            }
        }
        let now = Instant::now();
        for (token, client) in &clients {
            if client.until.is_some_and(|until| now >= until) {
                ready.push(*token);
            }
        }
        for token in ready {
            let Some(client) = clients.get_mut(&token) else {
                continue;
            };
            match client.advance(&mut buffer) {
                Ok(true) => {}
                Ok(false) => drop(clients.remove(&token)),
                Err(error) => {
                    eprintln!("{}: {error}", token.0);
                    clients.remove(&token);
                }
            }
        }
    }
}

struct Client {
    socket: TcpStream,
    stage: Stage,
    /// What is still to be written of the answer to the request.
    answer: Bytes,
    /// When to [`advance`](Self::advance), whether the socket is ready or not.
    until: Option<Instant>,
}

enum Stage {
    /// A request comes.
    Opening(ServerHandshake),
    /// The answer goes, and then the end, so that it arrives.
    Refused {
        shut_down: bool,
        ended: bool,
    },
    Open(Box<Connection>),
}

impl Client {
    fn new(socket: TcpStream, config: &Arc<ServerConfig>) -> Self {
        Self {
            socket,
            stage: Stage::Opening(ServerHandshake::new(Arc::clone(config))),
            answer: Bytes::new(),
            until: Some(Instant::now() + Duration::from_secs(10)),
        }
    }

    /// Reads and writes until the socket is ready for neither; false when the client is to be dropped.
    fn advance(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        loop {
            let now = Instant::now();
            if self.until.is_some_and(|until| now >= until) && !self.handle_timeout(now) {
                return Ok(false);
            }
            let wrote = self.write()?;
            let wants = self.wants(now);
            if wants.is_over() {
                return Ok(false);
            }
            if wants.shutdown {
                self.socket.shutdown(Shutdown::Write)?;
                match &mut self.stage {
                    Stage::Open(connection) => connection.shut_down(),
                    Stage::Refused { shut_down, .. } => *shut_down = true,
                    Stage::Opening(_) => {}
                }
                continue;
            }
            self.until = wants.until;
            let read = wants.read && self.read(buffer)?;
            if !wrote && !read {
                return Ok(true);
            }
        }
    }

    fn wants(&mut self, now: Instant) -> Wants {
        match &mut self.stage {
            Stage::Opening(_) => Wants {
                read: true,
                until: self.until,
                ..Wants::default()
            },
            Stage::Refused { shut_down, ended } => Wants {
                read: !*ended,
                write: !self.answer.is_empty(),
                shutdown: self.answer.is_empty() && !*shut_down,
                until: self.until,
            },
            Stage::Open(connection) => {
                let mut wants = connection.wants(now);
                wants.shutdown &= self.answer.is_empty();
                // Whoever doesn't read is not read either, or its echo would take all memory.
                wants.read &= !connection.outbound().is_over_soft_mark();
                wants
            }
        }
    }

    /// Acts on a deadline that has passed; false if that was the last.
    fn handle_timeout(&mut self, now: Instant) -> bool {
        self.until = None;
        let Stage::Open(connection) = &mut self.stage else {
            return false;
        };
        if let Some(timeout) = connection.handle_timeout(now) {
            eprintln!("{timeout}");
        }
        true
    }

    /// Writes what the socket takes; true if that was anything.
    fn write(&mut self) -> io::Result<bool> {
        let mut wrote = false;
        loop {
            let written = if !self.answer.is_empty() {
                self.socket.write(&self.answer)
            } else if let Stage::Open(connection) = &mut self.stage
                && !connection.transmit().is_empty()
            {
                let mut runs = [&[][..]; 16];
                let filled = connection.transmit().slices(&mut runs);
                self.socket
                    .write_vectored(&runs.map(IoSlice::new)[..filled])
            } else {
                return Ok(wrote);
            };
            let count = match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(wrote),
                Err(error) => return Err(error),
            };
            wrote = true;
            match &mut self.stage {
                Stage::Open(connection) if self.answer.is_empty() => {
                    connection.transmit().advance(count);
                }
                _ => self.answer.advance(count),
            }
        }
    }

    /// Reads once; true if there was anything, or the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let input = match self.socket.read(buffer) {
            Ok(count) => &mut buffer[..count],
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        match &mut self.stage {
            Stage::Opening(_) if input.is_empty() => {
                // It wants no answer.
                self.stage = Stage::Refused {
                    shut_down: true,
                    ended: true,
                };
            }
            Stage::Opening(handshake) => {
                if let Some(head) = handshake.handle(input) {
                    self.answer(head);
                }
            }
            Stage::Refused { ended, .. } => *ended = input.is_empty(),
            Stage::Open(connection) if input.is_empty() => connection.handle_eof(),
            Stage::Open(connection) => echo(connection, input),
        }
        Ok(true)
    }

    fn answer(&mut self, head: ServerHead) {
        let refusal = match head {
            ServerHead::Upgrade(upgrade) => {
                let mut accepted = upgrade.accept();
                let config = Config::new(Role::Server);
                let mut connection = Connection::server(&config, accepted.extension);
                // Frames may have come with the request.
                echo(&mut connection, &mut accepted.leftover);
                self.answer = accepted.response;
                self.stage = Stage::Open(Box::new(connection));
                return;
            }
            ServerHead::Http(request) => request.upgrade_required(),
            ServerHead::Refused(refusal) => refusal,
        };
        self.answer = refusal.into_response();
        self.stage = Stage::Refused {
            shut_down: false,
            ended: false,
        };
    }
}

/// Queues an answer to each message in `input`.
fn echo(connection: &mut Connection, mut input: &mut [u8]) {
    loop {
        let (used, event) = match connection.handle(input) {
            Ok(handled) => handled,
            Err(error) => {
                // The peer is told by the Close that is queued now.
                eprintln!("{error}");
                return;
            }
        };
        let message = match event {
            None => return,
            Some(EventRef::Message(message)) => Some(message.to_owned()),
            Some(EventRef::Assembled(message)) => Some(message),
            // Pings and Closes are answered already.
            Some(_) => None,
        };
        if let Some(message) = message {
            // It fails only when we have closed, and then nobody waits for it.
            let _ = connection.send(message);
        }
        input = &mut input[used..];
    }
}

const LISTENER: Token = Token(0);

/// How long to wait before accepting again after it failed.
const PAUSE: Duration = Duration::from_millis(100);
