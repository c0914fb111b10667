//! Peers with every combination of windows and takeover.

use std::process::Command;

use crate::Result;
use crate::conformance::Role;
use crate::peers::{self, Server};
use crate::steps::Step;

use super::browser::CHROMIUM;
use super::combination::{Combination, Direction, Verdict};
use super::library::{Random, same, told};
use super::{LONG, Lab, Language, Security, fetch};

/// How many messages a combination exchanges in ordinary runs.
pub(crate) const MESSAGES: usize = 200;

/// Both ways with a library: its client and `bowline serve`, its server and `bowline connect`.
pub(super) fn library(
    step: &mut Step,
    lab: &Lab,
    language: Language,
    peer: &str,
    messages: usize,
) -> Result<String> {
    let plan = Plan::new(step, peer, Role::Server)?;
    let options = serve_options(WIDE);
    let server = serve(lab, peer, &options)?;
    let mut client = lab.script(language, "combinations");
    client.arg(format!("ws://{}/echo", server.address));
    client.args(plan.all.iter().map(|(one, _)| one.offer()));
    plan.watch(step, &mut client, messages)?;
    let tried = plan.all.len();

    let plan = Plan::new(step, peer, Role::Client)?;
    connect(step, lab, language, peer, &plan, messages)?;
    let tried = tried + plan.all.len();
    Ok(format!("{tried} combinations, {messages} messages each"))
}

/// The browser and `bowline serve`, one for each combination: the browser offers everything, the server chooses.
pub(super) fn browser(step: &mut Step, lab: &Lab, peer: &str, messages: usize) -> Result<String> {
    let plan = Plan::new(step, peer, Role::Server)?;
    let mut servers = Vec::new();
    for (one, _) in &plan.all {
        let mut options = serve_options(*one);
        // The page comes from nowhere.
        options.extend(["--origin", "any"].map(str::to_owned));
        servers.push(serve(lab, &format!("{peer}-{}", servers.len()), &options)?);
    }
    let chromium = fetch::program(lab, CHROMIUM)?;
    let mut script = lab.script(Language::Node, "chromium-combinations");
    script.arg("--chromium").arg(chromium.get_program());
    let urls = servers
        .iter()
        .map(|server| format!("ws://{}/echo", server.address));
    script.args(urls);
    plan.watch(step, &mut script, messages)?;
    let tried = plan.all.len();
    Ok(format!("{tried} combinations, {messages} messages each"))
}

/// `bowline connect` with each combination at their servers: over one connection it asks for the combination at a server
/// that takes what is offered, over another it offers everything to a server that asks.
fn connect(
    step: &mut Step,
    lab: &Lab,
    language: Language,
    peer: &str,
    plan: &Plan,
    messages: usize,
) -> Result<()> {
    let agreed = plan
        .all
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Agreed);
    let mut script = lab.script(language, "server");
    script.args([peer, "--deflate="]);
    script.args(agreed.map(|(one, _)| format!("--deflate={}", one.offer())));
    let log = lab.target.join(format!("{peer}-combinations-server.log"));
    let mut server = Server::start(&mut script, &log)?;
    let expected = script.get_args().len() - 2;
    let addresses = server.wait_for("address for each", |output| {
        let addresses = told(output, "listening on ws://");
        (addresses.len() == expected).then_some(addresses)
    })?;
    let (taking, mut asking) = (&addresses[0], addresses[1..].iter());

    for (number, (one, verdict)) in plan.all.iter().enumerate() {
        let by_us = (taking, options(one.client, one.server));
        let by_them = match verdict {
            Verdict::Agreed => asking.next(),
            Verdict::Declined(_) | Verdict::Impossible(_) => None,
        };
        let by_them = by_them.map(|address| (address, options(WIDE.client, WIDE.server)));
        let mut askers = [by_us.clone(), by_them.unwrap_or(by_us)];
        if number % 2 == 1 {
            askers.reverse();
        }
        let messages = [
            ("--text", Lines::text(number, messages / 2)),
            ("--binary", Lines::binary(number, messages - messages / 2)),
        ];
        for ((address, options), (mode, lines)) in askers.into_iter().zip(messages) {
            let mut connect = Command::new(&lab.bowline);
            connect.args(["connect", "-v", mode]).args(options);
            connect.arg(format!("ws://{address}/echo"));
            talk(&mut connect, &lines, *verdict).map_err(|error| format!("{one}: {error}"))?;
        }
        let answers = server.wait_for("end of both connections", |output| {
            let ended = told(output, "closed ").len() == 2 * number + 2;
            ended.then(|| told(output, "opened"))
        })?;
        for answer in &answers[2 * number..] {
            plan.check(number, answer)?;
        }
        step.note(&format!("{peer} server, {one}: the same"))?;
    }
    Ok(())
}

/// Fails unless what `bowline connect -v` is sent comes back, compressed both ways if that was agreed on and any of it
/// is worth that.
fn talk(connect: &mut Command, lines: &Lines, verdict: Verdict) -> Result<()> {
    let said = peers::converse_until(connect, &lines.sent, lines.back.len())?;
    let words = said.stderr.clone();
    same("messages", &lines.back, &said.well()?)?;
    match is_told(&words, verdict, lines) {
        true => Ok(()),
        false => Err(format!("how much was compressed: {words:?}").into()),
    }
}

/// Whether it is said of both directions that they were compressed, or of none. Without a message that everybody
/// compresses either may be.
fn is_told(words: &str, verdict: Verdict, lines: &Lines) -> bool {
    let compressed = ["sent", "received"].map(|what| {
        let mut lines = words.lines();
        lines.any(|line| line.starts_with(what) && line.contains(" bytes compressed to "))
    });
    match verdict {
        Verdict::Agreed => compressed == [true; 2] || !lines.are_worth_compressing(),
        Verdict::Declined(_) | Verdict::Impossible(_) => compressed == [false; 2],
    }
}

/// The combinations that are tried with a peer.
struct Plan {
    peer: String,
    all: Vec<(Combination, Verdict)>,
}

impl Plan {
    /// All but the impossible ones, of which it says why they are.
    fn new(step: &mut Step, peer: &str, ours: Role) -> Result<Self> {
        let mut all = Vec::new();
        for one in Combination::all() {
            match one.verdict(peer, ours) {
                Verdict::Impossible(why) => {
                    step.note(&format!("{peer}, {one}: impossible, {why}"))?
                }
                verdict => all.push((one, verdict)),
            }
        }
        let peer = peer.to_owned();
        Ok(Self { peer, all })
    }

    /// Runs a script that prints for each combination what was agreed on, and then how many messages were the same.
    fn watch(&self, step: &mut Step, script: &mut Command, messages: usize) -> Result<()> {
        script
            .arg(format!("--messages={messages}"))
            .arg(format!("--longest={LONGEST}"));
        let mut agreed = Vec::new();
        let mut counts = Vec::new();
        let mut trouble = String::new();
        let ended = step.watch(script, |line| {
            if let Some(answer) = line.strip_prefix("agreed") {
                agreed.push(answer.trim().to_owned());
            } else if let Some(count) = line.strip_prefix("same ") {
                counts.push(count.to_owned());
            } else if line.contains("Error") {
                line.clone_into(&mut trouble);
            }
            false
        });
        for (number, answer) in agreed.iter().enumerate() {
            self.check(number, answer)?;
        }
        ended.map_err(|error| match self.all.get(counts.len()) {
            Some((one, _)) if !trouble.is_empty() => format!("{one}: {trouble}").into(),
            _ => error,
        })?;
        let expected = vec![messages.to_string(); self.all.len()];
        if agreed.len() != self.all.len() || counts != expected {
            let count = self.all.len();
            return Err(format!("{count} combinations: {agreed:?}, {counts:?}").into());
        }
        Ok(())
    }

    /// Fails unless the `answer` about combination `number` is what was to come of it.
    fn check(&self, number: usize, answer: &str) -> Result<()> {
        let Some((one, verdict)) = self.all.get(number) else {
            return Err(format!("a connection too many: {answer:?}").into());
        };
        let expected = (*verdict == Verdict::Agreed).then_some(*one);
        match Combination::agreed(answer)? == expected {
            true => Ok(()),
            false => Err(format!("{}: {one} became {answer:?}", self.peer).into()),
        }
    }
}

/// `bowline serve` with `options`; a script may mean characters by the longest message, not bytes.
fn serve(lab: &Lab, who: &str, options: &[String]) -> Result<Server> {
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    lab.serve(
        &format!("{who}-combinations"),
        Security::Plain,
        LONG,
        &options,
    )
}

/// The options by which `bowline serve` wants a combination, or less where the client wants less.
fn serve_options(one: Combination) -> Vec<String> {
    options(one.server, one.client)
}

/// Our options for two directions.
fn options(outbound: Direction, inbound: Direction) -> Vec<String> {
    let whose = match (outbound.takeover, inbound.takeover) {
        (false, false) => "none",
        (true, false) => "outbound",
        (false, true) => "inbound",
        (true, true) => "both",
    };
    vec![
        format!("--context-takeover={whose}"),
        format!("--outbound-window-bits={}", outbound.bits),
        format!("--inbound-window-bits={}", inbound.bits),
    ]
}

/// What goes into `bowline connect`, a message on each line, and what an echo brings out of it.
struct Lines {
    sent: Vec<u8>,
    back: Vec<u8>,
}

impl Lines {
    fn text(seed: usize, messages: usize) -> Self {
        let mut chance = Random(seed as u64);
        let mut records = String::new();
        while records.len() < 2 * LONGEST {
            let [id, user] = [(); 2].map(|()| chance.below(1_000_000));
            records += &format!(r#"{{"id":{id},"name":"user {user}","active":true}},"#);
        }
        let letters = ['a', 'ß', '世', '🪢'];
        let wide: String = (0..LONGEST)
            .map(|_| letters[chance.below(letters.len())])
            .collect();
        let contents = [records, wide, "round and round, ".repeat(LONGEST / 8)];
        let sent = cut(&mut chance, messages, &contents, |content, start, end| {
            // Half a character is no text.
            let whole = |at| (0..=at).rev().find(|at| content.is_char_boundary(*at));
            &content.as_bytes()[whole(start).unwrap_or(0)..whole(end).unwrap_or(0)]
        });
        let back = sent.clone();
        Self { sent, back }
    }

    /// Messages without a line feed, which are printed without one.
    fn binary(seed: usize, messages: usize) -> Self {
        let mut chance = Random(!(seed as u64));
        let mut noise: Vec<_> = (0..2 * LONGEST).map(|_| chance.below(256) as u8).collect();
        noise
            .iter_mut()
            .filter(|byte| **byte == b'\n')
            .for_each(|byte| *byte = 0);
        let contents = [
            noise,
            vec![0; 2 * LONGEST],
            b"\x00to and fro\xff".repeat(LONGEST / 4),
        ];
        let sent = cut(&mut chance, messages, &contents, |content, start, end| {
            &content[start..end]
        });
        let mut back = sent.clone();
        back.retain(|byte| *byte != b'\n');
        Self { sent, back }
    }
}

impl Lines {
    /// Whether there is a long message of each content, at least one of which gets shorter.
    fn are_worth_compressing(&self) -> bool {
        let lines = self.sent.split(|byte| *byte == b'\n');
        lines.filter(|line| line.len() >= LONG_ENOUGH).count() >= CONTENTS
    }
}

/// Cuts messages out of `contents`: first each with each of the lengths that matter, then with any, most of them short.
fn cut<T: AsRef<[u8]>>(
    chance: &mut Random,
    messages: usize,
    contents: &[T; CONTENTS],
    part: impl for<'a> Fn(&'a T, usize, usize) -> &'a [u8],
) -> Vec<u8> {
    let mut lines = Vec::new();
    for number in 0..messages {
        let content = &contents[number % contents.len()];
        let length = match LENGTHS.get(number / contents.len()) {
            Some(length) => *length,
            None => {
                let scale = 1 << chance.below(LONGEST.ilog2() as usize + 1);
                scale + chance.below(scale.min(LONGEST - scale) + 1)
            }
        };
        let start = chance.below(content.as_ref().len() - length + 1);
        lines.extend_from_slice(part(content, start, start + length));
        lines.push(b'\n');
    }
    lines
}

/// What lets the peer choose everything.
const WIDE: Combination = Combination {
    server: Direction::WIDE,
    client: Direction::WIDE,
};

/// How many things messages are cut out of.
const CONTENTS: usize = 3;

/// A message that no peer leaves as it is for being short, in bytes.
const LONG_ENOUGH: usize = 1024;

/// The longest message; with more than its window before it, and after it.
const LONGEST: usize = 200 * 1024 + 1;

/// On either side of what a header holds in different ways, and of the largest window.
const LENGTHS: &[usize] = &[0, 1, 125, 126, 65_535, 65_536, LONGEST];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_without_what_was_asked_for_is_an_error() {
        let narrow = Direction {
            bits: 9,
            takeover: false,
        };
        let one = Combination {
            server: narrow,
            client: Direction::WIDE,
        };
        let plan = |verdict| Plan {
            peer: "a peer".to_owned(),
            all: vec![(one, verdict)],
        };
        let agreed = "permessage-deflate; server_no_context_takeover; server_max_window_bits=9";
        assert!(plan(Verdict::Agreed).check(0, agreed).is_ok());
        for other in ["", "permessage-deflate", &agreed.replace('9', "10")] {
            assert!(plan(Verdict::Agreed).check(0, other).is_err(), "{other}");
        }
        assert!(plan(Verdict::Agreed).check(1, agreed).is_err());
        assert!(plan(Verdict::Declined("")).check(0, "").is_ok());
        assert!(plan(Verdict::Declined("")).check(0, agreed).is_err());
    }

    #[test]
    fn few_messages_need_not_be_compressed() {
        let both = "sent 3 messages, 9 bytes compressed to 5 (55 %)\n\
                    received 3 messages, 9 bytes compressed to 5 (55 %)\n";
        let one = both.lines().next().unwrap();
        let declined = Verdict::Declined("why");
        for make in [Lines::text, Lines::binary] {
            let (few, many) = (make(1, 10), make(1, 15));
            for words in ["", one, both] {
                assert!(is_told(words, Verdict::Agreed, &few), "{words}");
                let is_both = words == both;
                assert_eq!(is_told(words, Verdict::Agreed, &many), is_both, "{words}");
                assert_eq!(is_told(words, declined, &few), words.is_empty(), "{words}");
                assert_eq!(is_told(words, declined, &many), words.is_empty(), "{words}");
            }
        }
    }

    #[test]
    fn messages_are_lines_of_every_length_that_matters() {
        let text = Lines::text(1, 40);
        assert_eq!(text.sent, text.back);
        let text = String::from_utf8(text.sent).unwrap();
        let lengths: Vec<_> = text.lines().map(str::len).collect();
        assert_eq!(lengths.len(), 40);
        assert!(
            lengths.contains(&0) && lengths.contains(&LONGEST),
            "{lengths:?}"
        );

        let binary = Lines::binary(1, 40);
        let lines: Vec<_> = binary.sent.split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 41);
        assert_eq!(lines.concat(), binary.back);
        for length in LENGTHS {
            let count = lines[..40]
                .iter()
                .filter(|line| line.len() == *length)
                .count();
            assert!(count >= 3, "{count} of {length} bytes");
        }
    }
}
