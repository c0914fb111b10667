//! What two ends can agree on about permessage-deflate: the windows and takeover of both directions.

use std::fmt;

use crate::conformance::Role;

/// What two ends agree on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Combination {
    /// How the server compresses.
    pub(super) server: Direction,
    /// How the client compresses.
    pub(super) client: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Direction {
    /// The window is two to the power of this many bytes.
    pub(super) bits: u8,
    /// Whether messages refer to earlier ones.
    pub(super) takeover: bool,
}

/// What comes of a combination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Both ends agree on it.
    Agreed,
    /// One end asks for it, the other one doesn't compress then; why.
    Declined(&'static str),
    /// No end can ask for it, or the one that agrees doesn't keep to it; why.
    Impossible(&'static str),
}

/// What comes of a window of 8 bits where it is not agreed on.
struct Eight {
    peer: &'static str,
    /// Our role.
    ours: Role,
    /// Whose messages have that window.
    whose: Role,
    verdict: Verdict,
}

const EIGHT: &[Eight] = &[
    Eight {
        peer: "websockets",
        ours: Role::Server,
        whose: Role::Server,
        verdict: Verdict::Declined("our zlib compresses with 9 bits or more"),
    },
    Eight {
        peer: "websockets",
        ours: Role::Server,
        whose: Role::Client,
        verdict: Verdict::Impossible("its client can't ask for it: zlib compresses with 9 or more"),
    },
    Eight {
        peer: "websockets",
        ours: Role::Client,
        whose: Role::Server,
        verdict: Verdict::Declined("its zlib compresses with 9 bits or more"),
    },
    Eight {
        peer: "websockets",
        ours: Role::Client,
        whose: Role::Client,
        verdict: Verdict::Impossible("`bowline connect` can't ask for it"),
    },
    Eight {
        peer: "ws",
        ours: Role::Server,
        whose: Role::Server,
        verdict: Verdict::Declined("our zlib compresses with 9 bits or more"),
    },
    Eight {
        peer: "ws",
        ours: Role::Server,
        whose: Role::Client,
        verdict: Verdict::Impossible("it agrees to it, and node compresses with 9 bits"),
    },
    Eight {
        peer: "ws",
        ours: Role::Client,
        whose: Role::Server,
        verdict: Verdict::Impossible("it agrees to it, and node compresses with 9 bits"),
    },
    Eight {
        peer: "ws",
        ours: Role::Client,
        whose: Role::Client,
        verdict: Verdict::Impossible("`bowline connect` can't ask for it"),
    },
    Eight {
        peer: "chromium",
        ours: Role::Server,
        whose: Role::Server,
        verdict: Verdict::Impossible("neither it nor `bowline serve` asks for it"),
    },
];

impl Combination {
    /// Every window of each direction, each with takeover in both directions, in none and in either one; where the
    /// directions differ in that, they differ in their windows too.
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for bits in 8..=15 {
            let other = (24 - bits).min(15);
            let [on, off] = Direction::both(bits);
            let [other_on, other_off] = Direction::both(other);
            for (server, client) in [
                (on, on),
                (off, off),
                (on, other_off),
                (off, other_on),
                (other_on, off),
                (other_off, on),
            ] {
                let one = Self { server, client };
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
        all
    }

    /// What comes of it with this peer when our role is `ours`.
    pub(super) fn verdict(self, peer: &str, ours: Role) -> Verdict {
        let mut verdict = Verdict::Agreed;
        for (whose, direction) in [(Role::Server, self.server), (Role::Client, self.client)] {
            if direction.bits > 8 {
                continue;
            }
            let eight = EIGHT
                .iter()
                .find(|eight| eight.peer == peer && eight.ours == ours && eight.whose == whose);
            verdict = match (verdict, eight.map(|eight| eight.verdict)) {
                (Verdict::Impossible(why), _) => Verdict::Impossible(why),
                (_, Some(worse)) => worse,
                (before, None) => before,
            };
        }
        verdict
    }

    /// The parameters with which a client offers it, as `a=10 b`.
    pub(super) fn offer(self) -> String {
        let mut words = vec![
            format!("server_max_window_bits={}", self.server.bits),
            format!("client_max_window_bits={}", self.client.bits),
        ];
        if !self.server.takeover {
            words.push("server_no_context_takeover".to_owned());
        }
        if !self.client.takeover {
            words.push("client_no_context_takeover".to_owned());
        }
        words.join(" ")
    }

    /// What an answer in `Sec-WebSocket-Extensions` says was agreed on; `None` if that is nothing.
    ///
    /// # Errors
    ///
    /// If it is not an answer about permessage-deflate, and about nothing else.
    pub(super) fn agreed(answer: &str) -> Result<Option<Self>, String> {
        let wrong = || format!("the answer {answer:?}");
        if answer.is_empty() {
            return Ok(None);
        }
        let mut words = answer.split(';').map(str::trim);
        if words.next() != Some("permessage-deflate") {
            return Err(wrong());
        }
        let (mut server, mut client) = (Direction::WIDE, Direction::WIDE);
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("server_no_context_takeover", "") => server.takeover = false,
                ("client_no_context_takeover", "") => client.takeover = false,
                ("server_max_window_bits", bits) => {
                    server.bits = bits.parse().map_err(|_| wrong())?;
                }
                ("client_max_window_bits", bits) => {
                    client.bits = bits.parse().map_err(|_| wrong())?;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(Some(Self { server, client }))
    }
}

impl Direction {
    /// What holds for what isn't mentioned.
    pub(super) const WIDE: Self = Self {
        bits: 15,
        takeover: true,
    };

    /// With takeover and without.
    fn both(bits: u8) -> [Self; 2] {
        [true, false].map(|takeover| Self { bits, takeover })
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {}, client {}", self.server, self.client)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let takeover = if self.takeover { "on" } else { "off" };
        write!(f, "{} {takeover}", self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_stands_with_both_kinds_of_takeover_in_each_direction() {
        let all = Combination::all();
        for bits in 8..=15 {
            for takeover in [true, false] {
                let direction = Direction { bits, takeover };
                assert!(all.iter().any(|one| one.server == direction), "{direction}");
                assert!(all.iter().any(|one| one.client == direction), "{direction}");
            }
        }
        assert_eq!(all.len(), 7 * 4 + 6);
    }

    #[test]
    fn only_windows_of_8_bits_are_not_agreed_on() {
        for peer in ["websockets", "ws", "chromium"] {
            for one in Combination::all() {
                let agreed = one.verdict(peer, Role::Server) == Verdict::Agreed;
                if one.server.bits > 8 && one.client.bits > 8 {
                    assert!(agreed, "{peer}: {one}");
                }
                assert!(!agreed || one.server.bits > 8, "{peer}: {one}");
            }
        }
        let wide = Direction::WIDE;
        let narrow = Direction { bits: 8, ..wide };
        let verdict =
            |server, client| Combination { server, client }.verdict("websockets", Role::Server);
        assert!(matches!(verdict(narrow, wide), Verdict::Declined(_)));
        assert!(matches!(verdict(narrow, narrow), Verdict::Impossible(_)));
    }

    #[test]
    fn an_answer_is_read_with_what_it_leaves_out() {
        let agreed = |answer| {
            Combination::agreed(answer)
                .unwrap()
                .map(|one| one.to_string())
        };
        assert_eq!(agreed(""), None);
        assert_eq!(
            agreed("permessage-deflate").as_deref(),
            Some("server 15 on, client 15 on")
        );
        assert_eq!(
            agreed("permessage-deflate; client_max_window_bits=9;server_no_context_takeover")
                .as_deref(),
            Some("server 15 off, client 9 on")
        );
        for bad in [
            "permessage-bzip2",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; level=3",
            "permessage-deflate, permessage-deflate",
        ] {
            assert!(Combination::agreed(bad).is_err(), "{bad}");
        }
    }
}
