use std::marker::PhantomData;
use std::net::TcpStream;
use std::time::Duration;

use bowline_extension::Compress;
use bowline_frame::{CloseFrame, Message, MessageKind};
use bowline_proto::{Arrival, Ended, Prepared, QueueError};
use bowline_threads::{
    Acceptor, Chunk, Connector, Error, Event, Opening, Received, Receiver, Sender, Sockets,
    Transport, WebSocket,
};
use bowline_tls::{ClientTls, ServerTls};
use bytes::Bytes;
use http::Response;

use super::carrier::{
    Answer, Carrier, Receives, Sends, Settings, Socket, set_up_acceptor, set_up_connector,
};

/// [`Sockets`] as a [`Carrier`]. A carrier's `tests/behaviour.rs` is this, and no more:
///
/// ```text
/// #[test]
/// fn a_connection_over_tcp_behaves() {
///     behaviour::run::<Threads<Blocking>>();
/// }
///
/// #[test]
/// fn a_connection_over_tls_behaves() {
///     behaviour::run_encrypted::<Threads<Blocking>>();
/// }
/// ```
#[derive(Debug)]
pub struct Threads<S>(PhantomData<S>);

impl<S> Carrier for Threads<S>
where
    S: Sockets<Stream: From<TcpStream>, ClientTls = ClientTls, ServerTls = ServerTls>,
{
    type Socket = WebSocket<S::Stream>;

    fn connect(settings: &Settings, url: &str) -> Result<(Self::Socket, Response<()>), Error> {
        set_up_connector!(Connector::<S>::new(), settings).connect_with_response(url)
    }

    fn accept(settings: &Settings, stream: TcpStream) -> Result<Self::Socket, Error> {
        set_up_acceptor!(Acceptor::<S>::new(), settings).accept(stream)
    }

    fn open(
        settings: &Settings,
        stream: TcpStream,
        answer: &Answer<'_>,
    ) -> Result<Option<Self::Socket>, Error> {
        match set_up_acceptor!(Acceptor::<S>::new(), settings).open(stream)? {
            Opening::Upgrade(upgrade) => match answer(upgrade.request(), true) {
                Some(response) => upgrade.refuse(response).map(|()| None),
                None => upgrade.accept().map(Some),
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
        set_up_acceptor!(Acceptor::<S>::new(), settings).serve(stream, |ws| {
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

impl<T: Transport> Receives for WebSocket<T> {
    fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.recv()
    }

    fn recv_ref(&mut self) -> Result<Option<Message>, Error> {
        Ok(self.recv_ref()?.map(|(message, _)| message.to_owned()))
    }

    fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        self.recv_event()
    }

    fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        self.recv_chunk()
    }

    fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>> {
        in_time(self.recv_timeout(patience(polls)))
    }

    fn ended(&self) -> Option<Ended> {
        self.ended().cloned()
    }

    fn arrival(&self) -> Arrival {
        self.arrival()
    }
}

impl<T: Transport> Receives for Receiver<T> {
    fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.recv()
    }

    fn recv_ref(&mut self) -> Result<Option<Message>, Error> {
        Ok(self.recv_ref()?.map(|message| message.to_owned()))
    }

    fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        self.recv_event()
    }

    fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        self.recv_chunk()
    }

    fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>> {
        in_time(self.recv_timeout(patience(polls)))
    }

    fn ended(&self) -> Option<Ended> {
        self.ended().cloned()
    }

    fn arrival(&self) -> Arrival {
        self.arrival()
    }
}

impl<T: Transport> Socket for WebSocket<T> {
    type Receiver = Receiver<T>;
    type Sender = Sender<T>;

    fn sender(&self) -> Sender<T> {
        self.sender()
    }

    fn split(self) -> (Receiver<T>, Sender<T>) {
        self.split()
    }

    fn close(&mut self, close: CloseFrame) -> Result<(), Error> {
        self.close(close)
    }

    fn give_up_close(&mut self, close: CloseFrame, _: u32) -> Option<Result<(), Error>> {
        Some(self.close(close))
    }

    fn subprotocol(&self) -> Option<String> {
        self.subprotocol().map(str::to_owned)
    }
}

impl<T: Transport> Sends for Sender<T> {
    fn with_compress(self, compress: Compress) -> Self {
        self.with_compress(compress)
    }

    fn send_prepared(&self, message: &mut Prepared) -> Result<(), Error> {
        self.send_prepared(message)
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        self.send(message)
    }

    fn send_ref(&self, message: &Message) -> Result<(), Error> {
        self.send_ref(message.as_ref())
    }

    fn send_fragment(&self, kind: MessageKind, payload: Bytes, last: bool) -> Result<(), Error> {
        self.send_fragment(kind, payload, last)
    }

    fn feed(&self, message: Message) -> Result<(), Error> {
        self.feed(message)
    }

    fn queue(&self, message: Message) -> Result<(), QueueError> {
        self.queue(message)
    }

    fn flush(&self) -> Result<(), Error> {
        self.flush()
    }

    fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.ping(payload)
    }

    fn close(&self, close: CloseFrame) -> Result<(), Error> {
        self.close(close)
    }

    fn give_up_send(&self, message: Message, polls: u32) -> Option<Result<(), Error>> {
        match self.send_timeout(message, patience(polls)) {
            Ok(()) => Some(Ok(())),
            Err(QueueError::Full(_)) => None,
            Err(QueueError::Send(error)) => Some(Err(error.into())),
            Err(other) => panic!("the suite doesn't know it: {other:?}"),
        }
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }
}
