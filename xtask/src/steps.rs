//! Steps that are timed, logged and summed up in a table.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, PipeReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// The steps of one task.
///
/// A failed step doesn't stop the ones behind it: who fixes one thing wants to know of the others.
pub(crate) struct Steps {
    logs: PathBuf,
    started: Instant,
    done: Vec<Done>,
}

struct Done {
    name: String,
    took: Duration,
    /// What the step found, in a few words, or why it failed.
    result: std::result::Result<String, String>,
}

/// The running step: its commands' output goes to its log, and to the terminal where it is asked for.
pub(crate) struct Step {
    log: File,
    /// The last lines of a step that has shown none.
    tail: VecDeque<String>,
    shown: bool,
    /// How long a command may say nothing.
    patience: Duration,
}

impl Steps {
    /// Logs go to `target/xtask/`, one file a step.
    pub(crate) fn new(target: &Path) -> Result<Self> {
        let logs = target.join("xtask");
        fs::create_dir_all(&logs)?;
        Ok(Steps {
            logs,
            started: Instant::now(),
            done: Vec::new(),
        })
    }

    /// Runs one step. `work` returns what it found in a few words, or nothing worth a word.
    pub(crate) fn run(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Step) -> Result<String>,
    ) -> Result<()> {
        println!("{}", paint(BOLD, &format!("==> {name}")));
        let path = self.logs.join(format!("{name}.log"));
        let mut step = Step {
            log: File::create(&path)?,
            tail: VecDeque::new(),
            shown: false,
            patience: PATIENCE,
        };
        let started = Instant::now();
        let result = work(&mut step).map_err(|error| error.to_string());
        let took = started.elapsed();
        match &result {
            Ok(note) => println!("    {} in {} {note}", paint(GREEN, "ok"), seconds(took)),
            Err(error) => {
                for line in step.tail.iter().filter(|_| !step.shown) {
                    println!("    | {line}");
                }
                println!(
                    "    {} after {}: {error}",
                    paint(RED, "FAILED"),
                    seconds(took)
                );
                println!("    full output: {}", path.display());
            }
        }
        self.done.push(Done {
            name: name.to_owned(),
            took,
            result,
        });
        Ok(())
    }

    /// Prints a table of more than one step; an error when a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        let failed: Vec<_> = self
            .done
            .iter()
            .filter(|done| done.result.is_err())
            .map(|done| done.name.as_str())
            .collect();
        if self.done.len() > 1 {
            self.print_table();
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err(format!("failed: {}", failed.join(", ")).into())
    }

    fn print_table(&self) {
        let width = self
            .done
            .iter()
            .map(|done| done.name.len())
            .max()
            .unwrap_or(0);
        println!();
        for Done { name, took, result } in &self.done {
            let outcome = match result {
                Ok(note) => format!("{}      {note}", paint(GREEN, "ok")),
                // Some quote what a program said; all of it stands above.
                Err(error) => {
                    let first = error.lines().next().unwrap_or_default();
                    format!("{}  {first}", paint(RED, "FAILED"))
                }
            };
            println!("{name:width$}  {:>8}  {outcome}", seconds(*took));
        }
        println!("{:width$}  {:>8}", "total", seconds(self.started.elapsed()));
    }
}

impl Step {
    /// Lets commands say nothing for so long; without it, for 15 minutes.
    pub(crate) fn patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Runs `command` to its end; its output goes to the log only.
    pub(crate) fn command(&mut self, command: &mut Command) -> Result<()> {
        self.watch(command, |_| false)
    }

    /// Runs `command` to its end; each line of its output goes to the log, and to our output if
    /// `show` says so.
    ///
    /// A command that says nothing for too long hangs: it is killed, and the step fails.
    pub(crate) fn watch(
        &mut self,
        command: &mut Command,
        mut show: impl FnMut(&str) -> bool,
    ) -> Result<()> {
        let line = command_line(command);
        self.note(&format!("$ {line}"))?;
        // One pipe for both streams keeps their lines in order.
        let (reader, writer) = io::pipe()?;
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child = command
            .spawn()
            .map_err(|error| format!("`{line}`: {error}"))?;
        // The command holds the pipe's writing ends; reading ends only once they are gone.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let lines = lines(reader);
        loop {
            let line = match lines.recv_timeout(self.patience) {
                Ok(line) => line?,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    child.kill()?;
                    child.wait()?;
                    let silence = seconds(self.patience);
                    return Err(format!("`{line}` said nothing for {silence}: killed").into());
                }
            };
            if show(&line) {
                self.say(&line)?;
            } else {
                self.note(&line)?;
            }
        }
        let status = child.wait()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("`{line}` ended with {status}").into())
    }

    /// Prints a line of progress, and logs it.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        println!("    {line}");
        self.shown = true;
        self.note(line)
    }

    /// Logs a line.
    pub(crate) fn note(&mut self, line: &str) -> Result<()> {
        writeln!(self.log, "{line}")?;
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
        Ok(())
    }
}

/// The lines of a pipe, read on a thread of their own: whoever waits for the next one can give up.
fn lines(pipe: PipeReader) -> Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let line = line.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned());
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A command as a person would type it.
fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Colours `text` if somebody looks at it.
pub(crate) fn paint(colour: &str, text: &str) -> String {
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// How many lines of a failed step's output are shown.
const TAIL: usize = 60;

/// How long a command may say nothing.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

pub(crate) const BOLD: &str = "1";
pub(crate) const GREEN: &str = "32";
pub(crate) const RED: &str = "31";

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("bowline-steps-{}-{name}", std::process::id()))
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failed_step_is_named_and_the_next_one_still_runs() {
        let target = scratch("failed");
        let mut steps = Steps::new(&target).unwrap();
        let mut ran = false;
        steps
            .run("bad", |step| {
                step.command(&mut shell("exit 3")).map(|()| String::new())
            })
            .unwrap();
        steps
            .run("good", |_| {
                ran = true;
                Ok(String::new())
            })
            .unwrap();
        assert!(ran);
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: bad");
        fs::remove_dir_all(target).unwrap();
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        let target = scratch("hangs");
        let mut steps = Steps::new(&target).unwrap();
        steps
            .run("hangs", |step| {
                step.patience(Duration::from_millis(50));
                step.command(&mut shell("exec sleep 1000"))?;
                Ok(String::new())
            })
            .unwrap();
        let done = steps.done.pop().unwrap().result.unwrap_err();
        assert!(done.ends_with("said nothing for 0.1 s: killed"), "{done}");
        fs::remove_dir_all(target).unwrap();
    }

    #[test]
    fn both_streams_of_a_command_are_logged_in_order() {
        let target = scratch("streams");
        let mut steps = Steps::new(&target).unwrap();
        let mut shown = Vec::new();
        steps
            .run("streams", |step| {
                step.watch(&mut shell("echo one; echo two >&2; echo three"), |line| {
                    shown.push(line.to_owned());
                    false
                })?;
                Ok(String::new())
            })
            .unwrap();
        assert_eq!(shown, ["one", "two", "three"]);
        let log = fs::read_to_string(target.join("xtask/streams.log")).unwrap();
        assert!(log.ends_with("one\ntwo\nthree\n"), "{log}");
        fs::remove_dir_all(target).unwrap();
    }
}
