//! web-socket behind a buffer for what it reads, without which each header would be two reads. It checks no text, and
//! writes each message at once.
#![forbid(unsafe_code)]

use bench_sockets_harness::{serve, upgrade};
use tokio::io::BufReader;
use web_socket::{DataType, Event, MessageType, WebSocket};

fn main() {
    serve(|mut stream, _| async move {
        upgrade(&mut stream, None).await?;
        let mut ws = WebSocket::server(BufReader::new(stream));
        loop {
            match ws.recv().await? {
                Event::Data {
                    ty: DataType::Complete(MessageType::Text),
                    data,
                } => ws.send(std::str::from_utf8(&data)?).await?,
                Event::Data { data, .. } => ws.send(&*data).await?,
                Event::Ping(data) => ws.send_pong(data).await?,
                Event::Pong(_) => {}
                Event::Error(error) => return Err(error.into()),
                Event::Close { .. } => return Ok(()),
            }
        }
    });
}
