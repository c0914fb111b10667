//! What every carrier does alike.

use std::net::TcpStream;
use std::time::Duration;

use bowline_blocking::bytes::Bytes;
use bowline_blocking::http::Response;
use bowline_blocking::{
    Acceptor, Arrival, CloseFrame, Connector, Ended, Error, Message, MessageKind, Opening,
    QueueError, Received, Receiver, Sender, WebSocket,
};
use bowline_testing::behaviour::{
    self, Answer, Carrier, Chunk, Event, Receives, Sends, Settings, Socket,
};

struct Blocking;

/// Of the carrier's own, for the traits of the suite.
struct Whole(WebSocket);
struct Receiving(Receiver);
#[derive(Clone)]
struct Sending(Sender);

impl Carrier for Blocking {
    type Socket = Whole;

    fn connect(settings: &Settings, url: &str) -> Result<(Whole, Response<()>), Error> {
        let mut connector = Connector::new()
            .config(settings.config.clone())
            .handshake_timeout(settings.handshake_timeout)
            .subprotocols(settings.subprotocols.iter().copied());
        for &(name, value) in &settings.headers {
            connector = connector.header(name, value)?;
        }
        if let Some(limits) = settings.head_limits {
            connector = connector.head_limits(limits);
        }
        if let Some(deflate) = &settings.deflate {
            connector = connector.extension(deflate.clone());
        }
        if let Some(tls) = &settings.client_tls {
            connector = connector.tls(tls.clone());
        }
        let (socket, response) = connector.connect_with_response(url)?;
        Ok((Whole(socket), response))
    }

    fn accept(settings: &Settings, stream: TcpStream) -> Result<Whole, Error> {
        acceptor(settings)?.accept(stream).map(Whole)
    }

    fn open(
        settings: &Settings,
        stream: TcpStream,
        answer: &Answer<'_>,
    ) -> Result<Option<Whole>, Error> {
        match acceptor(settings)?.open(stream)? {
            Opening::Upgrade(upgrade) => match answer(upgrade.request(), true) {
                Some(response) => upgrade.refuse(response).map(|()| None),
                None => upgrade.accept().map(|socket| Some(Whole(socket))),
            },
            Opening::Http(http) => {
                let response = answer(http.request(), false).unwrap_or_default();
                http.respond(response).map(|()| None)
            }
        }
    }

    fn serve(
        settings: &Settings,
        stream: TcpStream,
        messages: usize,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        acceptor(settings)?.serve(stream, |ws| {
            for _ in 0..messages {
                let Some(message) = ws.recv()? else {
                    break;
                };
                ws.send(message)?;
            }
            outcome
        })
    }
}

fn acceptor(settings: &Settings) -> Result<Acceptor, Error> {
    let mut acceptor = Acceptor::new()
        .config(settings.config.clone())
        .handshake_timeout(settings.handshake_timeout)
        .subprotocols(&settings.subprotocols)?;
    for &(name, value) in &settings.headers {
        acceptor = acceptor.header(name, value)?;
    }
    if let Some(limits) = settings.head_limits {
        acceptor = acceptor.head_limits(limits);
    }
    if let Some(deflate) = &settings.deflate {
        acceptor = acceptor.extension(deflate.clone());
    }
    if let Some(tls) = &settings.server_tls {
        acceptor = acceptor.tls(tls.clone());
    }
    Ok(acceptor)
}

fn event(event: bowline_blocking::Event) -> Event {
    match event {
        bowline_blocking::Event::Message(message) => Event::Message(message),
        bowline_blocking::Event::Ping(payload) => Event::Ping(payload),
        bowline_blocking::Event::Pong(payload) => Event::Pong(payload),
        other => panic!("the suite doesn't know it: {other:?}"),
    }
}

fn chunk(chunk: bowline_blocking::Chunk) -> Chunk {
    Chunk {
        kind: chunk.kind,
        payload: chunk.payload,
        first: chunk.first,
        last: chunk.last,
    }
}

fn in_time(received: Result<Received, Error>) -> Option<Result<Option<Message>, Error>> {
    match received {
        Ok(Received::Message(message)) => Some(Ok(Some(message))),
        Ok(Received::End) => Some(Ok(None)),
        Ok(Received::Nothing) => None,
        Err(error) => Some(Err(error)),
    }
}

/// How long a call may take that gives up after so many polls.
fn patience(polls: u32) -> Duration {
    Duration::from_millis(polls.into())
}

impl Receives for Whole {
    fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.0.recv()
    }

    fn recv_ref(&mut self) -> Result<Option<Message>, Error> {
        Ok(self.0.recv_ref()?.map(|(message, _)| message.to_owned()))
    }

    fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        Ok(self.0.recv_event()?.map(event))
    }

    fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        Ok(self.0.recv_chunk()?.map(chunk))
    }

    fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>> {
        in_time(self.0.recv_timeout(patience(polls)))
    }

    fn ended(&self) -> Option<Ended> {
        self.0.ended().cloned()
    }

    fn arrival(&self) -> Arrival {
        self.0.arrival()
    }
}

impl Receives for Receiving {
    fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.0.recv()
    }

    fn recv_ref(&mut self) -> Result<Option<Message>, Error> {
        Ok(self.0.recv_ref()?.map(|message| message.to_owned()))
    }

    fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        Ok(self.0.recv_event()?.map(event))
    }

    fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        Ok(self.0.recv_chunk()?.map(chunk))
    }

    fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>> {
        in_time(self.0.recv_timeout(patience(polls)))
    }

    fn ended(&self) -> Option<Ended> {
        self.0.ended().cloned()
    }

    fn arrival(&self) -> Arrival {
        self.0.arrival()
    }
}

impl Socket for Whole {
    type Receiver = Receiving;
    type Sender = Sending;

    fn sender(&self) -> Sending {
        Sending(self.0.sender())
    }

    fn split(self) -> (Receiving, Sending) {
        let (receiver, sender) = self.0.split();
        (Receiving(receiver), Sending(sender))
    }

    fn close(&mut self, close: CloseFrame) -> Result<(), Error> {
        self.0.close(close)
    }

    fn give_up_close(&mut self, close: CloseFrame, _: u32) -> Option<Result<(), Error>> {
        Some(self.0.close(close))
    }

    fn subprotocol(&self) -> Option<String> {
        self.0.subprotocol().map(str::to_owned)
    }
}

impl Sends for Sending {
    fn send(&self, message: Message) -> Result<(), Error> {
        self.0.send(message)
    }

    fn send_ref(&self, message: &Message) -> Result<(), Error> {
        self.0.send_ref(message.as_ref())
    }

    fn send_fragment(&self, kind: MessageKind, payload: Bytes, last: bool) -> Result<(), Error> {
        self.0.send_fragment(kind, payload, last)
    }

    fn feed(&self, message: Message) -> Result<(), Error> {
        self.0.feed(message)
    }

    fn queue(&self, message: Message) -> Result<(), QueueError> {
        self.0.queue(message)
    }

    fn flush(&self) -> Result<(), Error> {
        self.0.flush()
    }

    fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.0.ping(payload)
    }

    fn close(&self, close: CloseFrame) -> Result<(), Error> {
        self.0.close(close)
    }

    fn give_up_send(&self, message: Message, polls: u32) -> Option<Result<(), Error>> {
        match self.0.send_timeout(message, patience(polls)) {
            Ok(()) => Some(Ok(())),
            Err(QueueError::Full(_)) => None,
            Err(QueueError::Send(error)) => Some(Err(error.into())),
            Err(other) => panic!("the suite doesn't know it: {other:?}"),
        }
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

#[test]
fn a_connection_over_tcp_behaves() {
    behaviour::run::<Blocking>();
}

#[test]
fn a_connection_over_tls_behaves() {
    behaviour::run_encrypted::<Blocking>();
}
