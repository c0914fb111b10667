//! A peer that breaks the rules is told so, and the program hears of it.

use bowline_frame::Role;
use bowline_proto::ProtocolError;

use super::bench::Bench;
use super::carrier::Carrier;
use super::limits::refused;
use super::run::topic;
use crate::wire::{
    BINARY, CLOSE, CONT, FIN, PING, RSV1, RSV2, RSV3, TEXT, close_frame, frame, frame_from,
};

topic!(violations;
    both: [
        reserved_bits_are_answered_with_1002,
        reserved_opcodes_are_answered_with_1002,
        a_fragmented_control_frame_is_answered_with_1002,
        a_control_frame_of_126_bytes_is_answered_with_1002,
        fragments_out_of_order_are_answered_with_1002,
        a_wrong_mask_is_answered_with_1002,
        a_length_in_a_longer_form_is_answered_with_1002,
        a_close_of_one_byte_is_answered_with_1002,
        a_code_that_must_not_be_sent_is_answered_with_1002,
        a_reason_that_is_not_utf_8_is_answered_with_1007,
        text_that_is_not_utf_8_is_answered_with_1007,
        what_came_before_a_violation_is_received,
        nothing_behind_a_violation_is_received,
    ];
    server: [];
    client: []
);

fn reserved_bits_are_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    for bits in [RSV1, RSV2, RSV3, RSV1 | RSV2 | RSV3] {
        breaks(bench, &frame(bench.role, TEXT | FIN | bits, "a"), 1002);
    }
}

fn reserved_opcodes_are_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    for opcode in (3..8).chain(0xB..=0xF) {
        breaks(bench, &frame(bench.role, opcode | FIN, ""), 1002);
    }
}

fn a_fragmented_control_frame_is_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    for first in [PING, CLOSE, crate::wire::PONG] {
        breaks(bench, &frame(bench.role, first & !FIN, ""), 1002);
    }
}

fn a_control_frame_of_126_bytes_is_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    breaks(bench, &frame(bench.role, PING, [b'a'; 126]), 1002);
}

fn fragments_out_of_order_are_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    breaks(bench, &frame(bench.role, CONT, "no message"), 1002);
    breaks(bench, &frame(bench.role, CONT | FIN, "no message"), 1002);
    for second in [TEXT | FIN, BINARY] {
        let wire = [
            frame(bench.role, TEXT, "begun"),
            frame(bench.role, second, "another"),
        ];
        breaks(bench, &wire.concat(), 1002);
    }
}

fn a_wrong_mask_is_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    // As the tested end would write it, and not its peer.
    breaks(bench, &frame_from(bench.role, TEXT | FIN, "a"), 1002);
}

fn a_length_in_a_longer_form_is_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    let mask = match bench.role {
        Role::Server => 0x80,
        Role::Client => 0,
    };
    breaks(bench, &[BINARY | FIN, mask | 126, 0, 125], 1002);
    let wire = [BINARY | FIN, mask | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    breaks(bench, &wire, 1002);
    let wire = [BINARY | FIN, mask | 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
    breaks(bench, &wire, 1002);
}

fn a_close_of_one_byte_is_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    breaks(bench, &frame(bench.role, CLOSE, [3]), 1002);
}

fn a_code_that_must_not_be_sent_is_answered_with_1002<C: Carrier>(bench: &Bench<C>) {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        breaks(bench, &close_frame(bench.role, code, ""), 1002);
    }
}

fn a_reason_that_is_not_utf_8_is_answered_with_1007<C: Carrier>(bench: &Bench<C>) {
    breaks(bench, &frame(bench.role, CLOSE, b"\x03\xe8\xff"), 1007);
}

fn text_that_is_not_utf_8_is_answered_with_1007<C: Carrier>(bench: &Bench<C>) {
    // A stray byte, an overlong form, a surrogate, and a code point that is cut.
    for text in [&b"a\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9d\x84"] {
        breaks(bench, &frame(bench.role, TEXT | FIN, text), 1007);
    }
    // It fails as soon as it can't become right, long before the message ends.
    breaks(bench, &frame(bench.role, TEXT, b"\xff"), 1007);
}

fn what_came_before_a_violation_is_received<C: Carrier>(bench: &Bench<C>) {
    let (mut ws, mut peer) = bench.open();
    let wire = [
        frame(bench.role, TEXT | FIN, "one"),
        frame(bench.role, BINARY | FIN, "two"),
        frame(bench.role, 3, "three"),
    ];
    peer.write(&wire.concat());
    ws.expect("one");
    ws.expect(&b"two"[..]);
    refused(bench, ws, peer, 1002, |error| {
        matches!(error, ProtocolError::Frame(_))
    });
}

fn nothing_behind_a_violation_is_received<C: Carrier>(bench: &Bench<C>) {
    let (ws, mut peer) = bench.open();
    let wire = [
        frame(bench.role, CONT, "one"),
        frame(bench.role, TEXT | FIN, "two"),
        frame(bench.role, PING, "three"),
        close_frame(bench.role, 1000, ""),
    ];
    peer.write(&wire.concat());
    refused(bench, ws, peer, 1002, |error| {
        matches!(error, ProtocolError::Frame(_))
    });
}

/// These bytes fail a connection with this code.
#[track_caller]
fn breaks<C: Carrier>(bench: &Bench<C>, wire: &[u8], code: u16) {
    let (ws, mut peer) = bench.open();
    peer.write(wire);
    refused(bench, ws, peer, code, |error| {
        matches!(error, ProtocolError::Frame(_)) && error.close_code().get() == code
    });
}
