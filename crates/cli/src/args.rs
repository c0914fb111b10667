use std::time::Duration;

use bowline_tokio::{MessageKind, Origin, OriginPolicy, PerMessageDeflate};
use clap::{Parser, Subcommand};

use crate::compression::{Compression, Takeover};
use crate::encryption::Serving;
use crate::target::Target;

/// WebSockets from a shell.
#[derive(Debug, Parser)]
#[command(name = "bowline", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    Connect(Connect),
    Bench(Bench),
}

/// Serve an echo, a chat room and a page for both.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Over HTTP, / is the page. Over WebSocket, /echo sends every message back and /chat is a room.
Ctrl-c closes all connections with 1001 and ends; a second one ends at once.")]
pub(crate) struct Serve {
    /// Where to listen; on a loopback address, only loopback names are served.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001", value_parser = listen)]
    pub(crate) listen: String,

    /// Let in pages of this origin too, such as `https://example.com`; `any` lets in all.
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = allowed)]
    origins: Vec<Allowed>,

    /// The longest message taken.
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024 * 1024)]
    pub(crate) max_message: u64,

    #[command(flatten)]
    pub(crate) compression: Compression,

    #[command(flatten)]
    pub(crate) encryption: Serving,

    /// Echo on every path but /chat.
    #[arg(long)]
    pub(crate) echo_any: bool,
}

/// Connect to a server: lines go out as messages, messages come back as lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
On a terminal, lines can be edited and /help lists commands. Otherwise standard input is sent line
by line; at its end the connection is closed, and what still arrives is printed. Binary messages
are written to a pipe as they are, without a line end.

Exit codes: 0 after an orderly end (1000, 1001 or no code), 1 after any other, 2 for wrong usage.")]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) kind: Kind,

    /// Show both heads of the opening handshake and how much compression saved, on standard error. Heads hold
    /// cookies and credentials.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Send one line, print one message, close.
    #[arg(long)]
    pub(crate) one: bool,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Measure how fast a server echoes: rate, and times from a message to its echo.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server must send every message back. Each echo is compared with what was sent: kind, length and
contents. What is measured begins when all connections are open and warm.

On a terminal a line on standard error tells how it goes: figures of the last half second, and what
went wrong so far. Ctrl-c ends early, with the figures so far; a second one ends at once.

Exit codes: 0 if every message came back as it was, 1 if one was lost or altered or no connection
could be opened, 2 for wrong usage.")]
pub(crate) struct Bench {
    /// How many connections to open.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,

    /// How many messages are under way on each connection: one is sent when one comes back.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) depth: u16,

    /// The length of each message.
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1024 * 1024 * 1024))]
    pub(crate) size: u32,

    #[command(flatten)]
    pub(crate) kind: Kind,

    /// How long to measure.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = some_seconds)]
    pub(crate) time: Duration,

    /// Measure so many messages in all, however long they take.
    #[arg(long, value_name = "N", conflicts_with = "time")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) messages: Option<u64>,

    /// How long to exchange messages before anything is measured; 0 for not at all.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) warm_up: Duration,

    /// How long a connection may take to open, and how long nothing may come back before it is given up.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = some_seconds)]
    pub(crate) timeout: Duration,

    /// Print one JSON object, and nothing else, to standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Offer permessage-deflate. Without this, and without the options that say how, nothing is compressed.
    #[arg(long, conflicts_with = "no_deflate")]
    deflate: bool,

    #[command(flatten)]
    pub(crate) target: Target,
}

// A plain comment: clap would take the other kind for what a command does.
// What a client sends.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Kind {
    /// Send text messages, which is the default.
    #[arg(long = "text", conflicts_with = "binary")]
    _text: bool,

    /// Send binary messages.
    #[arg(long)]
    binary: bool,
}

#[derive(Clone, Debug)]
enum Allowed {
    Any,
    Origin(Origin),
}

impl Serve {
    pub(crate) fn origin_policy(&self) -> OriginPolicy {
        let named = self.origins.iter().map(|allowed| match allowed {
            Allowed::Any => None,
            Allowed::Origin(origin) => Some(origin.clone()),
        });
        match named.collect() {
            Some(origins) => OriginPolicy::SameOriginOr(origins),
            None => OriginPolicy::Any,
        }
    }
}

impl Bench {
    /// The extension to offer, or `None` if nothing is to be compressed.
    pub(crate) fn extension(&self) -> Option<PerMessageDeflate> {
        let compression = &self.target.compression;
        let wanted = self.deflate || compression.is_told();
        wanted.then(|| compression.extension(Takeover::Both))?
    }
}

impl Kind {
    pub(crate) const fn get(self) -> MessageKind {
        if self.binary {
            MessageKind::Binary
        } else {
            MessageKind::Text
        }
    }
}

fn listen(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.into()),
        _ => Err("an address has the form HOST:PORT".into()),
    }
}

fn allowed(text: &str) -> Result<Allowed, String> {
    if text == "any" {
        return Ok(Allowed::Any);
    }
    match text.parse() {
        Ok(origin) => Ok(Allowed::Origin(origin)),
        Err(error) => Err(format!("{error}, and not `any`")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    match seconds {
        Some(Ok(time)) => Ok(time),
        _ => Err("a time is a number of seconds, such as 2.5".into()),
    }
}

fn some_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("that is no time".into()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn serve(arguments: &[&str]) -> Result<Serve, clap::Error> {
        let arguments = ["bowline", "serve"].iter().chain(arguments);
        match Args::try_parse_from(arguments)?.command {
            Command::Serve(serve) => Ok(serve),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_origins_only_the_same_origin_is_let_in() {
        let policy = serve(&[]).unwrap().origin_policy();
        assert_eq!(policy, OriginPolicy::SameOriginOr(Vec::new()));
    }

    #[test]
    fn any_must_be_spelled_out() {
        let policy = serve(&["--origin", "null", "--origin", "any"])
            .unwrap()
            .origin_policy();
        assert_eq!(policy, OriginPolicy::Any);
        assert!(serve(&["--origin", "*"]).is_err());
        assert!(serve(&["--origin", "https://example.com/"]).is_err());
    }

    #[test]
    fn a_measurement_compresses_nothing_unless_told() {
        let offers = |options: &[&str]| {
            let arguments = [&["bowline", "bench", "ws://localhost/"], options].concat();
            match Args::parse_from(arguments).command {
                Command::Bench(bench) => bench.extension().is_some(),
                other => panic!("{other:?}"),
            }
        };
        assert!(!offers(&[]));
        assert!(!offers(&["--no-deflate"]));
        for option in [
            "--deflate",
            "--context-takeover=none",
            "--outbound-window-bits=9",
            "--inbound-window-bits=8",
        ] {
            assert!(offers(&[option]), "{option}");
        }
    }

    #[test]
    fn a_time_is_a_number_of_seconds() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for bad in ["", "-1", "nan", "inf", "1e99", "1s"] {
            assert!(seconds(bad).is_err(), "{bad:?}");
        }
        assert!(some_seconds("0").is_err());
    }

    #[test]
    fn an_address_has_a_port() {
        for good in ["127.0.0.1:0", "[::1]:9001", "localhost:80"] {
            assert!(listen(good).is_ok(), "{good}");
        }
        for bad in ["", "9001", ":9001", "localhost", "localhost:http", "[::1]"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }
}
