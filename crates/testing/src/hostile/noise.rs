use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use bowline_frame::Role;

use super::attacker::{Attacker, Fault};
use super::case::{CONNECTION, SOFT_MARK, Short, Step, TLS};
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
    let noises = noises.map(|(name, unit)| {
        let times = (10_000 / unit.len()).max(1);
        (name, 8 * unit.len(), Step::Repeat(unit, times))
    });
    make(dial, memory, noises, usize::MAX);
}

/// The same with what only TLS allows: a record for each byte.
///
/// # Panics
///
/// As [`noise_server`].
pub fn noise_below_server(dial: Dial<'_>, memory: &CountingAllocator) {
    let drips = |frames: Vec<u8>| Step::Drip(frames.repeat(1000 / frames.len()));
    let f = |first, payload: &[u8]| frame(Role::Server, first, payload);
    make(
        dial,
        memory,
        [
            ("pings in records of a byte", TLS, drips(f(PING, b"x"))),
            (
                "a message in records of a byte",
                TLS,
                drips(f(BINARY | FIN, &[0; 900])),
            ),
        ],
        LAPS,
    );
}

/// Makes noise of each kind, whose members may each cost so many bytes, in so many laps at most.
fn make(
    dial: Dial<'_>,
    memory: &CountingAllocator,
    noises: impl IntoIterator<Item = (&'static str, usize, Step)>,
    laps: usize,
) {
    serves(dial).expect("a peer who means well is served");
    let start = memory.current();
    for (name, each, step) in noises {
        memory.reset_peak();
        let served = beside(dial, &step, laps);
        let held = memory.peak().saturating_sub(start);
        let most = CONNECTION + ATTACKERS * (EACH + each);
        assert_eq!(served, Ok(()), "beside {name}");
        assert!(held <= most, "{name} cost {held} bytes, {most} may be");
        assert_eq!(given_back(memory, start), Ok(()), "behind {name}");
    }
}

/// Serves others while attackers do nothing but `step`, so often at most.
fn beside(dial: Dial<'_>, step: &Step, laps: usize) -> Result<(), Fault> {
    let mut attackers = Vec::new();
    for _ in 0..ATTACKERS {
        let transport = dial(Short::Nothing).map_err(|error| error.to_string())?;
        let mut attacker = Attacker::new(transport, Role::Client);
        attacker.perform(&Step::Open(Vec::new()))?;
        attacker.skim();
        attackers.push(attacker);
    }
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        let attacks: Vec<_> = attackers
            .into_iter()
            .map(|mut attacker| {
                let enough = &enough;
                scope.spawn(move || {
                    for _ in 0..laps {
                        if enough.load(Relaxed) {
                            break;
                        }
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

/// How often an attacker sends a thousand records. Buffers of the kernel take a million, and reading those takes long.
const LAPS: usize = 20;

/// Who want to be served meanwhile, one after another.
const OTHERS: usize = 3;

/// What an attacker's connection may cost beside its messages, in bytes: output up to the soft mark, and as much again. It
/// could be more, with a block and a buffer for output; but an attacker takes replies now and then.
const EACH: usize = 2 * SOFT_MARK;
