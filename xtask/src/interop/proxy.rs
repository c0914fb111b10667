//! Proxies between us and our own server.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;
use crate::peers::{self, Server};
use crate::steps::Step;

use super::library::{self, COMPRESSED};
use super::{LONG, Lab, Language, browser, fetch};

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
}

pub(crate) const NGINX: Proxy = Proxy {
    program: "nginx",
    config: "nginx.conf",
    arguments: &["-e", "stderr", "-c"],
    version: "-v",
};

pub(crate) const HAPROXY: Proxy = Proxy {
    program: "haproxy",
    config: "haproxy.cfg",
    arguments: &["-db", "-f"],
    version: "-v",
};

pub(crate) const CADDY: Proxy = Proxy {
    program: "caddy",
    config: "Caddyfile",
    arguments: &["run", "--adapter", "caddyfile", "--config"],
    version: "version",
};

/// Our client, theirs, a browser and raw requests through the proxy to `bowline serve`.
pub(super) fn check(step: &mut Step, lab: &Lab, proxy: &Proxy) -> Result<String> {
    let serve = lab.serve(proxy.program, LONG, &[])?;
    let running = start(lab, proxy, serve.address)?;
    let address = running.address;

    for request in requests(address) {
        let status = request.send(address)?;
        if status != request.status {
            return Err(format!("{}: {status} and not {}", request.name, request.status).into());
        }
    }
    step.say(&format!("Host and Origin through {}: ok", proxy.program))?;

    let exchange = &COMPRESSED;
    library::echo(lab, address, exchange)?;
    step.say(&format!("bowline connect through {}: ok", proxy.program))?;
    // Who passes the limit is closed while it still sends. Some proxies end both ways once one has ended, and so lose
    // that Close now and then; only without a proxy is it tried.
    library::converse(lab, Language::Python, "websockets", exchange, address, None)?;
    step.say(&format!("websockets through {}: ok", proxy.program))?;
    browser::browse(step, lab, proxy.program, &serve, address, browser::DEFLATE)?;
    step.say(&format!("chromium through {}: ok", proxy.program))?;
    drop(running);

    // The other way round, for what only a server does by itself: pings, and closings.
    let mut server = library::start(lab, Language::Python, "websockets", exchange)?;
    let running = start(lab, proxy, server.address)?;
    library::connect(lab, &mut server, running.address, exchange)?;
    step.say(&format!("websockets' server behind {}: ok", proxy.program))?;

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

/// Starts the proxy in front of `server`.
fn start(lab: &Lab, proxy: &Proxy, server: SocketAddr) -> Result<Server> {
    let folder = lab.target.join(proxy.program);
    fs::create_dir_all(&folder)?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, peers::free_port()?));
    let mut config = fs::read_to_string(lab.scripts.join("proxies").join(proxy.config))?;
    for (place, value) in [
        ("{listen}", listen.to_string()),
        ("{port}", listen.port().to_string()),
        ("{server}", server.to_string()),
        ("{folder}", folder.display().to_string()),
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
