//! Streams of frames that say little but break every rule now and then.

use bowline_frame::Role;
use bowline_testing::random::Random;

/// The stream that a seed stands for, as the peer of an end with this role writes it.
pub fn stream(role: Role, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut wire = Vec::new();
    let mut open = false;
    for _ in 0..=random.below(8) {
        let first = first_byte(&mut random, &mut open);
        let payload = payload(&mut random, first);
        frame(&mut random, role, first, &payload, &mut wire);
    }
    if random.below(64) == 0 {
        // Fragments of nothing, more than we take.
        for _ in 0..130 {
            wire.push(if open { 0 } else { 2 });
            open = true;
            match role {
                Role::Server => wire.extend_from_slice(&[0x80, 0, 0, 0, 0]),
                Role::Client => wire.push(0),
            }
        }
    }
    if random.below(3) == 0 {
        let at = random.below(wire.len());
        wire[at] ^= 1 << random.below(8);
    }
    wire
}

/// Mostly in the order that messages have.
fn first_byte(random: &mut Random, open: &mut bool) -> u8 {
    let fin = random.below(2) == 0;
    match random.below(24) {
        0 => random.below(256) as u8,
        1 => 0x88,
        2 => random.below(3) as u8 | if fin { 0x80 } else { 0 },
        3..=5 => 0x89 + random.below(2) as u8,
        _ => {
            let opcode = if *open { 0 } else { 1 + random.below(2) as u8 };
            *open = !fin;
            opcode | if fin { 0x80 } else { 0 }
        }
    }
}

fn payload(random: &mut Random, first: u8) -> Vec<u8> {
    const TEXTS: &[&str] = &["", "a", "Bowline", "\u{e9}\u{20ac}\u{1f600}", "\u{ffff}\0"];
    let mut payload = if first & 0x0F == 8 && random.below(4) > 0 {
        const CODES: &[u16] = &[
            0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1010, 1011, 1012, 1013, 1014,
            1015, 1016, 2999, 3000, 3999, 4000, 4999, 5000, 65535,
        ];
        CODES[random.below(CODES.len())].to_be_bytes().to_vec()
    } else {
        Vec::new()
    };
    payload.extend_from_slice(TEXTS[random.below(TEXTS.len())].as_bytes());
    if first & 0x0F == 8 && random.below(8) == 0 {
        payload.push(0xFF);
    }
    match random.below(16) {
        // In the middle of a code point, or without its beginning.
        0 => payload.truncate(payload.len().saturating_sub(1)),
        1 => payload.push(0x80 | random.below(128) as u8),
        2 => payload.resize(120 + random.below(12), b'x'),
        3 => payload.resize(500 + random.below(48), b'x'),
        _ => {}
    }
    payload
}

fn frame(random: &mut Random, role: Role, first: u8, payload: &[u8], wire: &mut Vec<u8>) {
    let masked = (role == Role::Server) != (random.below(64) == 0);
    let mask = if masked { 0x80 } else { 0 };
    let len = payload.len() as u64;
    wire.push(first);
    match (len, random.below(32)) {
        (_, 0) => {
            wire.push(mask | 127);
            let top = u64::from(random.below(4) == 0) << 63;
            wire.extend_from_slice(&(len | top).to_be_bytes());
        }
        (0..=125, 2..) => wire.push(mask | len as u8),
        _ => {
            wire.push(mask | 126);
            wire.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    let key = random.next_u64().to_le_bytes();
    if masked {
        wire.extend_from_slice(&key[..4]);
    }
    let keys = key[..4].iter().cycle();
    wire.extend(
        payload
            .iter()
            .zip(keys)
            .map(|(byte, key)| if masked { byte ^ key } else { *byte }),
    );
}
