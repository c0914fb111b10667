//! The suite that carriers share finds a carrier out that does wrong.
//!
//! A carrier that does right, tokio's, is made to do wrong: what it sends and gets goes through somebody who changes
//! it, or it is set up otherwise than it was told, or what it gives up is thrown away.

#[path = "behaviour/faulty.rs"]
mod faulty;
#[path = "behaviour/lossy.rs"]
mod lossy;

use std::fmt::Write as _;
use std::io;
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::Duration;

use bowline_testing::behaviour::{self, Async, Carrier, Settings};
use bowline_testing::wire::{CLOSE, FIN, Frame, PONG, TEXT};
use bowline_tokio::{Stream, Tokio};
use faulty::{Fault, Faulty};
use lossy::Lossy;
use tokio::runtime::{Builder, Runtime};

struct OnTokio;

impl behaviour::Runtime for OnTokio {
    type Io = Tokio;

    fn block_on<F: Future>(future: F) -> F::Output {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        let start = || Builder::new_multi_thread().enable_all().build().unwrap();
        RUNTIME.get_or_init(start).block_on(future)
    }

    fn stream(stream: TcpStream) -> io::Result<Stream> {
        stream.set_nonblocking(true)?;
        Ok(tokio::net::TcpStream::from_std(stream)?.into())
    }
}

/// Each of these cases must fail, in both roles if it has both.
#[track_caller]
fn finds<C: Carrier>(names: &[&str]) {
    let mut failed: Vec<_> = behaviour::failures::<C>(names, PATIENCE)
        .into_iter()
        .map(|failure| failure.case)
        .collect();
    let mut expected = behaviour::names::<C>();
    expected.retain(|case| names.iter().any(|name| case.starts_with(name)));
    expected.sort();
    failed.sort();
    assert_eq!(failed, expected);
}

const PATIENCE: Duration = Duration::from_secs(2);

struct NoPongs;

impl Fault for NoPongs {
    fn outbound(frame: Frame) -> Vec<Frame> {
        if frame.0 == PONG {
            Vec::new()
        } else {
            vec![frame]
        }
    }
}

#[test]
fn a_carrier_that_answers_no_ping_is_found_out() {
    finds::<Faulty<NoPongs>>(&[
        "pings::a_ping_is_answered_with_its_payload",
        "pings::a_burst_of_pings_is_answered_in_order",
        "split::pings_are_answered_while_the_sender_is_idle",
        "cancel::receiving_that_is_given_up_answers_pings",
        "backpressure::a_peer_that_does_not_read_gets_the_newest_pong",
    ]);
}

struct Loses;

impl Fault for Loses {
    fn inbound(frame: Frame) -> Vec<Frame> {
        if frame.1.len() == 126 {
            Vec::new()
        } else {
            vec![frame]
        }
    }
}

#[test]
fn a_carrier_that_loses_a_message_is_found_out() {
    finds::<Faulty<Loses>>(&[
        "messages::text_of_every_form_of_length_is_echoed",
        "messages::binary_of_every_form_of_length_is_echoed",
    ]);
}

struct Alters;

impl Fault for Alters {
    fn outbound(mut frame: Frame) -> Vec<Frame> {
        if frame.1.len() >= 60_000
            && let Some(last) = frame.1.last_mut()
        {
            *last ^= 1;
        }
        vec![frame]
    }
}

#[test]
fn a_carrier_that_alters_a_byte_is_found_out() {
    finds::<Faulty<Alters>>(&[
        "messages::text_of_every_form_of_length_is_echoed",
        "messages::the_peer_gets_a_message_when_send_returns",
        "backpressure::all_arrives_in_order_once_the_peer_reads",
        "cancel::sending_that_is_given_up_sends_all_or_nothing",
    ]);
}

struct Doubles;

impl Fault for Doubles {
    fn outbound(frame: Frame) -> Vec<Frame> {
        vec![frame.clone(), frame]
    }
}

#[test]
fn a_carrier_that_says_everything_twice_is_found_out() {
    finds::<Faulty<Doubles>>(&[
        "closing::our_close_is_sent_and_awaits_an_answer",
        "closing::the_peers_close_is_answered_in_kind",
        "endings::a_dropped_connection_says_1001",
        "messages::queued_messages_go_out_in_order",
        "violations::reserved_bits_are_answered_with_1002",
        "split::a_message_goes_out_while_the_receiver_waits",
    ]);
}

struct WrongCode;

impl Fault for WrongCode {
    fn outbound(frame: Frame) -> Vec<Frame> {
        match frame {
            (CLOSE, body) if !body.is_empty() => vec![(CLOSE, 4444_u16.to_be_bytes().to_vec())],
            frame => vec![frame],
        }
    }
}

#[test]
fn a_carrier_that_closes_with_another_code_is_found_out() {
    finds::<Faulty<WrongCode>>(&[
        "closing::our_",
        "closing::the_peers_",
        "closing::each_code_of_the_peer_is_answered_in_kind",
        "closing::both_ends_may_close_at_once",
        "closing::a_handler_that_",
        "endings::a_dropped_connection_says_1001",
        "endings::a_dropped_connection_sends_what_was_queued",
        "endings::a_connection_that_is_dropped_in_a_panic_says_1011",
        "limits::a_message_of_one_byte_more_is_refused",
        "violations::text_that_is_not_utf_8_is_answered_with_1007",
        "pings::a_peer_that_answers_no_ping_is_given_up",
    ]);
}

struct Joins;

impl Fault for Joins {
    /// Calls every fragment a message.
    fn outbound(frame: Frame) -> Vec<Frame> {
        match frame {
            (TEXT, payload) => vec![(TEXT | FIN, payload)],
            frame => vec![frame],
        }
    }
}

#[test]
fn a_carrier_that_makes_messages_of_fragments_is_found_out() {
    finds::<Faulty<Joins>>(&["fragments::fragments_are_sent_as_they_are_made"]);
}

struct Patient;

impl Fault for Patient {
    fn settings(settings: &mut Settings) {
        let long = Duration::from_secs(60);
        settings.handshake_timeout = long;
        settings.config = settings
            .config
            .clone()
            .keepalive(None)
            .idle(None)
            .write(Some(long))
            .close(long);
    }
}

#[test]
fn a_carrier_without_deadlines_is_found_out() {
    finds::<Faulty<Patient>>(&[
        "pings::silence_is_answered_with_a_ping",
        "pings::a_peer_that_answers_no_ping_is_given_up",
        "closing::a_peer_that_never_answers_our_close_is_left",
        "closing::a_peer_that_keeps_the_transport_open_is_left",
        "closing::a_peer_that_is_idle_is_closed_with_1008",
        "handshake::a_peer_that_says_nothing_is_left",
        "handshake::a_peer_that_stops_inside_of_its_head_is_left",
        "handshake::half_a_request_is_answered_with_408",
        "backpressure::a_peer_that_never_reads_fails",
        "split::keepalive_runs_while_the_sender_is_idle",
    ]);
}

struct Unlimited;

impl Fault for Unlimited {
    fn settings(settings: &mut Settings) {
        settings.head_limits = None;
        settings.config = settings.config.clone().max_message(u64::MAX);
    }
}

#[test]
fn a_carrier_without_limits_is_found_out() {
    finds::<Faulty<Unlimited>>(&[
        "limits::a_message_of_one_byte_more_is_refused",
        "limits::a_message_is_refused_before_its_payload_comes",
        "limits::fragments_count_together",
        "limits::a_limit_of_0_takes_empty_messages",
        "limits::a_head_of_one_byte_more_is_refused",
        "compression::a_message_that_inflates_beyond_the_limit_is_refused",
    ]);
}

struct Boundless;

impl Fault for Boundless {
    fn settings(settings: &mut Settings) {
        settings.config = settings.config.clone().soft_mark(usize::MAX);
    }
}

#[test]
fn a_carrier_without_backpressure_is_found_out() {
    let names = ["backpressure::feeding_waits_until_the_peer_reads"];
    // Who feeds may be slow, and seem to wait, on a busy machine.
    let found = (0..10).any(|_| {
        let failures = behaviour::failures::<Faulty<Boundless>>(&names, 5 * PATIENCE);
        let waits = |failure: &behaviour::Failure| failure.why == "it does not wait";
        failures.len() == 2 && failures.iter().all(waits)
    });
    assert!(found);
}

struct Uncompressed;

impl Fault for Uncompressed {
    fn settings(settings: &mut Settings) {
        settings.deflate = None;
    }
}

#[test]
fn a_carrier_that_does_not_compress_is_found_out() {
    finds::<Faulty<Uncompressed>>(&[
        "compression::a_message_is_compressed_where_that_is_agreed_on",
        "compression::a_compressed_message_is_inflated",
        "compression::with_takeover_messages_refer_to_earlier_ones",
        "compression::two_ends_of_the_carrier_compress",
    ]);
}

#[test]
fn a_carrier_that_loses_what_is_given_up_is_found_out() {
    finds::<Lossy>(&["cancel::receiving_that_is_given_up_loses_nothing"]);
}

struct Mute;

impl Fault for Mute {
    fn inbound(_: Frame) -> Vec<Frame> {
        Vec::new()
    }
}

#[test]
fn a_case_that_hangs_is_named_with_the_call_that_does() {
    let names = ["messages::a_message_is_lent"];
    let failures = behaviour::failures::<Faulty<Mute>>(&names, PATIENCE);
    assert_eq!(failures.len(), 2, "{failures:?}");
    for failure in failures {
        let place = "hangs at [\"crates/testing/src/behaviour/messages.rs:";
        assert!(failure.why.starts_with(place), "{failure:?}");
    }
}

struct Nothing;

impl Fault for Nothing {}

#[test]
fn a_carrier_that_does_right_passes_though_somebody_stands_between() {
    let names = [
        "messages::",
        "fragments::",
        "pings::",
        "closing::",
        "limits::a_message_may_be_as_long_as_the_limit",
        "limits::a_message_of_one_byte_more_is_refused",
        "compression::",
    ];
    let failures = behaviour::failures::<Faulty<Nothing>>(&names, 15 * PATIENCE);
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn there_are_many_cases_and_no_two_have_one_name() {
    let mut names = behaviour::names::<Async<OnTokio>>();
    let count = names.len();
    assert!(count >= 300, "{count}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn each_case_is_listed_with_its_roles() {
    let mut listed = String::from("\n# Cases\n");
    let mut topic = String::new();
    let names = behaviour::names::<Async<OnTokio>>();
    for name in &names {
        let (place, role) = name.split_once(" (").unwrap();
        let (of, case) = place.split_once("::").unwrap();
        if of != topic {
            topic = of.to_owned();
            writeln!(listed, "\n`{topic}`:\n").unwrap();
        }
        let other = match role {
            "server)" => "client)",
            _ => "server)",
        };
        let words = case.replace('_', " ");
        if !names.contains(&format!("{place} ({other}")) {
            writeln!(listed, "- {words} ({role}").unwrap();
        } else if role == "server)" {
            writeln!(listed, "- {words}").unwrap();
        }
    }
    let kept = include_str!("../src/behaviour/cases.md");
    assert!(
        kept == listed,
        "src/behaviour/cases.md should be:\n{listed}"
    );
}
