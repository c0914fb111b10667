//! Clients and servers that scripts make with a library.

use std::net::SocketAddr;
use std::process::Command;

use crate::Result;
use crate::peers::{self, Server};
use crate::steps::Step;

use super::{LONG, Lab, Language, Security};

/// The longest message of a server whose limit is passed. What is left of one that is longer is read after the Close,
/// so that no reset of TCP overtakes it, as long as it fits into `max_drain`.
const LIMIT: usize = 64 * 1024;

/// How both ends speak, what they know of compression, and the messages they exchange.
pub(super) struct Exchange {
    name: &'static str,
    security: Security,
    /// The parameters of permessage-deflate, as `a=10 b`, with which the peer offers or accepts it.
    deflate: Option<&'static str>,
    /// Options of `bowline serve` and `bowline connect`.
    ours: &'static [&'static str],
    /// Words that the agreed extensions hold; if there are none, nothing is agreed on.
    negotiated: &'static str,
    /// Libraries that can't be told so.
    except: &'static [&'static str],
    seed: u64,
    messages: usize,
    /// The longest of the messages that the seed makes.
    longest: usize,
}

/// As most peers do it.
pub(super) const COMPRESSED: Exchange = Exchange {
    name: "compressed",
    security: Security::Plain,
    deflate: Some(""),
    ours: &[],
    negotiated: "permessage-deflate",
    except: &[],
    seed: 1,
    messages: 200,
    longest: 64 * 1024,
};

/// The same, encrypted.
pub(super) const ENCRYPTED: Exchange = Exchange {
    name: "over TLS",
    security: Security::Tls,
    // It answers a Close, and calls the code 1006 if that fails; over TLS, python has ended its direction with ours.
    except: &["aiohttp"],
    seed: 6,
    messages: 50,
    ..COMPRESSED
};

const EXCHANGES: &[Exchange] = &[
    COMPRESSED,
    ENCRYPTED,
    Exchange {
        name: "small windows",
        deflate: Some("server_max_window_bits=9 client_max_window_bits=9"),
        negotiated: "permessage-deflate server_max_window_bits=9 client_max_window_bits=9",
        except: &["aiohttp", "undici"],
        seed: 2,
        ..COMPRESSED
    },
    Exchange {
        name: "nothing taken over",
        deflate: Some("server_no_context_takeover client_no_context_takeover"),
        negotiated: "permessage-deflate server_no_context_takeover client_no_context_takeover",
        except: &["aiohttp", "undici"],
        seed: 3,
        ..COMPRESSED
    },
    Exchange {
        name: "plain for us",
        ours: &["--no-deflate"],
        negotiated: "",
        seed: 4,
        ..COMPRESSED
    },
    Exchange {
        name: "plain for them",
        deflate: None,
        negotiated: "",
        // It always offers.
        except: &["undici"],
        seed: 5,
        ..COMPRESSED
    },
];

/// The exchanges that can be had with a library.
fn exchanges(library: &str) -> impl Iterator<Item = &'static Exchange> {
    EXCHANGES
        .iter()
        .filter(move |exchange| !exchange.except.contains(&library))
}

/// Their client converses with `bowline serve` and judges for itself.
pub(super) fn client(
    step: &mut Step,
    lab: &Lab,
    language: Language,
    library: &str,
) -> Result<String> {
    for exchange in exchanges(library) {
        let serve = |who: &str, limit| lab.serve(who, exchange.security, limit, exchange.ours);
        let server = serve(library, LONG)?;
        let limited = serve(&format!("{library}-limited"), LIMIT)?;
        let (address, limited) = (server.address, Some(limited.address));
        converse(lab, language, library, exchange, address, limited)
            .map_err(|error| format!("client, {}: {error}", exchange.name))?;
        step.say(&format!("{library} client, {}: ok", exchange.name))?;
    }
    Ok(format!("client {} times", exchanges(library).count()))
}

/// Their client's conversation with the server at `address`, and with one that takes up to [`LIMIT`] bytes.
pub(super) fn converse(
    lab: &Lab,
    language: Language,
    library: &str,
    exchange: &Exchange,
    address: SocketAddr,
    limited: Option<SocketAddr>,
) -> Result<()> {
    let mut client = lab.script(language, "client");
    let scheme = exchange.security.ws();
    client
        .arg(library)
        .arg(format!("{scheme}://{address}/echo"));
    if let Some(limited) = limited {
        client.arg(format!("--limited={scheme}://{limited}/echo"));
        client.arg(format!("--limit={LIMIT}"));
    }
    for (option, value) in [
        ("--negotiated", exchange.negotiated.to_owned()),
        ("--seed", exchange.seed.to_string()),
        ("--messages", exchange.messages.to_string()),
        ("--longest", exchange.longest.to_string()),
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
    for exchange in exchanges(library) {
        let mut server = start(lab, language, library, exchange)?;
        let address = server.address;
        connect(lab, &mut server, address, exchange)
            .map_err(|error| format!("server, {}: {error}", exchange.name))?;
        step.say(&format!("{library} server, {}: ok", exchange.name))?;
    }
    Ok(format!("server {} times", exchanges(library).count()))
}

/// Starts their server.
pub(super) fn start(
    lab: &Lab,
    language: Language,
    library: &str,
    exchange: &Exchange,
) -> Result<Server> {
    let mut command = lab.script(language, "server");
    command.arg(library);
    if let Some(parameters) = exchange.deflate {
        command.arg(format!("--deflate={parameters}"));
    }
    if exchange.security == Security::Tls {
        command.arg("--certificate").arg(lab.certificate());
        command.arg("--key").arg(lab.key());
    }
    let log = lab.target.join(format!("{library}-server.log"));
    Server::start(&mut command, &log)
}

/// All that their `server` does, which is reached at `address`.
pub(super) fn connect(
    lab: &Lab,
    server: &mut Server,
    address: SocketAddr,
    exchange: &Exchange,
) -> Result<()> {
    echo(lab, address, exchange)?;
    let said = run(lab, exchange, address, "/ping", "--one", b"", 0)?.well()?;
    same("after its ping", b"the pong came\n", &said)?;
    // `--one` waits for a message, so that the end of our input doesn't compete with their Close.
    for (path, close) in [
        ("/close/1000/done", "1000 (done)"),
        ("/close/4999/x", "4999 (x)"),
    ] {
        let said = run(lab, exchange, address, path, "--one", b"", 0)?;
        let words = format!("no message came; closed by the peer: {close}");
        if said.status.code() != Some(1) || !said.stderr.contains(&words) {
            return Err(format!("{path}: {}, {:?}", said.status, said.stderr).into());
        }
    }
    let expected = ["1000", "1000", "1000", "1000", "4999"];
    let (extensions, codes) = server.wait_for("five close codes", |output| {
        let codes = told(output, "closed ");
        (codes.len() == expected.len()).then(|| (told(output, "opened"), codes))
    })?;
    if codes != expected {
        return Err(format!("it saw the close codes {codes:?}, not {expected:?}").into());
    }
    let right = |extensions: &String| {
        let mut words = exchange.negotiated.split(' ');
        extensions.is_empty() == exchange.negotiated.is_empty()
            && words.all(|word| extensions.contains(word))
    };
    match extensions.len() == expected.len() && extensions.iter().all(right) {
        true => Ok(()),
        false => Err(format!("the extensions of its connections: {extensions:?}").into()),
    }
}

/// What stands behind `what` in a server's output; the last line may not be whole yet.
pub(super) fn told(output: &str, what: &str) -> Vec<String> {
    let (lines, _) = output.rsplit_once('\n').unwrap_or_default();
    let found = lines.lines().filter_map(|line| line.strip_prefix(what));
    found.map(|rest| rest.trim().to_owned()).collect()
}

/// Sends the messages of `exchange` to an echo server, over a connection as text and over another as bytes.
pub(super) fn echo(lab: &Lab, address: SocketAddr, exchange: &Exchange) -> Result<()> {
    let text = lines(exchange, |chance, size| {
        let mut text = String::new();
        while text.len() + char::MAX.len_utf8() <= size {
            text.push(TEXT[chance.below(TEXT.len())]);
        }
        let rest = size - text.len();
        (text + &"x".repeat(rest)).into_bytes()
    });
    let echo = run(lab, exchange, address, "/echo", "--text", &text, text.len())?;
    same("text", &text, &echo.well()?)?;

    let binary = lines(exchange, |chance, size| {
        let bytes = (0..size).map(|_| chance.below(256) as u8);
        bytes.filter(|byte| *byte != b'\n').collect()
    });
    // Binary messages are printed without the ends of lines.
    let mut bytes = binary.clone();
    bytes.retain(|byte| *byte != b'\n');
    let echo = run(
        lab,
        exchange,
        address,
        "/echo",
        "--binary",
        &binary,
        bytes.len(),
    )?;
    same("binary", &bytes, &echo.well()?)
}

/// `bowline connect`, whose input ends once it has printed `expected` bytes.
fn run(
    lab: &Lab,
    exchange: &Exchange,
    address: SocketAddr,
    path: &str,
    mode: &str,
    input: &[u8],
    expected: usize,
) -> Result<peers::Said> {
    let mut connect = Command::new(&lab.bowline);
    connect.args(["connect", mode]).args(exchange.ours);
    if exchange.security == Security::Tls {
        connect.arg("--cacert").arg(lab.authority());
    }
    let scheme = exchange.security.ws();
    connect.arg(format!("{scheme}://{address}{path}"));
    peers::converse_until(&mut connect, input, expected)
}

pub(super) fn same(what: &str, expected: &[u8], found: &[u8]) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let start = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
    Err(format!(
        "{what}: sent {} bytes {:?}…, got {} bytes {:?}…",
        expected.len(),
        start(expected),
        found.len(),
        start(found),
    )
    .into())
}

/// A line for each message: an empty one, one of 1 MiB, and those that the seed makes, most of them short.
fn lines(exchange: &Exchange, mut fill: impl FnMut(&mut Random, usize) -> Vec<u8>) -> Vec<u8> {
    let mut chance = Random(exchange.seed);
    let mut lines = Vec::new();
    for number in 0..exchange.messages + 2 {
        let size = match number {
            0 => 0,
            1 => LONG,
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
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// Of each length in UTF-8, and two that need care in a pipe.
const TEXT: &[char] = &['a', 'b', '\0', '\t', 'ß', '世', '🪢'];
