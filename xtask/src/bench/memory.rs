//! What servers hold for a connection.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::sockets::LOAD_CPU;
use super::sockets::servers::{self, Group, Server};
use super::{machine, pinned};
use crate::args::Args;
use crate::steps::{BOLD, GREEN, Step, Steps, paint};
use crate::workspace::Workspace;
use crate::{Result, peers};

pub(super) fn run(mut args: Args) -> Result<()> {
    let servers = args.value("--servers")?;
    let servers = servers::chosen(servers.as_deref().unwrap_or("default"))?;
    let connections = args.value("--connections")?;
    let connections = connections.as_deref().unwrap_or("10000");
    let json = args.value("--json")?;
    args.finish()?;

    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("memory_build", |step| {
        Server::build(step, &workspace, &servers)?;
        Ok(String::new())
    })?;
    let mut found = Vec::new();
    steps.run("memory", |step| {
        let mut failed = Vec::new();
        for (server, deflate) in variants(&servers) {
            step.say(&title(server, deflate))?;
            match measure(step, &workspace, server, deflate, connections) {
                Ok(held) => found.push(held),
                Err(error) => failed.push(error.to_string()),
            }
        }
        match failed.is_empty() {
            true => Ok(format!("{connections} connections each")),
            false => Err(failed.join("; ").into()),
        }
    })?;
    if let Some(path) = json {
        let all: Vec<_> = found.iter().map(Held::json).collect();
        let text = json!({ "machine": machine()?, "memory": all }).to_string();
        fs::write(&path, text).map_err(|error| format!("{path}: {error}"))?;
    }
    let finished = steps.finish();
    print!("{}", table(&found));
    finished
}

/// What a server holds for each connection, in bytes.
pub(super) struct Held {
    pub(super) server: &'static Server,
    pub(super) deflate: bool,
    /// How many there were.
    pub(super) connections: u64,
    /// Once it is open.
    pub(super) opened: f64,
    /// After a message of 128 B and its reply.
    pub(super) little: f64,
    /// After one of 64 KiB.
    pub(super) much: f64,
    /// A second later.
    pub(super) later: f64,
}

impl Held {
    fn json(&self) -> Value {
        json!({
            "server": self.server.name,
            "deflate": self.deflate,
            "connections": self.connections,
            "opened": self.opened,
            "little": self.little,
            "much": self.much,
            "later": self.later,
        })
    }

    /// Reads what [`json`](Self::json) made.
    pub(super) fn read(value: &Value) -> Result<Self> {
        let name = value["server"].as_str().ok_or("no `server`")?;
        let deflate = value["deflate"].as_bool().ok_or("no `deflate`")?;
        Self::new(servers::named(name)?, deflate, value)
    }

    /// Reads what the load generator printed.
    fn new(server: &'static Server, deflate: bool, value: &Value) -> Result<Self> {
        let number = |name: &str| {
            let number = value[name].as_f64();
            number.ok_or_else(|| format!("no `{name}` in `{value}`"))
        };
        let connections = value["connections"].as_u64();
        Ok(Held {
            server,
            deflate,
            connections: connections.ok_or("no `connections`")?,
            opened: number("opened")?,
            little: number("little")?,
            much: number("much")?,
            later: number("later")?,
        })
    }
}

/// Each server as it is, then those that can with compression.
fn variants(servers: &[&'static Server]) -> Vec<(&'static Server, bool)> {
    let plain = servers.iter().map(|&server| (server, false));
    let deflate = servers.iter().filter(|server| server.deflate);
    plain.chain(deflate.map(|&server| (server, true))).collect()
}

fn measure(
    step: &mut Step,
    workspace: &Workspace,
    server: &'static Server,
    deflate: bool,
    connections: &str,
) -> Result<Held> {
    let log = workspace.target.join("xtask/memory-server.log");
    let mut command = with_many_files(&server.command(workspace, deflate));
    let running = peers::Server::start(&mut command, &log)?;
    let mut load = pinned(LOAD_CPU, servers::binary(workspace, "load"));
    load.args(["memory", &running.address.to_string()])
        .args(["--pid", &running.id().to_string()])
        .args(["--connections", connections]);
    for (option, wanted) in [
        ("--deflate", deflate),
        ("--tls", server.tls),
        ("--raw", server.group == Group::Limit),
    ] {
        if wanted {
            load.arg(option);
        }
    }
    let mut last = String::new();
    step.watch(&mut load, |line| {
        line.clone_into(&mut last);
        false
    })
    .map_err(|_| format!("{}: {last}", title(server, deflate)))?;
    Held::new(server, deflate, &serde_json::from_str(&last)?)
}

/// The same command, which may open as many files as the system allows.
fn with_many_files(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -n \"$(ulimit -H -n)\" && exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
}

fn table(found: &[Held]) -> String {
    let width = found.iter().map(|one| title(one.server, one.deflate).len());
    let width = width.max().unwrap_or(0);
    let head = format!("{:width$}", "RSS per connection");
    let mut text = format!(
        "\n{}       open  after 128 B  after 64 KiB   1 s later\n",
        paint(BOLD, &head)
    );
    for one in found {
        let name = format!("{:width$}", title(one.server, one.deflate));
        let name = match one.server.group {
            Group::Bowline => paint(GREEN, &name),
            _ => name,
        };
        let [opened, little, much, later] =
            [one.opened, one.little, one.much, one.later].map(bytes);
        text += &format!("{name}  {opened:>9}  {little:>11}  {much:>12}  {later:>10}\n");
    }
    text
}

fn title(server: &Server, deflate: bool) -> String {
    match deflate {
        false => server.name.to_owned(),
        true => format!("{}, deflate", server.name),
    }
}

/// Three digits of it.
pub(super) fn bytes(bytes: f64) -> String {
    let kibibytes = bytes / 1024.0;
    match kibibytes {
        ..1.0 => format!("{bytes:.0} B"),
        ..10.0 => format!("{kibibytes:.2} KiB"),
        ..100.0 => format!("{kibibytes:.1} KiB"),
        _ => format!("{kibibytes:.0} KiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let server = servers::named("bowline-tls").unwrap();
        let printed = json!({
            "connections": 10, "before": 1000, "opened": 1, "little": 2, "much": 3, "later": 4,
        });
        let held = Held::new(server, true, &printed).unwrap();
        let read = Held::read(&held.json()).unwrap();
        assert_eq!(read.server, server);
        assert_eq!((read.deflate, read.later), (true, 4.0));
        assert!(Held::new(server, true, &json!({ "opened": 1 })).is_err());
    }

    #[test]
    fn compression_comes_behind_and_only_with_who_can() {
        let servers = servers::chosen("wtx,web-socket").unwrap();
        let variants: Vec<_> = variants(&servers)
            .into_iter()
            .map(|(server, deflate)| title(server, deflate))
            .collect();
        assert_eq!(variants, ["raw-tokio", "web-socket", "wtx", "wtx, deflate"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_is_raised_and_the_command_stays_the_same() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n; echo \"$0 $WORD\"", "a b"])
            .env("WORD", "c d");
        let output = with_many_files(&command).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let hard = Command::new("sh").args(["-c", "ulimit -H -n"]).output();
        let hard = String::from_utf8(hard.unwrap().stdout).unwrap();
        assert_eq!(text, format!("{hard}a b c d\n"));
    }
}
