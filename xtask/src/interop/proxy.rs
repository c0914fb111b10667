//! Proxies between us and our own server.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;
use crate::peers::{self, Server};
use crate::steps::Step;

use super::browser::{self, Visit};
use super::library::{self, COMPRESSED, ENCRYPTED};
use super::{LONG, Lab, Language, Security, fetch};

/// A program that passes on what comes to the server that its configuration names.
pub(crate) struct Proxy {
    /// Its name, which is also that of its package.
    pub(crate) program: &'static str,
    /// Its configuration in `xtask/interop/proxies/`, with places for addresses.
    pub(crate) config: &'static str,
    /// What stands before the configuration's path.
    pub(crate) arguments: &'static [&'static str],
    /// The argument that makes it print its version.
    pub(crate) version: &'static str,
    /// Whether its configuration has places for TLS.
    pub(crate) encrypts: bool,
}

/// How a proxy is spoken with, and how it speaks with the server behind it.
#[derive(Clone, Copy)]
struct Way {
    front: Security,
    back: Security,
}

const PLAIN: Way = Way {
    front: Security::Plain,
    back: Security::Plain,
};

/// TLS ends at the proxy.
const ENDED: Way = Way {
    front: Security::Tls,
    back: Security::Plain,
};

/// TLS ends at the proxy, which begins it anew and verifies who is behind it.
const ANEW: Way = Way {
    front: Security::Tls,
    back: Security::Tls,
};

pub(crate) const NGINX: Proxy = Proxy {
    program: "nginx",
    config: "nginx.conf",
    arguments: &["-e", "stderr", "-c"],
    version: "-v",
    encrypts: true,
};

pub(crate) const HAPROXY: Proxy = Proxy {
    program: "haproxy",
    config: "haproxy.cfg",
    arguments: &["-db", "-f"],
    version: "-v",
    encrypts: false,
};

pub(crate) const CADDY: Proxy = Proxy {
    program: "caddy",
    config: "Caddyfile",
    arguments: &["run", "--adapter", "caddyfile", "--config"],
    version: "version",
    encrypts: false,
};

/// Our client, theirs, a browser and raw requests through the proxy to `bowline serve`.
pub(super) fn check(step: &mut Step, lab: &Lab, proxy: &Proxy) -> Result<String> {
    let serve = serve(lab, proxy, PLAIN)?;
    let running = start(lab, proxy, PLAIN, serve.address)?;
    for request in requests(running.address) {
        let status = request.send(running.address)?;
        if status != request.status {
            return Err(format!("{}: {status} and not {}", request.name, request.status).into());
        }
    }
    step.say(&format!("Host and Origin through {}: ok", proxy.program))?;
    drop((running, serve));

    let ways = [
        ("", PLAIN),
        (", which ends TLS", ENDED),
        (", which begins TLS anew", ANEW),
    ];
    let encrypts = |way: Way| way.front == Security::Tls;
    for (what, way) in ways
        .into_iter()
        .filter(|(_, way)| proxy.encrypts || !encrypts(*way))
    {
        pass(step, lab, proxy, way, what)?;
    }

    let mut version = String::new();
    step.watch(
        fetch::program(lab, &[proxy.program])?.arg(proxy.version),
        |line| {
            if version.is_empty() {
                line.clone_into(&mut version);
            }
            false
        },
    )?;
    Ok(version)
}

/// All that goes through the proxy on its way.
fn pass(step: &mut Step, lab: &Lab, proxy: &Proxy, way: Way, what: &str) -> Result<()> {
    let exchange = match way.front {
        Security::Plain => &COMPRESSED,
        Security::Tls => &ENCRYPTED,
    };
    let name = proxy.program;
    let server = serve(lab, proxy, way)?;
    let running = start(lab, proxy, way, server.address)?;
    let address = running.address;
    library::echo(lab, address, exchange)?;
    step.say(&format!("bowline connect through {name}{what}: ok"))?;
    // Who passes the limit is closed while it still sends. Some proxies end both ways once one has ended, and so lose
    // that Close now and then; only without a proxy is it tried.
    library::converse(lab, Language::Python, "websockets", exchange, address, None)?;
    step.say(&format!("websockets through {name}{what}: ok"))?;
    // How the proxy speaks with the server is nothing to a browser.
    if way.back == Security::Plain {
        let mut visit = Visit::of(name, &server, way.front, browser::DEFLATE);
        visit.address = address;
        browser::browse(step, lab, &visit)?;
        step.say(&format!("chromium through {name}{what}: ok"))?;
    }
    drop(running);

    // The other way round, for what only a server does by itself: pings, and closings.
    let behind = match way.back {
        Security::Plain => &COMPRESSED,
        Security::Tls => &ENCRYPTED,
    };
    let mut server = library::start(lab, Language::Python, "websockets", behind)?;
    let running = start(lab, proxy, way, server.address)?;
    library::connect(lab, &mut server, running.address, exchange)?;
    step.say(&format!("websockets' server behind {name}{what}: ok"))
}

/// `bowline serve`, to stand behind the proxy.
fn serve(lab: &Lab, proxy: &Proxy, way: Way) -> Result<Server> {
    lab.serve(proxy.program, way.back, LONG, &[])
}

/// Starts the proxy in front of `server`.
fn start(lab: &Lab, proxy: &Proxy, way: Way, server: SocketAddr) -> Result<Server> {
    let folder = lab.target.join(proxy.program);
    fs::create_dir_all(&folder)?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, peers::free_port()?));
    let ssl = match way.front {
        Security::Plain => "",
        Security::Tls => " ssl",
    };
    let mut config = fs::read_to_string(lab.scripts.join("proxies").join(proxy.config))?;
    for (place, value) in [
        ("{listen}", listen.to_string()),
        ("{port}", listen.port().to_string()),
        ("{server}", server.to_string()),
        ("{folder}", folder.display().to_string()),
        ("{ssl}", ssl.to_owned()),
        ("{scheme}", way.back.http().to_owned()),
        ("{certificate}", lab.certificate().display().to_string()),
        ("{key}", lab.key().display().to_string()),
        ("{authority}", lab.authority().display().to_string()),
    ] {
        config = config.replace(place, &value);
    }
    let path = folder.join(proxy.config);
    fs::write(&path, config)?;
    let mut command = fetch::program(lab, &[proxy.program])?;
    // Caddy keeps its configuration and certificates in the user's folders, were it to have any.
    command
        .env("XDG_CONFIG_HOME", &folder)
        .env("XDG_DATA_HOME", &folder)
        .current_dir(&folder)
        .args(proxy.arguments)
        .arg(path);
    Server::start_at(listen, &mut command, &folder.join("log"))
}

/// A request and the status that it is to get.
struct Request {
    name: &'static str,
    path: &'static str,
    host: String,
    origin: Option<String>,
    upgrade: bool,
    status: u16,
}

/// Who is let in by `bowline serve`, which is on loopback, through a proxy at `address` that keeps Host.
fn requests(address: SocketAddr) -> Vec<Request> {
    let ours = address.to_string();
    let local = format!("localhost:{}", address.port());
    let case = |name, path, host: &str, origin: Option<&str>, upgrade, status| Request {
        name,
        path,
        host: host.to_owned(),
        origin: origin.map(|host| format!("http://{host}")),
        upgrade,
        status,
    };
    let evil = "example.com";
    vec![
        case("no page", "/echo", &ours, None, true, 101),
        case("a page of ours", "/echo", &ours, Some(&ours), true, 101),
        case("one by name", "/echo", &local, Some(&local), true, 101),
        case(
            "a page of both names",
            "/chat",
            &ours,
            Some(&local),
            true,
            403,
        ),
        case(
            "a page from elsewhere",
            "/chat",
            &ours,
            Some(evil),
            true,
            403,
        ),
        case(
            "a name from elsewhere",
            "/chat",
            evil,
            Some(evil),
            true,
            403,
        ),
        case("no such place", "/nowhere", &ours, None, true, 404),
        case("the page", "/", &ours, None, false, 200),
        case("the page, from elsewhere", "/", evil, None, false, 403),
        case("no upgrade", "/echo", &ours, None, false, 426),
    ]
}

impl Request {
    /// The status of the answer.
    fn send(&self, address: SocketAddr) -> Result<u16> {
        let mut head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", self.path, self.host);
        if let Some(origin) = &self.origin {
            head += &format!("Origin: {origin}\r\n");
        }
        head += match self.upgrade {
            true => UPGRADE,
            false => "Connection: close\r\n\r\n",
        };
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(head.as_bytes())?;
        let mut answer = [0; "HTTP/1.1 101".len()];
        stream.read_exact(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer
            .strip_prefix("HTTP/1.1 ")
            .and_then(|status| status.parse().ok());
        status.ok_or_else(|| format!("{}: the answer begins {answer:?}", self.name).into())
    }
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const PATIENCE: Duration = Duration::from_secs(20);
