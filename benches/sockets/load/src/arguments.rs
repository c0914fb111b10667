use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::Result;

/// What the command line asks for.
pub(crate) struct Arguments {
    pub(crate) task: Task,
    pub(crate) address: SocketAddr,
    /// The server whose CPU time counts.
    pub(crate) pid: u32,
    pub(crate) connections: usize,
    /// Messages in flight on each connection.
    pub(crate) depth: usize,
    /// Length of a message in bytes, before it is compressed.
    pub(crate) size: usize,
    pub(crate) kind: Kind,
    /// The server echoes bytes, and knows no handshake.
    pub(crate) raw: bool,
    /// The server encrypts.
    pub(crate) tls: bool,
    /// Whether to count the server's system calls, which makes it slow.
    pub(crate) strace: bool,
    pub(crate) warm_up: Duration,
    pub(crate) end: End,
}

/// What to find out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Task {
    /// What a message costs.
    Echo,
    /// What a connection holds.
    Memory,
}

/// What messages consist of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Random bytes.
    Binary,
    /// Text of which most characters take several bytes.
    Text,
    /// JSON text, compressed.
    Deflate,
}

/// When it is enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    After(Duration),
    Messages(u64),
}

impl Arguments {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self> {
        let mut words = words;
        let task = match words.next().as_deref() {
            Some("echo") => Task::Echo,
            Some("memory") => Task::Memory,
            _ => return Err(USAGE.into()),
        };
        let mut arguments = Arguments {
            task,
            address: words.next().ok_or(USAGE)?.parse()?,
            pid: 0,
            connections: 1,
            depth: 1,
            size: 128,
            kind: Kind::Binary,
            raw: false,
            tls: false,
            strace: false,
            warm_up: Duration::from_millis(50),
            end: End::After(Duration::from_secs(1)),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--pid" => arguments.pid = number(&word, &value()?)?,
                "--connections" => arguments.connections = number(&word, &value()?)?,
                "--depth" => arguments.depth = number(&word, &value()?)?,
                "--size" => arguments.size = number(&word, &value()?)?,
                "--text" => arguments.kind = Kind::Text,
                "--deflate" => arguments.kind = Kind::Deflate,
                "--raw" => arguments.raw = true,
                "--tls" => arguments.tls = true,
                "--strace" => arguments.strace = true,
                "--warm-up" => arguments.warm_up = seconds(&word, &value()?)?,
                "--seconds" => arguments.end = End::After(seconds(&word, &value()?)?),
                "--messages" => arguments.end = End::Messages(number(&word, &value()?)?),
                _ => return Err(format!("unknown argument `{word}`\n{USAGE}").into()),
            }
        }
        if arguments.pid == 0 || arguments.connections == 0 || arguments.depth == 0 {
            return Err("--pid, --connections and --depth must be above 0".into());
        }
        Ok(arguments)
    }
}

fn number<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<T> {
    Ok(value
        .parse()
        .map_err(|error| format!("{name} {value}: {error}"))?)
}

fn seconds(name: &str, value: &str) -> Result<Duration> {
    Ok(Duration::try_from_secs_f64(number(name, value)?)
        .map_err(|error| format!("{name} {value}: {error}"))?)
}

const USAGE: &str = "\
usage: load echo ADDR --pid PID [--connections N] [--depth N] [--size BYTES] [--text | --deflate] [--raw]
                 [--warm-up SECONDS] [--seconds SECONDS | --messages N] [--strace]
       load memory ADDR --pid PID [--connections N] [--deflate] [--tls] [--raw]";
