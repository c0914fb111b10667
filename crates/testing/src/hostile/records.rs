use bowline_frame::Role;

use super::case::{Case, Outcome, Short, Step, TLS, Verdict};
use crate::head::{ANSWER, REQUEST};
use crate::wire::{FIN, PING, TEXT, close_frame, frame};

/// Below the opening handshake and the frames: what comes of TLS that is slow, broken or made to cost something.
///
/// The transport must be able to encrypt ([`Tls`](super::Tls)).
pub fn records(victim: Role) -> Vec<Case> {
    let cases = [handshakes(victim), well_meant(victim), broken(victim)].concat();
    cases.into_iter().map(|case| case.memory(TLS)).collect()
}

/// The handshake of TLS, which never gets done.
fn handshakes(victim: Role) -> Vec<Case> {
    // The first record of a hello as long as a record can be, up to its version.
    let hello = match victim {
        Role::Server => [HANDSHAKE, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3],
        Role::Client => [HANDSHAKE, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc, 3, 3],
    };
    let late = Outcome::Unencrypted(None, Verdict::TimedOut);
    let fails = |name: &'static str, bytes: &[u8], alert| {
        let outcome = Outcome::Unencrypted(alert, Verdict::Unencrypted);
        Case::new(name, [Step::Below(bytes.to_vec())], outcome).may_reset()
    };
    let plain = match victim {
        Role::Server => REQUEST,
        Role::Client => ANSWER,
    };
    vec![
        Case::new("no handshake of TLS", [], late.clone()).short(Short::Handshake),
        Case::new(
            "a handshake of TLS that stops inside a record",
            [Step::Below(hello.to_vec())],
            late.clone(),
        )
        .short(Short::Handshake),
        Case::new(
            "a handshake of TLS that comes byte by byte and doesn't end",
            [Step::Below(hello.to_vec()), Step::TrickleBelow(vec![0])],
            late,
        )
        .short(Short::Handshake)
        .may_reset(),
        Case::new(
            "the end inside the handshake of TLS",
            [Step::Below(hello.to_vec()), Step::Cut],
            Outcome::Unencrypted(None, Verdict::Incomplete),
        ),
        fails("no TLS", plain, Some(DECODE_ERROR)),
        fails(
            "a record that is too long in the handshake of TLS",
            &[HANDSHAKE, 3, 1, 0xff, 0xff],
            Some(DECODE_ERROR),
        ),
        fails(
            "an empty record in the handshake of TLS",
            &[HANDSHAKE, 3, 1, 0, 0],
            Some(DECODE_ERROR),
        ),
        fails(
            "a message of 16 MiB in the handshake of TLS",
            &[HANDSHAKE, 3, 3, 0, 4, hello[5], 0xff, 0xff, 0xff],
            // rustls says nothing of it.
            None,
        ),
        fails(
            "an alert in place of the handshake of TLS",
            &[ALERT, 3, 1, 0, 2, 2, 80],
            None,
        ),
    ]
}

/// What is unusual and nothing worse.
fn well_meant(victim: Role) -> Vec<Case> {
    let open = || Step::Open(Vec::new());
    let bytes = [
        frame(victim, TEXT | FIN, "hi"),
        close_frame(victim, 1000, ""),
    ]
    .concat();
    let write = || Step::Write(bytes.clone());
    let empty = Step::Records(PAYLOAD, Vec::new(), 10);
    let cases = [
        (
            "all of TLS byte by byte",
            vec![
                Step::OpenDripping(Vec::new()),
                Step::DripBelow(bytes.clone()),
            ],
        ),
        (
            "a record for each byte",
            vec![open(), Step::Drip(bytes.clone())],
        ),
        (
            "some empty records",
            vec![Step::ByHand, open(), empty, write()],
        ),
        ("some new keys", vec![open(), Step::KeyUpdates(30), write()]),
    ];
    cases
        .into_iter()
        .map(|(name, steps)| {
            let case = Case::new(name, steps, Outcome::Closed(1000));
            case.after([(TEXT | FIN, b"hi".to_vec())])
        })
        .collect()
}

/// On an open connection.
fn broken(victim: Role) -> Vec<Case> {
    let open = || Step::Open(Vec::new());
    let hi = || frame(victim, TEXT | FIN, "hi");
    let lost = |name: &'static str, steps: Vec<Step>| {
        // What comes behind the fault stays unread.
        Case::new(name, steps, Outcome::Lost).may_reset()
    };
    // TLS says so, not the transport.
    let refused = |name, steps| lost(name, steps).verdict(Verdict::Unencrypted);
    let by_hand = |name, kind, payload: &[u8], times| {
        let records = Step::Records(kind, payload.to_vec(), times);
        refused(name, vec![Step::ByHand, open(), records])
    };
    let below = |name, bytes: &[u8]| refused(name, vec![open(), Step::Below(bytes.to_vec())]);
    let unanswered = |name: &'static str, steps: Vec<Step>| {
        Case::new(name, steps, Outcome::TimedOut(1011))
            .after([(PING, Vec::new())])
            .short(Short::Keepalive)
            .may_reset()
    };
    vec![
        unanswered(
            "silence inside a record",
            vec![open(), Step::Part(hi(), 10)],
        ),
        unanswered(
            "a record that comes byte by byte and doesn't end",
            vec![
                open(),
                Step::Below(vec![PAYLOAD, 3, 3, 0x40, 0]),
                Step::TrickleBelow(vec![0]),
            ],
        ),
        lost(
            "the end inside a record",
            vec![open(), Step::Part(hi(), 10), Step::Cut],
        ),
        lost("the end without a word of TLS", vec![open(), Step::Cut]),
        below(
            "a record that nobody encrypted",
            &[PAYLOAD, 3, 3, 0, 2, b'h', b'i'],
        ),
        below(
            "a record with another key",
            &[&[PAYLOAD, 3, 3, 0, 64][..], &[7; 64]].concat(),
        ),
        below("a record that is too long", &[PAYLOAD, 3, 3, 0xff, 0xff]),
        below(
            "an alert that nobody encrypted",
            &[ALERT, 3, 3, 0, 2, 2, 80],
        ),
        below("bytes that are no record", &[0; 64]),
        by_hand(
            "a record with too much payload",
            PAYLOAD,
            &[0; 0x4000 + 1],
            1,
        ),
        by_hand("a flood of empty records", PAYLOAD, b"", 10_000),
        by_hand("a flood of warnings", ALERT, &[1, 90], 10_000),
        by_hand("an alert", ALERT, &[2, 80], 1),
        by_hand("an alert that is no alert", ALERT, &[2], 1),
        by_hand("another handshake", HANDSHAKE, &[1, 0, 0, 2, 3, 3], 1),
        by_hand(
            "a message of 16 MiB in another handshake",
            HANDSHAKE,
            &[&[4, 0xff, 0xff, 0xff][..], &[0; 0x3000]].concat(),
            16,
        ),
        by_hand(
            "a flood of empty records of a handshake",
            HANDSHAKE,
            b"",
            10_000,
        ),
        by_hand("another cipher", 20, &[1], 10_000),
        refused("a flood of new keys", vec![open(), Step::KeyUpdates(1000)]),
    ]
}

/// Content types (RFC 8446 §5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const PAYLOAD: u8 = 23;

/// The alert for what can't be read (RFC 8446 §6.2).
const DECODE_ERROR: u8 = 50;
