//! Who echoes.

use std::path::PathBuf;
use std::process::Command;

use super::cells::{Cell, Kind};
use crate::bench::pinned;
use crate::steps::Step;
use crate::workspace::{Workspace, cargo};
use crate::{Result, install, peers};

/// An echo server that is measured.
#[derive(Debug, PartialEq)]
pub(in crate::bench) struct Server {
    /// As the tables have it; also the name of its program, unless that is a script.
    pub(in crate::bench) name: &'static str,
    pub(in crate::bench) group: Group,
    program: Program,
    /// Whether it can compress.
    pub(in crate::bench) deflate: bool,
    /// Whether it encrypts. Only its memory is of interest.
    pub(in crate::bench) tls: bool,
    /// Whether it is measured when no list is given.
    default: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::bench) enum Group {
    /// A raw echo.
    Limit,
    Bowline,
    Rival,
    /// What is written in another language, for scale.
    Scale,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Program {
    /// An example of a crate of the workspace, as it is.
    Example(&'static str),
    /// A binary of a package in `benches/sockets`.
    Binary(&'static str),
    /// A script in `benches/sockets/scale`.
    Python(&'static str),
    Node(&'static str),
}

impl Server {
    /// Whether it knows what the cell is about. A raw echo returns what is compressed as it returns all.
    pub(super) fn takes(&self, cell: Cell) -> bool {
        let compresses = self.deflate || self.group == Group::Limit;
        !self.tls && (cell.kind != Kind::Deflate || compresses)
    }

    /// Builds what the servers need, and the load generator.
    pub(in crate::bench) fn build(
        step: &mut Step,
        workspace: &Workspace,
        servers: &[&Self],
    ) -> Result<()> {
        step.command(&mut build(workspace, "load"))?;
        let mut packages = Vec::new();
        for server in servers {
            match server.program {
                Program::Example(package) => {
                    let mut command = cargo(&workspace.root);
                    command.args(["build", "--release", "--package", package]);
                    step.command(command.args(["--example", server.name]))?;
                }
                Program::Binary(package) if packages.contains(&package) => {}
                Program::Binary(package) => {
                    step.command(&mut build(workspace, package))?;
                    packages.push(package);
                }
                Program::Python(_) => {
                    let pins = scripts(workspace).join("requirements.txt");
                    install::python(step, &pins, &fetched(workspace, "python"))?;
                }
                Program::Node(_) => {
                    let pins = scripts(workspace).join("package-lock.json");
                    install::node(step, &pins, &fetched(workspace, "node"))?;
                }
            }
        }
        Ok(())
    }

    /// The command that echoes on a port of its choice, on a CPU of its own.
    pub(in crate::bench) fn command(&self, workspace: &Workspace, deflate: bool) -> Command {
        let script = |name| scripts(workspace).join(name);
        let mut command = match self.program {
            Program::Example(_) => pinned(CPU, peers::example(workspace, self.name)),
            Program::Binary(_) => pinned(CPU, binary(workspace, self.name)),
            Program::Python(name) => {
                let mut command = pinned(CPU, "python3");
                command.arg(script(name));
                command.env("PYTHONPATH", fetched(workspace, "python"));
                command
            }
            Program::Node(name) => {
                let mut command = pinned(CPU, "node");
                command.arg(script(name));
                let modules = fetched(workspace, "node").join("node_modules");
                command.env("NODE_PATH", modules);
                command
            }
        };
        command.arg("127.0.0.1:0");
        match (self.program, deflate) {
            (Program::Example(_), false) if self.deflate => command.arg("--no-deflate"),
            (Program::Example(_), _) | (_, false) => &mut command,
            (_, true) => command.arg("--deflate"),
        };
        command
    }
}

/// The servers that a list names, each once, in the order of the tables; the limit is always among them.
pub(in crate::bench) fn chosen(list: &str) -> Result<Vec<&'static Server>> {
    let belongs = |server: &Server, name: &str| match name {
        "all" => true,
        "default" => server.default,
        "bowline" => server.group == Group::Bowline,
        "limits" => server.group == Group::Limit,
        "rivals" => server.group == Group::Rival,
        "scale" => server.group == Group::Scale,
        name => server.name == name,
    };
    for name in list.split(',') {
        if !SERVERS.iter().any(|server| belongs(server, name)) {
            let names: Vec<_> = SERVERS.iter().map(|server| server.name).collect();
            let names = names.join(", ");
            return Err(format!("no server is called `{name}`; there are {names}").into());
        }
    }
    let named = |server: &&Server| {
        server.name == LIMIT || list.split(',').any(|name| belongs(server, name))
    };
    Ok(SERVERS.iter().filter(named).collect())
}

/// All of them, in the order of the tables.
pub(in crate::bench) fn all() -> Vec<&'static Server> {
    SERVERS.iter().collect()
}

/// The server with this name.
pub(in crate::bench) fn named(name: &str) -> Result<&'static Server> {
    let found = SERVERS.iter().find(|server| server.name == name);
    Ok(found.ok_or_else(|| format!("no server is called `{name}`"))?)
}

/// A command that builds a package of `benches/sockets`, which shares what it can with the others.
fn build(workspace: &Workspace, package: &str) -> Command {
    let mut command = cargo(&workspace.root.join("benches/sockets").join(package));
    command
        .args(["build", "--release", "--locked"])
        .env("CARGO_TARGET_DIR", workspace.target.join("benches"));
    command
}

/// Where [`build`] puts a program.
pub(in crate::bench) fn binary(workspace: &Workspace, name: &str) -> PathBuf {
    peers::program(workspace.target.join("benches/release"), name)
}

fn scripts(workspace: &Workspace) -> PathBuf {
    workspace.root.join("benches/sockets/scale")
}

fn fetched(workspace: &Workspace, language: &str) -> PathBuf {
    workspace.target.join("benches/scale").join(language)
}

const fn example(name: &'static str, package: &'static str) -> Server {
    Server {
        name,
        group: Group::Bowline,
        program: Program::Example(package),
        deflate: true,
        tls: false,
        default: false,
    }
}

const fn limit(name: &'static str, package: &'static str) -> Server {
    Server {
        group: Group::Limit,
        deflate: false,
        ..bowline(name, package)
    }
}

const fn bowline(name: &'static str, package: &'static str) -> Server {
    Server {
        program: Program::Binary(package),
        ..example(name, package)
    }
}

const fn rival(name: &'static str, package: &'static str, deflate: bool) -> Server {
    Server {
        group: Group::Rival,
        deflate,
        ..bowline(name, package)
    }
}

const fn scale(name: &'static str, program: Program) -> Server {
    Server {
        group: Group::Scale,
        program,
        ..example(name, "")
    }
}

const fn encrypted(server: Server) -> Server {
    Server {
        tls: true,
        default: true,
        ..server
    }
}

const fn by_default(server: Server) -> Server {
    Server {
        default: true,
        ..server
    }
}

/// By what the others are divided.
pub(in crate::bench) const LIMIT: &str = "raw-tokio";

/// Which CPU the servers have to themselves.
const CPU: &str = "0";

static SERVERS: &[Server] = &[
    by_default(limit(LIMIT, "raw")),
    limit("raw-smol", "raw-others"),
    limit("raw-async-std", "raw-others"),
    limit("raw-blocking", "raw-others"),
    by_default(example("tokio_echo_server", "bowline-tokio")),
    example("smol_echo_server", "bowline-smol"),
    example("async_std_echo_server", "bowline-async-std"),
    example("blocking_echo_server", "bowline-blocking"),
    example("mio_echo_server", "bowline-blocking"),
    by_default(bowline("bowline-current-thread", "bowline")),
    by_default(bowline("bowline-recv-ref", "bowline")),
    bowline("bowline-batched", "bowline"),
    bowline("bowline-spawned", "bowline"),
    bowline("bowline-written", "bowline"),
    bowline("bowline-batched-multi-thread", "bowline"),
    bowline("bowline-spawned-multi-thread", "bowline"),
    bowline("bowline-written-multi-thread", "bowline"),
    encrypted(limit("raw-tls", "tls")),
    encrypted(bowline("bowline-tls", "tls")),
    by_default(rival("tokio-tungstenite", "tokio-tungstenite", false)),
    by_default(rival(
        "tokio-tungstenite-batched",
        "tokio-tungstenite",
        false,
    )),
    by_default(rival("fastwebsockets", "fastwebsockets", false)),
    by_default(rival("tokio-websockets", "tokio-websockets", false)),
    rival("tokio-websockets-batched", "tokio-websockets", false),
    rival("yawc", "yawc", true),
    by_default(rival("yawc-batched", "yawc", true)),
    rival("sockudo-ws", "sockudo-ws", true),
    by_default(rival("sockudo-ws-batched", "sockudo-ws", true)),
    by_default(rival("web-socket", "web-socket", false)),
    by_default(rival("soketto", "soketto", true)),
    by_default(rival("wtx", "wtx", true)),
    scale("python-websockets", Program::Python("python.py")),
    scale("node-ws", Program::Node("node.cjs")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_measured_with_whatever_is_chosen() {
        let chosen = |list| -> Vec<_> {
            let servers = chosen(list).unwrap();
            servers.iter().map(|server| server.name).collect()
        };
        assert_eq!(chosen("tokio_echo_server"), [LIMIT, "tokio_echo_server"]);
        assert_eq!(chosen("scale,wtx").len(), 4);
        assert_eq!(chosen("all").len(), SERVERS.len());
    }

    #[test]
    fn who_is_not_there_is_an_error() {
        assert!(chosen("nobody").is_err());
        assert!(chosen("wtx,nobody").is_err());
    }
}
