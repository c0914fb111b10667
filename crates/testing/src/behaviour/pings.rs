//! Pings and pongs of both ends, and keepalive.

use std::time::Duration;

use bowline_frame::CloseCode;
use bowline_io::Error;
use bowline_proto::{EndedBy, Keepalive, SendError, Timeout};
use bytes::Bytes;

use super::Event;
use super::bench::Bench;
use super::carrier::{Carrier, LATE, SOON};
use super::run::topic;
use crate::payload;
use crate::wire::{FIN, PING, PONG, TEXT, frame};

topic!(pings;
    both: [
        a_ping_is_answered_with_its_payload,
        a_burst_of_pings_is_answered_in_order,
        a_ping_is_answered_though_nothing_else_comes,
        pings_and_pongs_are_events,
        a_pong_that_nobody_asked_for_is_passed_over,
        our_ping_is_answered,
        a_ping_of_126_bytes_is_refused,
        silence_is_answered_with_a_ping,
        a_peer_that_answers_no_ping_is_given_up,
        a_message_is_as_good_as_a_pong,
    ];
    server: [];
    client: []
);

fn a_ping_is_answered_with_its_payload<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || {
        for len in [0, 1, 124, 125] {
            peer.send(PING, payload::seq(len));
            peer.send(TEXT | FIN, "behind");
            peer.expect(PONG, payload::seq(len));
        }
        peer.send(TEXT | FIN, "all");
        peer
    });
    for _ in 0..4 {
        ws.expect("behind");
    }
    // What reading obliges us to write may wait until the receiver does.
    ws.expect("all");
    bench.join_and_part(&mut ws, peer);
}

fn a_burst_of_pings_is_answered_in_order<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let mut wire: Vec<u8> = (0..200)
        .flat_map(|number| frame(bench.role, PING, number.to_string()))
        .collect();
    wire.extend(frame(bench.role, TEXT | FIN, "behind"));
    peer.write(&wire);
    ws.expect("behind");
    let peer = bench.beside(move || {
        for number in 0..200 {
            peer.expect(PONG, number.to_string());
        }
        peer.send(TEXT | FIN, "all");
        peer
    });
    ws.expect("all");
    bench.join_and_part(&mut ws, peer);
}

fn a_ping_is_answered_though_nothing_else_comes<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || {
        for number in 0..5 {
            peer.send(PING, [number]);
            peer.expect(PONG, [number]);
        }
        peer.send(TEXT | FIN, "at last");
        peer
    });
    ws.expect("at last");
    bench.join_and_part(&mut ws, peer);
}

fn pings_and_pongs_are_events<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.send(PING, "a");
    peer.send(PONG, "b");
    peer.send(TEXT | FIN, "c");
    assert_eq!(ws.event(), Event::Ping(Bytes::from("a")));
    assert_eq!(ws.event(), Event::Pong(Bytes::from("b")));
    assert_eq!(ws.event(), Event::Message("c".into()));
    let peer = bench.beside(move || {
        peer.expect(PONG, "a");
        peer.send(TEXT | FIN, "answered");
        peer
    });
    assert_eq!(ws.event(), Event::Message("answered".into()));
    bench.join_and_part(&mut ws, peer);
}

fn a_pong_that_nobody_asked_for_is_passed_over<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.send(PONG, "");
    peer.send(PONG, payload::seq(125));
    peer.send(TEXT | FIN, "behind");
    ws.expect("behind");
    bench.part(&mut ws, peer);
}

fn our_ping_is_answered<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    for len in [0, 125] {
        sender.ping(payload::seq(len));
        peer.expect(PING, payload::seq(len));
        peer.send(PONG, payload::seq(len));
        assert_eq!(ws.event(), Event::Pong(payload::seq(len).into()));
    }
    bench.part(&mut ws, peer);
}

fn a_ping_of_126_bytes_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    match ws.sender().try_ping(payload::seq(126)) {
        Err(Error::Send(error)) if matches!(*error, SendError::PingTooLong { len: 126 }) => {}
        other => panic!("{other:?}"),
    }
    ws.send("still open");
    peer.expect(TEXT | FIN, "still open");
    bench.part(&mut ws, peer);
}

fn silence_is_answered_with_a_ping<C: Carrier>(bench: &Bench<C>) {
    let keepalive = Keepalive::new(Duration::from_millis(20), LATE);
    let settings = bench
        .settings()
        .config(|config| config.keepalive(Some(keepalive)));
    let (mut ws, mut peer) = bench.open_with(&settings);
    let peer = bench.beside(move || {
        for _ in 0..3 {
            let (first, payload) = peer.frame();
            assert_eq!(first, PING);
            peer.send(PONG, payload);
        }
        // Another ping may come before the answer to this.
        peer.close(1000);
        loop {
            match peer.frame() {
                (PING, _) => {}
                (crate::wire::CLOSE, body) => {
                    assert_eq!(body, 1000_u16.to_be_bytes());
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        peer.part();
    });
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn a_peer_that_answers_no_ping_is_given_up<C: Carrier>(bench: &Bench<C>) {
    let keepalive = Keepalive::new(Duration::from_millis(20), SOON);
    let settings = bench
        .settings()
        .config(|config| config.keepalive(Some(keepalive)));
    let (mut ws, mut peer) = bench.open_with(&settings);
    let peer = bench.beside(move || {
        let (first, _) = peer.frame();
        assert_eq!(first, PING);
        peer.expect_close(CloseCode::INTERNAL_ERROR.get());
        peer.expect_end();
    });
    match ws.error() {
        Error::Timeout(Timeout::Pong { after }) => assert_eq!(after, SOON),
        other => panic!("{other:?}"),
    }
    assert_eq!(ws.ended().by, EndedBy::Deadline);
    peer.join();
}

fn a_message_is_as_good_as_a_pong<C: Carrier>(bench: &Bench<C>) {
    // Each ping is answered in time, by a message.
    let keepalive = Keepalive::new(Duration::from_millis(20), Duration::from_secs(25));
    let settings = bench
        .settings()
        .config(|config| config.keepalive(Some(keepalive)));
    let (mut ws, mut peer) = bench.open_with(&settings);
    let peer = bench.beside(move || {
        for number in 0..3 {
            let (first, _) = peer.frame();
            assert_eq!(first, PING);
            peer.send(TEXT | FIN, number.to_string());
        }
        peer.frame()
    });
    for number in 0..3 {
        ws.expect(number.to_string());
    }
    // A ping follows the third message, too: it was taken as a sign of life, and silence begins anew.
    match ws.recv() {
        Err(Error::Lost { .. } | Error::Transport(_)) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(peer.join().0, PING);
}
