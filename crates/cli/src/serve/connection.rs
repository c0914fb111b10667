use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bowline_tokio::{
    Acceptor, CloseCode, CloseFrame, Error, Http, Opening, Stream, Upgrading, WebSocket, corked,
};
use http::{Request, header};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time;

use crate::escape;
use crate::failure::Chain;

use super::echo::echo;
use super::log::log;
use super::room::Room;
use super::{envelope, host, page};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) acceptor: Acceptor,
    /// Only loopback names are served.
    pub(super) only_loopback: bool,
    pub(super) echo_any: bool,
    pub(super) room: Room,
}

/// What a client understands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Voice {
    /// Messages as they are.
    Plain,
    /// Envelopes.
    Page,
}

/// Who closes.
#[derive(Debug)]
pub(super) enum Parting {
    Theirs,
    Ours(CloseFrame),
}

/// Where a WebSocket is wanted.
#[derive(Clone, Copy, Debug)]
enum Place {
    Echo,
    Chat,
}

/// Serves one connection from its first byte, and logs what came of it.
pub(super) async fn serve(
    site: Arc<Site>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let opening = async {
        if is_silent(&stream).await? {
            return Ok(None);
        }
        site.acceptor.open(stream).await.map(Some)
    };
    let opening = tokio::select! {
        opening = opening => opening,
        // Whoever has not asked for anything yet is owed no answer.
        () = stopped(&mut stop) => return,
    };
    match opening {
        // Browsers open connections to have them, and end those that they need not.
        Ok(None) => {}
        Ok(Some(Opening::Http(http))) => answer(&site, http, peer).await,
        Ok(Some(Opening::Upgrade(upgrading))) => open(&site, upgrading, peer, stop).await,
        Err(Error::Request(reason)) => {
            log(format_args!(
                "{peer} refused: {}",
                escape::line(&Chain(&*reason).to_string())
            ));
        }
        Err(error) => log(format_args!(
            "{peer} ended before its request did: {}",
            explained(&error)
        )),
    }
}

async fn answer(site: &Site, http: Http<Stream>, peer: SocketAddr) {
    let request = http.request();
    let response = match (request.uri().path(), request.method().as_str()) {
        _ if !site.admits(request) => Ok(page::not_loopback()),
        ("/", "GET" | "HEAD") => page::page(),
        ("/", _) => Ok(page::method_not_allowed()),
        (path, _) if site.place(path).is_some() => Ok(page::upgrade_required()),
        _ => Ok(page::not_found()),
    };
    let line = format!(
        "{peer} {} {}",
        request.method(),
        escape::line(request.uri().path())
    );
    let response = match response {
        Ok(response) => response,
        Err(error) => {
            log(format_args!("{line}: {error}"));
            page::failed()
        }
    };
    let status = response.status().as_u16();
    match http.respond(response).await {
        Ok(()) => log(format_args!("{line} {status}")),
        Err(error) => log(format_args!("{line} {status}: {}", explained(&error))),
    }
}

async fn open(
    site: &Site,
    upgrading: Upgrading<Stream>,
    peer: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let request = upgrading.request();
    let path = request.uri().path().to_owned();
    let shown = escape::line(&path);
    let place = match site.place(&path) {
        _ if !site.admits(request) => Err(page::not_loopback()),
        Some(place) => Ok(place),
        None => Err(page::not_found()),
    };
    let place = match place {
        Ok(place) => place,
        Err(refusal) => {
            let status = refusal.status().as_u16();
            match upgrading.refuse(refusal).await {
                Ok(()) => log(format_args!("{peer} refused {shown}: {status}")),
                Err(error) => log(format_args!(
                    "{peer} refused {shown}: {status}: {}",
                    explained(&error)
                )),
            }
            return;
        }
    };
    let voice = match upgrading.subprotocol() {
        Some(envelope::PROTOCOL) => Voice::Page,
        _ => Voice::Plain,
    };
    let mut ws = match upgrading.accept().await {
        Ok(ws) => ws,
        Err(error) => {
            log(format_args!("{peer} lost {shown}: {}", explained(&error)));
            return;
        }
    };

    log(format_args!("{peer} opened {shown}"));
    let mut received = 0;
    let outcome = corked(async {
        let parting = tokio::select! {
            parting = talk(site, place, &mut ws, voice, &mut received) => parting?,
            () = stopped(&mut stop) => {
                Parting::Ours(CloseFrame::truncated(CloseCode::GOING_AWAY, "the server ends"))
            }
        };
        match parting {
            Parting::Theirs => Ok(()),
            Parting::Ours(close) => ws.close(close).await,
        }
    })
    .await;
    let end = match (outcome, ws.ended()) {
        (Ok(()), Some(ended)) => ended.to_string(),
        (Ok(()), None) => "left open".into(),
        (Err(error), _) => Chain(&error).to_string(),
    };
    let end = escape::line(&end);
    let messages = if received == 1 { "message" } else { "messages" };
    log(format_args!(
        "{peer} ended {shown}: {end}; {received} {messages}"
    ));
}

async fn talk(
    site: &Site,
    place: Place,
    ws: &mut WebSocket,
    voice: Voice,
    received: &mut u64,
) -> Result<Parting, Error> {
    match place {
        Place::Echo => {
            echo(ws, voice, received).await?;
            Ok(Parting::Theirs)
        }
        Place::Chat => site.room.chat(ws, voice, received).await,
    }
}

impl Site {
    /// False for requests that were not meant for a server on loopback.
    fn admits(&self, request: &Request<()>) -> bool {
        let host = request.headers().get(header::HOST);
        let named = host.and_then(|host| host.to_str().ok());
        !self.only_loopback || named.is_some_and(host::is_loopback)
    }

    fn place(&self, path: &str) -> Option<Place> {
        match path {
            "/chat" => Some(Place::Chat),
            "/echo" => Some(Place::Echo),
            _ if self.echo_any => Some(Place::Echo),
            _ => None,
        }
    }
}

/// Waits for the first byte; true if none came before the end of the stream or in time.
async fn is_silent(stream: &TcpStream) -> io::Result<bool> {
    match time::timeout(PATIENCE, stream.peek(&mut [0])).await {
        Ok(peeked) => Ok(peeked? == 0),
        Err(_) => Ok(true),
    }
}

/// Waits until the server is to end.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a server nobody would serve us either.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn explained(error: &Error) -> String {
    escape::line(&Chain(error).to_string()).into_owned()
}

/// How long a connection is kept on which nothing came; from the first byte on the acceptor's own deadline holds.
const PATIENCE: Duration = Duration::from_secs(10);
