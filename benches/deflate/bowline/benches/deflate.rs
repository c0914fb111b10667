//! Bowline twice: at the level, window and memory level of the others, and as it is without a word.

use bench_deflate_harness::{Pair, Wire, measure};
use bowline_tokio::{Acceptor, Connector, Io, Message, PerMessageDeflate, WebSocket};
use tokio::join;

struct Bowline {
    server: WebSocket<Io<Wire>>,
    client: WebSocket<Io<Wire>>,
}

impl Bowline {
    async fn open(server: Wire, client: Wire, deflate: PerMessageDeflate) -> Self {
        // Of the rivals only one sends pings by itself, and it is told not to.
        let acceptor = Acceptor::new().extension(deflate.clone()).keepalive(None);
        let connector = Connector::new().extension(deflate).keepalive(None);
        let (server, client) = join!(
            acceptor.accept_on(Io(server)),
            connector.connect_on(Io(client), "ws://localhost/"),
        );
        Self {
            server: server.expect("accepted"),
            client: client.expect("connected").0,
        }
    }
}

impl Pair for Bowline {
    type Message = Message;

    fn message(text: &str) -> Message {
        text.into()
    }

    async fn send(&mut self, message: &mut Message) {
        self.server.send(message.clone()).await.expect("sent");
    }

    async fn recv<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> R {
        let message = self.client.recv().await.expect("received");
        look(message.expect("a message").as_bytes())
    }
}

fn main() {
    measure("bowline", &[false, true], |server, client, takeover| {
        let deflate = PerMessageDeflate::new()
            .context_takeover(takeover)
            .outbound_window_bits(15)
            .memory_level(8)
            .threshold(0);
        Bowline::open(server, client, deflate)
    });
    measure(
        "bowline-defaults",
        &[false, true],
        |server, client, takeover| {
            let deflate = PerMessageDeflate::new().context_takeover(takeover);
            Bowline::open(server, client, deflate)
        },
    );
}
