//! What is taken up to a limit, and refused beyond it.

use bowline_io::{Error, HeadLimits};
use bowline_proto::{EndedBy, ProtocolError};

use super::bench::Bench;
use super::carrier::Carrier;
use super::end::Whole;
use super::handshake::opened;
use super::peer::Peer;
use super::run::topic;
use crate::payload;
use crate::wire::{BINARY, CONT, FIN, PING, PONG, TEXT, frame, head};

topic!(limits;
    both: [
        a_message_may_be_as_long_as_the_limit,
        a_message_of_one_byte_more_is_refused,
        a_message_is_refused_before_its_payload_comes,
        fragments_count_together,
        control_frames_between_fragments_do_not_count,
        a_limit_of_0_takes_empty_messages,
        a_message_may_have_128_empty_fragments_in_a_row,
        a_message_with_129_empty_fragments_in_a_row_is_refused,
        a_message_may_have_16_384_fragments,
        a_message_of_one_fragment_more_is_refused,
        a_head_may_be_as_long_as_the_limit,
        a_head_of_one_byte_more_is_refused,
        a_line_may_be_as_long_as_the_limit,
        a_line_of_one_byte_more_is_refused,
    ];
    server: [];
    client: []
);

const LIMIT: usize = 1000;

fn limited<C: Carrier>(bench: &Bench<C>) -> (Whole<C>, Peer) {
    let settings = bench
        .settings()
        .config(|config| config.max_message(LIMIT as u64));
    bench.open_with(&settings)
}

fn a_message_may_be_as_long_as_the_limit<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = limited(bench);
    for len in [LIMIT - 1, LIMIT] {
        peer.send(BINARY | FIN, payload::seq(len));
        ws.expect(payload::seq(len));
    }
    // What we send has no such limit.
    ws.send(payload::seq(2 * LIMIT));
    peer.expect(BINARY | FIN, payload::seq(2 * LIMIT));
    bench.part(&mut ws, peer);
}

fn a_message_of_one_byte_more_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = limited(bench);
    peer.send(BINARY | FIN, payload::seq(LIMIT + 1));
    too_big(bench, ws, peer);
}

fn a_message_is_refused_before_its_payload_comes<C: Carrier>(bench: &Bench<C>) {
    for len in [LIMIT as u64 + 1, 1 << 40, (1 << 63) - 1] {
        let (ws, mut peer) = limited(bench);
        peer.write(&head(bench.role, BINARY | FIN, len));
        too_big(bench, ws, peer);
    }
}

fn fragments_count_together<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = limited(bench);
    peer.send(BINARY, payload::seq(LIMIT - 1));
    peer.send(CONT | FIN, "a");
    assert_eq!(ws.message().len(), LIMIT);
    peer.send(BINARY, payload::seq(LIMIT - 1));
    peer.send(CONT, "a");
    peer.send(CONT | FIN, "b");
    too_big(bench, ws, peer);
}

fn control_frames_between_fragments_do_not_count<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = limited(bench);
    peer.send(BINARY, payload::seq(LIMIT));
    for _ in 0..20 {
        peer.send(PING, payload::seq(125));
    }
    peer.send(CONT | FIN, "");
    ws.expect(payload::seq(LIMIT));
    let peer = bench.beside(move || {
        for _ in 0..20 {
            peer.expect(PONG, payload::seq(125));
        }
        peer.hang_up(1000);
    });
    ws.expect_ended(EndedBy::Peer, 1000);
    peer.join();
}

fn a_limit_of_0_takes_empty_messages<C: Carrier>(bench: &Bench<C>) {
    let settings = bench.settings().config(|config| config.max_message(0));
    let (mut ws, mut peer) = bench.open_with(&settings);
    peer.send(TEXT | FIN, "");
    ws.expect("");
    peer.send(TEXT | FIN, "a");
    refused(bench, ws, peer, 1009, |error| {
        matches!(error, ProtocolError::MessageTooBig { limit: 0 })
    });
}

fn a_message_may_have_128_empty_fragments_in_a_row<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    peer.write(&fragments(bench, 128, ""));
    peer.send(CONT | FIN, "end");
    ws.expect("end");
    bench.part(&mut ws, peer);
}

fn a_message_with_129_empty_fragments_in_a_row_is_refused<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    peer.write(&fragments(bench, 129, ""));
    refused(bench, ws, peer, 1009, |error| {
        matches!(error, ProtocolError::TooManyEmptyFragments)
    });
}

const FRAGMENTS: usize = 16_384;

fn a_message_may_have_16_384_fragments<C: Carrier>(bench: &Bench<C>) {
    let settings = bench
        .settings()
        .config(|config| config.max_message(FRAGMENTS as u64));
    let (mut ws, mut peer) = bench.open_with(&settings);
    let wire = fragments(bench, FRAGMENTS - 1, "a");
    let peer = bench.beside(move || {
        peer.write(&wire);
        peer.send(CONT | FIN, "a");
        peer
    });
    ws.expect("a".repeat(FRAGMENTS));
    bench.join_and_part(&mut ws, peer);
}

fn a_message_of_one_fragment_more_is_refused<C: Carrier>(bench: &Bench<C>) {
    let settings = bench
        .settings()
        .config(|config| config.max_message(2 * FRAGMENTS as u64));
    let (ws, mut peer) = bench.open_with(&settings);
    peer.write(&fragments(bench, FRAGMENTS + 1, "a"));
    refused(bench, ws, peer, 1009, |error| {
        matches!(error, ProtocolError::TooManyFragments { limit: 16_384 })
    });
}

const HEAD: usize = 2000;

fn a_head_may_be_as_long_as_the_limit<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.head_limits = Some(HeadLimits::default().max_head(HEAD).max_line(HEAD));
    let (ws, mut peer) = bench.attempt(&settings, |peer| {
        peer.open_in(HEAD);
        peer.answered();
    });
    let mut ws = opened(ws);
    peer.send(TEXT | FIN, "open");
    ws.expect("open");
    bench.part(&mut ws, peer);
}

fn a_head_of_one_byte_more_is_refused<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.head_limits = Some(HeadLimits::default().max_head(HEAD).max_line(HEAD));
    let (ws, peer) = bench.attempt(&settings, |peer| {
        peer.open_in(HEAD + 1);
        peer.head = String::from_utf8_lossy(&peer.see_out()).into_owned();
    });
    match ws.map(drop) {
        Err(Error::Request(_)) => assert!(peer.head.starts_with("HTTP/1.1 431 "), "{}", peer.head),
        Err(Error::Handshake(_)) => assert_eq!(peer.head, ""),
        other => panic!("{other:?}"),
    }
}

/// The limit of a line, which is longer than those that a head needs.
const LINE: usize = 200;

fn a_line_may_be_as_long_as_the_limit<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.head_limits = Some(HeadLimits::default().max_line(LINE));
    let (ws, peer) = bench.attempt(&settings, |peer| {
        peer.open_with(&line(LINE));
        peer.answered();
    });
    let mut ws = opened(ws);
    bench.part(&mut ws, peer);
}

fn a_line_of_one_byte_more_is_refused<C: Carrier>(bench: &Bench<C>) {
    let mut settings = bench.settings();
    settings.head_limits = Some(HeadLimits::default().max_line(LINE));
    let (ws, _) = bench.attempt(&settings, |peer| {
        peer.open_with(&line(LINE + 1));
        peer.see_out();
    });
    match ws.map(drop) {
        Err(Error::Request(_) | Error::Handshake(_)) => {}
        other => panic!("{other:?}"),
    }
}

fn line(len: usize) -> String {
    format!("X: {}\r\n", "a".repeat(len - "X: ".len()))
}

/// The first `count` frames of a text.
fn fragments<C>(bench: &Bench<C>, count: usize, payload: &str) -> Vec<u8> {
    let mut wire = frame(bench.role, TEXT, payload);
    for _ in 1..count {
        wire.extend(frame(bench.role, CONT, payload));
    }
    wire
}

/// The connection ends with 1009 for [`LIMIT`].
#[track_caller]
fn too_big<C: Carrier>(bench: &Bench<C>, ws: Whole<C>, peer: Peer) {
    refused(bench, ws, peer, 1009, |error| {
        matches!(error, ProtocolError::MessageTooBig { limit: 1000 })
    });
}

/// The connection ends with this code, for this reason.
#[track_caller]
pub(super) fn refused<C: Carrier>(
    bench: &Bench<C>,
    mut ws: Whole<C>,
    mut peer: Peer,
    code: u16,
    is_right: impl Fn(&ProtocolError) -> bool,
) {
    let peer = bench.beside(move || {
        peer.expect_close(code);
        // RFC 6455 §7.1.7: who fails a connection expects nothing more, and ends it in either role.
        peer.expect_end();
        peer.end();
    });
    match ws.error() {
        Error::Protocol(error) if is_right(&error) => {}
        other => panic!("{other:?}"),
    }
    peer.join();
    assert_eq!(ws.ended().by, EndedBy::Violation);
}
