//! Peers that mean harm, against the examples. Alone in its program, because it counts the memory of all of it.

#[path = "../examples/tokio_echo_client.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_client;
#[path = "../examples/tokio_echo_server.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_server;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::OnceLock;

use bowline_testing::hostile::{self, Conduct, Short, Verdict, Victim};
use bowline_tokio::{
    Acceptor, ClientTls, Connector, OriginPolicy, PerMessageDeflate, Role, ServerTls,
};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

struct OnTokio;

impl Victim for OnTokio {
    fn serve(short: Short, tls: Option<ServerTls>) -> SocketAddr {
        let mut acceptor = Acceptor::new()
            .origin(OriginPolicy::Any)
            .extension(PerMessageDeflate::new())
            .config(hostile::config(Role::Server, short))
            .handshake_timeout(hostile::handshake_timeout(short));
        if let Some(tls) = tls {
            acceptor = acceptor.tls(tls);
        }
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(echo_server::serve(listener, acceptor));
            address
        })
    }

    fn connect(
        url: &str,
        conduct: Conduct,
        short: Short,
        compress: bool,
        tls: Option<ClientTls>,
    ) -> Verdict {
        let mut connector = Connector::new()
            .config(hostile::config(Role::Client, short))
            .handshake_timeout(hostile::handshake_timeout(short));
        if let Some(tls) = tls {
            connector = connector.tls(tls);
        }
        if compress {
            connector = connector.extension(PerMessageDeflate::new());
        }
        let outcome: Result<(), Box<dyn Error>> = runtime().block_on(async {
            match conduct {
                Conduct::Echo => Ok(echo_client::echo(&connector, url).await?),
                Conduct::Talk => {
                    let (sender, input) = mpsc::channel(1);
                    sender.send(Ok("hello".to_owned())).await?;
                    drop(sender);
                    echo_client::lines(&connector, url, input).await
                }
            }
        });
        outcome.into()
    }
}

/// One thread, which keeps its buffers for the next connection.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    })
}

bowline_testing::hostile_tests!(OnTokio);
