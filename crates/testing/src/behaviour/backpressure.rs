//! Peers that don't read, and two ends that write at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bowline_frame::{Message, Role};
use bowline_io::Error;
use bowline_proto::{EndedBy, QueueError, Timeout};

use super::Event;
use super::bench::Bench;
use super::carrier::{Carrier, SOON, Sends};
use super::end::Sending;
use super::run::topic;
use crate::payload;
use crate::wire::{BINARY, FIN, PING, PONG, TEXT};

topic!(backpressure;
    both: [
        a_full_queue_gives_the_message_back,
        feeding_waits_until_the_peer_reads,
        sending_waits_until_the_peer_reads,
        all_arrives_in_order_once_the_peer_reads,
        a_peer_that_does_not_read_gets_the_newest_pong,
        a_message_is_received_while_output_waits,
        a_peer_that_never_reads_fails_who_sends,
        a_peer_that_never_reads_fails_who_receives,
        a_close_stands_behind_what_waits,
        a_peer_that_leaves_ends_who_waits_for_room,
    ];
    server: [
        both_ends_send_8_mib_at_once,
        both_ends_send_8_mib_at_once_and_ping,
    ];
    client: []
);

const BLOCK: usize = 64 * 1024;

/// Queues blocks, each with its number, until neither the transport nor the queue takes more; gives how many.
pub(super) fn fill<S: Sends>(sender: &Sending<S>) -> u32 {
    let mut filled = 0;
    // The kernel may find room yet.
    for _ in 0..3 {
        loop {
            match sender.queue(block(filled)) {
                Ok(()) => filled += 1,
                Err(QueueError::Full(message)) => {
                    assert_eq!(message, block(filled));
                    break;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
    filled
}

pub(super) fn block(number: u32) -> Message {
    let mut block = payload::seq(BLOCK);
    block[..4].copy_from_slice(&number.to_be_bytes());
    block.into()
}

fn a_full_queue_gives_the_message_back<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let filled = fill(&ws.sender());
    let peer = bench.beside(move || {
        for number in 0..filled {
            peer.expect(BINARY | FIN, block(number).as_bytes());
        }
        peer.send(TEXT | FIN, "read");
        peer
    });
    ws.expect("read");
    ws.sender().queue("room").expect("there is room again");
    let mut peer = peer.join();
    peer.expect(TEXT | FIN, "room");
    bench.part(&mut ws, peer);
}

fn feeding_waits_until_the_peer_reads<C: Carrier>(bench: &Bench<C>) {
    waits(bench, |sender| sender.feed("fed"));
}

fn sending_waits_until_the_peer_reads<C: Carrier>(bench: &Bench<C>) {
    waits(bench, |sender| sender.send("sent"));
}

/// On a connection that takes nothing more, `send` waits until the peer reads.
fn waits<C: Carrier>(
    bench: &Bench<C>,
    send: fn(&Sending<<C::Socket as super::carrier::Socket>::Sender>),
) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    let filled = fill(&sender);
    let done = Arc::new(AtomicBool::new(false));
    let sending = {
        let done = Arc::clone(&done);
        bench.beside(move || {
            send(&sender);
            done.store(true, Ordering::SeqCst);
            sender.flush();
        })
    };
    thread::sleep(SOON);
    assert!(!done.load(Ordering::SeqCst), "it does not wait");
    for number in 0..filled {
        peer.expect(BINARY | FIN, block(number).as_bytes());
    }
    let (first, _) = peer.frame();
    assert_eq!(first, TEXT | FIN);
    sending.join();
    bench.part(&mut ws, peer);
}

fn all_arrives_in_order_once_the_peer_reads<C: Carrier>(bench: &Bench<C>) {
    const BLOCKS: u32 = 200;
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    let sending = bench.beside(move || {
        for number in 0..BLOCKS {
            if number % 2 == 0 {
                sender.feed(block(number));
            } else {
                sender.send(block(number));
            }
        }
        sender.flush();
    });
    // More than any kernel holds is on its way by now, or waits.
    thread::sleep(SOON);
    for number in 0..BLOCKS {
        peer.expect(BINARY | FIN, block(number).as_bytes());
    }
    sending.join();
    bench.part(&mut ws, peer);
}

// RFC 6455 §5.5.3: only the most recent ping needs an answer.
fn a_peer_that_does_not_read_gets_the_newest_pong<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let filled = fill(&ws.sender());
    for number in 0..50 {
        peer.send(PING, [number]);
    }
    peer.send(TEXT | FIN, "behind");
    for number in 0..50 {
        assert_eq!(ws.event(), Event::Ping(vec![number].into()));
    }
    assert_eq!(ws.event(), Event::Message("behind".into()));
    let peer = bench.beside(move || {
        for number in 0..filled {
            peer.expect(BINARY | FIN, block(number).as_bytes());
        }
        peer.expect(PONG, [49]);
        peer.hang_up(1000);
    });
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn a_message_is_received_while_output_waits<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let filled = fill(&ws.sender());
    for number in 0..10 {
        peer.send(TEXT | FIN, number.to_string());
        ws.expect(number.to_string());
    }
    let peer = bench.beside(move || {
        for number in 0..filled {
            peer.expect(BINARY | FIN, block(number).as_bytes());
        }
        peer.hang_up(1000);
    });
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn a_peer_that_never_reads_fails_who_sends<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings().config(|config| config.write(Some(SOON)));
    let (mut ws, peer) = bench.open_with(&settings);
    let sender = ws.sender();
    fill(&sender);
    match sender.try_send("never") {
        Err(Error::Timeout(Timeout::Write { after })) => assert_eq!(after, SOON),
        other => panic!("{other:?}"),
    }
    assert!(matches!(sender.try_send("after"), Err(Error::Closed)));
    // Who sends was told; who receives hears of the end.
    match ws.recv() {
        Ok(None) | Err(Error::Timeout(Timeout::Write { .. }) | Error::Lost { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert!(!ws.is_open());
    drop(peer);
}

fn a_peer_that_never_reads_fails_who_receives<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings().config(|config| config.write(Some(SOON)));
    let (mut ws, peer) = bench.open_with(&settings);
    fill(&ws.sender());
    match ws.error() {
        Error::Timeout(Timeout::Write { after }) => assert_eq!(after, SOON),
        other => panic!("{other:?}"),
    }
    assert_eq!(ws.ended().by, EndedBy::Deadline);
    drop(peer);
}

fn a_close_stands_behind_what_waits<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let filled = fill(&ws.sender());
    let peer = bench.beside(move || {
        for number in 0..filled {
            peer.expect(BINARY | FIN, block(number).as_bytes());
        }
        peer.closed(1000);
    });
    ws.close(1000).expect("an orderly end");
    ws.expect_ended(EndedBy::Us, 1000);
    peer.join();
}

fn a_peer_that_leaves_ends_who_waits_for_room<C: Carrier>(bench: &Bench<C>) {
    let (ws, peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    fill(&sender);
    let sending = bench.beside(move || sender.try_send("no room"));
    let receiving = bench.beside(move || receiver.recv().map(drop));
    thread::sleep(Duration::from_millis(20));
    // What it has not read makes its kernel reset the connection.
    drop(peer);
    let ends = [sending.join(), receiving.join()];
    let told = ends
        .iter()
        .any(|end| matches!(end, Err(Error::Transport(_) | Error::Lost { .. })));
    assert!(told, "{ends:?}");
    assert!(ends[0].is_err(), "{ends:?}");
}

fn both_ends_send_8_mib_at_once<C: Carrier>(bench: &Bench<C>) {
    both_ends_send(bench, 8 << 20, false);
}

fn both_ends_send_8_mib_at_once_and_ping<C: Carrier>(bench: &Bench<C>) {
    both_ends_send(bench, 8 << 20, true);
}

/// Each end sends so many bytes in one thread and receives in another.
fn both_ends_send<C: Carrier>(bench: &Bench<C>, bytes: usize, pings: bool) {
    let blocks = u32::try_from(bytes / BLOCK).expect("few blocks");
    let (client, server) = bench.pair(
        &bench.settings_of(Role::Client),
        &bench.settings_of(Role::Server),
    );
    let ends = [client, server].map(|ws| {
        let (mut receiver, sender) = ws.split();
        let sending = {
            let sender = sender.clone();
            bench.beside(move || {
                for number in 0..blocks {
                    if pings && number % 8 == 0 {
                        sender.ping(number.to_be_bytes());
                    }
                    sender.send(block(number));
                }
            })
        };
        let receiving = bench.beside(move || {
            for number in 0..blocks {
                assert_eq!(receiver.message(), block(number));
            }
            receiver
        });
        (sending, receiving, sender)
    });
    let [client, server] = ends;
    // Each receives in its own thread, so that neither waits for the other.
    let serving = bench.beside(move || {
        server.0.join();
        let mut receiver = server.1.join();
        receiver.expect_ended(EndedBy::Peer, 1000);
        drop(server.2);
    });
    client.0.join();
    let mut receiver = client.1.join();
    client.2.close(1000);
    receiver.expect_ended(EndedBy::Us, 1000);
    serving.join();
}
