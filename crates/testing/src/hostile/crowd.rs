use bowline_frame::Role;

use super::attacker::Attacker;
use super::case::{CONNECTION, MAX_MESSAGE, Short, Step};
use super::run::{Dial, given_back, serves};
use crate::alloc::CountingAllocator;
use crate::head::REQUEST;
use crate::wire::{BINARY, CLOSE, FIN, PING, TEXT, close_frame, frame, head};

/// Lets a crowd of attackers connect to a server, stop somewhere, and stay.
///
/// `dial` and `memory` are those of [`attack_server`](super::attack_server).
///
/// # Panics
///
/// If a crowd takes more memory than its members may, or if a peer who means well isn't served meanwhile.
pub fn crowd_server(dial: Dial<'_>, memory: &CountingAllocator) {
    let open = || Step::Open(Vec::new());
    let write = |bytes: Vec<u8>| Step::Write(bytes);
    let announced = |len| [head(Role::Server, BINARY | FIN, MAX_MESSAGE), vec![0; len]].concat();
    // What they do before they stop, and what each may cost beyond an idle connection.
    let crowds = [
        ("who say nothing", vec![], 0),
        (
            "who stop inside a request",
            vec![write(REQUEST[..100].to_vec())],
            0,
        ),
        (
            "who stop inside a long request",
            vec![write([&b"GET /"[..], &[b'a'; 8000]].concat())],
            2 * 8000,
        ),
        ("who stop behind the opening handshake", vec![open()], 0),
        (
            "who stop inside a header",
            vec![open(), write(announced(0)[..3].to_vec())],
            0,
        ),
        (
            "who announce a message of the limit",
            vec![open(), write(announced(0))],
            0,
        ),
        (
            "who send 1000 bytes of it",
            vec![open(), write(announced(1000))],
            2 * 1000,
        ),
        (
            "who send 20,000 bytes of it",
            vec![open(), write(announced(20_000))],
            2 * 20_000 + 16 * 1024,
        ),
        (
            "who stop inside a ping",
            vec![open(), write(head(Role::Server, PING, 125))],
            0,
        ),
        (
            "who stop between fragments",
            vec![open(), write(frame(Role::Server, TEXT, "x"))],
            0,
        ),
        (
            "who never end TCP after both Closes",
            vec![
                open(),
                write(close_frame(Role::Server, 1000, "")),
                Step::Await(CLOSE),
            ],
            0,
        ),
    ];
    serves(dial).expect("a peer who means well is served");
    let start = memory.current();
    for (name, steps, each) in crowds {
        memory.reset_peak();
        let crowd: Vec<_> = (0..CROWD)
            .map(|_| {
                let mut attacker = Attacker::new(dial(Short::Nothing).unwrap(), Role::Client);
                for step in &steps {
                    attacker.perform(step).unwrap();
                }
                attacker
            })
            .collect();
        let served = serves(dial);
        drop(crowd);
        let back = given_back(memory, start);
        let held = memory.peak().saturating_sub(start);
        let most = CROWD * (IDLE + each) + CONNECTION;
        assert_eq!(served, Ok(()), "beside {CROWD} {name}");
        assert!(
            held <= most,
            "{CROWD} {name} cost {held} bytes, {most} may be"
        );
        assert_eq!(back, Ok(()), "{CROWD} {name} left bytes behind");
    }
}

/// Attackers in a crowd.
const CROWD: usize = 100;

/// Bytes that an idle connection may cost: the task with its future, and what the attacker keeps.
const IDLE: usize = 8 * 1024;
