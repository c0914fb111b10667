//! What half-open handshakes cost. Alone in its program, because it counts the memory of all of it.

mod common;

use bowline_testing::alloc::CountingAllocator;
use bowline_tokio::{Acceptor, Error, Io};
use common::{REQUEST, echo_served};
use tokio::io::{AsyncWriteExt, duplex};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const CLIENTS: usize = 1000;

/// Bytes that one client may hold: the task and what the client has said, but nothing to read into.
const EACH: usize = 3 * 1024;

/// Bytes that the future of a connection may take with the handler that echoes.
const FUTURE: usize = 5 * 1024;

#[tokio::test(start_paused = true)]
async fn a_thousand_half_open_handshakes_cost_little() {
    let acceptor = Acceptor::new();
    let mut clients = Vec::with_capacity(CLIENTS);
    let mut servers = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        let (mut client, server) = duplex(256);
        // Some say nothing, some nearly all.
        let said = number % REQUEST.len();
        client.write_all(&REQUEST[..said]).await.unwrap();
        clients.push(client);
        servers.push(server);
    }
    let before = ALLOCATOR.current();
    let mut tasks = Vec::with_capacity(CLIENTS);
    for server in servers {
        let acceptor = acceptor.clone();
        tasks.push(tokio::spawn(async move {
            let accepted = acceptor.accept_on(Io(server)).await;
            accepted.map(drop)
        }));
    }
    // All have read what there is.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let each = ALLOCATOR.current().saturating_sub(before) / CLIENTS;
    assert!(each < EACH, "{each} bytes each");

    drop(clients);
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Incomplete), "{error:?}");
    }
}

/// The future of a served connection is what a server keeps a thousand times.
#[test]
fn the_future_of_a_connection_is_small() {
    async fn stream() -> bowline_tokio::Stream {
        unreachable!("only its type is wanted")
    }
    fn size_of_output<T, F: Future<Output = T>, G>(_: &F, of: impl Fn(T) -> G) -> usize {
        fn size<A, G>(_: &impl Fn(A) -> G) -> usize {
            size_of::<G>()
        }
        size(&of)
    }
    let acceptor = Acceptor::new();
    let size = size_of_output(&stream(), |stream| acceptor.serve(stream, echo_served));
    assert!(size < FUTURE, "{size} bytes");
}
