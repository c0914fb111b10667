use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bowline_frame::Role;

use super::attacker::{Attacker, Fault, Transport};
use super::case::{Case, Conduct, KEPT, Outcome, Short, Step, Verdict};
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
pub fn attack_server(dial: Dial<'_>, memory: &CountingAllocator, cases: &[Case]) {
    let attack = |case: &Case| {
        let mut attacker = dialled(dial, case.short)?;
        act(case, &mut attacker, Role::Server)?;
        let peak = memory.peak();
        judge(case, &attacker).map(|()| peak)
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
        act(case, &mut attacker, Role::Client)?;
        // Judging costs memory, too.
        let peak = memory.peak();
        judge(case, &attacker)?;
        drop(attacker);
        let verdict = verdict
            .recv_timeout(PATIENCE)
            .map_err(|_| "the client goes on")?;
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                judge_verdict(case, verdict).map(|()| peak)
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

/// Connects to the server that has this short deadline.
pub type Dial<'a> = &'a dyn Fn(Short) -> io::Result<Box<dyn Transport>>;

/// Gives the most bytes that the process held meanwhile.
type Attack<'a> = &'a dyn Fn(&Case) -> Result<usize, Fault>;

fn attack_each(attack: Attack<'_>, memory: &CountingAllocator, cases: &[Case], victim: Role) {
    // What a program keeps once it has run is not the doing of an attacker.
    for short in Short::ALL {
        good(attack, short, victim).expect("a peer who means well is served");
    }
    let start = memory.current();
    let mut failures = Vec::new();
    for case in cases {
        memory.reset_peak();
        let attacked = attack(case);
        let fault = match good(attack, case.short, victim) {
            Ok(()) => judge_memory(case, attacked, memory, start),
            Err(fault) => Err(format!("then a peer who means well: {fault}, {attacked:?}")),
        };
        if let Err(fault) = fault {
            failures.push(format!("{}: {fault}", case.name));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} failed\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

fn judge_memory(
    case: &Case,
    attacked: Result<usize, Fault>,
    memory: &CountingAllocator,
    start: usize,
) -> Result<(), Fault> {
    let held = attacked?.saturating_sub(start);
    if held > case.memory {
        return Err(format!("{held} bytes were held, {} may be", case.memory));
    }
    given_back(memory, start)
}

/// Does what the case says, up to the end of the victim's direction.
fn act(case: &Case, attacker: &mut Attacker, victim: Role) -> Result<(), Fault> {
    for step in &case.steps {
        attacker.perform(step)?;
    }
    if case.outcome == Outcome::Gone {
        return Ok(());
    }
    if victim == Role::Client && matches!(case.outcome, Outcome::Closed(_)) {
        // RFC 6455 §7.1.1: a client waits for the server to end the transport.
        attacker.perform(&Step::Await(CLOSE))?;
        attacker.perform(&Step::EndWriting)?;
    }
    attacker.read_to_end()
}

fn dialled(dial: Dial<'_>, short: Short) -> Result<Attacker, Fault> {
    let transport = dial(short).map_err(|error| error.to_string())?;
    Ok(Attacker::new(transport, Role::Client))
}

/// Whether a peer who means well is served; a short deadline may pass when the machine is busy.
fn good(attack: Attack<'_>, short: Short, victim: Role) -> Result<(), Fault> {
    let case = well_meant(victim).short(short);
    let mut served = attack(&case);
    for _ in 0..RETRIES {
        if served.is_ok() || short == Short::Nothing {
            break;
        }
        served = attack(&case);
    }
    served.map(drop)
}

/// The same, at a server and without counting memory anew.
pub(super) fn serves(dial: Dial<'_>) -> Result<(), Fault> {
    let case = well_meant(Role::Server);
    let mut peer = dialled(dial, case.short)?;
    act(&case, &mut peer, Role::Server)?;
    judge(&case, &peer)
}

fn well_meant(victim: Role) -> Case {
    let bytes = [
        frame(victim, TEXT | FIN, "well meant"),
        close_frame(victim, 1000, ""),
    ];
    Case::new(
        "a peer who means well",
        [Step::Open(bytes.concat())],
        Outcome::Closed(1000),
    )
    .after([(TEXT | FIN, b"well meant".to_vec())])
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
pub(super) fn given_back(memory: &CountingAllocator, start: usize) -> Result<(), Fault> {
    let since = Instant::now();
    loop {
        let kept = memory.current().saturating_sub(start);
        if kept <= KEPT {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return Err(format!("{kept} bytes are not given back"));
        }
        thread::sleep(GLANCE);
    }
}

const RETRIES: usize = 20;

const GLANCE: Duration = Duration::from_micros(200);

/// When a case hangs. No outcome depends on it.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a peer who means well is served")]
    fn a_server_that_serves_nobody_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || listener.incoming().for_each(drop));
        let dial = |_| plain(TcpStream::connect(address)?);
        attack_server(&dial, &CountingAllocator::new(), &[]);
    }

    #[test]
    #[should_panic(expected = "1 of 2 failed\nopcode 3: ")]
    fn a_case_that_ends_otherwise_is_named() {
        let case = |name| {
            crate::hostile::frames(Role::Server)
                .into_iter()
                .find(|case| case.name == name)
                .unwrap()
        };
        // Fails on the one and is well on the other.
        let attack = |attacked: &Case| match &*attacked.name {
            "opcode 3" => Err("no Close".to_owned()),
            _ => Ok(0),
        };
        let cases = [case("opcode 3"), case("opcode 4")];
        attack_each(&attack, &CountingAllocator::new(), &cases, Role::Server);
    }
}
