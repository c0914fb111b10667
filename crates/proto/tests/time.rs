//! Deadlines, who ends the transport, and how it ended. Time is an argument, so nothing here waits.

mod driver;

use std::time::{Duration, Instant};

use bowline_frame::{CloseCode, Message, Role};
use bowline_proto::{Config, Deadlines, EndedBy, Inbound, Keepalive, Outbound, Timeout, Wants};
use bowline_testing::hex::assert_bytes_eq;
use bowline_testing::random::{Random, seed};
use bowline_testing::wire::{CLOSE, FIN, PING, PONG, TEXT, frame};
use bytes::Buf;

use driver::{Driver, Way, connection};

// covers WS-5.5.2-02, WB-31
#[test]
fn silence_is_answered_with_one_ping() {
    let (mut server, t) = start(Role::Server, keepalive_only());
    assert_eq!(until(&mut server, t), Some(t + s(20)));
    // Not before its time.
    assert_eq!(server.connection.handle_timeout(t + s(19)), None);
    assert_bytes_eq(&server.written(), b"", "at 19 s");

    assert_eq!(server.connection.handle_timeout(t + s(20)), None);
    assert_bytes_eq(&server.written(), b"\x89\x00", "at 20 s");
    assert_eq!(until(&mut server, t + s(20)), Some(t + s(40)));
    assert_eq!(server.connection.handle_timeout(t + s(39)), None);
    assert_bytes_eq(&server.written(), b"", "at 39 s");
}

#[test]
fn any_byte_answers_our_ping() {
    let mut partial = frame(Role::Server, FIN | TEXT, b"hello");
    partial.truncate(1);
    for answer in [partial, frame(Role::Server, PONG, b"")] {
        let (mut server, t) = start(Role::Server, keepalive_only());
        until(&mut server, t);
        server.connection.handle_timeout(t + s(20));
        server.written();
        server.feed(&answer);
        assert_eq!(until(&mut server, t + s(39)), Some(t + s(59)));
        assert_eq!(server.connection.handle_timeout(t + s(58)), None);
        assert_bytes_eq(&server.written(), b"", "a second ping waits its time");
    }
}

#[test]
fn bytes_read_into_the_assembly_break_the_silence_too() {
    let (server, t) = start(Role::Server, keepalive_only());
    let mut server = Driver::new(server.connection, Way::Assembly);
    let large = frame(Role::Server, FIN | TEXT, [b'a'; 100_000]);
    server.feed(&large[..20]);
    until(&mut server, t);
    server.feed(&large[20..1000]);
    assert_eq!(until(&mut server, t + s(10)), Some(t + s(30)));
}

#[test]
fn a_missing_answer_ends_the_connection() {
    for role in [Role::Server, Role::Client] {
        let (mut end, t) = start(role, keepalive_only());
        until(&mut end, t);
        end.connection.handle_timeout(t + s(20));
        end.written();
        until(&mut end, t + s(20));

        let timeout = end.connection.handle_timeout(t + s(40));
        assert_eq!(timeout, Some(Timeout::Pong { after: s(20) }));
        let wants = end.connection.wants(t + s(40));
        assert_eq!(wants, Wants::default());
        assert!(wants.is_over());
        // To be offered once, if the transport takes it.
        let body = b"\x03\xF3no answer to our ping in 20s";
        assert_bytes_eq(&end.written(), &frame(role.peer(), CLOSE, body), "close");
        assert_ended(&end, EndedBy::Deadline, 1006, false);
        // It is said once, and nothing more is heard.
        assert_eq!(end.connection.handle_timeout(t + s(99)), None);
        end.feed(&frame(role, FIN | TEXT, b"late"));
        assert_eq!(end.seen, []);
    }
}

#[test]
fn a_program_that_reads_late_kills_nobody() {
    // The answer has arrived in time, but is read long after.
    let (mut server, t) = start(Role::Server, keepalive_only());
    until(&mut server, t);
    server.connection.handle_timeout(t + s(20));
    server.written();
    until(&mut server, t + s(21));
    server.feed(&frame(Role::Server, PONG, b""));
    assert_eq!(server.connection.handle_timeout(t + s(100)), None);
    assert_eq!(until(&mut server, t + s(100)), Some(t + s(120)));

    // Nobody waited for long, so nobody asked.
    let (mut server, t) = start(Role::Server, keepalive_only());
    until(&mut server, t);
    assert_eq!(server.connection.handle_timeout(t + s(100)), None);
    assert_bytes_eq(&server.written(), b"\x89\x00", "first it is asked");
    assert_eq!(until(&mut server, t + s(100)), Some(t + s(120)));
}

#[test]
fn a_peer_that_never_pauses_meets_the_deadlines_that_need_no_pause() {
    // Output that doesn't move.
    let config = Config::new(Role::Server);
    let (mut server, t) = start(Role::Server, config.clone());
    server.connection.send(Message::from("stuck")).unwrap();
    until(&mut server, t);
    for seconds in 1..30 {
        server.feed(&frame(Role::Server, FIN | PONG, b""));
        assert_eq!(server.connection.handle_overdue(t + s(seconds)), None);
    }
    let timeout = server.connection.handle_overdue(t + s(30));
    assert_eq!(timeout, Some(Timeout::Write { after: s(30) }));

    // The end.
    let (mut server, t) = start(Role::Server, config.clone());
    server.connection.close(None);
    server.written();
    until(&mut server, t);
    server.feed(&frame(Role::Server, FIN | TEXT, b"late"));
    assert_eq!(server.connection.handle_overdue(t + s(4)), None);
    let timeout = server.connection.handle_overdue(t + s(5));
    assert_eq!(timeout, Some(Timeout::Close { after: s(5) }));
    assert!(server.connection.wants(t + s(5)).is_over());

    // No message.
    let (mut server, t) = start(Role::Server, config.idle(Some(s(60))));
    until(&mut server, t);
    server.feed(&frame(Role::Server, FIN | PONG, b""));
    let timeout = server.connection.handle_overdue(t + s(60));
    assert_eq!(timeout, Some(Timeout::Idle { after: s(60) }));

    // But an answer may be among what is still to be read.
    let (mut server, t) = start(Role::Server, keepalive_only());
    until(&mut server, t);
    server.connection.handle_timeout(t + s(20));
    server.written();
    assert_eq!(server.connection.handle_overdue(t + s(1000)), None);
}

// covers WS-7.1.7-04
#[test]
fn without_keepalive_nothing_is_waited_for() {
    for role in [Role::Server, Role::Client] {
        let (mut end, t) = start(role, Config::new(role).keepalive(None));
        let wants = end.connection.wants(t);
        assert_eq!(wants.until, None);
        assert!(wants.read && !wants.write && !wants.shutdown && !wants.is_over());
        assert_eq!(end.connection.handle_timeout(t + s(1_000_000)), None);
        assert_bytes_eq(&end.written(), b"", "a million seconds later");
    }
}

#[test]
fn no_ping_follows_our_close() {
    let (mut server, t) = start(Role::Server, keepalive_only().close(s(1000)));
    until(&mut server, t);
    server.connection.close(None);
    server.written();
    assert_eq!(until(&mut server, t), Some(t + s(1000)));
    assert_eq!(server.connection.handle_timeout(t + s(999)), None);
    assert_bytes_eq(&server.written(), b"", "while closing");
}

#[test]
fn keepalive_ends_no_closing_handshake() {
    let (mut server, t) = start(Role::Server, keepalive_only().close(s(1000)));
    until(&mut server, t);
    server.connection.close(None);
    server.written();
    until(&mut server, t);
    for late in [20, 40, 60] {
        until(&mut server, t + s(late));
        assert_eq!(server.connection.handle_timeout(t + s(late)), None);
    }
    assert_eq!(until(&mut server, t + s(60)), Some(t + s(1000)));
}

#[test]
fn no_ping_follows_the_deadline_for_writing() {
    let (mut server, t) = start(Role::Server, Config::new(Role::Server));
    server.connection.send(Message::from("abc")).unwrap();
    until(&mut server, t);
    let timeout = server.connection.handle_timeout(t + s(30));
    assert_eq!(timeout, Some(Timeout::Write { after: s(30) }));
    server.written();
    assert_eq!(server.connection.handle_timeout(t + s(60)), None);
    assert_bytes_eq(&server.written(), b"", "after the end");
}

#[test]
fn how_long_our_ping_waits_is_told() {
    let config = keepalive_only();
    let mut inbound = Inbound::new(Role::Server, &config, None);
    let mut outbound = Outbound::server(&config, None);
    let mut deadlines = Deadlines::new(Role::Server, &config);
    let t = Instant::now();
    deadlines.wants(t, &mut inbound, outbound.status());
    assert_eq!(deadlines.unanswered(t + s(5)), None);
    let pinged = t + s(20);
    assert_eq!(
        deadlines.handle_timeout(pinged, &mut inbound, &mut outbound),
        None
    );
    assert_eq!(deadlines.unanswered(pinged), Some(s(0)));
    assert_eq!(deadlines.unanswered(pinged + s(7)), Some(s(7)));
    let mut pong = frame(Role::Server, FIN | PONG, b"");
    inbound.handle(&mut pong).unwrap();
    deadlines.wants(pinged + s(8), &mut inbound, outbound.status());
    assert_eq!(deadlines.unanswered(pinged + s(9)), None);
}

#[test]
fn only_messages_keep_an_idle_connection_open() {
    let config = Config::new(Role::Server).keepalive(None).idle(Some(s(60)));
    let (mut server, t) = start(Role::Server, config);
    assert_eq!(until(&mut server, t), Some(t + s(60)));
    server.feed(&frame(Role::Server, FIN | TEXT, b"a"));
    assert_eq!(until(&mut server, t + s(50)), Some(t + s(110)));
    server.feed(&frame(Role::Server, PING, b""));
    server.feed(&frame(Role::Server, PONG, b""));
    server.feed(&frame(Role::Server, TEXT, b"unfinished"));
    server.written();
    assert_eq!(until(&mut server, t + s(100)), Some(t + s(110)));
    assert_eq!(server.connection.handle_timeout(t + s(109)), None);

    let timeout = server.connection.handle_timeout(t + s(110));
    assert_eq!(timeout, Some(Timeout::Idle { after: s(60) }));
    let body = b"\x03\xF0no message in 60s";
    let close = frame(Role::Client, CLOSE, body);
    assert_bytes_eq(&server.written(), &close, "close");
    // The closing handshake goes on as usual.
    let wants = server.connection.wants(t + s(110));
    assert!(wants.read && !wants.shutdown);
    assert_eq!(wants.until, Some(t + s(115)));
    assert_eq!(server.connection.handle_timeout(t + s(111)), None);
    server.feed(&frame(Role::Server, CLOSE, b"\x03\xF0"));
    assert!(server.connection.wants(t + s(112)).shutdown);
    assert_ended(&server, EndedBy::Deadline, 1008, true);
}

#[test]
fn a_message_read_in_chunks_keeps_an_idle_connection_open_as_it_arrives() {
    let config = Config::new(Role::Server).keepalive(None).idle(Some(s(60)));
    for (way, expected) in [(Way::Whole, 60), (Way::Chunks, 110)] {
        let mut server = Driver::new(connection(Role::Server, &config, None), way);
        let t = Instant::now();
        until(&mut server, t);
        server.feed(&frame(Role::Server, TEXT, b"unfinished"));
        assert_eq!(until(&mut server, t + s(50)), Some(t + s(expected)));
    }
}

#[test]
fn output_that_moves_is_never_late() {
    let (mut server, t) = start(Role::Server, Config::new(Role::Server).keepalive(None));
    assert_eq!(until(&mut server, t), None);
    server.connection.send(Message::from("0123456789")).unwrap();
    let wants = server.connection.wants(t + s(100));
    assert!(wants.write && wants.read);
    assert_eq!(wants.until, Some(t + s(130)));
    // A byte within the last second is progress, noted or not.
    server.connection.transmit().advance(1);
    assert_eq!(server.connection.handle_timeout(t + s(130)), None);
    assert_eq!(until(&mut server, t + s(130)), Some(t + s(160)));
    server.connection.transmit().advance(1);
    assert_eq!(until(&mut server, t + s(159)), Some(t + s(189)));
    server.written();
    assert_eq!(until(&mut server, t + s(160)), None);
    // What is queued after a pause has its time from then on.
    server.connection.send(Message::from("a")).unwrap();
    assert_eq!(until(&mut server, t + s(500)), Some(t + s(530)));
}

#[test]
fn output_that_moves_in_the_transport_is_not_late_either() {
    let (mut server, t) = start(Role::Server, Config::new(Role::Server).keepalive(None));
    server.connection.send(Message::from("0123456789")).unwrap();
    assert_eq!(until(&mut server, t), Some(t + s(30)));
    server.connection.output_moved(t + s(29));
    assert_eq!(server.connection.handle_timeout(t + s(30)), None);
    assert_eq!(until(&mut server, t + s(30)), Some(t + s(59)));
    // What is told late puts nothing back.
    server.connection.output_moved(t + s(10));
    assert_eq!(until(&mut server, t + s(31)), Some(t + s(59)));
    let timeout = server.connection.handle_timeout(t + s(59));
    assert_eq!(timeout, Some(Timeout::Write { after: s(30) }));

    // The close deadline runs from the last byte of ours too.
    let (mut server, t) = start(Role::Server, Config::new(Role::Server).keepalive(None));
    server.connection.close(None);
    assert_eq!(until(&mut server, t), Some(t + s(5)));
    server.connection.output_moved(t + s(4));
    assert_eq!(until(&mut server, t + s(4)), Some(t + s(9)));
}

#[test]
fn output_of_which_nothing_is_taken_ends_the_connection() {
    for write in [Some(s(30)), None] {
        let config = Config::new(Role::Server).keepalive(None).write(write);
        let (mut server, t) = start(Role::Server, config);
        server.connection.send(Message::from("a")).unwrap();
        assert_eq!(until(&mut server, t), write.map(|write| t + write));
        // More output is no progress.
        server.connection.send(Message::from("b")).unwrap();
        until(&mut server, t + s(29));
        let timeout = server.connection.handle_timeout(t + s(30));
        if write.is_some() {
            assert_eq!(timeout, Some(Timeout::Write { after: s(30) }));
            assert!(server.connection.wants(t + s(30)).is_over());
            assert_ended(&server, EndedBy::Deadline, 1006, false);
        } else {
            assert_eq!(timeout, None);
            assert!(server.connection.wants(t + s(30)).write);
        }
    }
}

// covers WS-5.5.1-08, WS-7.1.1-02
#[test]
fn the_end_has_its_time_from_the_last_byte_of_ours() {
    for role in [Role::Server, Role::Client] {
        let (mut end, t) = start(role, Config::new(role));
        until(&mut end, t);
        end.connection.send(Message::from("hello")).unwrap();
        end.connection.close(None);
        assert_eq!(until(&mut end, t + s(1)), Some(t + s(6)));
        end.connection.transmit().advance(1);
        assert_eq!(until(&mut end, t + s(5)), Some(t + s(10)));
        end.written();
        assert_eq!(until(&mut end, t + s(9)), Some(t + s(14)));
        // What the peer sends meanwhile doesn't matter.
        end.feed(&frame(role, FIN | TEXT, b"late"));
        end.feed(&frame(role, PING, b"late"));
        assert_eq!(until(&mut end, t + s(12)), Some(t + s(14)));
        end.feed(&frame(role, CLOSE, b""));
        assert_eq!(until(&mut end, t + s(13)), Some(t + s(14)));
        assert_eq!(end.connection.handle_timeout(t + s(13)), None);

        let timeout = end.connection.handle_timeout(t + s(14));
        assert_eq!(timeout, Some(Timeout::Close { after: s(5) }));
        assert!(end.connection.wants(t + s(14)).is_over());
        assert_eq!(end.connection.handle_timeout(t + s(99)), None);
        assert_ended(&end, EndedBy::Us, 1005, true);
    }
}

// covers WS-5.5.1-08
#[test]
fn a_close_that_nobody_takes_or_answers_ends_at_the_deadline() {
    for written in [true, false] {
        let (mut server, t) = start(Role::Server, Config::new(Role::Server));
        until(&mut server, t);
        server.connection.close(Some(&CloseCode::GOING_AWAY.into()));
        if written {
            server.written();
        }
        assert_eq!(until(&mut server, t), Some(t + s(5)));
        let timeout = server.connection.handle_timeout(t + s(5));
        assert_eq!(timeout, Some(Timeout::Close { after: s(5) }));
        assert_ended(&server, EndedBy::Us, 1006, false);
    }
}

// covers WS-5.5.1-08, WS-7.1.1-01, WS-7.1.1-02, WB-28
#[test]
fn a_server_ends_the_transport_once_both_closes_are_out_and_a_client_waits_for_it() {
    for role in [Role::Server, Role::Client] {
        for ours_first in [true, false] {
            let (mut end, t) = start(role, Config::new(role));
            end.connection.send(Message::from("waits")).unwrap();
            if ours_first {
                end.connection.close(None);
                let wants = end.connection.wants(t);
                assert!(wants.write && wants.read && !wants.shutdown);
                end.written();
                let wants = end.connection.wants(t);
                assert!(!wants.write && wants.read && !wants.shutdown);
                end.feed(&frame(role, CLOSE, b"\x03\xE8"));
            } else {
                end.feed(&frame(role, CLOSE, b"\x03\xE8"));
                let wants = end.connection.wants(t);
                assert!(wants.write && wants.read && !wants.shutdown);
                end.written();
            }
            let wants = end.connection.wants(t);
            assert!(!wants.write && wants.read && !wants.is_over());
            assert_eq!(wants.shutdown, role == Role::Server);
            end.connection.shut_down();
            let wants = end.connection.wants(t);
            assert!(wants.read && !wants.shutdown);
            end.connection.handle_eof();
            assert!(end.connection.wants(t).is_over());
            let by = if ours_first {
                EndedBy::Us
            } else {
                EndedBy::Peer
            };
            assert_ended(&end, by, 1000, true);
        }
    }
}

// covers WS-7.1.7-01, WS-7.1.7-02
#[test]
fn whoever_fails_the_connection_ends_the_transport_and_drains_it() {
    for role in [Role::Server, Role::Client] {
        let (mut end, t) = start(role, Config::new(role).max_drain(100));
        end.feed(&frame(role, FIN | 3, b""));
        let wants = end.connection.wants(t);
        assert!(wants.write && wants.read && !wants.shutdown);
        end.written();
        let wants = end.connection.wants(t);
        assert!(!wants.write && wants.read && wants.shutdown);
        assert_eq!(wants.until, Some(t + s(5)));
        end.connection.shut_down();
        end.feed(&[0; 100]);
        assert!(end.connection.wants(t).read);
        end.feed(&[0; 1]);
        assert!(end.connection.wants(t).is_over());
        assert_ended(&end, EndedBy::Violation, 1006, false);
        assert_eq!(end.seen.len(), 1);
    }
}

// covers WS-7.1.4-01, WS-7.2.1-01
#[test]
fn the_end_of_the_transport_is_the_end_once_all_is_offered() {
    for role in [Role::Server, Role::Client] {
        let (mut end, t) = start(role, Config::new(role));
        end.connection.send(Message::from("waits")).unwrap();
        end.feed(&frame(role, TEXT, b"unfinished"));
        end.connection.handle_eof();
        let wants = end.connection.wants(t);
        assert!(!wants.read && wants.write && !wants.shutdown);
        assert_eq!(wants.until, Some(t + s(5)));
        end.written();
        assert!(end.connection.wants(t).is_over());
        assert_ended(&end, EndedBy::Transport, 1006, false);
        assert_eq!(end.seen, []);
    }
}

// covers WS-7.1.5-01
#[test]
fn the_peers_close_has_its_code_even_if_ours_never_went_out() {
    for (body, code) in [(&b""[..], 1005), (b"\x0F\xA0", 4000)] {
        let (mut server, t) = start(Role::Server, Config::new(Role::Server));
        server.feed(&frame(Role::Server, CLOSE, body));
        until(&mut server, t);
        server.connection.handle_timeout(t + s(5));
        assert_ended(&server, EndedBy::Peer, code, false);
    }
}

// covers WS-7.1.4-01
#[test]
fn an_end_is_not_clean_if_our_close_was_thrown_away() {
    let config = Config::new(Role::Server);
    let (mut outbound, mut inbound, mut deadlines) =
        connection(Role::Server, &config, None).split();
    inbound
        .handle(&mut frame(Role::Server, CLOSE, b"\x03\xE8"))
        .unwrap();
    outbound.close(None);
    outbound.abandon();
    assert!(outbound.is_empty() && outbound.is_closed() && !outbound.is_done());
    deadlines.give_up(EndedBy::Transport);
    assert!(!deadlines.ended(&inbound, outbound.status()).clean);
    assert!(
        deadlines
            .wants(Instant::now(), &mut inbound, outbound.status())
            .is_over()
    );
}

#[test]
fn a_close_that_was_written_stays_written() {
    let mut outbound = Outbound::server(&Config::new(Role::Server), None);
    outbound.close(None);
    let written = outbound.len();
    outbound.transmit().advance(written);
    outbound.abandon();
    assert!(outbound.is_done());
    assert_eq!(outbound.status().written, written as u64);
}

#[test]
fn nothing_can_be_sent_after_the_output_was_abandoned() {
    let mut outbound = Outbound::server(&Config::new(Role::Server), None);
    outbound.send(Message::from("a")).unwrap();
    outbound.transmit().advance(1);
    outbound.abandon();
    assert!(outbound.is_empty());
    assert_eq!(outbound.status().written, 1);
    assert!(outbound.send(Message::from("b")).is_err());
    assert!(!outbound.close(None));
    assert!(outbound.is_empty());
}

#[test]
fn whose_close_was_first_does_not_depend_on_when_it_is_asked() {
    for asked in [true, false] {
        let (mut server, t) = start(Role::Server, Config::new(Role::Server));
        server.connection.close(None);
        if asked {
            until(&mut server, t);
        }
        server.feed(&frame(Role::Server, CLOSE, b"\x03\xE8"));
        server.written();
        until(&mut server, t);
        assert_ended(&server, EndedBy::Us, 1000, true);

        let (mut server, t) = start(Role::Server, Config::new(Role::Server));
        server.feed(&frame(Role::Server, CLOSE, b"\x03\xE8"));
        if asked {
            until(&mut server, t);
        }
        server.connection.close(None);
        server.written();
        until(&mut server, t);
        assert_ended(&server, EndedBy::Peer, 1000, true);

        // A violation after our Close, and the end of the transport.
        for violation in [true, false] {
            let (mut server, t) = start(Role::Server, Config::new(Role::Server));
            server.connection.close(None);
            if asked {
                until(&mut server, t);
            }
            server.written();
            if violation {
                server.feed(&frame(Role::Server, FIN | 3, b""));
            }
            server.connection.handle_eof();
            until(&mut server, t);
            assert_ended(&server, EndedBy::Us, 1006, false);
        }
    }
}

#[test]
fn a_transport_that_failed_leaves_nothing_to_wait_for() {
    let config = Config::new(Role::Client);
    let mut inbound = Inbound::new(Role::Client, &config, None);
    let outbound = Outbound::server(&config, None);
    let mut deadlines = Deadlines::new(Role::Client, &config);
    deadlines.give_up(EndedBy::Transport);
    let wants = deadlines.wants(Instant::now(), &mut inbound, outbound.status());
    assert!(wants.is_over() && wants.until.is_none());
    let ended = deadlines.ended(&inbound, outbound.status());
    assert_eq!((ended.by, ended.code()), (EndedBy::Transport, 1006));
    assert_eq!(ended.to_string(), "lost: 1006");
}

#[test]
fn an_open_connection_has_all_its_deadlines_at_once() {
    let config = Config::new(Role::Server)
        .keepalive(Some(Keepalive::new(s(50), s(10))))
        .idle(Some(s(40)))
        .write(Some(s(30)));
    let (mut server, t) = start(Role::Server, config);
    assert_eq!(until(&mut server, t), Some(t + s(40)));
    server.connection.send(Message::from("a")).unwrap();
    assert_eq!(until(&mut server, t), Some(t + s(30)));
    server.written();
    server.feed(&frame(Role::Server, FIN | TEXT, b"a"));
    assert_eq!(until(&mut server, t + s(20)), Some(t + s(60)));
}

#[test]
fn a_deadline_beyond_the_end_of_time_is_none() {
    let config = Config::new(Role::Server)
        .keepalive(Some(Keepalive::new(Duration::MAX, Duration::MAX)))
        .idle(Some(Duration::MAX))
        .write(Some(Duration::MAX))
        .close(Duration::MAX);
    let (mut server, t) = start(Role::Server, config);
    server.connection.send(Message::from("a")).unwrap();
    assert_eq!(until(&mut server, t), None);
    assert_eq!(server.connection.handle_timeout(t + s(1_000_000)), None);
    server.connection.close(None);
    assert_eq!(until(&mut server, t), None);
    assert_eq!(server.connection.handle_timeout(t + s(1_000_000)), None);
}

#[test]
fn a_deadline_that_has_come_never_comes_again() {
    let seed = seed();
    let mut random = Random::new(seed);
    for run in 0..2000 {
        let role = [Role::Server, Role::Client][random.below(2)];
        let mut maybe = |most| (random.below(3) > 0).then(|| s(1 + random.below(most) as u64));
        let config = Config::new(role)
            .keepalive(maybe(9).map(|after| Keepalive::new(after, s(3))))
            .idle(maybe(9))
            .write(maybe(9))
            .close(s(4));
        let (mut end, mut now) = start(role, config);
        for step in 0..30 {
            match random.below(12) {
                0 => end.feed(&frame(role, FIN | TEXT, b"a")),
                1 => end.feed(&frame(role, PING, b"p")),
                2 if random.below(4) == 0 => end.feed(&frame(role, CLOSE, b"")),
                3 if random.below(4) == 0 => end.feed(&frame(role, FIN | 3, b"")),
                4 if random.below(4) == 0 => end.connection.handle_eof(),
                5 if random.below(4) == 0 => drop(end.connection.close(None)),
                6 => drop(end.connection.send(Message::from("abc"))),
                7 => drop(end.written()),
                8 => end.connection.transmit().advance(1),
                9 => now += Duration::from_millis(random.below(5000) as u64),
                _ => {}
            }
            let wants = end.connection.wants(now);
            if wants.shutdown && random.below(2) == 0 {
                end.connection.shut_down();
            }
            if wants.is_over() {
                break;
            }
            let Some(until) = wants.until.filter(|_| random.below(3) == 0) else {
                continue;
            };
            now = now.max(until);
            let ended = end.connection.handle_timeout(now);
            let next = end.connection.wants(now);
            assert!(
                next.is_over() || next.until.is_none_or(|until| until > now),
                "seed {seed}, run {run}, step {step}: {wants:?}, {ended:?}, {next:?}"
            );
        }
    }
}

fn keepalive_only() -> Config {
    Config::new(Role::Server).write(None)
}

fn start(role: Role, config: Config) -> (Driver, Instant) {
    let driver = Driver::new(connection(role, &config, None), Way::Whole);
    (driver, Instant::now())
}

fn until(driver: &mut Driver, now: Instant) -> Option<Instant> {
    driver.connection.wants(now).until
}

#[track_caller]
fn assert_ended(driver: &Driver, by: EndedBy, code: u16, clean: bool) {
    let ended = driver.connection.ended();
    assert_eq!((ended.by, ended.code(), ended.clean), (by, code, clean));
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
