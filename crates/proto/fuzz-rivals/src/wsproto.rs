use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bowline_frame::Role;

use crate::{Course, End};

/// A python that parses with wsproto, one stream a line.
#[derive(Debug)]
pub struct Wsproto {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Wsproto {
    /// Starts python, with the package in `packages`.
    ///
    /// # Errors
    ///
    /// There is no `python3`.
    pub fn start(packages: &str) -> std::io::Result<Self> {
        let mut child = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/wsproto/parse.py"))
            .env("PYTHONPATH", packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().expect("it is piped");
        Ok(Self {
            input: child.stdin.take(),
            output: BufReader::new(output),
            child,
        })
    }

    pub(crate) fn run(&mut self, role: Role, wire: &[u8]) -> Course {
        let mut line = match role {
            Role::Server => "server ".to_owned(),
            Role::Client => "client ".to_owned(),
        };
        for byte in wire {
            line.push_str(&format!("{byte:02x}"));
        }
        line.push('\n');
        let input = self.input.as_mut().expect("it is there until the end");
        input.write_all(line.as_bytes()).expect("python reads");
        let mut said = String::new();
        self.output.read_line(&mut said).expect("python answers");
        course(&said).unwrap_or_else(|| panic!("python says {said:?}"))
    }
}

impl Drop for Wsproto {
    fn drop(&mut self) {
        // At the end of its input it ends.
        self.input = None;
        let ended = self.child.wait().expect("it can be waited for");
        assert!(ended.success() || std::thread::panicking(), "{ended}");
    }
}

/// Reads a line such as `text:6869 binary: closed:1000`.
fn course(line: &str) -> Option<Course> {
    let mut messages = Vec::new();
    for word in line.split_whitespace() {
        let (name, value) = word.split_once(':')?;
        let end = match name {
            "text" | "binary" => {
                messages.push((name == "text", bytes(value)?));
                continue;
            }
            "open" => End::Open,
            "closed" if value.is_empty() => End::Closed(None),
            "closed" => End::Closed(Some(value.parse().ok()?)),
            "failed" => End::Failed(None, value.parse().ok()?),
            _ => return None,
        };
        return Some(Course { messages, end });
    }
    None
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
