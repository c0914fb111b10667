use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

/// strace, which counts the system calls of a process.
pub(crate) struct Strace {
    child: Child,
    summary: PathBuf,
}

impl Strace {
    /// Starts to count.
    pub(crate) fn attach(pid: u32) -> Result<Self> {
        let summary = std::env::temp_dir().join(format!("bench-strace-{pid}"));
        let mut child = Command::new("strace")
            .args(["-f", "-c", "-U", "calls,name", "-o"])
            .arg(&summary)
            .args(["-p", &pid.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("strace: {error}"))?;
        // It says so once it is attached.
        let mut line = String::new();
        if let Some(stderr) = child.stderr.take() {
            BufReader::new(stderr).read_line(&mut line)?;
        }
        if !line.contains("attached") {
            child.wait()?;
            return Err(line.into());
        }
        Ok(Strace { child, summary })
    }

    /// Ends it; how often each system call was made.
    pub(crate) fn detach(mut self) -> Result<Vec<(String, u64)>> {
        let id = i32::try_from(self.child.id())?;
        kill_process(Pid::from_raw(id).ok_or("strace has no id")?, Signal::INT)?;
        self.child.wait()?;
        let text = fs::read_to_string(&self.summary)?;
        fs::remove_file(&self.summary)?;
        let calls: Vec<_> = text.lines().filter_map(parse).collect();
        match calls.is_empty() {
            true => Err(format!("strace counted nothing: {text}").into()),
            false => Ok(calls),
        }
    }
}

/// A line of the summary: how often, and what.
fn parse(line: &str) -> Option<(String, u64)> {
    let (count, name) = line.trim().split_once(char::is_whitespace)?;
    let name = name.trim();
    (name != "total").then_some(())?;
    Some((name.to_owned(), count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_summary_tell_how_often_and_what() {
        assert_eq!(parse("     1024 sendto"), Some(("sendto".to_owned(), 1024)));
        for line in ["    calls syscall", "--------- ------", "  1030 total", ""] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
