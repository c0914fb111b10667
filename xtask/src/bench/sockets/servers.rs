//! Who echoes.

use std::path::PathBuf;
use std::process::Command;

use crate::steps::Step;
use crate::workspace::{Workspace, cargo};
use crate::{Result, peers};

use super::cells::{Cell, Kind};

/// An echo server that is measured.
#[derive(Debug, PartialEq)]
pub(super) struct Server {
    /// As the tables have it; also the name of its program, unless that is an example.
    pub(super) name: &'static str,
    pub(super) group: Group,
    program: Program,
    /// Whether it can compress.
    deflate: bool,
    /// Whether it is measured when no list is given.
    default: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Group {
    /// A raw echo.
    Limit,
    Bowline,
    Rival,
}

#[derive(Debug, PartialEq)]
enum Program {
    /// An example of a crate of the workspace, as it is.
    Example(&'static str, &'static str),
    /// A binary of a package in `benches/sockets`.
    Binary(&'static str),
}

impl Server {
    /// Whether it knows what the cell is about. A raw echo returns what is compressed as it returns all.
    pub(super) fn takes(&self, cell: Cell) -> bool {
        cell.kind != Kind::Deflate || self.deflate || self.group == Group::Limit
    }

    /// Builds what the servers need.
    pub(super) fn build(step: &mut Step, workspace: &Workspace, servers: &[&Self]) -> Result<()> {
        let mut done = Vec::new();
        for server in servers {
            if done.contains(&&server.program) {
                continue;
            }
            match server.program {
                Program::Example(package, name) => {
                    let mut command = cargo(&workspace.root);
                    command.args(["build", "--release", "--package", package]);
                    step.command(command.args(["--example", name]))?;
                }
                Program::Binary(package) => step.command(&mut build(workspace, package))?,
            }
            done.push(&server.program);
        }
        Ok(())
    }

    /// The command that serves what the cell sends, on a port of its choice.
    pub(super) fn command(&self, workspace: &Workspace, cell: Cell) -> Command {
        let deflate = cell.kind == Kind::Deflate;
        let path = match self.program {
            Program::Example(_, name) => peers::example(workspace, name),
            Program::Binary(_) => binary(workspace, self.name),
        };
        let mut command = super::pinned(SERVER_CORE, path);
        command.arg("127.0.0.1:0");
        match (&self.program, deflate) {
            (Program::Example(..), false) => command.arg("--no-deflate"),
            (Program::Binary(_), true) if self.group != Group::Limit => command.arg("--deflate"),
            _ => &mut command,
        };
        command
    }
}

/// The servers that a list names, each once, in the order of the tables; the limit is always among them.
pub(super) fn chosen(list: &str) -> Result<Vec<&'static Server>> {
    let belongs = |server: &Server, name: &str| match name {
        "all" => true,
        "default" => server.default,
        "bowline" => server.group == Group::Bowline,
        "limits" => server.group == Group::Limit,
        "rivals" => server.group == Group::Rival,
        name => server.name == name,
    };
    for name in list.split(',') {
        if !SERVERS.iter().any(|server| belongs(server, name)) {
            let names: Vec<_> = SERVERS.iter().map(|server| server.name).collect();
            return Err(format!(
                "no server is called `{name}`; there are {}",
                names.join(", ")
            )
            .into());
        }
    }
    let named = |server: &&Server| {
        server.name == LIMIT || list.split(',').any(|name| belongs(server, name))
    };
    Ok(SERVERS.iter().filter(named).collect())
}

/// A command that builds a package of `benches/sockets`, which shares what it can with the others.
pub(super) fn build(workspace: &Workspace, package: &str) -> Command {
    let mut command = cargo(&workspace.root.join("benches/sockets").join(package));
    command
        .args(["build", "--release", "--locked"])
        .env("CARGO_TARGET_DIR", workspace.target.join("benches"));
    command
}

/// Where [`build`] puts a program.
pub(super) fn binary(workspace: &Workspace, name: &str) -> PathBuf {
    peers::program(workspace.target.join("benches/release"), name)
}

const fn server(name: &'static str, group: Group, program: Program) -> Server {
    Server {
        name,
        group,
        program,
        deflate: false,
        default: true,
    }
}

/// By what the others are divided.
pub(super) const LIMIT: &str = "raw-tokio";

/// Which CPU the servers have to themselves.
const SERVER_CORE: &str = "0";

static SERVERS: [Server; 4] = [
    server(LIMIT, Group::Limit, Program::Binary("raw")),
    Server {
        deflate: true,
        ..server(
            "tokio_echo_server",
            Group::Bowline,
            Program::Example("bowline-tokio", "tokio_echo_server"),
        )
    },
    server(
        "tokio-tungstenite",
        Group::Rival,
        Program::Binary("tokio-tungstenite"),
    ),
    server(
        "tokio-tungstenite-batched",
        Group::Rival,
        Program::Binary("tokio-tungstenite"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_measured_with_whatever_is_chosen() {
        let names: Vec<_> = chosen("tokio_echo_server")
            .unwrap()
            .iter()
            .map(|one| one.name)
            .collect();
        assert_eq!(names, [LIMIT, "tokio_echo_server"]);
        assert_eq!(chosen("all").unwrap().len(), SERVERS.len());
        assert!(chosen("nobody").is_err());
    }
}
