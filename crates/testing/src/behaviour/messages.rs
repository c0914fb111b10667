//! Messages of every length, in every way to send and to receive them.

use bowline_frame::{Message, Role};
use bowline_proto::EndedBy;

use super::bench::Bench;
use super::carrier::Carrier;
use super::end::same;
use super::run::topic;
use crate::payload;
use crate::wire::{BINARY, FIN, TEXT, frame};

topic!(messages;
    both: [
        text_of_every_form_of_length_is_echoed,
        binary_of_every_form_of_length_is_echoed,
        a_message_of_1_mib_is_echoed,
        a_message_is_lent,
        messages_are_lent_and_taken_by_turns,
        many_messages_in_one_write_come_in_order,
        a_frame_may_come_byte_by_byte,
        the_peer_gets_a_message_when_send_returns,
        fed_messages_go_out_in_order_with_flush,
        queued_messages_go_out_in_order,
        a_borrowed_message_is_sent,
        senders_of_several_threads_send_whole_messages,
    ];
    server: [
        two_ends_of_the_carrier_talk,
        messages_of_16_mib_go_through_the_carrier,
    ];
    client: []
);

/// The lengths beside the borders of a header's three forms (RFC 6455 §5.2).
const LENGTHS: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537];

fn text_of_every_form_of_length_is_echoed<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    for len in LENGTHS {
        let text = text(len);
        peer.send(TEXT | FIN, &text);
        let message = ws.message();
        same(&message, &text.as_str().into());
        ws.send(message);
        peer.expect(TEXT | FIN, &text);
    }
    bench.part(&mut ws, peer);
}

fn binary_of_every_form_of_length_is_echoed<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    for len in LENGTHS {
        let bytes = payload::seq(len);
        peer.send(BINARY | FIN, &bytes);
        let message = ws.message();
        same(&message, &bytes.clone().into());
        ws.send(message);
        peer.expect(BINARY | FIN, &bytes);
    }
    bench.part(&mut ws, peer);
}

fn a_message_of_1_mib_is_echoed<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let text = text(1 << 20);
    // Neither direction has room for all of it.
    let peer = {
        let text = text.clone();
        bench.beside(move || {
            peer.send(TEXT | FIN, &text);
            peer.expect(TEXT | FIN, &text);
            peer
        })
    };
    let message = ws.message();
    same(&message, &text.into());
    ws.send(message);
    bench.join_and_part(&mut ws, peer);
}

fn a_message_is_lent<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    for len in [0, 1, 126, 40_000, 200_000] {
        let bytes = payload::seq(len);
        peer.send(BINARY | FIN, &bytes);
        match ws.recv_ref() {
            Ok(Some(message)) => same(&message, &bytes.into()),
            other => panic!("no message: {other:?}"),
        }
    }
    bench.part(&mut ws, peer);
}

fn messages_are_lent_and_taken_by_turns<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let wire: Vec<u8> = (0..100)
        .flat_map(|number| frame(bench.role, TEXT | FIN, number.to_string()))
        .collect();
    peer.write(&wire);
    for number in 0..100 {
        let text = number.to_string();
        if number % 2 == 0 {
            match ws.recv_ref() {
                Ok(Some(message)) => same(&message, &text.into()),
                other => panic!("no message: {other:?}"),
            }
        } else {
            ws.expect(text);
        }
    }
    bench.part(&mut ws, peer);
}

fn many_messages_in_one_write_come_in_order<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let wire: Vec<u8> = (0..1000)
        .flat_map(|number| frame(bench.role, TEXT | FIN, number.to_string()))
        .collect();
    peer.write(&wire);
    for number in 0..1000 {
        ws.expect(number.to_string());
    }
    bench.part(&mut ws, peer);
}

fn a_frame_may_come_byte_by_byte<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.dripping = true;
    let bytes = payload::seq(300);
    peer.write(&frame(bench.role, BINARY | FIN, &bytes));
    peer.write(&frame(bench.role, TEXT | FIN, "é"));
    ws.expect(bytes);
    ws.expect("é");
    bench.part(&mut ws, peer);
}

fn the_peer_gets_a_message_when_send_returns<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    // Nobody receives here.
    for len in [0, 5, 126, 60_000] {
        ws.send(payload::seq(len));
        peer.expect(BINARY | FIN, payload::seq(len));
    }
    bench.part(&mut ws, peer);
}

fn fed_messages_go_out_in_order_with_flush<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    for round in 0..5 {
        for number in 0..100 {
            sender.feed(format!("{round}.{number}"));
        }
        sender.flush();
        for number in 0..100 {
            peer.expect(TEXT | FIN, format!("{round}.{number}"));
        }
    }
    bench.part(&mut ws, peer);
}

fn queued_messages_go_out_in_order<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    for number in 0..100 {
        sender.queue(number.to_string()).expect("there is room");
    }
    sender.flush();
    for number in 0..100 {
        peer.expect(TEXT | FIN, number.to_string());
    }
    bench.part(&mut ws, peer);
}

fn a_borrowed_message_is_sent<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let sender = ws.sender();
    for message in [Message::from("lent"), payload::seq(10_000).into()] {
        sender.send_ref(&message);
        let (_, payload) = peer.frame();
        crate::hex::assert_bytes_eq(&payload, message.as_bytes(), "payload");
    }
    bench.part(&mut ws, peer);
}

fn senders_of_several_threads_send_whole_messages<C: Carrier>(bench: &Bench<C>) {
    const EACH: usize = 100;
    let (mut ws, mut peer) = bench.open();
    let threads: Vec<_> = (0..4_u8)
        .map(|thread| {
            let sender = ws.sender();
            bench.beside(move || {
                for number in 0..EACH {
                    sender.send(vec![thread; number]);
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    for _ in 0..4 * EACH {
        let (first, payload) = peer.frame();
        assert_eq!(first, BINARY | FIN);
        // The empty message of each thread tells nothing of it; they come first and are counted together.
        let Some(&thread) = payload.first() else {
            continue;
        };
        let next = &mut next[usize::from(thread)];
        *next += 1;
        assert_eq!(payload, vec![thread; *next]);
    }
    assert_eq!(next, [EACH - 1; 4]);
    for thread in threads {
        thread.join();
    }
    bench.part(&mut ws, peer);
}

fn two_ends_of_the_carrier_talk<C: Carrier>(bench: &Bench<C>) {
    let (mut client, mut server) = bench.pair(
        &bench.settings_of(Role::Client),
        &bench.settings_of(Role::Server),
    );
    for len in LENGTHS {
        client.send(text(len));
        let message = server.message();
        same(&message, &text(len).into());
        server.send(message);
        client.expect(text(len));
    }
    let serving = bench.beside(move || server.expect_ended(EndedBy::Peer, 1000));
    client.close(1000).expect("an orderly end");
    client.expect_ended(EndedBy::Us, 1000);
    serving.join();
}

fn messages_of_16_mib_go_through_the_carrier<C: Carrier>(bench: &Bench<C>) {
    const LEN: usize = 16 << 20;
    let (mut client, mut server) = bench.pair(
        &bench.settings_of(Role::Client),
        &bench.settings_of(Role::Server),
    );
    let bytes = payload::seq(LEN);
    let serving = bench.beside(move || {
        let message = server.message();
        assert_eq!(message.len(), LEN);
        server.send(message);
        server.expect_ended(EndedBy::Peer, 1001);
    });
    client.send(bytes.clone());
    client.expect(bytes);
    client.close(1001).expect("an orderly end");
    serving.join();
}

/// Text of so many bytes, with code points of every length where there is room.
fn text(len: usize) -> String {
    let mut text = String::with_capacity(len);
    for character in "a\u{e9}\u{20ac}\u{1d11e}".chars().cycle() {
        if text.len() + character.len_utf8() > len {
            break;
        }
        text.push(character);
    }
    while text.len() < len {
        text.push('.');
    }
    text
}
