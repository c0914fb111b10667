//! A carrier that loses a message now and then if a call is given up.

use std::net::TcpStream;

use bowline_testing::behaviour::{
    Answer, Async, Carrier, Chunk, Event, Receives, Settings, Socket,
};
use bowline_tokio::http::Response;
use bowline_tokio::{Arrival, CloseFrame, Ended, Error, Message};

use super::OnTokio;

pub(crate) struct Lossy;

/// A connection of it, and how often it has received where it might have given up.
pub(crate) struct Whole(Inner, u32);

type Right = Async<OnTokio>;
type Inner = <Right as Carrier>::Socket;

impl Carrier for Lossy {
    type Socket = Whole;

    fn connect(settings: &Settings, url: &str) -> Result<(Whole, Response<()>), Error> {
        Right::connect(settings, url).map(|(socket, response)| (Whole(socket, 0), response))
    }

    fn accept(settings: &Settings, stream: TcpStream) -> Result<Whole, Error> {
        Right::accept(settings, stream).map(|socket| Whole(socket, 0))
    }

    fn open(
        settings: &Settings,
        stream: TcpStream,
        answer: &Answer<'_>,
    ) -> Result<Option<Whole>, Error> {
        Ok(Right::open(settings, stream, answer)?.map(|socket| Whole(socket, 0)))
    }

    fn serve(
        settings: &Settings,
        stream: TcpStream,
        messages: usize,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        Right::serve(settings, stream, messages, outcome)
    }
}

impl Receives for Whole {
    fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.0.recv()
    }

    fn recv_ref(&mut self) -> Result<Option<Message>, Error> {
        self.0.recv_ref()
    }

    fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        self.0.recv_event()
    }

    fn recv_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        self.0.recv_chunk()
    }

    /// Every third message is taken, and nobody gets it.
    fn give_up_recv(&mut self, polls: u32) -> Option<Result<Option<Message>, Error>> {
        let received = self.0.give_up_recv(polls)?;
        self.1 += 1;
        if self.1.is_multiple_of(3) {
            return None;
        }
        Some(received)
    }

    fn ended(&self) -> Option<Ended> {
        self.0.ended()
    }

    fn arrival(&self) -> Arrival {
        self.0.arrival()
    }
}

impl Socket for Whole {
    type Receiver = <Inner as Socket>::Receiver;
    type Sender = <Inner as Socket>::Sender;

    fn sender(&self) -> Self::Sender {
        self.0.sender()
    }

    fn split(self) -> (Self::Receiver, Self::Sender) {
        self.0.split()
    }

    fn close(&mut self, close: CloseFrame) -> Result<(), Error> {
        self.0.close(close)
    }

    fn give_up_close(&mut self, close: CloseFrame, polls: u32) -> Option<Result<(), Error>> {
        self.0.give_up_close(close, polls)
    }

    fn subprotocol(&self) -> Option<String> {
        self.0.subprotocol()
    }
}
