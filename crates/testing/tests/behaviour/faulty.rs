//! A carrier with somebody in between, who changes what passes.

use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use bowline_testing::behaviour::{Answer, Async, Carrier, Settings};
use bowline_testing::wire::{self, Frame};
use bowline_tokio::http::Response;
use bowline_tokio::{Error, Role};

use super::OnTokio;

/// What is changed.
pub(crate) trait Fault: 'static {
    /// How the carrier is set up.
    fn settings(_: &mut Settings) {}

    /// What the carrier gets.
    fn inbound(frame: Frame) -> Vec<Frame> {
        vec![frame]
    }

    /// What the carrier sends.
    fn outbound(frame: Frame) -> Vec<Frame> {
        vec![frame]
    }
}

/// tokio's carrier with a fault.
pub(crate) struct Faulty<F>(PhantomData<F>);

type Right = Async<OnTokio>;

impl<F: Fault> Carrier for Faulty<F> {
    type Socket = <Right as Carrier>::Socket;

    fn connect(settings: &Settings, url: &str) -> Result<(Self::Socket, Response<()>), Error> {
        let Some((address, path)) = url.strip_prefix("ws://").and_then(|it| it.split_once('/'))
        else {
            return Right::connect(&changed::<F>(settings), url);
        };
        let far = TcpStream::connect(address).map_err(Error::Connect)?;
        let (near, address) = listen()?;
        thread::spawn(move || {
            let (near, _) = near.accept().unwrap();
            between::<F>(Role::Client, near, far);
        });
        Right::connect(&changed::<F>(settings), &format!("ws://{address}/{path}"))
    }

    fn accept(settings: &Settings, stream: TcpStream) -> Result<Self::Socket, Error> {
        Right::accept(&changed::<F>(settings), accepted::<F>(stream)?)
    }

    fn open(
        settings: &Settings,
        stream: TcpStream,
        answer: &Answer<'_>,
    ) -> Result<Option<Self::Socket>, Error> {
        Right::open(&changed::<F>(settings), accepted::<F>(stream)?, answer)
    }

    fn serve(
        settings: &Settings,
        stream: TcpStream,
        messages: usize,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        let stream = accepted::<F>(stream)?;
        Right::serve(&changed::<F>(settings), stream, messages, outcome)
    }
}

fn changed<F: Fault>(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    F::settings(&mut settings);
    settings
}

fn listen() -> io::Result<(TcpListener, std::net::SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The stream that a server gets in place of `far`.
fn accepted<F: Fault>(far: TcpStream) -> io::Result<TcpStream> {
    let (listener, address) = listen()?;
    let stream = TcpStream::connect(address)?;
    let (near, _) = listener.accept()?;
    between::<F>(Role::Server, near, far);
    Ok(stream)
}

/// Stands between the carrier, which has this role, and its peer.
fn between<F: Fault>(carrier: Role, near: TcpStream, far: TcpStream) {
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let (from, to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    thread::spawn(move || pass(from, to, carrier.peer(), F::outbound));
    thread::spawn(move || pass(far, near, carrier, F::inbound));
}

/// Passes bytes on: a head as it is, frames changed, and what is no frame as it is at the end.
fn pass(mut from: TcpStream, mut to: TcpStream, receiver: Role, change: fn(Frame) -> Vec<Frame>) {
    let mut heard = Vec::new();
    let mut open = false;
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        heard.extend_from_slice(&chunk[..count]);
        let mut out = Vec::new();
        if !open && let Some(end) = heard.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            out.extend(heard.drain(..end + 4));
            open = true;
        }
        if open {
            let (frames, rest) = wire::frames(&heard);
            let rest = rest.to_vec();
            for frame in frames.into_iter().flat_map(change) {
                out.extend(wire::frame(receiver, frame.0, frame.1));
            }
            heard = rest;
        }
        if to.write_all(&out).is_err() {
            break;
        }
    }
    // Whoever is gone needs no end.
    let _ = to
        .write_all(&heard)
        .and_then(|()| to.shutdown(Shutdown::Write));
}
