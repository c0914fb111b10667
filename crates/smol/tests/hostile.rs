//! Peers that mean harm, against the examples. Alone in its program, because it counts the memory of all of it.

#[path = "../examples/smol_echo_client.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_client;
#[path = "../examples/smol_echo_server.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_server;

use std::error::Error;
use std::net::SocketAddr;

use bowline_smol::{
    Acceptor, ClientTls, Connector, OriginPolicy, PerMessageDeflate, Role, ServerTls,
};
use bowline_testing::hostile::{self, Conduct, Short, Verdict, Victim};
use smol::net::TcpListener;

struct OnSmol;

impl Victim for OnSmol {
    fn serve(short: Short, tls: Option<ServerTls>) -> SocketAddr {
        let mut acceptor = Acceptor::new()
            .origin(OriginPolicy::Any)
            .extension(PerMessageDeflate::new())
            .config(hostile::config(Role::Server, short))
            .handshake_timeout(hostile::handshake_timeout(short));
        if let Some(tls) = tls {
            acceptor = acceptor.tls(tls);
        }
        smol::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            smol::spawn(echo_server::serve(listener, acceptor)).detach();
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
        let outcome: Result<(), Box<dyn Error>> = smol::block_on(async {
            match conduct {
                Conduct::Echo => Ok(echo_client::echo(&connector, url).await?),
                Conduct::Talk => {
                    let (sender, input) = smol::channel::bounded(1);
                    sender.send(Ok("hello".to_owned())).await?;
                    drop(sender);
                    echo_client::lines(&connector, url, input).await
                }
            }
        });
        outcome.into()
    }
}

bowline_testing::hostile_tests!(OnSmol);
