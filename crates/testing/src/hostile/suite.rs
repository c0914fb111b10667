use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bowline_frame::Role;
use bowline_io::Error;
use bowline_tls::{ClientTls, ServerTls};

use super::attacker::Transport;
use super::case::{Case, Conduct, Short, Verdict};
use super::run::{Dial, attack_client, attack_server, plain};
use super::tls::{encrypting, trust};
use crate::alloc::CountingAllocator;

/// The echo examples of a carrier, which are attacked. They run in this process, on one thread if the carrier can.
pub trait Victim: 'static {
    /// Starts the example of a server with the limits and the deadlines of [`config`](super::config) and
    /// [`handshake_timeout`](super::handshake_timeout), pages of any origin, and compression.
    ///
    /// It encrypts if it is given something to encrypt with.
    fn serve(short: Short, tls: Option<ServerTls>) -> SocketAddr;

    /// Connects to a URL and does what it is told, with such limits and deadlines.
    fn connect(
        url: &str,
        conduct: Conduct,
        short: Short,
        compress: bool,
        tls: Option<ClientTls>,
    ) -> Verdict;
}

/// Makes the tests in which a [`Victim`] is attacked, each of which takes all cases of a topic.
///
/// The program must hold nothing else, because these tests count the memory of all of it.
#[macro_export]
macro_rules! hostile_tests {
    ($victim:ty) => {
        #[global_allocator]
        static ALLOCATOR: $crate::alloc::CountingAllocator =
            $crate::alloc::CountingAllocator::new();

        const SUITE: $crate::hostile::Suite<$victim> = $crate::hostile::Suite::new(&ALLOCATOR);

        // covers WS-4.2.1-01, WS-4.2.1-02, WS-4.2.1-03, WS-4.2.1-04, WS-4.2.1-05, WS-4.2.1-06, WS-4.2.1-07,
        // WS-4.2.2-04, WS-4.2.2-12, WS-4.2.2-13, WS-4.4-01, WS-7.2.2-01, WS-9.1-01, WS-11.3-01, HTTP-02, HTTP-04,
        // HTTP-06, HTTP-07, HTTP-08, HTTP-09, HTTP-10, HTTP-11, HTTP-12, HTTP-13, HTTP-18, HTTP-21, HTTP-23, HTTP-27,
        // HTTP-30, HTTP-31, HTTP-32, HTTP-33
        #[test]
        fn no_request_of_an_attacker_opens_a_connection() {
            SUITE.attack_server(|_| $crate::hostile::requests());
        }

        // covers WS-4.1-18, WS-4.1-19, WS-4.1-20, WS-4.1-21, WS-4.1-22, WS-4.1-23, WS-4.1-24, WS-4.1-25, WS-4.1-27,
        // HTTP-18, HTTP-25
        #[test]
        fn no_answer_of_an_attacker_opens_a_connection() {
            SUITE.attack_client(|_| $crate::hostile::responses());
        }

        // covers WS-5.1-02, WS-5.1-03, WS-5.2-01, WS-5.2-02, WS-5.2-03, WS-5.2-04, WS-5.4-03, WS-5.4-05, WS-5.4-06,
        // WS-5.5-01, WS-7.1.7-01, WS-7.1.7-02, WS-7.1.7-03, WS-10.4-01
        #[test]
        fn each_rule_of_framing_is_kept_up_by_a_server() {
            SUITE.attack_server($crate::hostile::frames);
        }

        // covers WS-5.1-01, WS-5.1-04, WS-5.2-01, WS-5.2-02, WS-5.2-03, WS-5.2-04, WS-5.4-03, WS-5.4-05, WS-5.4-06,
        // WS-5.5-01, WS-7.1.7-01, WS-7.1.7-02, WS-7.1.7-03, WS-10.4-01
        #[test]
        fn each_rule_of_framing_is_kept_up_by_a_client() {
            SUITE.attack_client($crate::hostile::frames);
        }

        // covers WS-5.6-01, WS-8.1-01, WS-8.1-02
        #[test]
        fn a_server_reads_no_text_that_is_not_utf_8() {
            SUITE.attack_server($crate::hostile::text);
        }

        // covers WS-5.6-01, WS-8.1-01, WS-8.1-02
        #[test]
        fn a_client_reads_no_text_that_is_not_utf_8() {
            SUITE.attack_client($crate::hostile::text);
        }

        // covers WS-5.5.1-01, WS-5.5.1-02, WS-5.5.1-06, WS-5.5.1-08, WS-5.5.1-10, WS-7.1.1-01, WS-7.4-01, WS-7.4-02
        #[test]
        fn a_server_answers_each_close_once() {
            SUITE.attack_server($crate::hostile::close);
        }

        // covers WS-5.5.1-01, WS-5.5.1-02, WS-5.5.1-06, WS-5.5.1-08, WS-5.5.1-10, WS-7.4-01, WS-7.4-02
        #[test]
        fn a_client_answers_each_close_once() {
            SUITE.attack_client($crate::hostile::close);
        }

        // covers WS-5.5.1-08, WS-5.5.1-09, WS-5.5.1-11, WS-7.1.1-02
        #[test]
        fn a_client_that_closes_comes_to_an_end() {
            SUITE.attack_client(|_| $crate::hostile::closing());
        }

        // covers WS-5.5.2-01, WS-5.5.3-01, WS-5.5.3-02, WS-5.5.3-03, WS-10.4-01
        #[test]
        fn no_flood_takes_a_servers_memory_or_time() {
            SUITE.attack_server($crate::hostile::floods);
        }

        // covers WS-5.5.2-01, WS-5.5.3-01, WS-5.5.3-02, WS-5.5.3-03, WS-10.4-01
        #[test]
        fn no_flood_takes_a_clients_memory_or_time() {
            SUITE.attack_client($crate::hostile::floods);
        }

        #[test]
        fn a_server_survives_every_end_of_the_transport() {
            SUITE.attack_server($crate::hostile::endings);
        }

        // covers WS-7.2.1-01
        #[test]
        fn a_client_survives_every_end_of_the_transport() {
            SUITE.attack_client($crate::hostile::endings);
        }

        // covers PMD-6.1-02, PMD-7.2.2-04, PMD-7.2.2-05, PMD-7.2.2-06, PMD-7.2.2-07, PMD-8-02
        #[test]
        fn a_server_inflates_nothing_beyond_its_limit() {
            SUITE.attack_server($crate::hostile::compression);
        }

        // covers PMD-6.1-02, PMD-7.2.2-04, PMD-7.2.2-05, PMD-7.2.2-06, PMD-7.2.2-07, PMD-8-02
        #[test]
        fn a_client_inflates_nothing_beyond_its_limit() {
            SUITE.attack_compressing_client($crate::hostile::compression);
        }

        #[test]
        fn a_server_bears_what_comes_below_tls() {
            SUITE.attack_encrypting_server($crate::hostile::records);
        }

        #[test]
        fn a_client_bears_what_comes_below_tls() {
            SUITE.attack_encrypting_client($crate::hostile::records);
        }

        #[test]
        fn an_encrypting_server_serves_others_beside_attackers_who_never_pause() {
            SUITE.serve_encrypting($crate::hostile::noise_below_server);
        }

        // covers WS-4.2.2-13, WS-10.4-01
        #[test]
        fn a_server_bears_a_crowd_of_attackers() {
            SUITE.serve($crate::hostile::crowd_server);
        }

        #[test]
        fn a_server_serves_others_beside_attackers_who_never_pause() {
            SUITE.serve($crate::hostile::noise_server);
        }
    };
}

/// Attacks a carrier's examples with all cases of a topic.
#[derive(Debug)]
pub struct Suite<V> {
    memory: &'static CountingAllocator,
    victim: std::marker::PhantomData<fn() -> V>,
}

impl<V: Victim> Suite<V> {
    /// Counts memory with the process's global allocator.
    pub const fn new(memory: &'static CountingAllocator) -> Self {
        Self {
            memory,
            victim: std::marker::PhantomData,
        }
    }

    /// Attacks the server.
    ///
    /// # Panics
    ///
    /// As [`attack_server`], and the same of the others.
    pub fn attack_server(&self, cases: impl FnOnce(Role) -> Vec<Case>) {
        self.serve(|dial, memory| attack_server(dial, memory, &cases(Role::Server)));
    }

    /// Attacks the client.
    ///
    /// # Panics
    ///
    /// As [`attack_client`].
    pub fn attack_client(&self, cases: impl FnOnce(Role) -> Vec<Case>) {
        self.attack_client_that("ws", false, None, &plain, cases);
    }

    /// Attacks a client that compresses.
    ///
    /// # Panics
    ///
    /// As [`attack_client`].
    pub fn attack_compressing_client(&self, cases: impl FnOnce(Role) -> Vec<Case>) {
        self.attack_client_that("ws", true, None, &plain, cases);
    }

    /// Attacks the server over TLS.
    ///
    /// # Panics
    ///
    /// As [`attack_server`].
    pub fn attack_encrypting_server(&self, cases: impl FnOnce(Role) -> Vec<Case>) {
        self.serve_encrypting(|dial, memory| attack_server(dial, memory, &cases(Role::Server)));
    }

    /// Attacks the client over TLS.
    ///
    /// # Panics
    ///
    /// As [`attack_client`].
    pub fn attack_encrypting_client(&self, cases: impl FnOnce(Role) -> Vec<Case>) {
        let accept = |stream| encrypting(stream, Role::Server);
        self.attack_client_that("wss", false, Some(&trust().client), &accept, cases);
    }

    /// Runs `attack` against servers that differ in the one deadline that is short.
    pub fn serve(&self, attack: impl FnOnce(Dial<'_>, &CountingAllocator)) {
        self.serve_that(None, &plain, attack);
    }

    /// The same over TLS.
    pub fn serve_encrypting(&self, attack: impl FnOnce(Dial<'_>, &CountingAllocator)) {
        let connect = |stream| encrypting(stream, Role::Client);
        self.serve_that(Some(&trust().server), &connect, attack);
    }

    fn serve_that(
        &self,
        tls: Option<&ServerTls>,
        connect: Move<'_>,
        attack: impl FnOnce(Dial<'_>, &CountingAllocator),
    ) {
        let _turn = turn();
        let addresses: HashMap<Short, SocketAddr> = Short::ALL
            .into_iter()
            .map(|short| (short, V::serve(short, tls.cloned())))
            .collect();
        let dial = |short| connect(TcpStream::connect(addresses[&short])?);
        attack(&dial, self.memory);
    }

    fn attack_client_that(
        &self,
        scheme: &'static str,
        compresses: bool,
        tls: Option<&'static ClientTls>,
        accept: Move<'_>,
        cases: impl FnOnce(Role) -> Vec<Case>,
    ) {
        let _turn = turn();
        let cases = cases(Role::Client);
        let start = move |address: SocketAddr, conduct, short| {
            let url = format!("{scheme}://{address}/");
            V::connect(&url, conduct, short, compresses, tls.cloned())
        };
        attack_client(start, accept, self.memory, &cases);
    }
}

/// Makes what the attacker's bytes move on.
type Move<'a> = &'a dyn Fn(TcpStream) -> io::Result<Box<dyn Transport>>;

/// Memory is counted for the whole process, so one test does anything at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<Result<(), Box<dyn std::error::Error>>> for Verdict {
    fn from(outcome: Result<(), Box<dyn std::error::Error>>) -> Self {
        let Err(error) = outcome else {
            return Verdict::Done;
        };
        match error.downcast_ref::<Error>() {
            Some(Error::Refused(response)) => Verdict::Refused(response.status().as_u16()),
            Some(Error::Handshake(_)) => Verdict::NoHandshake,
            Some(Error::Incomplete) => Verdict::Incomplete,
            Some(Error::Tls(_)) => Verdict::Unencrypted,
            Some(Error::Protocol(error)) => Verdict::Violation(error.close_code().get()),
            Some(Error::Timeout(_) | Error::HandshakeTimeout { .. }) => Verdict::TimedOut,
            Some(Error::Lost { .. } | Error::Transport(_)) => Verdict::Lost,
            _ => {
                eprintln!("{error}: {:?}", error.source());
                Verdict::Other
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bowline_frame::Role;

    use super::super::*;

    #[test]
    fn there_are_many_cases_and_no_two_have_one_name() {
        let both = |role| {
            let topics = [
                frames(role),
                text(role),
                close(role),
                floods(role),
                endings(role),
                compression(role),
                records(role),
            ];
            topics.concat()
        };
        let server = [requests(), both(Role::Server)].concat();
        let client = [responses(), both(Role::Client), closing()].concat();
        for (cases, least) in [(server, 120), (client, 80)] {
            let mut names: Vec<_> = cases.iter().map(|case| &case.name).collect();
            names.sort_unstable();
            assert!(names.len() >= least, "{}: {names:#?}", names.len());
            for pair in names.windows(2) {
                assert_ne!(pair[0], pair[1]);
            }
        }
    }
}
