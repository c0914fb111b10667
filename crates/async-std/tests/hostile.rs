//! Peers that mean harm, against the examples. Alone in its program, because it counts the memory of all of it.

#[path = "../examples/async_std_echo_client.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_client;
#[path = "../examples/async_std_echo_server.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_server;

use std::error::Error;
use std::net::SocketAddr;

use async_global_executor::GlobalExecutorConfig;
use async_std::net::TcpListener;
use bowline_async_std::{
    Acceptor, ClientTls, Connector, OriginPolicy, PerMessageDeflate, Role, ServerTls,
};
use bowline_testing::hostile::{self, Conduct, Short, Verdict, Victim};

struct OnAsyncStd;

impl Victim for OnAsyncStd {
    fn serve(short: Short, tls: Option<ServerTls>) -> SocketAddr {
        let mut acceptor = Acceptor::new()
            .origin(OriginPolicy::Any)
            .extension(PerMessageDeflate::new())
            .config(hostile::config(Role::Server, short))
            .handshake_timeout(hostile::handshake_timeout(short));
        if let Some(tls) = tls {
            acceptor = acceptor.tls(tls);
        }
        block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            async_std::task::spawn(echo_server::serve(listener, acceptor));
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
        let outcome: Result<(), Box<dyn Error>> = block_on(async {
            match conduct {
                Conduct::Echo => Ok(echo_client::echo(&connector, url).await?),
                Conduct::Talk => {
                    let (sender, input) = async_std::channel::bounded(1);
                    sender.send(Ok("hello".to_owned())).await?;
                    drop(sender);
                    echo_client::lines(&connector, url, input).await
                }
            }
        });
        outcome.into()
    }
}

/// On one thread, which keeps its buffers for the next connection.
fn block_on<F: Future>(future: F) -> F::Output {
    let one_thread = GlobalExecutorConfig::default()
        .with_min_threads(1)
        .with_max_threads(1);
    // It counts if it comes before async-std's own; from then on it changes nothing.
    async_global_executor::init_with_config(one_thread);
    async_std::task::block_on(future)
}

bowline_testing::hostile_tests!(OnAsyncStd);
