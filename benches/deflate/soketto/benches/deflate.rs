//! soketto, which knows no context takeover and no level but 1, with the buffers of its examples.

use bench_deflate_harness::{Pair, Wire, measure};
use futures_util::future::join;
use futures_util::io::{BufReader, BufWriter};
use soketto::connection::{Receiver, Sender};
use soketto::extension::deflate::Deflate;
use soketto::handshake::server::Response;
use soketto::handshake::{Client, Server, ServerResponse};
use soketto::{Data, Mode};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

type Stream = BufReader<BufWriter<Compat<Wire>>>;

struct Soketto {
    server: Sender<Stream>,
    client: Receiver<Stream>,
    /// Without its receiver the server, without its sender the client would see the end of the connection.
    _others: (Receiver<Stream>, Sender<Stream>),
    buffer: Vec<u8>,
}

impl Pair for Soketto {
    type Message = String;

    fn message(text: &str) -> String {
        text.into()
    }

    async fn send(&mut self, message: &mut String) {
        self.server.send_text(message).await.expect("sent");
        self.server.flush().await.expect("flushed");
    }

    async fn recv<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> R {
        self.buffer.clear();
        let data = self.client.receive_data(&mut self.buffer).await;
        assert!(matches!(data.expect("received"), Data::Text(_)));
        // It gives text as bytes, and its examples check them.
        look(std::str::from_utf8(&self.buffer).expect("text").as_bytes())
    }
}

fn buffered(wire: Wire) -> Stream {
    BufReader::with_capacity(8 * 1024, BufWriter::with_capacity(16 * 1024, wire.compat()))
}

async fn accept(wire: Wire) -> (Sender<Stream>, Receiver<Stream>) {
    let mut server = Server::new(buffered(wire));
    server.add_extension(Box::new(Deflate::new(Mode::Server)));
    let key = server.receive_request().await.expect("a request").key();
    let accept = Response::Accept {
        key,
        protocol: None,
    };
    server.send_response(&accept).await.expect("answered");
    server.into_builder().finish()
}

async fn connect(wire: Wire) -> (Sender<Stream>, Receiver<Stream>) {
    let mut client = Client::new(buffered(wire), "localhost", "/");
    client.add_extension(Box::new(Deflate::new(Mode::Client)));
    let response = client.handshake().await.expect("a response");
    assert!(matches!(response, ServerResponse::Accepted { .. }));
    client.into_builder().finish()
}

fn main() {
    measure("soketto", &[false], |server, client, _| async move {
        let ((server, receiver), (sender, client)) = join(accept(server), connect(client)).await;
        Soketto {
            server,
            client,
            _others: (receiver, sender),
            buffer: Vec::new(),
        }
    });
}
