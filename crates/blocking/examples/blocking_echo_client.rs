//! Sends the lines of its input and prints what comes back:
//! `blocking_echo_client URL [--no-deflate | --context-takeover]`.
//!
//! `--context-takeover` lets messages refer to earlier ones, which saves more and costs a connection memory. With
//! `--autobahn` before the URL it plays the client of the Autobahn test suite.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bowline_blocking::{CloseCode, Connector, Message, PerMessageDeflate, Sender};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("blocking_echo_client: {error}");
            // An error says what happened, its sources why.
            let mut source = error.source();
            while let Some(cause) = source {
                eprint!(": {cause}");
                source = cause.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut connector = Connector::new();
    let mut given = |option: &str| {
        let at = arguments.iter().position(|argument| argument == option);
        at.map(|at| arguments.remove(at)).is_some()
    };
    let takeover = given("--context-takeover");
    if !given("--no-deflate") {
        connector = connector.extension(PerMessageDeflate::new().context_takeover(takeover));
    }
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--autobahn", url] => autobahn(&connector, url.trim_end_matches('/')),
        [url] => lines(&connector, url, BufReader::new(io::stdin()).lines()),
        _ => Err(
            "usage: blocking_echo_client [--autobahn] URL [--no-deflate | --context-takeover]"
                .into(),
        ),
    }
}

/// What the thread that reads lines and the one that prints replies tell each other.
#[derive(Default)]
struct Progress {
    /// Lines without a reply.
    waiting: usize,
    /// There are no more lines.
    ended: bool,
    /// Why not.
    failed: Option<io::Error>,
}

impl Progress {
    const fn is_over(&self) -> bool {
        self.ended && (self.waiting == 0 || self.failed.is_some())
    }
}

/// Sends each line, prints each reply, and closes when there is a reply to every line.
pub(crate) fn lines(
    connector: &Connector,
    url: &str,
    input: impl Iterator<Item = io::Result<String>> + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let (mut receiver, sender) = connector.connect(url)?.split();
    let progress = Arc::new(Mutex::new(Progress::default()));
    // Somebody who types takes time, on a thread of its own. Receiving meanwhile answers the server's pings.
    thread::Builder::new().spawn({
        let (progress, sender) = (Arc::clone(&progress), sender.clone());
        move || send_lines(input, &sender, &progress)
    })?;
    while let Some(message) = receiver.recv()? {
        if lock(&progress).is_over() {
            // Behind our Close: it answers nothing.
            continue;
        }
        match message {
            Message::Text(text) => println!("{text}"),
            Message::Binary(bytes) => println!("{} bytes", bytes.len()),
        }
        note(&progress, &sender, |progress| {
            progress.waiting = progress.waiting.saturating_sub(1);
        });
    }
    let failed = lock(&progress).failed.take();
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn send_lines(
    input: impl Iterator<Item = io::Result<String>>,
    sender: &Sender,
    progress: &Mutex<Progress>,
) {
    let mut failed = None;
    for line in input {
        match line {
            Ok(line) => {
                lock(progress).waiting += 1;
                if sender.send(line).is_err() {
                    // The receiver says why.
                    return;
                }
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    note(progress, sender, |progress| {
        progress.ended = true;
        progress.failed = failed;
    });
}

/// Notes what has happened, and closes if that was all.
fn note(progress: &Mutex<Progress>, sender: &Sender, change: impl FnOnce(&mut Progress)) {
    let mut progress = lock(progress);
    change(&mut progress);
    if progress.is_over() {
        drop(progress);
        // If that fails, the receiver says why.
        let _ = sender.close(CloseCode::NORMAL);
    }
}

fn lock(progress: &Mutex<Progress>) -> std::sync::MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs all cases of a fuzzing server: each connection echoes until the server has seen enough.
fn autobahn(connector: &Connector, url: &str) -> Result<(), Box<dyn Error>> {
    const AGENT: &str = "bowline-blocking";

    let mut ws = connector.connect(format!("{url}/getCaseCount"))?;
    let count = ws.recv()?.ok_or("the server gave no number of cases")?;
    let count: u32 = count
        .as_text()
        .ok_or("the number of cases is not text")?
        .parse()?;
    ws.close(CloseCode::NORMAL)?;

    for case in 1..=count {
        let case_url = format!("{url}/runCase?case={case}&agent={AGENT}");
        // Many cases break the protocol; that we say so is what they test.
        if let Err(error) = echo(connector, &case_url) {
            eprintln!("case {case}: {error}");
        }
    }

    let reports = format!("{url}/updateReports?agent={AGENT}");
    let mut ws = connector.connect(reports)?;
    while ws.recv()?.is_some() {}
    Ok(())
}

/// Sends back each message until the server closes.
pub(crate) fn echo(connector: &Connector, url: &str) -> Result<(), bowline_blocking::Error> {
    let mut ws = connector.connect(url)?;
    while let Some(message) = ws.recv()? {
        ws.send(message)?;
    }
    Ok(())
}
