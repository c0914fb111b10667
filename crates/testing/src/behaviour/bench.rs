use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{Location, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use bowline_frame::Role;
use bowline_io::Error;
use bowline_proto::EndedBy;

use super::carrier::{Carrier, Receives, Settings};
use super::end::{Receiving, Whole};
use super::peer::Peer;
use super::wire::{Security, Trust, trust, wire};

/// What a case works with.
pub(super) struct Bench<C> {
    /// The role in which the carrier is tested.
    pub(super) role: Role,
    pub(super) calls: Calls,
    security: Security,
    trust: Trust,
    patience: Duration,
    carrier: std::marker::PhantomData<fn() -> C>,
}

impl<C: Carrier> Bench<C> {
    pub(super) fn new(role: Role, security: Security, calls: Calls, patience: Duration) -> Self {
        Self {
            role,
            calls,
            security,
            trust: trust().clone(),
            patience,
            carrier: std::marker::PhantomData,
        }
    }

    /// The same, where client and server encrypt with this.
    pub(super) fn trusting(&self, trust: Trust) -> Self {
        Self {
            trust,
            ..Self::new(self.role, self.security, self.calls.clone(), self.patience)
        }
    }

    /// Settings for the role.
    pub(super) fn settings(&self) -> Settings {
        self.settings_of(self.role)
    }

    /// Settings for either role.
    pub(super) fn settings_of(&self, role: Role) -> Settings {
        Settings::new(role, self.security, &self.trust)
    }

    /// An open connection between the carrier and a peer that is played by hand.
    #[track_caller]
    pub(super) fn open(&self) -> (Whole<C>, Peer) {
        self.open_with(&self.settings())
    }

    /// The same, with settings.
    #[track_caller]
    pub(super) fn open_with(&self, settings: &Settings) -> (Whole<C>, Peer) {
        self.open_beside(settings, "", b"")
    }

    /// The same; the peer's head has these lines at its end, and these bytes are in the same write.
    #[track_caller]
    pub(super) fn open_beside(
        &self,
        settings: &Settings,
        lines: &'static str,
        behind: &[u8],
    ) -> (Whole<C>, Peer) {
        let behind = behind.to_owned();
        let (whole, peer) = match self.role {
            Role::Server => self.attempt(settings, move |peer| {
                peer.ask(lines, &behind);
                peer.opened();
            }),
            Role::Client => self.attempt(settings, move |peer| peer.let_in(lines, &behind)),
        };
        match whole {
            Ok(whole) => (whole, peer),
            Err(error) => panic!("not opened: {error:?}"),
        }
    }

    /// The carrier opens a connection in its role, and the peer does what it is told.
    #[track_caller]
    pub(super) fn attempt(
        &self,
        settings: &Settings,
        act: impl FnOnce(&mut Peer) + Send + 'static,
    ) -> (Result<Whole<C>, Error>, Peer) {
        self.attempt_unencrypted(settings, |peer| {
            peer.encrypt();
            act(peer);
        })
    }

    /// The same, but whether it makes a handshake of TLS is the peer's to say.
    #[track_caller]
    pub(super) fn attempt_unencrypted(
        &self,
        settings: &Settings,
        act: impl FnOnce(&mut Peer) + Send + 'static,
    ) -> (Result<Whole<C>, Error>, Peer) {
        match self.role {
            Role::Server => self.accept(settings, act),
            Role::Client => self.connect_to("127.0.0.1", settings, act),
        }
    }

    #[track_caller]
    fn accept(
        &self,
        settings: &Settings,
        act: impl FnOnce(&mut Peer) + Send + 'static,
    ) -> (Result<Whole<C>, Error>, Peer) {
        let (stream, peer) = self.dialled_unencrypted(act);
        let accepted = self.calls.during(|| C::accept(settings, stream));
        (accepted.map(|socket| self.whole(socket)), peer.join())
    }

    /// The carrier connects to this machine by one of its names, and the peer does what it is told.
    #[track_caller]
    pub(super) fn connect_to(
        &self,
        host: &str,
        settings: &Settings,
        act: impl FnOnce(&mut Peer) + Send + 'static,
    ) -> (Result<Whole<C>, Error>, Peer) {
        let (listener, address) = listen();
        let (security, trust) = (self.security, self.trust.clone());
        let patience = self.patience;
        let peer = self.beside(move || {
            let (stream, _) = listener.accept().expect("a client connects");
            let wire = wire(security, &trust, Role::Client, stream, patience).expect("a socket");
            let mut peer = Peer::new(Role::Client, wire);
            act(&mut peer);
            peer
        });
        let url = format!("{}://{host}:{}/chat?a=b", self.scheme(), address.port());
        let connected = self.calls.during(|| C::connect(settings, &url));
        let connected = connected.map(|(socket, _)| self.whole(socket));
        (connected, peer.join())
    }

    /// A stream for an acceptor, and the peer at its other end, who does what it is told.
    pub(super) fn dialled(
        &self,
        act: impl FnOnce(&mut Peer) + Send + 'static,
    ) -> (TcpStream, Beside<Peer>) {
        self.dialled_unencrypted(|peer| {
            peer.encrypt();
            act(peer);
        })
    }

    fn dialled_unencrypted(
        &self,
        act: impl FnOnce(&mut Peer) + Send + 'static,
    ) -> (TcpStream, Beside<Peer>) {
        let (listener, address) = listen();
        let stream = TcpStream::connect(address).expect("the listener is bound");
        let wire = wire(
            self.security,
            &self.trust,
            Role::Server,
            stream,
            self.patience,
        )
        .expect("a socket");
        let mut peer = Peer::new(Role::Server, wire);
        let peer = self.beside(move || {
            act(&mut peer);
            peer
        });
        let (stream, _) = listener.accept().expect("the peer has connected");
        (stream, peer)
    }

    /// Two ends of the carrier, connected: the client and the server.
    #[track_caller]
    pub(super) fn pair(&self, client: &Settings, server: &Settings) -> (Whole<C>, Whole<C>) {
        let (listener, address) = listen();
        let (calls, server) = (self.calls.clone(), server.clone());
        let accepting = self.beside(move || {
            let (stream, _) = listener.accept().expect("the client connects");
            let accepted = calls.during(|| C::accept(&server, stream));
            accepted.unwrap_or_else(|error| panic!("not accepted: {error:?}"))
        });
        let url = self.url(address);
        let connected = self.calls.during(|| C::connect(client, &url));
        let (client, _) = connected.unwrap_or_else(|error| panic!("not connected: {error:?}"));
        (self.whole(client), self.whole(accepting.join()))
    }

    /// Ends the connection in order, from the peer's side: nothing else is left to come at either end.
    #[track_caller]
    pub(super) fn part<R: Receives>(&self, end: &mut Receiving<R>, mut peer: Peer) {
        let peer = self.beside(move || peer.hang_up(1000));
        let ended = end.expect_end();
        peer.join();
        assert_eq!(
            (ended.by, ended.code(), ended.clean),
            (EndedBy::Peer, 1000, true)
        );
    }

    /// Waits for the peer, and ends the connection in order.
    #[track_caller]
    pub(super) fn join_and_part<R: Receives>(&self, end: &mut Receiving<R>, peer: Beside<Peer>) {
        let peer = peer.join();
        self.part(end, peer);
    }

    /// The URL of an address.
    pub(super) fn url(&self, address: SocketAddr) -> String {
        format!("{}://{address}", self.scheme())
    }

    fn scheme(&self) -> &'static str {
        match self.security {
            Security::Plain => "ws",
            Security::Tls => "wss",
        }
    }

    /// A connection of the carrier, watched.
    pub(super) fn whole(&self, socket: C::Socket) -> Whole<C> {
        Receiving::new(socket, self.calls.clone())
    }

    /// Runs `work` in a thread of its own.
    pub(super) fn beside<O: Send + 'static>(
        &self,
        work: impl FnOnce() -> O + Send + 'static,
    ) -> Beside<O> {
        let thread = thread::Builder::new();
        let thread = match thread::current().name() {
            Some(name) => thread.name(format!("{name}, beside")),
            None => thread,
        };
        Beside(thread.spawn(work).expect("a thread can be started"))
    }
}

pub(super) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("the listener is bound");
    (listener, address)
}

/// Work in a thread of its own.
pub(super) struct Beside<O>(JoinHandle<O>);

impl<O> Beside<O> {
    /// Waits for the work; if it panicked, so does this.
    pub(super) fn join(self) -> O {
        match self.0.join() {
            Ok(output) => output,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// The calls that a case waits for, so that one that hangs can be named.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(Arc<Mutex<HashMap<ThreadId, &'static Location<'static>>>>);

impl Calls {
    /// Notes where the caller is while `call` runs.
    #[track_caller]
    pub(super) fn during<O>(&self, call: impl FnOnce() -> O) -> O {
        let thread = thread::current().id();
        self.lock().insert(thread, Location::caller());
        let output = call();
        self.lock().remove(&thread);
        output
    }

    /// Where calls are waited for.
    pub(super) fn waiting(&self) -> Vec<String> {
        self.lock().values().map(ToString::to_string).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadId, &'static Location<'static>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
