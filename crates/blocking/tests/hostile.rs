//! Peers that mean harm, against the examples. Alone in its program, because it counts the memory of all of it.

#[path = "../examples/blocking_echo_client.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_client;
#[path = "../examples/blocking_echo_server.rs"]
#[allow(dead_code, reason = "its command line is not used")]
mod echo_server;

use std::collections::HashMap;
use std::error::Error as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bowline_blocking::{Acceptor, Connector, Error, OriginPolicy, PerMessageDeflate, Role};
use bowline_testing::alloc::CountingAllocator;
use bowline_testing::hostile::{self, Case, Conduct, Dial, Short, Verdict};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Memory is counted for the whole process, so one test does anything at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `attack` against servers that differ in the one deadline that is short.
fn serve(attack: impl FnOnce(Dial<'_>)) {
    let _turn = turn();
    let addresses: HashMap<Short, SocketAddr> = Short::ALL
        .into_iter()
        .map(|short| {
            let acceptor = Acceptor::new()
                .origin(OriginPolicy::Any)
                .extension(PerMessageDeflate::new())
                .config(hostile::config(Role::Server, short))
                .handshake_timeout(hostile::handshake_timeout(short));
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            std::thread::spawn(move || echo_server::serve(&listener, &acceptor));
            (short, address)
        })
        .collect();
    attack(&|short| hostile::plain(TcpStream::connect(addresses[&short])?));
}

fn attack_server(cases: impl FnOnce() -> Vec<Case>) {
    serve(|dial| hostile::attack_server(dial, &ALLOCATOR, &cases()));
}

fn attack_client(cases: impl FnOnce() -> Vec<Case>) {
    attack_client_of(Connector::new(), cases);
}

fn attack_client_of(connector: Connector, cases: impl FnOnce() -> Vec<Case>) {
    let _turn = turn();
    let cases = cases();
    let start = move |address: SocketAddr, conduct, short| {
        let connector = connector
            .clone()
            .config(hostile::config(Role::Client, short))
            .handshake_timeout(hostile::handshake_timeout(short));
        let url = format!("ws://{address}/");
        match conduct {
            Conduct::Echo => match echo_client::echo(&connector, &url) {
                Ok(()) => Verdict::Done,
                Err(error) => verdict(&error),
            },
            Conduct::Talk => {
                let input = std::iter::once(Ok("hello".to_owned()));
                match echo_client::lines(&connector, &url, input) {
                    Ok(()) => Verdict::Done,
                    Err(error) => error.downcast_ref().map_or(Verdict::Other, verdict),
                }
            }
        }
    };
    hostile::attack_client(start, &hostile::plain, &ALLOCATOR, &cases);
}

fn verdict(error: &Error) -> Verdict {
    match error {
        Error::Refused(response) => Verdict::Refused(response.status().as_u16()),
        Error::Handshake(_) => Verdict::NoHandshake,
        Error::Incomplete => Verdict::Incomplete,
        Error::Protocol(error) => Verdict::Violation(error.close_code().get()),
        Error::Timeout(_) | Error::HandshakeTimeout { .. } => Verdict::TimedOut,
        Error::Lost { .. } | Error::Transport(_) => Verdict::Lost,
        error => {
            eprintln!("{error}: {:?}", error.source());
            Verdict::Other
        }
    }
}

// covers WS-4.2.1-01, WS-4.2.1-02, WS-4.2.1-03, WS-4.2.1-04, WS-4.2.1-05, WS-4.2.1-06, WS-4.2.1-07, WS-4.2.2-04, WS-4.2.2-12,
// WS-4.2.2-13, WS-4.4-01, WS-7.2.2-01, WS-9.1-01, WS-11.3-01, HTTP-02, HTTP-04, HTTP-06, HTTP-07, HTTP-08, HTTP-09,
// HTTP-10, HTTP-11, HTTP-12, HTTP-13, HTTP-18, HTTP-21, HTTP-23, HTTP-27, HTTP-30, HTTP-31, HTTP-32, HTTP-33
#[test]
fn no_request_of_an_attacker_opens_a_connection() {
    attack_server(hostile::requests);
}

// covers WS-4.1-18, WS-4.1-19, WS-4.1-20, WS-4.1-21, WS-4.1-22, WS-4.1-23, WS-4.1-24, WS-4.1-25, WS-4.1-27, HTTP-18, HTTP-25
#[test]
fn no_answer_of_an_attacker_opens_a_connection() {
    attack_client(hostile::responses);
}

// covers WS-5.1-02, WS-5.1-03, WS-5.2-01, WS-5.2-02, WS-5.2-03, WS-5.2-04, WS-5.4-03, WS-5.4-05, WS-5.4-06, WS-5.5-01, WS-7.1.7-01,
// WS-7.1.7-02, WS-7.1.7-03, WS-10.4-01
#[test]
fn each_rule_of_framing_is_kept_up_by_a_server() {
    attack_server(|| hostile::frames(Role::Server));
}

// covers WS-5.1-01, WS-5.1-04, WS-5.2-01, WS-5.2-02, WS-5.2-03, WS-5.2-04, WS-5.4-03, WS-5.4-05, WS-5.4-06, WS-5.5-01, WS-7.1.7-01,
// WS-7.1.7-02, WS-7.1.7-03, WS-10.4-01
#[test]
fn each_rule_of_framing_is_kept_up_by_a_client() {
    attack_client(|| hostile::frames(Role::Client));
}

// covers WS-5.6-01, WS-8.1-01, WS-8.1-02
#[test]
fn a_server_reads_no_text_that_is_not_utf_8() {
    attack_server(|| hostile::text(Role::Server));
}

// covers WS-5.6-01, WS-8.1-01, WS-8.1-02
#[test]
fn a_client_reads_no_text_that_is_not_utf_8() {
    attack_client(|| hostile::text(Role::Client));
}

// covers WS-5.5.1-01, WS-5.5.1-02, WS-5.5.1-06, WS-5.5.1-08, WS-5.5.1-10, WS-7.1.1-01, WS-7.4-01, WS-7.4-02
#[test]
fn a_server_answers_each_close_once() {
    attack_server(|| hostile::close(Role::Server));
}

// covers WS-5.5.1-01, WS-5.5.1-02, WS-5.5.1-06, WS-5.5.1-08, WS-5.5.1-10, WS-7.4-01, WS-7.4-02
#[test]
fn a_client_answers_each_close_once() {
    attack_client(|| hostile::close(Role::Client));
}

// covers WS-5.5.1-08, WS-5.5.1-09, WS-5.5.1-11, WS-7.1.1-02
#[test]
fn a_client_that_closes_comes_to_an_end() {
    attack_client(hostile::closing);
}

// covers WS-5.5.2-01, WS-5.5.3-01, WS-5.5.3-02, WS-5.5.3-03, WS-10.4-01
#[test]
fn no_flood_takes_a_servers_memory_or_time() {
    attack_server(|| hostile::floods(Role::Server));
}

// covers WS-5.5.2-01, WS-5.5.3-01, WS-5.5.3-02, WS-5.5.3-03, WS-10.4-01
#[test]
fn no_flood_takes_a_clients_memory_or_time() {
    attack_client(|| hostile::floods(Role::Client));
}

#[test]
fn a_server_survives_every_end_of_the_transport() {
    attack_server(|| hostile::endings(Role::Server));
}

// covers WS-7.2.1-01
#[test]
fn a_client_survives_every_end_of_the_transport() {
    attack_client(|| hostile::endings(Role::Client));
}

// covers PMD-6.1-02, PMD-7.2.2-04, PMD-7.2.2-05, PMD-7.2.2-06, PMD-7.2.2-07, PMD-8-02
#[test]
fn a_server_inflates_nothing_beyond_its_limit() {
    attack_server(|| hostile::compression(Role::Server));
}

// covers PMD-6.1-02, PMD-7.2.2-04, PMD-7.2.2-05, PMD-7.2.2-06, PMD-7.2.2-07, PMD-8-02
#[test]
fn a_client_inflates_nothing_beyond_its_limit() {
    let connector = Connector::new().extension(PerMessageDeflate::new());
    attack_client_of(connector, || hostile::compression(Role::Client));
}

// covers WS-4.2.2-13, WS-10.4-01
#[test]
fn a_server_bears_a_crowd_of_attackers() {
    serve(|dial| hostile::crowd_server(dial, &ALLOCATOR));
}

#[test]
fn a_server_serves_others_beside_attackers_who_never_pause() {
    serve(|dial| hostile::noise_server(dial, &ALLOCATOR));
}

#[test]
fn there_are_many_cases_and_no_two_have_one_name() {
    let _turn = turn();
    let both = |role| {
        let topics = [
            hostile::frames(role),
            hostile::text(role),
            hostile::close(role),
            hostile::floods(role),
            hostile::endings(role),
            hostile::compression(role),
        ];
        topics.concat()
    };
    let server = [hostile::requests(), both(Role::Server)].concat();
    let client = [hostile::responses(), both(Role::Client), hostile::closing()].concat();
    for (cases, least) in [(server, 120), (client, 80)] {
        let mut names: Vec<_> = cases.iter().map(|case| &case.name).collect();
        names.sort_unstable();
        assert!(names.len() >= least, "{}: {names:#?}", names.len());
        for pair in names.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
    }
}
