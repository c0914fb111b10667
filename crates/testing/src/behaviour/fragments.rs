//! Messages in several frames, read whole and in chunks.

use bowline_frame::MessageKind;
use bowline_io::Error;
use bowline_proto::{EndedBy, SendError};

use super::bench::Bench;
use super::carrier::Carrier;
use super::run::topic;
use crate::hex::assert_bytes_eq;
use crate::payload;
use crate::wire::{BINARY, CONT, FIN, PING, PONG, TEXT, frame};

topic!(fragments;
    both: [
        fragments_make_one_message,
        fragments_may_be_empty,
        a_code_point_may_be_cut_between_fragments,
        a_ping_between_fragments_is_answered_before_the_message,
        fragments_may_come_byte_by_byte,
        fragments_are_sent_as_they_are_made,
        a_ping_may_be_sent_between_fragments,
        no_other_message_is_sent_between_fragments,
        a_message_is_read_in_chunks,
        chunks_may_be_more_than_a_message_may,
        a_message_that_comes_whole_is_one_or_more_chunks,
    ];
    server: [];
    client: []
);

fn fragments_make_one_message<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    for cuts in [2, 3, 10, 300] {
        let bytes = payload::seq(cuts * 200);
        for (index, fragment) in bytes.chunks(200).enumerate() {
            let first = if index == 0 { BINARY } else { CONT };
            let fin = if index + 1 == cuts { FIN } else { 0 };
            peer.send(first | fin, fragment);
        }
        ws.expect(bytes);
        let arrival = ws.arrival();
        assert_eq!(
            (arrival.fragments, arrival.wire_len),
            (cuts as u64, cuts as u64 * 200)
        );
    }
    bench.part(&mut ws, peer);
}

fn fragments_may_be_empty<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    for fragments in [
        ["", "", ""],
        ["a", "", ""],
        ["", "b", ""],
        ["", "", "c"],
        ["a", "", "c"],
    ] {
        peer.send(TEXT, fragments[0]);
        peer.send(CONT, fragments[1]);
        peer.send(CONT | FIN, fragments[2]);
        ws.expect(fragments.concat());
    }
    bench.part(&mut ws, peer);
}

fn a_code_point_may_be_cut_between_fragments<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let text = "κόσμε \u{1d11e}";
    for at in 0..=text.len() {
        let (before, behind) = text.as_bytes().split_at(at);
        peer.send(TEXT, before);
        peer.send(CONT | FIN, behind);
        ws.expect(text);
    }
    bench.part(&mut ws, peer);
}

fn a_ping_between_fragments_is_answered_before_the_message<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let peer = bench.beside(move || {
        peer.send(TEXT, "one ");
        peer.send(PING, "now");
        // The message can't be complete before this.
        peer.expect(PONG, "now");
        peer.send(CONT | FIN, "two");
        peer
    });
    ws.expect("one two");
    bench.join_and_part(&mut ws, peer);
}

fn fragments_may_come_byte_by_byte<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.dripping = true;
    let wire = [
        frame(bench.role, TEXT, "Stra"),
        frame(bench.role, PING, ""),
        frame(bench.role, CONT, [0xc3]),
        frame(bench.role, CONT | FIN, b"\x9fe"),
    ];
    // What reading obliges us to write may wait until the receiver does.
    let peer = bench.beside(move || {
        peer.write(&wire.concat());
        peer.expect(PONG, "");
        peer.hang_up(1000);
    });
    ws.expect("Straße");
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn fragments_are_sent_as_they_are_made<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    sender.fragment(MessageKind::Text, "Stra", false);
    peer.expect(TEXT, "Stra");
    sender.fragment(MessageKind::Text, "ße", false);
    peer.expect(CONT, "ße");
    sender.fragment(MessageKind::Text, "", true);
    peer.expect(CONT | FIN, "");
    sender.fragment(MessageKind::Binary, payload::seq(70_000), true);
    peer.expect(BINARY | FIN, payload::seq(70_000));
    bench.part(&mut ws, peer);
}

fn a_ping_may_be_sent_between_fragments<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    sender.fragment(MessageKind::Binary, [1], false);
    sender.ping("between");
    sender.fragment(MessageKind::Binary, [2], true);
    peer.expect(BINARY, [1]);
    peer.expect(PING, "between");
    peer.expect(CONT | FIN, [2]);
    bench.part(&mut ws, peer);
}

fn no_other_message_is_sent_between_fragments<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    sender.fragment(MessageKind::Text, "a", false);
    let refused = [
        sender.try_send("b"),
        sender.try_fragment(MessageKind::Binary, "c", true),
    ];
    for refused in refused {
        match refused {
            Err(Error::Send(error)) if matches!(*error, SendError::InsideMessage) => {}
            other => panic!("{other:?}"),
        }
    }
    sender.fragment(MessageKind::Text, "d", true);
    sender.send("e");
    peer.expect(TEXT, "a");
    peer.expect(CONT | FIN, "d");
    peer.expect(TEXT | FIN, "e");
    bench.part(&mut ws, peer);
}

fn a_message_is_read_in_chunks<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let bytes = payload::seq(500_000);
    let peer = {
        let bytes = bytes.clone();
        bench.beside(move || {
            let (one, two) = bytes.split_at(200_000);
            peer.send(BINARY, one);
            peer.send(PING, "half");
            peer.send(CONT | FIN, two);
            peer.expect(PONG, "half");
            peer.send(TEXT | FIN, "whole");
            peer
        })
    };
    let mut read = Vec::new();
    loop {
        let chunk = ws.chunk();
        assert_eq!(chunk.kind, MessageKind::Binary);
        assert_eq!(chunk.first, read.is_empty());
        read.extend_from_slice(&chunk.payload);
        if chunk.last {
            break;
        }
    }
    assert_bytes_eq(&read, &bytes, "chunks");
    ws.expect("whole");
    bench.join_and_part(&mut ws, peer);
}

fn chunks_may_be_more_than_a_message_may<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings().config(|config| config.max_message(1000));
    let (mut ws, mut peer) = bench.open_with(&settings);
    let peer = bench.beside(move || {
        peer.send(BINARY, payload::seq(50_000));
        peer.send(CONT | FIN, payload::seq(50_000));
        peer
    });
    let mut read = 0;
    loop {
        let chunk = ws.chunk();
        read += chunk.payload.len();
        if chunk.last {
            break;
        }
    }
    assert_eq!(read, 100_000);
    bench.join_and_part(&mut ws, peer);
}

fn a_message_that_comes_whole_is_one_or_more_chunks<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    for text in ["", "short", "x"] {
        peer.send(TEXT | FIN, text);
        let mut read = Vec::new();
        let mut first = true;
        loop {
            let chunk = ws.chunk();
            assert_eq!((chunk.kind, chunk.first), (MessageKind::Text, first));
            first = false;
            read.extend_from_slice(&chunk.payload);
            if chunk.last {
                break;
            }
        }
        assert_bytes_eq(&read, text.as_bytes(), "chunks");
    }
    bench.part(&mut ws, peer);
}
