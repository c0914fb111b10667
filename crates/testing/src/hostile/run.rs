use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bowline_frame::Role;

use super::attacker::{Attacker, Fault, Transport};
use super::case::{Case, Conduct, Outcome, Short, Step, Verdict};
use super::judge::{judge, judge_verdict};
use crate::alloc::CountingAllocator;
use crate::wire::{CLOSE, FIN, TEXT, close_frame, frame};

/// Runs cases against a server that echoes messages on any path.
///
/// `dial` connects to the server whose one short deadline is given; there is one for each of [`Short::ALL`], all in
/// this process, so that `memory` counts them. Nothing else may run in the process meanwhile.
///
/// # Panics
///
/// If a case doesn't end as it must, takes more memory than it may, or leaves a server that doesn't serve a peer who
/// means well. All cases that failed are named.
pub fn attack_server(
    dial: &dyn Fn(Short) -> io::Result<Box<dyn Transport>>,
    memory: &CountingAllocator,
    cases: &[Case],
) {
    let attack = |case: &Case| {
        let transport = dial(case.short).map_err(|error| error.to_string())?;
        let mut attacker = Attacker::new(transport, Role::Client);
        play(case, &mut attacker, Role::Server, memory)
    };
    attack_each(&attack, memory, cases, Role::Server);
}

/// Runs cases against a client that does what it is told by [`Conduct`].
///
/// `start` runs the client with its one short deadline against the address, up to its end. `accept` makes a transport
/// of its connection. The client runs in this process, so that `memory` counts it. Nothing else may run meanwhile.
///
/// # Panics
///
/// As [`attack_server`]; also if the client says something else about the end than it should.
pub fn attack_client<S>(
    start: S,
    accept: &dyn Fn(TcpStream) -> io::Result<Box<dyn Transport>>,
    memory: &CountingAllocator,
    cases: &[Case],
) where
    S: Fn(SocketAddr, Conduct, Short) -> Verdict + Send + Sync + 'static,
{
    let start = Arc::new(start);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("the listener is bound");
    listener.set_nonblocking(true).expect("a socket can do so");
    let attack = |case: &Case| {
        let (sender, verdict) = mpsc::channel();
        let (start, conduct, short) = (Arc::clone(&start), case.conduct, case.short);
        thread::spawn(move || {
            // Whoever has given up on the case doesn't listen.
            let _ = sender.send(start(address, conduct, short));
        });
        let stream = accepted(&listener)?;
        let transport = accept(stream).map_err(|error| error.to_string())?;
        let mut attacker = Attacker::new(transport, Role::Server);
        let played = play(case, &mut attacker, Role::Client, memory);
        drop(attacker);
        let held = played?;
        let verdict = verdict
            .recv_timeout(PATIENCE)
            .map_err(|_| "the client goes on")?;
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                judge_verdict(case, verdict).map(|()| held)
            }
            _ => Err("the client connects once more".to_owned()),
        }
    };
    attack_each(&attack, memory, cases, Role::Client);
}

/// Makes a transport of a TCP connection as it is.
///
/// # Errors
///
/// If the socket can't be set up.
pub fn plain(stream: TcpStream) -> io::Result<Box<dyn Transport>> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Gives the most bytes that were held meanwhile.
type Attack<'a> = &'a dyn Fn(&Case) -> Result<usize, Fault>;

fn attack_each(attack: Attack<'_>, memory: &CountingAllocator, cases: &[Case], victim: Role) {
    // What a program keeps once it has run is not the doing of an attacker.
    for short in Short::ALL {
        good(attack, short, victim).expect("a peer who means well is served");
    }
    let start = memory.current();
    let mut failures = Vec::new();
    for case in cases {
        let attacked = attack(case);
        let served = good(attack, case.short, victim);
        let fault = match (attacked, served) {
            (Err(fault), _) => fault,
            (Ok(_), Err(fault)) => format!("and then a peer who means well: {fault}"),
            (Ok(held), Ok(_)) if held > case.memory => {
                format!("{held} bytes were held, {} may be", case.memory)
            }
            (Ok(_), Ok(_)) => continue,
        };
        failures.push(format!("{}: {fault}", case.name));
    }
    if let Err(kept) = given_back(memory, start) {
        failures.push(format!("in the end {kept} bytes are kept"));
    }
    assert!(
        failures.is_empty(),
        "{} of {} failed\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

fn play(
    case: &Case,
    attacker: &mut Attacker,
    victim: Role,
    memory: &CountingAllocator,
) -> Result<usize, Fault> {
    let before = memory.current();
    memory.reset_peak();
    for step in &case.steps {
        attacker.perform(step)?;
    }
    if case.outcome == Outcome::Gone {
        return Ok(memory.peak().saturating_sub(before));
    }
    if victim == Role::Client && matches!(case.outcome, Outcome::Closed(_)) {
        // RFC 6455 §7.1.1: a client waits for the server to end the transport.
        attacker.perform(&Step::Await(CLOSE))?;
        attacker.perform(&Step::EndWriting)?;
    }
    attacker.read_to_end()?;
    // Judging costs memory, too.
    let held = memory.peak().saturating_sub(before);
    judge(case, attacker).map(|()| held)
}

/// Whether a peer who means well is served; a short deadline may pass when the machine is busy.
fn good(attack: Attack<'_>, short: Short, victim: Role) -> Result<usize, Fault> {
    let bytes = [
        frame(victim, TEXT | FIN, "well meant"),
        close_frame(victim, 1000, ""),
    ];
    let case = Case::new(
        "a peer who means well",
        [Step::Open(bytes.concat())],
        Outcome::Closed(1000),
    )
    .after([(TEXT | FIN, b"well meant".to_vec())])
    .short(short);
    let mut served = attack(&case);
    for _ in 0..RETRIES {
        if served.is_ok() || short == Short::Nothing {
            break;
        }
        served = attack(&case);
    }
    served
}

fn accepted(listener: &TcpListener) -> Result<TcpStream, Fault> {
    let since = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.to_string()),
            Err(_) if since.elapsed() > PATIENCE => return Err("nobody connects".to_owned()),
            Err(_) => thread::sleep(GLANCE),
        }
    }
}

/// Waits for the victims to give back what the attackers made them hold.
fn given_back(memory: &CountingAllocator, start: usize) -> Result<(), usize> {
    let since = Instant::now();
    loop {
        let kept = memory.current().saturating_sub(start);
        if kept <= KEPT {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return Err(kept);
        }
        thread::sleep(GLANCE);
    }
}

/// What the victim's thread keeps for the next connection: blocks for input and output.
const KEPT: usize = 8 * 64 * 1024;

const RETRIES: usize = 20;

const GLANCE: Duration = Duration::from_micros(200);

/// When a case hangs. No outcome depends on it.
const PATIENCE: Duration = Duration::from_secs(30);
