//! The closing handshake, begun by either end or by both.

use bowline_frame::{CloseCode, CloseFrame, Role};
use bowline_io::Error;
use bowline_proto::{EndedBy, QueueError, SendError, Timeout};

use super::bench::Bench;
use super::carrier::{Carrier, SOON};
use super::run::topic;
use crate::payload;
use crate::wire::{BINARY, CLOSE, FIN, PING, TEXT, close_frame, frame};

topic!(closing;
    both: [
        our_close_is_sent_and_awaits_an_answer,
        our_reason_is_sent,
        the_peers_close_is_answered_in_kind,
        the_peers_reason_is_kept,
        a_reason_may_be_123_bytes_long,
        each_code_of_the_peer_is_answered_in_kind,
        a_close_without_a_body_is_answered_without_one,
        both_ends_may_close_at_once,
        what_was_fed_goes_out_before_the_close,
        what_came_before_the_peers_close_is_received,
        messages_behind_our_close_are_received_until_the_peers,
        closing_passes_over_messages_that_still_come,
        the_first_close_stands,
        closing_what_is_over_is_no_error,
        nothing_is_sent_after_our_close,
        nothing_is_sent_after_the_peers_close,
        nothing_is_read_behind_the_peers_close,
        a_peer_that_never_answers_our_close_is_left,
        a_peer_that_keeps_the_transport_open_is_left,
        a_peer_that_is_idle_is_closed_with_1008,
        a_sender_closes_while_another_thread_receives,
    ];
    server: [
        a_handler_that_returns_closes_with_1000,
        a_handler_that_fails_closes_with_1011,
    ];
    client: []
);

fn our_close_is_sent_and_awaits_an_answer<C: Carrier>(bench: &Bench<C>) {
    for code in [1000, 1001, 3000, 4999] {
        let (mut ws, mut peer) = bench.open();
        let peer = bench.beside(move || peer.closed(code));
        ws.close(code).expect("an orderly end");
        assert_eq!(peer.join(), "");
        ws.expect_ended(EndedBy::Us, code);
    }
}

fn our_reason_is_sent<C: Carrier>(bench: &Bench<C>) {
    let reason = "é".repeat(61);
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || peer.closed(1000));
    let close = CloseFrame::new(CloseCode::NORMAL, reason.as_str()).expect("at most 123 bytes");
    ws.close_with(close).expect("an orderly end");
    assert_eq!(peer.join(), reason);
}

fn the_peers_close_is_answered_in_kind<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    assert!(ws.is_open());
    let peer = bench.beside(move || peer.hang_up(1000));
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn the_peers_reason_is_kept<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.write(&close_frame(bench.role, 4000, "that is why"));
    let peer = bench.beside(move || {
        assert_eq!(peer.expect_close(4000), "");
        peer.part();
    });
    let ended = ws.expect_end();
    assert_eq!((ended.code(), ended.reason()), (4000, "that is why"));
    peer.join();
}

fn a_reason_may_be_123_bytes_long<C: Carrier>(bench: &Bench<C>) {
    let reason = format!("{}!", "é".repeat(61));
    let (mut ws, mut peer) = bench.open();
    peer.write(&close_frame(bench.role, 1000, &reason));
    let peer = bench.beside(move || {
        peer.expect_close(1000);
        peer.part();
    });
    assert_eq!(ws.expect_end().reason(), reason);
    peer.join();
}

fn each_code_of_the_peer_is_answered_in_kind<C: Carrier>(bench: &Bench<C>) {
    for code in [
        1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 4999,
    ] {
        let (mut ws, mut peer) = bench.open();
        let peer = bench.beside(move || peer.hang_up(code));
        ws.expect_ended(EndedBy::Peer, code);
        peer.join();
    }
}

fn a_close_without_a_body_is_answered_without_one<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.send(CLOSE, "");
    let peer = bench.beside(move || {
        peer.expect(CLOSE, "");
        peer.part();
    });
    ws.expect_ended(EndedBy::Peer, 1005);
    peer.join();
}

fn both_ends_may_close_at_once<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    // Ours is on the wire before the peer's is read, and the other way round.
    ws.sender().close(4001);
    peer.close(4002);
    let peer = bench.beside(move || {
        peer.expect_close(4001);
        peer.part();
    });
    let ended = ws.expect_end();
    assert_eq!((ended.code(), ended.clean), (4002, true));
    peer.join();
}

fn what_was_fed_goes_out_before_the_close<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    for number in 0..10 {
        sender.feed(number.to_string());
    }
    let peer = bench.beside(move || {
        for number in 0..10 {
            peer.expect(TEXT | FIN, number.to_string());
        }
        peer.closed(1000);
    });
    ws.close(1000).expect("an orderly end");
    peer.join();
}

fn what_came_before_the_peers_close_is_received<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let wire = [
        frame(bench.role, TEXT | FIN, "one"),
        frame(bench.role, BINARY | FIN, payload::seq(50_000)),
        frame(bench.role, PING, "two"),
        close_frame(bench.role, 1000, ""),
    ];
    peer.write(&wire.concat());
    let peer = bench.beside(move || {
        peer.expect(crate::wire::PONG, "two");
        peer.expect_close(1000);
        peer.part();
    });
    ws.expect("one");
    ws.expect(payload::seq(50_000));
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn messages_behind_our_close_are_received_until_the_peers<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    ws.sender().close(1000);
    let peer = bench.beside(move || {
        peer.expect_close(1000);
        peer.send(TEXT | FIN, "late");
        peer.send(BINARY | FIN, payload::seq(100_000));
        peer.close(1000);
        peer.part();
    });
    ws.expect("late");
    ws.expect(payload::seq(100_000));
    ws.expect_ended(EndedBy::Us, 1000);
    peer.join();
}

fn closing_passes_over_messages_that_still_come<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.send(TEXT | FIN, "nobody asked");
    let peer = bench.beside(move || {
        peer.expect_close(1000);
        peer.send(BINARY | FIN, payload::seq(100_000));
        peer.close(1000);
        peer.part();
    });
    ws.close(1000).expect("an orderly end");
    ws.expect_ended(EndedBy::Us, 1000);
    peer.join();
}

fn the_first_close_stands<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    ws.sender().close(4001);
    ws.sender().close(4002);
    let peer = bench.beside(move || peer.closed(4001));
    ws.close(4003).expect("an orderly end");
    peer.join();
    ws.expect_ended(EndedBy::Us, 4001);
}

fn closing_what_is_over_is_no_error<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || peer.hang_up(1001));
    ws.expect_ended(EndedBy::Peer, 1001);
    peer.join();
    ws.close(1000).expect("no error");
    assert_eq!(ws.ended().code(), 1001);
}

fn nothing_is_sent_after_our_close<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    assert!(!sender.is_closed());
    sender.close(1000);
    assert!(sender.is_closed());
    assert!(matches!(sender.try_send("late"), Err(Error::Closed)));
    assert!(matches!(sender.try_ping("late"), Err(Error::Closed)));
    match sender.queue("late") {
        Err(QueueError::Send(SendError::Closed)) => {}
        other => panic!("{other:?}"),
    }
    let peer = bench.beside(move || peer.closed(1000));
    ws.expect_ended(EndedBy::Us, 1000);
    peer.join();
}

fn nothing_is_sent_after_the_peers_close<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    let peer = bench.beside(move || peer.hang_up(1000));
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
    assert!(sender.is_closed());
    assert!(matches!(sender.try_send("late"), Err(Error::Closed)));
    assert!(matches!(sender.try_close(1000), Err(Error::Closed)));
}

// RFC 6455 §5.5.1: nothing follows a Close frame.
fn nothing_is_read_behind_the_peers_close<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let wire = [
        close_frame(bench.role, 1000, ""),
        frame(bench.role, TEXT | FIN, "behind"),
        b"no frame at all".to_vec(),
    ];
    peer.write(&wire.concat());
    let peer = bench.beside(move || {
        peer.expect_close(1000);
        peer.part();
    });
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn a_peer_that_never_answers_our_close_is_left<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings().config(|config| config.close(SOON));
    let (mut ws, mut peer) = bench.open_with(&settings);
    let peer = bench.beside(move || {
        peer.expect_close(1000);
        peer.expect_end();
    });
    match ws.close(1000) {
        Err(Error::Timeout(Timeout::Close { after })) => assert_eq!(after, SOON),
        other => panic!("{other:?}"),
    }
    peer.join();
    let ended = ws.expect_end();
    assert_eq!((ended.code(), ended.clean), (1006, false));
}

fn a_peer_that_keeps_the_transport_open_is_left<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings().config(|config| config.close(SOON));
    let (mut ws, mut peer) = bench.open_with(&settings);
    let peer = bench.beside(move || {
        peer.close(1000);
        peer.expect_close(1000);
        peer.expect_end();
        peer
    });
    // Both Close frames went: an orderly end, if not a polite one.
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn a_peer_that_is_idle_is_closed_with_1008<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings().config(|config| config.idle(Some(SOON)));
    let (mut ws, mut peer) = bench.open_with(&settings);
    let peer = bench.beside(move || peer.closed(1008));
    match ws.error() {
        Error::Timeout(Timeout::Idle { after }) => assert_eq!(after, SOON),
        other => panic!("{other:?}"),
    }
    peer.join();
    let ended = ws.ended();
    assert_eq!((ended.by, ended.clean), (EndedBy::Deadline, true));
}

fn a_sender_closes_while_another_thread_receives<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let (mut receiver, sender) = ws.split();
    let receiving = bench.beside(move || receiver.expect_ended(EndedBy::Us, 1000));
    sender.close(1000);
    peer.closed(1000);
    receiving.join();
}

fn a_handler_that_returns_closes_with_1000<C: Carrier>(bench: &Bench<C>) {
    serve(bench, Ok(()), 1000).expect("what the handler gives");
}

fn a_handler_that_fails_closes_with_1011<C: Carrier>(bench: &Bench<C>) {
    match serve(bench, Err(Error::Incomplete), 1011) {
        Err(Error::Incomplete) => {}
        other => panic!("{other:?}"),
    }
}

/// Serves two messages, and sees the Close with this code answered.
fn serve<C: Carrier>(bench: &Bench<C>, outcome: Result<(), Error>, code: u16) -> Result<(), Error> {
    assert_eq!(bench.role, Role::Server);
    let (stream, peer) = bench.dialled(move |peer| {
        peer.ask("", b"");
        peer.opened();
        for text in ["one", "two"] {
            peer.send(TEXT | FIN, text);
            peer.expect(TEXT | FIN, text);
        }
        peer.closed(code);
    });
    let settings = bench.settings();
    let served = bench
        .calls
        .during(|| C::serve(&settings, stream, 2, outcome));
    peer.join();
    served
}
