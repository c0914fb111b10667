//! permessage-deflate (RFC 7692), agreed on or not.

use std::time::Duration;

use bowline_deflate::PerMessageDeflate;
use bowline_extension::Compress;
use bowline_frame::{Message, MessageKind, Role};
use bowline_io::Error;
use bowline_proto::{EndedBy, Prepared, ProtocolError, SendError};

use super::bench::Bench;
use super::carrier::{Carrier, Settings};
use super::end::Whole;
use super::limits::refused;
use super::peer::Peer;
use super::run::topic;
use crate::deflated::zeros;
use crate::hex::assert_bytes_eq;
use crate::inflate::Inflater;
use crate::wire::{BINARY, CONT, FIN, PING, PONG, RSV1, TEXT};

topic!(compression;
    both: [
        a_message_is_compressed_where_that_is_agreed_on,
        a_compressed_message_is_inflated,
        a_short_message_is_not_compressed,
        a_message_of_the_peer_need_not_be_compressed,
        a_compressed_message_may_come_in_fragments,
        a_compressed_message_is_read_in_chunks,
        a_fragment_is_readable_when_it_comes,
        what_must_not_be_compressed_is_sent_as_it_is,
        a_prepared_message_is_compressed_once,
        with_takeover_messages_refer_to_earlier_ones,
        what_an_idle_connection_remembers_is_given_back,
        without_takeover_no_message_may_refer_to_earlier_ones,
        a_message_may_inflate_to_the_limit,
        a_message_that_inflates_beyond_the_limit_is_refused,
        a_compressed_control_frame_is_refused,
        a_fragment_that_says_once_more_that_it_is_compressed_is_refused,
        nothing_is_agreed_on_where_one_end_does_not_compress,
    ];
    server: [
        two_ends_of_the_carrier_compress,
    ];
    client: [
        an_answer_that_was_not_offered_is_refused,
    ]
);

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// The same, as a reference to an earlier message (RFC 7692 §7.2.3.2).
const HELLO_AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

/// What a flush ends with.
const MARKER: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

const NO_TAKEOVER: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
    client_no_context_takeover\r\n";
const TAKEOVER: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// A connection on which every message stands for itself.
#[track_caller]
fn compressed<C: Carrier>(bench: &Bench<C>, mut settings: Settings) -> (Whole<C>, Peer) {
    settings.deflate = Some(PerMessageDeflate::new());
    let (ws, peer) = bench.open_beside(&settings, NO_TAKEOVER, b"");
    let said = peer.value("Sec-WebSocket-Extensions");
    assert!(said.starts_with("permessage-deflate;"), "{said}");
    (ws, peer)
}

fn a_message_is_compressed_where_that_is_agreed_on<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = compressed(bench, bench.settings());
    for len in [200, 70_000, 300_000] {
        let text = "all work and no play ".repeat(len / 21);
        ws.send(text.as_str());
        let mut frames = vec![peer.frame()];
        while frames.last().is_some_and(|frame| frame.0 & FIN == 0) {
            frames.push(peer.frame());
        }
        assert_eq!(frames[0].0 & !FIN, TEXT | RSV1);
        let payload: Vec<u8> = frames.into_iter().flat_map(|frame| frame.1).collect();
        assert!(payload.len() < text.len() / 2);
        let inflated = Inflater::new(false).message(&payload, text.len());
        assert_bytes_eq(&inflated.expect("DEFLATE"), text.as_bytes(), "inflated");
    }
    bench.part(&mut ws, peer);
}

fn a_compressed_message_is_inflated<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = compressed(bench, bench.settings());
    for _ in 0..3 {
        peer.send(TEXT | FIN | RSV1, HELLO);
        ws.expect("Hello");
        assert_eq!(ws.arrival().wire_len, 7);
        peer.send(BINARY | FIN | RSV1, zeros(100_001));
        assert_eq!(ws.message().len(), 100_105);
    }
    // So much that it takes several turns, and nothing comes behind it.
    let len = 258 * 12_000 + 1;
    peer.send(BINARY | FIN | RSV1, zeros(len));
    assert_eq!(ws.message().len(), len);
    bench.part(&mut ws, peer);
}

fn a_short_message_is_not_compressed<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = compressed(bench, bench.settings());
    for text in ["", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        ws.send(text);
        peer.expect(TEXT | FIN, text);
    }
    bench.part(&mut ws, peer);
}

fn a_message_of_the_peer_need_not_be_compressed<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = compressed(bench, bench.settings());
    peer.send(TEXT | FIN, "plain");
    peer.send(TEXT | FIN | RSV1, HELLO);
    peer.send(TEXT, "plain ");
    peer.send(CONT | FIN, "again");
    ws.expect("plain");
    ws.expect("Hello");
    ws.expect("plain again");
    bench.part(&mut ws, peer);
}

fn a_compressed_message_may_come_in_fragments<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = compressed(bench, bench.settings());
    for cut in 0..=HELLO.len() {
        let (one, two) = HELLO.split_at(cut);
        peer.send(TEXT | RSV1, one);
        peer.send(PING, "between");
        peer.send(CONT | FIN, two);
        ws.expect("Hello");
    }
    let peer = bench.beside(move || {
        for _ in 0..=HELLO.len() {
            peer.expect(PONG, "between");
        }
        peer.hang_up(1000);
    });
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn a_compressed_message_is_read_in_chunks<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings().config(|config| config.max_message(1000));
    let (mut ws, mut peer) = compressed(bench, settings);
    // More than a message may have; chunks may.
    peer.send(BINARY | FIN | RSV1, zeros(258 * 4000 + 1));
    let mut read = 0;
    loop {
        let chunk = ws.chunk();
        assert_eq!((chunk.kind, chunk.first), (MessageKind::Binary, read == 0));
        assert!(chunk.payload.iter().all(|&byte| byte == 0));
        read += chunk.payload.len();
        if chunk.last {
            break;
        }
    }
    assert_eq!(read, 258 * 4000 + 1);
    bench.part(&mut ws, peer);
}

fn a_fragment_is_readable_when_it_comes<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = compressed(bench, bench.settings());
    let sender = ws.sender();
    let mut all = Vec::new();
    for word in ["all ", "work ", "and ", "no ", "play"] {
        sender.fragment(MessageKind::Text, word, false);
        let (first, payload) = peer.frame();
        let begins = if all.is_empty() { TEXT | RSV1 } else { CONT };
        assert_eq!(first, begins);
        all.extend(payload);
    }
    // A flush ends with the four bytes that a message leaves out.
    let so_far = all.strip_suffix(&MARKER).expect("flushed");
    let read = Inflater::new(false).message(so_far, 100).expect("DEFLATE");
    assert_bytes_eq(&read, b"all work and no play", "before the end");
    sender.fragment(MessageKind::Text, "", true);
    let (first, payload) = peer.frame();
    assert_eq!(first, CONT | FIN);
    all.extend(payload);
    let read = Inflater::new(false).message(&all, 100).expect("DEFLATE");
    assert_bytes_eq(&read, b"all work and no play", "at the end");
    bench.part(&mut ws, peer);
}

fn what_must_not_be_compressed_is_sent_as_it_is<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.deflate = Some(PerMessageDeflate::new().context_takeover(true));
    let (mut ws, mut peer) = bench.open_beside(&settings, TAKEOVER, b"");
    let (open, secret) = (ws.sender(), ws.sender().with_compress(Compress::Never));
    let text: String = (0..100).map(|number| format!("{number}, ")).collect();
    secret.send(text.as_str());
    peer.expect(TEXT | FIN, &text);
    secret.feed(text.as_str());
    secret.flush();
    peer.expect(TEXT | FIN, &text);
    secret.queue(text.as_str()).expect("there is room");
    secret.flush();
    peer.expect(TEXT | FIN, &text);
    secret.send_prepared(&mut Prepared::from(Message::from(text.as_str())));
    peer.expect(TEXT | FIN, &text);
    secret.fragment(MessageKind::Text, &text, false);
    peer.expect(TEXT, &text);
    secret.fragment(MessageKind::Text, &text, true);
    peer.expect(CONT | FIN, &text);
    // It left no trace: what is compressed now can be read by itself.
    open.fragment(MessageKind::Text, &text, false);
    let (first, payload) = peer.frame();
    assert_eq!(first, TEXT | RSV1);
    let payload = payload.strip_suffix(&MARKER).expect("flushed");
    let read = Inflater::new(false).message(payload, text.len());
    assert_bytes_eq(&read.expect("DEFLATE"), text.as_bytes(), "compressed");
    // What is compressed is no place for it.
    match secret.try_fragment(MessageKind::Text, &text, true) {
        Err(Error::Send(error)) if matches!(*error, SendError::InsideMessage) => {}
        other => panic!("{other:?}"),
    }
    open.fragment(MessageKind::Text, "", true);
    assert_eq!(peer.frame().0, CONT | FIN);
    bench.part(&mut ws, peer);
}

fn a_prepared_message_is_compressed_once<C: Carrier>(bench: &Bench<C>) {
    let text = "all work and no play ".repeat(100);
    let mut prepared = Prepared::from(Message::from(text.as_str()));
    let mut ends: Vec<_> = (0..3)
        .map(|_| compressed(bench, bench.settings()))
        .collect();
    let payloads: Vec<_> = ends
        .iter_mut()
        .map(|(ws, peer)| {
            ws.sender().send_prepared(&mut prepared);
            let (first, payload) = peer.frame();
            assert_eq!(first, TEXT | FIN | RSV1);
            payload
        })
        .collect();
    let read = Inflater::new(false).message(&payloads[0], text.len());
    assert_bytes_eq(&read.expect("DEFLATE"), text.as_bytes(), "inflated");
    assert!(payloads.iter().all(|payload| *payload == payloads[0]));
    for (mut ws, peer) in ends {
        bench.part(&mut ws, peer);
    }
}

fn what_an_idle_connection_remembers_is_given_back<C: Carrier>(bench: &Bench<C>) {
    let idle = Some(Duration::from_millis(1));
    let deflate = PerMessageDeflate::new()
        .context_takeover(true)
        .release_after(idle);
    let mut settings = bench.settings();
    settings.deflate = Some(deflate);
    let (mut ws, mut peer) = bench.open_beside(&settings, TAKEOVER, b"");
    let text: String = (0..100).map(|number| format!("{number}, ")).collect();
    let mut inflater = Inflater::new(true);
    let mut send = |ws: &Whole<C>, peer: &mut Peer| {
        ws.send(text.as_str());
        let payload = peer.frame().1;
        let read = inflater.message(&payload, text.len()).expect("DEFLATE");
        assert_bytes_eq(&read, text.as_bytes(), "inflated");
        payload.len()
    };
    let first = send(&ws, &mut peer);
    assert!(send(&ws, &mut peer) < first / 4);
    // How long a pause gets is for the machine to say; one of them is long enough.
    for round in 0.. {
        assert!(round < 1000, "it is remembered for ever");
        let pausing = bench.beside(move || {
            std::thread::sleep(Duration::from_millis(20));
            peer.send(TEXT | FIN, "later");
            peer
        });
        ws.expect("later");
        peer = pausing.join();
        if send(&ws, &mut peer) > first / 2 {
            break;
        }
    }
    bench.part(&mut ws, peer);
}

fn with_takeover_messages_refer_to_earlier_ones<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.deflate = Some(PerMessageDeflate::new().context_takeover(true));
    let (mut ws, mut peer) = bench.open_beside(&settings, TAKEOVER, b"");
    peer.send(TEXT | FIN | RSV1, HELLO);
    peer.send(TEXT | FIN | RSV1, HELLO_AGAIN);
    ws.expect("Hello");
    ws.expect("Hello");
    let text: String = (0..100).map(|number| format!("{number}, ")).collect();
    let mut inflater = Inflater::new(true);
    let lengths = [(); 3].map(|()| {
        ws.send(text.as_str());
        let (first, payload) = peer.frame();
        assert_eq!(first, TEXT | FIN | RSV1);
        let inflated = inflater.message(&payload, text.len()).expect("DEFLATE");
        assert_bytes_eq(&inflated, text.as_bytes(), "inflated");
        payload.len()
    });
    assert!(lengths[1] < lengths[0] / 4, "{lengths:?}");
    assert!(lengths[2] < lengths[0] / 4, "{lengths:?}");
    bench.part(&mut ws, peer);
}

fn without_takeover_no_message_may_refer_to_earlier_ones<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = compressed(bench, bench.settings());
    peer.send(TEXT | FIN | RSV1, HELLO);
    ws.expect("Hello");
    peer.send(TEXT | FIN | RSV1, HELLO_AGAIN);
    refused(bench, ws, peer, 1007, |error| {
        matches!(error, ProtocolError::Extension(_))
    });
}

/// What [`zeros`] gives of itself.
const LIMIT: usize = 4 * 258 + 1;

fn a_message_may_inflate_to_the_limit<C: Carrier>(bench: &Bench<C>) {
    let settings = bench
        .settings()
        .config(|config| config.max_message(LIMIT as u64));
    let (mut ws, mut peer) = compressed(bench, settings);
    peer.send(BINARY | FIN | RSV1, zeros(LIMIT));
    ws.expect(vec![0; LIMIT]);
    bench.part(&mut ws, peer);
}

fn a_message_that_inflates_beyond_the_limit_is_refused<C: Carrier>(bench: &Bench<C>) {
    for (limit, len) in [(LIMIT - 1, LIMIT), (LIMIT, 10 << 20)] {
        let settings = bench
            .settings()
            .config(|config| config.max_message(limit as u64));
        let (ws, mut peer) = compressed(bench, settings);
        peer.send(BINARY | FIN | RSV1, zeros(len));
        refused(
            bench,
            ws,
            peer,
            1009,
            |error| matches!(error, ProtocolError::MessageTooBig { limit: at } if *at == limit as u64),
        );
    }
}

fn a_compressed_control_frame_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = compressed(bench, bench.settings());
    peer.send(PING | RSV1, HELLO);
    refused(bench, ws, peer, 1002, |error| {
        matches!(error, ProtocolError::Frame(_))
    });
}

fn a_fragment_that_says_once_more_that_it_is_compressed_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = compressed(bench, bench.settings());
    peer.send(TEXT | RSV1, &HELLO[..3]);
    peer.send(CONT | FIN | RSV1, &HELLO[3..]);
    refused(bench, ws, peer, 1002, |error| {
        matches!(error, ProtocolError::Frame(_))
    });
}

fn nothing_is_agreed_on_where_one_end_does_not_compress<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    let lines = match bench.role {
        // The client offers it and the server doesn't have it; the other way round it is the peer who doesn't.
        Role::Server => NO_TAKEOVER,
        Role::Client => {
            settings.deflate = Some(PerMessageDeflate::new());
            ""
        }
    };
    let (mut ws, mut peer) = bench.open_beside(&settings, lines, b"");
    if bench.role == Role::Server {
        assert_eq!(peer.value("Sec-WebSocket-Extensions"), "");
    }
    ws.send("a".repeat(1000));
    peer.expect(TEXT | FIN, "a".repeat(1000));
    peer.send(TEXT | FIN, "b");
    ws.expect("b");
    peer.send(TEXT | FIN | RSV1, HELLO);
    refused(bench, ws, peer, 1002, |error| {
        matches!(error, ProtocolError::Frame(_))
    });
}

fn two_ends_of_the_carrier_compress<C: Carrier>(bench: &Bench<C>) {
    for takeover in [false, true] {
        let deflate = || Some(PerMessageDeflate::new().context_takeover(takeover));
        let (mut client, mut server) = (
            bench.settings_of(Role::Client),
            bench.settings_of(Role::Server),
        );
        (client.deflate, server.deflate) = (deflate(), deflate());
        let (mut client, mut server) = bench.pair(&client, &server);
        for number in 0..50 {
            let text = format!(
                "{{\"number\": {number}, \"text\": \"{}\"}}",
                "abc ".repeat(100)
            );
            client.send(text.as_str());
            let message = server.message();
            assert_eq!(message.as_text(), Some(text.as_str()));
            assert!(server.arrival().wire_len < text.len() as u64 / 2);
            server.send(message);
            client.expect(text);
        }
        let serving = bench.beside(move || server.expect_ended(EndedBy::Peer, 1000));
        client.close(1000).expect("an orderly end");
        serving.join();
    }
}

fn an_answer_that_was_not_offered_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.attempt(&bench.settings(), |peer| peer.let_in(TAKEOVER, b""));
    match ws.map(drop) {
        Err(Error::Handshake(_)) => {}
        other => panic!("{other:?}"),
    }
    peer.expect_end();
}
