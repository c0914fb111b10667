use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::net::TcpStream;
use std::task::Poll;

use bowline_extension::Compress;
use bowline_frame::{CloseFrame, Message, MessageKind};
use bowline_io::{Acceptor, Chunk, Connector, Error, Event, Opening, Transport};
use bowline_proto::{Arrival, Ended, Prepared, QueueError};
use bowline_tls::{ClientTls, ServerTls};
use bytes::Bytes;
use http::Response;

use super::carrier::{
    Answer, Carrier, Receives, Sends, Settings, Socket, set_up_acceptor, set_up_connector,
};

/// An asynchronous carrier over bowline-io; it joins the suite as [`Async`]`<Self>`.
///
/// A carrier's `tests/behaviour.rs` is this, and no more:
///
/// ```text
/// struct OnSmol;
///
/// impl behaviour::Runtime for OnSmol {
///     type Io = Smol;
///
///     fn block_on<F: Future>(future: F) -> F::Output {
///         smol::block_on(future)
///     }
///
///     fn stream(stream: TcpStream) -> io::Result<Stream> {
///         Ok(smol::net::TcpStream::try_from(stream)?.into())
///     }
/// }
///
/// #[test]
/// fn a_connection_over_tcp_behaves() {
///     behaviour::run::<Async<OnSmol>>();
/// }
///
/// #[test]
/// fn a_connection_over_tls_behaves() {
///     behaviour::run_encrypted::<Async<OnSmol>>();
/// }
/// ```
pub trait Runtime: 'static {
    /// The carrier.
    type Io: bowline_io::Runtime<
            Stream: Transport<Reader: Send, Timer: Send>,
            ClientTls = ClientTls,
            ServerTls = ServerTls,
        >;

    /// Runs a future to its end. Several threads do so at once.
    fn block_on<F: Future>(future: F) -> F::Output;

    /// Makes a stream of a connected socket, which blocks so far. Called inside of [`block_on`](Self::block_on).
    ///
    /// # Errors
    ///
    /// If the socket can't be set up.
    fn stream(stream: TcpStream) -> io::Result<Stream<Self>>;
}

type Stream<R> = <<R as Runtime>::Io as bowline_io::Runtime>::Stream;

/// A [`Runtime`] as a [`Carrier`].
#[derive(Debug)]
pub struct Async<R>(PhantomData<R>);

/// A part of a connection, and what runs its futures.
#[derive(Debug)]
pub struct On<R, V>(V, PhantomData<fn() -> R>);

impl<R: Runtime> Carrier for Async<R> {
    type Socket = On<R, bowline_io::WebSocket<Stream<R>>>;

    fn connect(settings: &Settings, url: &str) -> Result<(Self::Socket, Response<()>), Error> {
        let connector = connector::<R>(settings)?;
        let (socket, response) = R::block_on(connector.connect_with_response(url))?;
        Ok((On(socket, PhantomData), response))
    }

    fn accept(settings: &Settings, stream: TcpStream) -> Result<Self::Socket, Error> {
        let acceptor = acceptor::<R>(settings)?;
        let socket = R::block_on(async { acceptor.accept(R::stream(stream)?).await })?;
        Ok(On(socket, PhantomData))
    }

    fn open(
        settings: &Settings,
        stream: TcpStream,
        answer: &Answer<'_>,
    ) -> Result<Option<Self::Socket>, Error> {
        let acceptor = acceptor::<R>(settings)?;
        let socket = R::block_on(async {
            match acceptor.open(R::stream(stream)?).await? {
                Opening::Upgrade(upgrade) => match answer(upgrade.request(), true) {
                    Some(response) => upgrade.refuse(response).await.map(|()| None),
                    None => upgrade.accept().await.map(Some),
                },
                Opening::Http(http) => {
                    let response = answer(http.request(), false).unwrap_or_default();
                    http.respond(response).await.map(|()| None)
                }
            }
        })?;
        Ok(socket.map(|socket| On(socket, PhantomData)))
    }

    fn serve(
        settings: &Settings,
        stream: TcpStream,
        messages: usize,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        let acceptor = acceptor::<R>(settings)?;
        R::block_on(async {
            let handler = async |ws: &mut bowline_io::WebSocket<Stream<R>>| {
                for _ in 0..messages {
                    let Some(message) = ws.recv().await? else {
                        break;
                    };
                    ws.send(message).await?;
                }
                outcome
            };
            acceptor.serve(R::stream(stream)?, handler).await
        })
    }
}

fn connector<R: Runtime>(settings: &Settings) -> Result<Connector<R::Io>, Error> {
    Ok(set_up_connector!(Connector::new(), settings))
}

fn acceptor<R: Runtime>(settings: &Settings) -> Result<Acceptor<R::Io>, Error> {
    Ok(set_up_acceptor!(Acceptor::new(), settings))
}

/// Runs a future and drops it after so many polls.
fn give_up<R: Runtime, F: Future>(polls: u32, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    R::block_on(poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }))
}

impl<R: Runtime> Receives for On<R, bowline_io::WebSocket<Stream<R>>> {
    fn recv(&mut self) -> Result<Option<Message>, Error> {
        R::block_on(self.0.recv())
    }

    fn recv_ref(&mut self) -> Result<Option<Message>, Error> {
        let message = R::block_on(self.0.recv_ref())?;
        Ok(message.map(|(message, _)| message.to_owned()))
    }

    fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        R::block_on(self.0.recv_event())
    }

    fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        R::block_on(self.0.recv_chunk())
    }

    fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>> {
        give_up::<R, _>(polls, self.0.recv())
    }

    fn ended(&self) -> Option<Ended> {
        self.0.ended().cloned()
    }

    fn arrival(&self) -> Arrival {
        self.0.arrival()
    }
}

impl<R: Runtime> Receives for On<R, bowline_io::Receiver<Stream<R>>> {
    fn recv(&mut self) -> Result<Option<Message>, Error> {
        R::block_on(self.0.recv())
    }

    fn recv_ref(&mut self) -> Result<Option<Message>, Error> {
        let message = R::block_on(self.0.recv_ref())?;
        Ok(message.map(|message| message.to_owned()))
    }

    fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        R::block_on(self.0.recv_event())
    }

    fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        R::block_on(self.0.recv_chunk())
    }

    fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>> {
        give_up::<R, _>(polls, self.0.recv())
    }

    fn ended(&self) -> Option<Ended> {
        self.0.ended().cloned()
    }

    fn arrival(&self) -> Arrival {
        self.0.arrival()
    }
}

impl<R: Runtime> Socket for On<R, bowline_io::WebSocket<Stream<R>>> {
    type Receiver = On<R, bowline_io::Receiver<Stream<R>>>;
    type Sender = On<R, bowline_io::Sender<Stream<R>>>;

    fn sender(&self) -> Self::Sender {
        On(self.0.sender(), PhantomData)
    }

    fn split(self) -> (Self::Receiver, Self::Sender) {
        let (receiver, sender) = self.0.split();
        (On(receiver, PhantomData), On(sender, PhantomData))
    }

    fn close(&mut self, close: CloseFrame) -> Result<(), Error> {
        R::block_on(self.0.close(close))
    }

    fn give_up_close(&mut self, close: CloseFrame, polls: u32) -> Option<Result<(), Error>> {
        give_up::<R, _>(polls, self.0.close(close))
    }

    fn subprotocol(&self) -> Option<String> {
        self.0.subprotocol().map(str::to_owned)
    }
}

impl<R: Runtime> Sends for On<R, bowline_io::Sender<Stream<R>>> {
    fn with_compress(self, compress: Compress) -> Self {
        Self(self.0.with_compress(compress), PhantomData)
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        R::block_on(self.0.send(message))
    }

    fn send_ref(&self, message: &Message) -> Result<(), Error> {
        R::block_on(self.0.send_ref(message.as_ref()))
    }

    fn send_prepared(&self, message: &mut Prepared) -> Result<(), Error> {
        R::block_on(self.0.send_prepared(message))
    }

    fn send_fragment(&self, kind: MessageKind, payload: Bytes, last: bool) -> Result<(), Error> {
        R::block_on(self.0.send_fragment(kind, payload, last))
    }

    fn feed(&self, message: Message) -> Result<(), Error> {
        R::block_on(self.0.feed(message))
    }

    fn queue(&self, message: Message) -> Result<(), QueueError> {
        self.0.queue(message)
    }

    fn flush(&self) -> Result<(), Error> {
        R::block_on(self.0.flush())
    }

    fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        R::block_on(self.0.ping(payload))
    }

    fn close(&self, close: CloseFrame) -> Result<(), Error> {
        R::block_on(self.0.close(close))
    }

    fn give_up_send(&self, message: Message, polls: u32) -> Option<Result<(), Error>> {
        give_up::<R, _>(polls, self.0.send(message))
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<R, V: Clone> Clone for On<R, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}
