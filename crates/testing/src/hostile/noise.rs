use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use bowline_frame::Role;

use super::attacker::{Attacker, Fault};
use super::case::{CONNECTION, Short, Step};
use super::run::{Dial, given_back, serves};
use crate::alloc::CountingAllocator;
use crate::wire::{BINARY, CONT, FIN, PING, PONG, TEXT, frame};

/// Lets attackers send without a pause, and read what comes, while peers who mean well want to be served.
///
/// A server on one thread is the one to try: there a connection that doesn't pause either keeps all others waiting.
/// `dial` and `memory` are those of [`attack_server`](super::attack_server).
///
/// # Panics
///
/// If somebody isn't served, or if the attackers take more memory than they may.
pub fn noise_server(dial: Dial<'_>, memory: &CountingAllocator) {
    let f = |first, payload: &[u8]| frame(Role::Server, first, payload);
    let noises = [
        ("pings", f(PING, b"x")),
        ("pongs", f(PONG, &[0; 125])),
        ("empty messages", f(TEXT | FIN, b"")),
        ("messages of 100 KB", f(BINARY | FIN, &[0; 100_000])),
        (
            "messages in tiny fragments",
            [
                f(BINARY, b""),
                f(CONT, b"x").repeat(100),
                f(CONT | FIN, b""),
            ]
            .concat(),
        ),
        (
            "messages and pings between their fragments",
            [
                f(TEXT, b"x"),
                f(PING, b""),
                f(CONT | FIN, b"y"),
                f(PONG, b""),
            ]
            .concat(),
        ),
    ];
    serves(dial).expect("a peer who means well is served");
    let start = memory.current();
    for (name, unit) in noises {
        memory.reset_peak();
        let served = beside(dial, &unit);
        let held = memory.peak().saturating_sub(start);
        let most = CONNECTION + ATTACKERS * (EACH + 8 * unit.len());
        assert_eq!(served, Ok(()), "beside {name}");
        assert!(held <= most, "{name} cost {held} bytes, {most} may be");
        assert_eq!(given_back(memory, start), Ok(()), "behind {name}");
    }
}

/// Serves others while attackers send nothing but `unit`.
fn beside(dial: Dial<'_>, unit: &[u8]) -> Result<(), Fault> {
    let mut attackers = Vec::new();
    for _ in 0..ATTACKERS {
        let transport = dial(Short::Nothing).map_err(|error| error.to_string())?;
        let mut attacker = Attacker::new(transport, Role::Client);
        attacker.perform(&Step::Open(Vec::new()))?;
        attacker.skim();
        attackers.push(attacker);
    }
    let step = Step::Repeat(unit.to_vec(), (10_000 / unit.len()).max(1));
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        let attacks: Vec<_> = attackers
            .into_iter()
            .map(|mut attacker| {
                let (step, enough) = (&step, &enough);
                scope.spawn(move || {
                    while !enough.load(Relaxed) {
                        attacker.perform(step)?;
                    }
                    Ok(())
                })
            })
            .collect();
        let served = (0..OTHERS).try_for_each(|_| serves(dial));
        enough.store(true, Relaxed);
        let attacked = attacks
            .into_iter()
            .try_for_each(|attack| attack.join().expect("an attacker only sends"));
        served.and(attacked)
    })
}

/// Who send at the same time.
const ATTACKERS: usize = 3;

/// Who want to be served meanwhile, one after another.
const OTHERS: usize = 3;

/// What an attacker's connection may cost beside its messages, in bytes: output up to the soft mark, and as much again.
const EACH: usize = 2 * 64 * 1024;
