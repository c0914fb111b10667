//! Clients and servers that scripts make with a library.

use std::process::Command;

use crate::Result;
use crate::peers::{self, Server};
use crate::steps::Step;

use super::{Lab, Language, MAX_MESSAGE};

/// What both ends say of extensions, and the messages they exchange.
struct Exchange {
    name: &'static str,
    /// The parameters of permessage-deflate, as `a=10 b`, with which the peer offers or accepts it.
    deflate: Option<&'static str>,
    /// What is agreed on with our server.
    negotiated: &'static str,
    seed: u64,
    messages: usize,
    /// The longest of the messages that the seed makes.
    longest: usize,
}

const EXCHANGES: &[Exchange] = &[
    Exchange {
        name: "plain",
        deflate: None,
        negotiated: "",
        seed: 1,
        messages: 200,
        longest: 64 * 1024,
    },
    Exchange {
        name: "knows deflate",
        deflate: Some(""),
        negotiated: "",
        seed: 2,
        messages: 100,
        longest: 16 * 1024,
    },
];

/// Their client converses with `bowline serve` and judges for itself.
pub(super) fn client(
    step: &mut Step,
    lab: &Lab,
    language: Language,
    library: &str,
) -> Result<String> {
    let server = lab.serve(library)?;
    let url = format!("ws://{}/echo", server.address);
    for exchange in EXCHANGES {
        converse(lab, language, library, exchange, &url)
            .map_err(|error| format!("client, {}: {error}", exchange.name))?;
        step.say(&format!("{library} client, {}: ok", exchange.name))?;
    }
    Ok(format!("{} clients", EXCHANGES.len()))
}

fn converse(
    lab: &Lab,
    language: Language,
    library: &str,
    exchange: &Exchange,
    url: &str,
) -> Result<()> {
    let mut client = lab.script(language, "client");
    client.args([library, url]);
    for (option, value) in [
        ("--negotiated", exchange.negotiated.to_owned()),
        ("--seed", exchange.seed.to_string()),
        ("--messages", exchange.messages.to_string()),
        ("--longest", exchange.longest.to_string()),
        ("--limit", MAX_MESSAGE.to_string()),
    ] {
        client.arg(format!("{option}={value}"));
    }
    if let Some(parameters) = exchange.deflate {
        client.arg(format!("--deflate={parameters}"));
    }
    let said = peers::converse(&mut client, b"")?.well()?;
    match said.as_slice() {
        b"ok\n" => Ok(()),
        said => Err(format!("it printed {:?}", String::from_utf8_lossy(said)).into()),
    }
}

/// `bowline connect` talks with their server.
pub(super) fn server(
    step: &mut Step,
    lab: &Lab,
    language: Language,
    library: &str,
) -> Result<String> {
    for exchange in EXCHANGES {
        let mut command = lab.script(language, "server");
        command.arg(library);
        if let Some(parameters) = exchange.deflate {
            command.arg(format!("--deflate={parameters}"));
        }
        let log = lab.target.join(format!("{library}-server.log"));
        let mut server = Server::start(&mut command, &log)?;
        connect(lab, &mut server, exchange)
            .map_err(|error| format!("server, {}: {error}", exchange.name))?;
        step.say(&format!("{library} server, {}: ok", exchange.name))?;
    }
    Ok(format!("{} servers", EXCHANGES.len()))
}

fn connect(lab: &Lab, server: &mut Server, exchange: &Exchange) -> Result<()> {
    let mut connections = 0;
    let mut connect = |path: &str,
                       options: &[&str],
                       input: &[u8],
                       expected: usize|
     -> Result<(peers::Said, String)> {
        let mut connect = Command::new(&lab.bowline);
        connect.arg("connect").args(options);
        connect.arg(format!("ws://{}{path}", server.address));
        let said = peers::converse_until(&mut connect, input, expected)?;
        let code = server.wait_for("close code", |output| {
            // A line that is still being written has no end yet.
            let lines = output
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            let mut codes = lines.filter_map(|line| line.trim_end().strip_prefix("closed "));
            codes.nth(connections).map(str::to_owned)
        })?;
        connections += 1;
        Ok((said, code))
    };
    let same = |what: &str, expected: &[u8], found: &[u8]| match expected == found {
        true => Ok(()),
        false => Err(format!(
            "{what}: expected {} bytes {:?}…, got {} bytes {:?}…",
            expected.len(),
            String::from_utf8_lossy(&expected[..expected.len().min(40)]),
            found.len(),
            String::from_utf8_lossy(&found[..found.len().min(40)]),
        )),
    };

    let text = lines(exchange, |chance, size| {
        let mut text = String::new();
        while text.len() < size {
            text.push(TEXT[chance.below(TEXT.len())]);
        }
        text.into_bytes()
    });
    let (said, code) = connect("/echo", &["--text"], &text, text.len())?;
    same("text", &text, &said.well()?)?;
    same("code after text", b"1000", code.as_bytes())?;

    // Binary messages are printed without the ends of lines.
    let binary = lines(exchange, |chance, size| {
        let bytes = (0..size).map(|_| chance.below(256) as u8);
        bytes.filter(|byte| *byte != b'\n').collect()
    });
    let mut messages = binary.clone();
    messages.retain(|byte| *byte != b'\n');
    let (said, code) = connect("/echo", &["--binary"], &binary, messages.len())?;
    same("binary", &messages, &said.well()?)?;
    same("code after binary", b"1000", code.as_bytes())?;

    let (said, code) = connect("/ping", &["--one"], b"", 0)?;
    same("ping", b"the pong came\n", &said.well()?)?;
    same("code after ping", b"1000", code.as_bytes())?;

    // `--one` waits for a message, so that the end of our input doesn't compete with theirs.
    for (path, close) in [
        ("/close/1000/done", "1000 (done)"),
        ("/close/4999/x", "4999 (x)"),
    ] {
        let (said, _) = connect(path, &["--one"], b"", 0)?;
        let words = format!("no message came; closed by the peer: {close}");
        if said.status.code() != Some(1) || !said.stderr.contains(&words) {
            return Err(format!("{path}: {}, {:?}", said.status, said.stderr).into());
        }
    }
    Ok(())
}

/// A line for each message: an empty one, one of 1 MiB, and those that the seed makes, most of them short.
fn lines(exchange: &Exchange, mut fill: impl FnMut(&mut Random, usize) -> Vec<u8>) -> Vec<u8> {
    let mut chance = Random(exchange.seed);
    let mut lines = Vec::new();
    for number in 0..exchange.messages + 2 {
        let size = match number {
            0 => 0,
            1 => 1024 * 1024,
            _ => {
                let scale = chance.below(exchange.longest.ilog2() as usize + 1);
                chance.below(1 << scale)
            }
        };
        lines.append(&mut fill(&mut chance, size));
        lines.push(b'\n');
    }
    lines
}

/// SplitMix64: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// Of each length in UTF-8, and two that need care in a pipe.
const TEXT: &[char] = &['a', 'b', '\0', '\t', 'ß', '世', '🪢'];
