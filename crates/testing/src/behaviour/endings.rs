//! Transports that end, and connections that are dropped.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bowline_io::Error;
use bowline_proto::EndedBy;

use super::backpressure::{block, fill};
use super::bench::Bench;
use super::carrier::{Carrier, Receives};
use super::end::Receiving;
use super::run::topic;
use crate::hex::assert_bytes_eq;
use crate::payload;
use crate::wire::{BINARY, CLOSE, FIN, PING, TEXT, close_frame, frame, frames};

topic!(endings;
    both: [
        an_end_without_a_close_is_a_loss,
        what_came_before_the_end_is_received,
        an_end_of_tcp_alone_is_a_loss,
        an_end_of_tcp_alone_behind_a_close_is_orderly,
        an_end_inside_of_a_frame_is_a_loss,
        an_end_inside_of_a_message_is_a_loss,
        a_reset_is_a_failure,
        what_came_before_a_reset_is_received,
        a_lost_connection_sends_nothing,
        a_close_is_answered_to_a_peer_that_has_ended_its_direction,
        a_dropped_connection_says_1001,
        a_dropped_connection_sends_what_was_queued,
        a_dropped_connection_waits_for_nobody,
        a_connection_that_is_dropped_in_a_panic_says_1011,
        a_dropped_receiver_ends_the_connection,
        a_dropped_sender_ends_nothing,
    ];
    server: [];
    client: []
);

fn an_end_without_a_close_is_a_loss<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.end();
    lost(&mut ws);
    assert!(peer.rest().is_empty());
}

fn what_came_before_the_end_is_received<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.send(TEXT | FIN, "one");
    peer.send(BINARY | FIN, payload::seq(30_000));
    peer.end();
    ws.expect("one");
    ws.expect(payload::seq(30_000));
    lost(&mut ws);
}

// Over TLS there is an end that is not TCP's. Whether anything is missing without it, the Close frame tells.
fn an_end_of_tcp_alone_is_a_loss<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.send(TEXT | FIN, "one");
    peer.cut();
    ws.expect("one");
    lost(&mut ws);
}

fn an_end_of_tcp_alone_behind_a_close_is_orderly<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.send(TEXT | FIN, "one");
    peer.close(1000);
    peer.cut();
    ws.expect("one");
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.expect_close(1000);
    peer.expect_drop();
}

fn an_end_inside_of_a_frame_is_a_loss<C: Carrier>(bench: &Bench<C>) {
    let wire = frame(bench.role, TEXT | FIN, payload::repeat(b'a', 300));
    for cut in [1, 3, 5, wire.len() - 1] {
        let (mut ws, mut peer) = bench.open();
        peer.write(&wire[..cut]);
        peer.end();
        lost(&mut ws);
    }
}

fn an_end_inside_of_a_message_is_a_loss<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.send(TEXT, "half");
    peer.end();
    lost(&mut ws);
}

fn a_reset_is_a_failure<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, peer) = bench.open();
    // A socket that is closed with input unread resets the connection.
    ws.send("unread");
    drop(peer);
    match ws.error() {
        Error::Transport(_) | Error::Lost { .. } => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(ws.ended().by, EndedBy::Transport);
}

fn what_came_before_a_reset_is_received<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    ws.send("unread");
    let wire = [
        frame(bench.role, TEXT | FIN, "one"),
        frame(bench.role, BINARY | FIN, payload::seq(30_000)),
    ];
    peer.write(&wire.concat());
    peer.reset();
    // Not every system keeps what it has received of a connection that is reset.
    if cfg!(target_os = "linux") {
        ws.expect("one");
        ws.expect(payload::seq(30_000));
    }
    match ws.error() {
        Error::Transport(_) | Error::Lost { .. } => {}
        other => panic!("{other:?}"),
    }
}

fn a_lost_connection_sends_nothing<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    peer.end();
    lost(&mut ws);
    assert!(sender.is_closed());
    assert!(matches!(sender.try_send("late"), Err(Error::Closed)));
    ws.close(1000).expect("it is over already");
}

fn a_close_is_answered_to_a_peer_that_has_ended_its_direction<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let wire = [
        frame(bench.role, TEXT | FIN, "bye"),
        close_frame(bench.role, 1001, ""),
    ];
    peer.write(&wire.concat());
    peer.end();
    ws.expect("bye");
    ws.expect_ended(EndedBy::Peer, 1001);
    peer.expect_close(1001);
    peer.expect_end();
}

fn a_dropped_connection_says_1001<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    drop(ws);
    peer.expect_close(1001);
    peer.expect_drop();
}

fn a_dropped_connection_sends_what_was_queued<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let sender = ws.sender();
    for number in 0..20 {
        sender.feed(number.to_string());
    }
    drop(sender);
    drop(ws);
    for number in 0..20 {
        peer.expect(TEXT | FIN, number.to_string());
    }
    peer.expect_close(1001);
    peer.expect_drop();
}

fn a_dropped_connection_waits_for_nobody<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let filled = fill(&ws.sender());
    // The peer reads nothing meanwhile. What waits is offered once.
    bench.calls.during(|| drop(ws));
    let wire = peer.rest();
    let (frames, _) = frames(&wire);
    let blocks = frames.iter().take_while(|frame| frame.0 == BINARY | FIN);
    let mut count = 0;
    for (frame, number) in blocks.zip(0..) {
        assert_bytes_eq(&frame.1, block(number).as_bytes(), number);
        count = number + 1;
    }
    // Only what is whole has a Close behind it.
    assert!(count > 0 && count <= filled, "{count} of {filled}");
    match &frames[count as usize..] {
        [] => {}
        [(CLOSE, _)] => assert_eq!(count, filled),
        other => panic!("{other:?}"),
    }
}

fn a_connection_that_is_dropped_in_a_panic_says_1011<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _dropped = ws;
        // A panic that no hook reports.
        resume_unwind(Box::new("on purpose"));
    }));
    assert!(caught.is_err());
    peer.expect_close(1011);
    peer.expect_drop();
}

fn a_dropped_receiver_ends_the_connection<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (receiver, sender) = ws.split();
    sender.send("before");
    drop(receiver);
    peer.expect(TEXT | FIN, "before");
    peer.expect_close(1001);
    assert!(sender.is_closed());
    assert!(matches!(sender.try_send("late"), Err(Error::Closed)));
    peer.expect_drop();
}

fn a_dropped_sender_ends_nothing<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    sender.feed("queued");
    drop(sender);
    peer.send(PING, "there?");
    peer.send(TEXT | FIN, "received");
    receiver.expect("received");
    let peer = bench.beside(move || {
        peer.expect(TEXT | FIN, "queued");
        peer.expect(crate::wire::PONG, "there?");
        peer.hang_up(1000);
    });
    receiver.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

#[track_caller]
fn lost<R: Receives>(ws: &mut Receiving<R>) {
    match ws.error() {
        Error::Lost { pinged: None } => {}
        other => panic!("{other:?}"),
    }
    let ended = ws.ended();
    assert_eq!(
        (ended.by, ended.code(), ended.clean),
        (EndedBy::Transport, 1006, false)
    );
}
