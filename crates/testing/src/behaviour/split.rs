//! Halves in threads of their own, of which one is often idle.

use std::sync::mpsc;

use bowline_io::Error;
use bowline_proto::{EndedBy, Keepalive};

use super::bench::Bench;
use super::carrier::{Carrier, LATE, SOON};
use super::run::topic;
use crate::payload;
use crate::wire::{BINARY, FIN, PING, PONG, TEXT};

topic!(split;
    both: [
        pings_are_answered_while_the_sender_is_idle,
        a_close_is_answered_while_the_sender_is_idle,
        pings_are_answered_after_the_sender_is_dropped,
        a_message_goes_out_while_the_receiver_waits,
        what_is_fed_goes_out_when_the_receiver_has_read,
        what_is_queued_goes_out_while_the_receiver_waits,
        what_is_fed_before_anybody_receives_goes_out,
        a_large_message_goes_out_while_the_receiver_waits,
        the_peers_close_ends_the_sender,
        a_lost_transport_ends_the_sender,
        a_violation_ends_the_sender,
        keepalive_runs_while_the_sender_is_idle,
        echoing_halves_in_two_threads,
    ];
    server: [];
    client: []
);

fn pings_are_answered_while_the_sender_is_idle<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || {
        receiver.expect("received");
        receiver
    });
    for number in 0..20 {
        peer.send(PING, [number]);
        peer.expect(PONG, [number]);
    }
    peer.send(TEXT | FIN, "received");
    let mut receiver = receiving.join();
    bench.part(&mut receiver, peer);
    drop(sender);
}

fn a_close_is_answered_while_the_sender_is_idle<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Peer, 1001));
    peer.hang_up(1001);
    receiving.join();
    assert!(sender.is_closed());
}

fn pings_are_answered_after_the_sender_is_dropped<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    drop(sender);
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Peer, 1000));
    peer.send(PING, "still there?");
    peer.expect(PONG, "still there?");
    peer.hang_up(1000);
    receiving.join();
}

fn a_message_goes_out_while_the_receiver_waits<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Peer, 1000));
    for number in 0..50 {
        sender.send(number.to_string());
        peer.expect(TEXT | FIN, number.to_string());
    }
    peer.hang_up(1000);
    receiving.join();
}

fn what_is_fed_goes_out_when_the_receiver_has_read<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Peer, 1000));
    for number in 0..50 {
        sender.feed(number.to_string());
        // Nobody flushes. The receiver writes before it waits again.
        peer.send(PING, "go on");
        peer.expect(TEXT | FIN, number.to_string());
        peer.expect(PONG, "go on");
    }
    peer.hang_up(1000);
    receiving.join();
}

fn what_is_queued_goes_out_while_the_receiver_waits<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Peer, 1000));
    for number in 0..50 {
        sender.queue(number.to_string()).expect("there is room");
        peer.expect(TEXT | FIN, number.to_string());
    }
    peer.hang_up(1000);
    receiving.join();
}

fn what_is_fed_before_anybody_receives_goes_out<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    for number in 0..50 {
        sender.feed(number.to_string());
    }
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Peer, 1000));
    for number in 0..50 {
        peer.expect(TEXT | FIN, number.to_string());
    }
    peer.hang_up(1000);
    receiving.join();
}

fn a_large_message_goes_out_while_the_receiver_waits<C: Carrier>(bench: &Bench<C>) {
    // More than the kernel holds: its rest must move whoever waits.
    const LEN: usize = 16 << 20;
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Peer, 1000));
    let sending = bench.beside(move || sender.send(payload::repeat(7, LEN)));
    let (first, payload) = peer.frame();
    assert_eq!((first, payload.len()), (BINARY | FIN, LEN));
    assert!(payload.iter().all(|&byte| byte == 7));
    sending.join();
    peer.hang_up(1000);
    receiving.join();
}

fn the_peers_close_ends_the_sender<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Peer, 1000));
    sender.send("before");
    peer.expect(TEXT | FIN, "before");
    peer.hang_up(1000);
    receiving.join();
    assert!(matches!(sender.try_send("after"), Err(Error::Closed)));
}

fn a_lost_transport_ends_the_sender<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    peer.end();
    match receiver.error() {
        Error::Lost { .. } => {}
        other => panic!("{other:?}"),
    }
    assert!(sender.is_closed());
    assert!(matches!(sender.try_send("after"), Err(Error::Closed)));
}

fn a_violation_ends_the_sender<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.error());
    peer.send(3, "no opcode");
    peer.expect_close(1002);
    // Our Close is out, so this is refused even before the peer has ended.
    assert!(matches!(sender.try_send("after"), Err(Error::Closed)));
    peer.end();
    assert!(matches!(receiving.join(), Error::Protocol(_)));
}

fn keepalive_runs_while_the_sender_is_idle<C: Carrier>(bench: &Bench<C>) {
    let keepalive = Keepalive::new(SOON, LATE);
    let settings = bench
        .settings()
        .config(|config| config.keepalive(Some(keepalive)));
    let (ws, mut peer) = bench.open_with(&settings);
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.message());
    let (first, payload) = peer.frame();
    assert_eq!(first, PING);
    peer.send(PONG, payload);
    peer.send(TEXT | FIN, "alive");
    assert_eq!(receiving.join(), "alive".into());
    drop(sender);
}

fn echoing_halves_in_two_threads<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let (messages, received) = mpsc::channel();
    let receiving = bench.beside(move || {
        while let Some(message) = receiver.recv().expect("an orderly end") {
            messages.send(message).expect("the other thread goes on");
        }
    });
    let sending = bench.beside(move || {
        for message in received {
            sender.send(message);
        }
    });
    for len in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
        peer.send(BINARY | FIN, payload::seq(len));
        peer.expect(BINARY | FIN, payload::seq(len));
    }
    peer.hang_up(1000);
    receiving.join();
    sending.join();
}
