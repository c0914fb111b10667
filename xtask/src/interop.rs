//! `cargo xtask interop`: peers that others wrote.

mod browser;
mod combination;
mod combinations;
mod fetch;
mod library;
mod proxy;
mod tls;

use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::args::Args;
use crate::peers::{self, Server};
use crate::steps::Steps;
use crate::workspace::Workspace;

pub(crate) use combinations::MESSAGES;
use proxy::Proxy;

pub(crate) const HELP: &str = "
Lets the program `bowline` talk with peers that others wrote:

  websockets, aiohttp   python clients and servers
  ws                    node client and server
  undici                node client; it has no server
  chromium              the page of `bowline serve`; screenshots are kept
  nginx, haproxy, caddy
                        as proxies between all of these and us

All but aiohttp, haproxy and caddy do so over TLS too, with certificates made for the run. They trust the authority that
issued these and verify as ever; Chromium alone is told which key to accept. nginx ends TLS, and also begins it anew
towards us.

With websockets, ws and chromium every window from 8 to 15 bits is tried, with context takeover on and off in each
direction, as far as the peer can do it; the log says what can't be done and why.

  --peer NAME      only this one
  --messages N     how many messages each such combination exchanges; default 200

Needs python3 with pip, and node 20.18.1 or later with npm. The libraries are fetched once, in the versions that
xtask/interop/ pins. Programs that are missing are Debian's: Chromium is installed, which takes root, and proxies are
only unpacked. Elsewhere, install them. What is fetched, and what remains of a run, such as screenshots and what the
servers said, is in target/interop/.
";

/// What is talked with, and how.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether every combination of windows and takeover is tried with it.
    combines: bool,
}

/// What a peer is to us.
pub(crate) enum Kind {
    /// A library, with which a script makes a client.
    Client(Language),
    /// A library, with which scripts make a client and a server.
    ClientAndServer(Language),
    /// A browser.
    Browser,
    /// A program that stands between client and server.
    Proxy(Proxy),
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Language {
    Python,
    Node,
}

pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "websockets",
        kind: Kind::ClientAndServer(Language::Python),
        combines: true,
    },
    Peer {
        name: "aiohttp",
        kind: Kind::ClientAndServer(Language::Python),
        combines: false,
    },
    Peer {
        name: "ws",
        kind: Kind::ClientAndServer(Language::Node),
        combines: true,
    },
    Peer {
        name: "undici",
        kind: Kind::Client(Language::Node),
        combines: false,
    },
    Peer {
        name: "chromium",
        kind: Kind::Browser,
        combines: true,
    },
    Peer {
        name: "nginx",
        kind: Kind::Proxy(proxy::NGINX),
        combines: false,
    },
    Peer {
        name: "haproxy",
        kind: Kind::Proxy(proxy::HAPROXY),
        combines: false,
    },
    Peer {
        name: "caddy",
        kind: Kind::Proxy(proxy::CADDY),
        combines: false,
    },
];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let name = args.value("--peer")?;
    let messages = match args.value("--messages")? {
        None => MESSAGES,
        Some(number) => number.parse().map_err(|_| "--messages takes a number")?,
    };
    args.finish()?;
    let chosen = chosen(name.as_deref())?;
    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("programs", |step| {
        peers::build(step, &workspace)?;
        Ok(String::new())
    })?;
    check(&mut steps, &workspace, &chosen, messages)?;
    steps.finish()
}

/// Fetches the peers, then runs a step for each, and one for its combinations with so many messages each.
pub(crate) fn check(
    steps: &mut Steps,
    workspace: &Workspace,
    chosen: &[&Peer],
    messages: usize,
) -> Result<()> {
    let lab = Lab::new(workspace);
    steps.run("peers", |step| fetch::fetch(step, &lab, chosen))?;
    for peer in chosen {
        steps.run(&format!("interop-{}", peer.name), |step| match &peer.kind {
            Kind::Browser => browser::check(step, &lab),
            Kind::Proxy(proxy) => proxy::check(step, &lab, proxy),
            &Kind::Client(language) => library::client(step, &lab, language, peer.name),
            &Kind::ClientAndServer(language) => {
                let client = library::client(step, &lab, language, peer.name)?;
                let server = library::server(step, &lab, language, peer.name)?;
                Ok(format!("{client}; {server}"))
            }
        })?;
    }
    combine(steps, &lab, chosen, messages)
}

/// Fetches the peers that combinations are tried with, then tries these with so many messages each.
pub(crate) fn check_combinations(
    steps: &mut Steps,
    workspace: &Workspace,
    messages: usize,
) -> Result<()> {
    let lab = Lab::new(workspace);
    let peers: Vec<_> = PEERS.iter().filter(|peer| peer.combines).collect();
    steps.run("peers", |step| fetch::fetch(step, &lab, &peers))?;
    combine(steps, &lab, &peers, messages)
}

/// Runs a step for each of the chosen peers that combinations are tried with.
fn combine(steps: &mut Steps, lab: &Lab, chosen: &[&Peer], messages: usize) -> Result<()> {
    for peer in chosen.iter().filter(|peer| peer.combines) {
        let name = format!("combinations-{}", peer.name);
        steps.run(&name, |step| match peer.kind {
            Kind::Client(language) | Kind::ClientAndServer(language) => {
                combinations::library(step, lab, language, peer.name, messages)
            }
            Kind::Browser | Kind::Proxy(_) => combinations::browser(step, lab, peer.name, messages),
        })?;
    }
    Ok(())
}

/// The peer called `name`; all without a name.
pub(crate) fn chosen(name: Option<&str>) -> Result<Vec<&'static Peer>> {
    let Some(name) = name else {
        return Ok(PEERS.iter().collect());
    };
    let Some(peer) = PEERS.iter().find(|peer| peer.name == name) else {
        let names: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
        return Err(format!("there is no peer `{name}`; there are {}", names.join(", ")).into());
    };
    Ok(vec![peer])
}

impl Kind {
    /// Whether it takes packages of `language`; through proxies go a python client and a browser.
    fn needs(&self, language: Language) -> bool {
        match self {
            Kind::Client(its) | Kind::ClientAndServer(its) => *its == language,
            Kind::Browser => language == Language::Node,
            Kind::Proxy(_) => true,
        }
    }

    /// Whether it takes Chromium.
    fn needs_browser(&self) -> bool {
        matches!(self, Kind::Browser | Kind::Proxy(_))
    }
}

/// How two ends speak with each other.
#[derive(Clone, Copy, PartialEq)]
enum Security {
    Plain,
    Tls,
}

impl Security {
    /// Of the URL of a WebSocket.
    fn ws(self) -> &'static str {
        match self {
            Security::Plain => "ws",
            Security::Tls => "wss",
        }
    }

    /// Of the URL of a page.
    fn http(self) -> &'static str {
        match self {
            Security::Plain => "http",
            Security::Tls => "https",
        }
    }
}

/// Where things are.
struct Lab {
    bowline: PathBuf,
    /// `xtask/interop/`, with the peers' scripts.
    scripts: PathBuf,
    /// `target/interop/`, with what is fetched and what remains of a run.
    target: PathBuf,
}

impl Lab {
    fn new(workspace: &Workspace) -> Self {
        Lab {
            bowline: peers::bowline(workspace),
            scripts: workspace.root.join("xtask/interop"),
            target: workspace.target.join("interop"),
        }
    }

    /// `bowline serve` with `options` on a port of the system's choice, which takes messages of up to `limit` bytes;
    /// `who` talks with it.
    fn serve(
        &self,
        who: &str,
        security: Security,
        limit: usize,
        options: &[&str],
    ) -> Result<Server> {
        let mut serve = Command::new(&self.bowline);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--max-message"]);
        serve.arg(limit.to_string()).args(options);
        if security == Security::Tls {
            serve.arg("--tls-cert").arg(self.certificate());
            serve.arg("--tls-key").arg(self.key());
        }
        Server::start(
            &mut serve,
            &self.target.join(format!("serve-for-{who}.log")),
        )
    }

    /// The script `name` of `language`, which finds its libraries.
    fn script(&self, language: Language, name: &str) -> Command {
        let (program, folder, ending) = match language {
            Language::Python => ("python3", "python", "py"),
            Language::Node => ("node", "node", "mjs"),
        };
        let mut command = Command::new(program);
        command
            .arg(self.scripts.join(folder).join(format!("{name}.{ending}")))
            .env("PYTHONPATH", self.target.join("python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1")
            .env("NODE_PATH", self.target.join("node/node_modules"))
            .env("SSL_CERT_FILE", self.authority())
            .env("NODE_EXTRA_CA_CERTS", self.authority());
        command
    }

    /// The certificate of who has issued [`certificate`](Self::certificate).
    fn authority(&self) -> PathBuf {
        self.tls().join("authority.pem")
    }

    /// The certificate of every server.
    fn certificate(&self) -> PathBuf {
        self.tls().join("certificate.pem")
    }

    /// Its key.
    fn key(&self) -> PathBuf {
        self.tls().join("key.pem")
    }

    fn tls(&self) -> PathBuf {
        self.target.join("tls")
    }
}

/// The longest message that is echoed.
const LONG: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_chosen_by_its_name() {
        let names = |name| -> Vec<_> {
            let chosen = chosen(name).unwrap();
            chosen.iter().map(|peer| peer.name).collect()
        };
        assert_eq!(names(Some("undici")), ["undici"]);
        assert_eq!(names(None).len(), PEERS.len());
        let error = chosen(Some("curl")).err().unwrap().to_string();
        assert!(error.contains("there are websockets, aiohttp"), "{error}");
    }
}
