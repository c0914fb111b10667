//! Peers that mean harm, against the examples. Alone in its program, because it counts the memory of all of it.

#[path = "../examples/blocking_echo_client.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_client;
#[path = "../examples/blocking_echo_server.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_server;

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use bowline_blocking::{
    Acceptor, ClientTls, Connector, OriginPolicy, PerMessageDeflate, Role, ServerTls,
};
use bowline_testing::hostile::{self, Conduct, Short, Verdict, Victim};

struct OnThreads;

impl Victim for OnThreads {
    fn serve(short: Short, tls: Option<ServerTls>) -> SocketAddr {
        let mut acceptor = Acceptor::new()
            .origin(OriginPolicy::Any)
            .extension(PerMessageDeflate::new())
            .config(hostile::config(Role::Server, short))
            .handshake_timeout(hostile::handshake_timeout(short));
        if let Some(tls) = tls {
            acceptor = acceptor.tls(tls);
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || echo_server::serve(&listener, &acceptor));
        address
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
        let outcome: Result<(), Box<dyn Error>> = match conduct {
            Conduct::Echo => echo_client::echo(&connector, url).map_err(Box::from),
            Conduct::Talk => {
                let input = std::iter::once(Ok("hello".to_owned()));
                echo_client::lines(&connector, url, input)
            }
        };
        outcome.into()
    }
}

bowline_testing::hostile_tests!(OnThreads);
