//! Calls that are given up at every poll: nothing is lost, and nothing is said twice.

use std::thread;

use bowline_proto::EndedBy;

use super::bench::Bench;
use super::carrier::{Carrier, SOON};
use super::end::same;
use super::run::topic;
use crate::hex::assert_bytes_eq;
use crate::payload;
use crate::wire::{BINARY, CONT, FIN, PING, PONG, TEXT};

topic!(cancel;
    both: [
        receiving_that_is_given_up_loses_nothing,
        receiving_that_is_given_up_answers_pings,
        receiving_that_is_given_up_hears_of_the_end,
        sending_that_is_given_up_sends_all_or_nothing,
        closing_that_is_given_up_goes_on,
        receiving_goes_on_where_closing_was_given_up,
    ];
    server: [];
    client: []
);

fn receiving_that_is_given_up_loses_nothing<C: Carrier>(bench: &Bench<C>) {
    const MESSAGES: usize = 30;
    let (mut ws, mut peer) = bench.open();
    let bytes = |number| payload::seq(30 + 700 * number);
    let peer = bench.beside(move || {
        for number in 0..MESSAGES {
            let bytes = bytes(number);
            let (one, two) = bytes.split_at(20);
            peer.dripping = true;
            peer.send(BINARY, one);
            peer.dripping = false;
            peer.send(CONT, two);
            peer.send(CONT | FIN, "");
        }
        peer
    });
    for number in 0..MESSAGES {
        let received = (0..).find_map(|polls| ws.give_up_recv(polls));
        match received {
            Some(Ok(Some(message))) => same(&message, &bytes(number).into()),
            other => panic!("{other:?}"),
        }
    }
    bench.join_and_part(&mut ws, peer);
}

fn receiving_that_is_given_up_answers_pings<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || {
        peer.dripping = true;
        for number in 0..20 {
            peer.send(PING, [number]);
            peer.expect(PONG, [number]);
        }
        peer.send(TEXT | FIN, "all");
        peer
    });
    match (0..).find_map(|polls| ws.give_up_recv(polls % 4)) {
        Some(Ok(Some(message))) => same(&message, &"all".into()),
        other => panic!("{other:?}"),
    }
    bench.join_and_part(&mut ws, peer);
}

fn receiving_that_is_given_up_hears_of_the_end<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || {
        peer.dripping = true;
        peer.hang_up(1000);
    });
    match (0..).find_map(|polls| ws.give_up_recv(polls % 4)) {
        Some(Ok(None)) => {}
        other => panic!("{other:?}"),
    }
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn sending_that_is_given_up_sends_all_or_nothing<C: Carrier>(bench: &Bench<C>) {
    const MESSAGES: u32 = 200;
    const LEN: usize = 64 * 1024;
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || {
        // Until it reads, output waits.
        thread::sleep(SOON);
        let mut arrived = Vec::new();
        loop {
            let (first, payload) = peer.frame();
            if first == TEXT | FIN {
                return (peer, arrived);
            }
            assert_eq!((first, payload.len()), (BINARY | FIN, LEN));
            let number = payload.first_chunk().expect("a number");
            arrived.push(u32::from_be_bytes(*number));
            assert_bytes_eq(&payload[4..], &payload::seq(LEN)[4..], "payload");
        }
    });
    let sender = ws.sender();
    let mut sent = Vec::new();
    for number in 0..MESSAGES {
        // Who polls once gives up wherever it has to wait. Who polls more often waits for the peer.
        let polls = if number < MESSAGES / 2 {
            number % 2
        } else {
            number % 5
        };
        let mut bytes = payload::seq(LEN);
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        match sender.give_up_send(bytes, polls) {
            Some(Ok(())) => sent.push(number),
            Some(Err(error)) => panic!("{error:?}"),
            None => {}
        }
    }
    sender.send("the last");
    let (peer, arrived) = peer.join();
    assert!(arrived.is_sorted_by(|one, two| one < two), "{arrived:?}");
    for number in sent {
        assert!(arrived.contains(&number), "{number} is lost: {arrived:?}");
    }
    bench.part(&mut ws, peer);
}

fn closing_that_is_given_up_goes_on<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || {
        peer.dripping = true;
        peer.closed(1000);
    });
    match (0..).find_map(|polls| ws.give_up_close(1000, polls)) {
        Some(Ok(())) => {}
        other => panic!("{other:?}"),
    }
    ws.expect_ended(EndedBy::Us, 1000);
    peer.join();
}

fn receiving_goes_on_where_closing_was_given_up<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || peer.closed(1000));
    match ws.give_up_close(1000, 1) {
        Some(Ok(())) | None => {}
        Some(Err(error)) => panic!("{error:?}"),
    }
    ws.expect_ended(EndedBy::Us, 1000);
    peer.join();
}
