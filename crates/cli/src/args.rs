use bowline_tokio::{Origin, OriginPolicy};
use clap::{Parser, Subcommand};

use crate::compression::Compression;
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
    /// Send lines as text messages, which is the default.
    #[arg(long = "text", conflicts_with = "binary")]
    _text: bool,

    /// Send lines as binary messages.
    #[arg(long)]
    pub(crate) binary: bool,

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
    fn an_address_has_a_port() {
        for good in ["127.0.0.1:0", "[::1]:9001", "localhost:80"] {
            assert!(listen(good).is_ok(), "{good}");
        }
        for bad in ["", "9001", ":9001", "localhost", "localhost:http", "[::1]"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }
}
