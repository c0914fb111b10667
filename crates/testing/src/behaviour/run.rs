use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bowline_frame::Role;

use super::bench::{Bench, Calls};
use super::carrier::Carrier;
use super::wire::Security;
use super::{
    backpressure, cancel, closing, compression, encryption, endings, fragments, handshake, limits,
    messages, pings, split, violations,
};

/// Runs all cases on a carrier, over TCP alone.
///
/// # Panics
///
/// If a case fails or hangs. All of them are named.
pub fn run<C: Carrier>() {
    run_over::<C>(Security::Plain);
}

/// Runs all cases on a carrier, over TLS, and with them those about who is trusted.
///
/// # Panics
///
/// As [`run`].
pub fn run_encrypted<C: Carrier>() {
    run_over::<C>(Security::Tls);
}

fn run_over<C: Carrier>(security: Security) {
    let mut cases = cases::<C>();
    if security == Security::Tls {
        cases.extend(encryption::cases());
    }
    let failures = check(&cases, security, PATIENCE, WATCHDOG);
    let shown: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert!(
        failures.is_empty(),
        "{} of {} failed\n{}",
        failures.len(),
        cases.len(),
        shown.join("\n")
    );
}

/// Runs the cases whose name begins with one of `names` on a carrier, over TCP alone, and gives those that fail, in the
/// order of their names. A peer waits no longer than `patience` for anything, and a case takes no longer than twice
/// that.
///
/// # Panics
///
/// If a name fits no case.
pub fn failures<C: Carrier>(names: &[&str], patience: Duration) -> Vec<Failure> {
    let mut cases = cases::<C>();
    for name in names {
        let fits = cases.iter().any(|case| case.name.starts_with(name));
        assert!(fits, "there is no case {name}");
    }
    cases.retain(|case| names.iter().any(|name| case.name.starts_with(name)));
    check(&cases, Security::Plain, patience, 2 * patience)
}

/// The names of all cases.
pub fn names<C: Carrier>() -> Vec<String> {
    let mut cases = cases::<C>();
    cases.extend(encryption::cases());
    cases.into_iter().map(|case| case.name).collect()
}

/// One case in one role.
pub(super) struct Case<C> {
    name: String,
    role: Role,
    run: fn(&Bench<C>),
}

impl<C> Case<C> {
    pub(super) fn new(topic: &str, name: &str, role: Role, run: fn(&Bench<C>)) -> Self {
        let role_name = match role {
            Role::Server => "server",
            Role::Client => "client",
        };
        Self {
            name: format!("{topic}::{name} ({role_name})"),
            role,
            run,
        }
    }
}

/// Lists the cases of a topic: those of both roles, of a server, and of a client.
macro_rules! topic {
    ($topic:ident; both: [$($both:ident),* $(,)?]; server: [$($server:ident),* $(,)?]; client: [$($client:ident),* $(,)?]) => {
        pub(super) fn cases<C: $crate::behaviour::Carrier>() -> Vec<$crate::behaviour::run::Case<C>> {
            use $crate::behaviour::run::Case;
            use ::bowline_frame::Role::{Client, Server};
            let topic = stringify!($topic);
            vec![
                $(Case::new(topic, stringify!($both), Server, $both::<C>),
                Case::new(topic, stringify!($both), Client, $both::<C>),)*
                $(Case::new(topic, stringify!($server), Server, $server::<C>),)*
                $(Case::new(topic, stringify!($client), Client, $client::<C>),)*
            ]
        }
    };
}
pub(super) use topic;

fn cases<C: Carrier>() -> Vec<Case<C>> {
    [
        messages::cases(),
        fragments::cases(),
        pings::cases(),
        closing::cases(),
        endings::cases(),
        handshake::cases(),
        limits::cases(),
        violations::cases(),
        backpressure::cases(),
        split::cases(),
        cancel::cases(),
        compression::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A case that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its name.
    pub case: String,
    /// What it says of it, or where it hangs.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.why)
    }
}

/// Runs cases side by side: most of them wait most of the time.
fn check<C: Carrier>(
    cases: &[Case<C>],
    security: Security,
    patience: Duration,
    watchdog: Duration,
) -> Vec<Failure> {
    let (waiting, failures) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.next()
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = next() {
                    if let Err(why) = check_one(case, security, patience, watchdog) {
                        let case = case.name.clone();
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push(Failure { case, why });
                    }
                }
            });
        }
    });
    let mut failures = failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    failures.sort_by(|a, b| a.case.cmp(&b.case));
    failures
}

/// Runs a case in a thread of its own, which is left alone if it hangs.
fn check_one<C: Carrier>(
    case: &Case<C>,
    security: Security,
    patience: Duration,
    watchdog: Duration,
) -> Result<(), String> {
    let calls = Calls::default();
    let bench = Bench::new(case.role, security, calls.clone(), patience);
    let (sender, outcome) = mpsc::channel();
    let run = case.run;
    thread::Builder::new()
        .name(case.name.clone())
        .spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| run(&bench)));
            // Whoever has given up on the case doesn't listen.
            let _ = sender.send(outcome.map_err(|panic| message(&*panic)));
        })
        .map_err(|error| error.to_string())?;
    match outcome.recv_timeout(watchdog) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => Err(format!("hangs at {:?}", calls.waiting())),
        Err(RecvTimeoutError::Disconnected) => Err("ends without an outcome".to_owned()),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}

/// Cases that run at once.
const AT_ONCE: usize = 8;

/// How long a peer waits for anything. No outcome depends on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// When a case hangs.
const WATCHDOG: Duration = Duration::from_secs(60);
