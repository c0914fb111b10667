//! soketto, in the loop and with the buffers of its examples. It knows no context takeover, and no level but 1.
#![forbid(unsafe_code)]

use bench_sockets_harness::serve;
use futures_util::io::{BufReader, BufWriter};
use soketto::connection::Error;
use soketto::extension::deflate::Deflate;
use soketto::handshake::Server;
use soketto::handshake::server::Response;
use soketto::{Data, Mode};
use tokio_util::compat::TokioAsyncReadCompatExt as _;

fn main() {
    serve(|stream, options| async move {
        let stream = BufWriter::with_capacity(16 * 1024, stream.compat());
        let mut server = Server::new(BufReader::with_capacity(8 * 1024, stream));
        if options.deflate {
            server.add_extension(Box::new(Deflate::new(Mode::Server)));
        }
        let key = server.receive_request().await?.key();
        let accept = Response::Accept {
            key,
            protocol: None,
        };
        server.send_response(&accept).await?;
        let (mut sender, mut receiver) = server.into_builder().finish();
        let mut message = Vec::new();
        loop {
            message.clear();
            match receiver.receive_data(&mut message).await {
                Ok(Data::Binary(_)) => sender.send_binary_mut(&mut message).await?,
                Ok(Data::Text(_)) => sender.send_text(std::str::from_utf8(&message)?).await?,
                Err(Error::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            sender.flush().await?;
        }
    });
}
