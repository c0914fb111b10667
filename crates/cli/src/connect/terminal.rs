use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as blocking;
use std::thread::{self, JoinHandle};

use bowline_tokio::MessageKind;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::escape;
use crate::failure::Failure;

use super::Orders;
use super::command::{self, Order};

type LineEditor = Editor<(), FileHistory>;

/// A line that is being edited, on a thread of its own, and what is printed above it meanwhile.
pub(super) struct Terminal {
    printer: Box<dyn ExternalPrinter + Send>,
    editor: JoinHandle<()>,
    over: Arc<AtomicBool>,
    colours: bool,
}

impl Terminal {
    /// Fails if the terminal can't edit lines.
    pub(super) fn open(kind: MessageKind) -> Result<(Self, Orders), ReadlineError> {
        let (orders, receiver) = mpsc::unbounded_channel();
        let (ready, opened) = blocking::sync_channel(1);
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let editor = thread::spawn(move || {
            let editor = match editor() {
                Ok((editor, printer)) => {
                    // The receiver waits for exactly this.
                    let _ = ready.send(Ok(printer));
                    editor
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                    return;
                }
            };
            edit(editor, kind, &orders, &ends);
        });
        let printer = opened
            .recv()
            .unwrap_or(Err(ReadlineError::Io(io::ErrorKind::Other.into())))?;
        let terminal = Self {
            printer,
            editor,
            over,
            // https://no-color.org
            colours: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        Ok((terminal, receiver))
    }

    /// Prints a message that was made fit for a terminal.
    pub(super) fn message(&mut self, shown: &str) -> io::Result<()> {
        // Only the mark shows where a message begins, so lines behind the first are indented.
        let lines = shown.replace('\n', "\n  ");
        let mark = self.coloured("36", "<");
        self.print(format!("{mark} {lines}\n"))
    }

    pub(super) fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        let text = match std::str::from_utf8(payload) {
            Ok(text) => escape::line(text).into_owned(),
            Err(_) => escape::hex(payload, payload.len()),
        };
        let note = self.coloured("2", format!("pong {text}").trim_end());
        self.print(format!("{note}\n"))
    }

    /// Prints something that isn't from the peer.
    pub(super) fn note(&mut self, text: &str) {
        let note = self.coloured("2", &escape::line(text));
        // A terminal that is gone shows nothing, and gives no lines either.
        let _ = self.print(format!("{note}\n"));
    }

    /// Shows how it ended, ends the editing, and leaves the terminal as it was.
    pub(super) fn finish(mut self, ended: Option<&str>) {
        if let Some(ended) = ended {
            self.note(ended);
        }
        if !self.editor.is_finished() {
            // The editor has printed everything before it takes another; one may wait, and these may.
            for _ in 0..2 {
                let _ = self.print(NOTHING.into());
            }
        }
        self.over.store(true, Ordering::Release);
        while !self.editor.is_finished() && interrupt() {
            thread::sleep(std::time::Duration::from_millis(2));
        }
        if self.editor.is_finished() && self.editor.join().is_err() {
            eprintln!("bowline: the line editor failed");
        }
    }

    fn print(&mut self, text: String) -> io::Result<()> {
        self.printer.print(text).map_err(|error| match error {
            ReadlineError::Io(error) => error,
            error => io::Error::other(error),
        })
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{colour}m{text}\x1b[m")
        } else {
            text.into()
        }
    }
}

fn editor() -> Result<(LineEditor, Box<dyn ExternalPrinter + Send>), ReadlineError> {
    let config = Config::builder()
        .auto_add_history(true)
        .history_ignore_space(true)
        .build();
    let mut editor = LineEditor::with_config(config)?;
    let printer = editor.create_external_printer()?;
    Ok((editor, Box::new(printer)))
}

/// Edits lines until the user has enough or the connection is over.
fn edit(
    mut editor: LineEditor,
    kind: MessageKind,
    orders: &UnboundedSender<Result<Order, Failure>>,
    over: &AtomicBool,
) {
    let history = history();
    if let Some(history) = &history {
        // The first time there is none.
        let _ = editor.load_history(history);
    }
    while !over.load(Ordering::Acquire) {
        let order = match editor.readline("> ") {
            Ok(line) => match command::parse(&line, kind) {
                Ok(order) => Ok(order),
                Err(told) => {
                    println!("{}", escape::text(&told));
                    continue;
                }
            },
            Err(ReadlineError::Eof | ReadlineError::Interrupted | ReadlineError::Signal(_)) => {
                break;
            }
            Err(error) => Err(Failure::of("cannot read from the terminal", &error)),
        };
        let last = order.is_err();
        if orders.send(order).is_err() || last {
            break;
        }
    }
    if let Some(history) = &history
        && let Err(error) = save(&mut editor, history)
    {
        eprintln!(
            "bowline: cannot keep the history in {}: {error}",
            history.display()
        );
    }
}

fn save(editor: &mut LineEditor, history: &PathBuf) -> Result<(), ReadlineError> {
    if let Some(directory) = history.parent() {
        fs::create_dir_all(directory)?;
    }
    editor.append_history(history)
}

/// Where lines are remembered, by the XDG base directories; `None` without a home.
fn history() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("bowline/history"))
}

/// Wakes the editor, which waits for a key, as ctrl-c from elsewhere does; false if that isn't possible here.
#[cfg(unix)]
fn interrupt() -> bool {
    // Outside of the editor, the signal is one that `Signals` waits for and nobody asks about any more.
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGINT).is_ok()
}

#[cfg(not(unix))]
fn interrupt() -> bool {
    // The console resets its modes for the next program.
    false
}

/// Prints nothing where the editor insists on a line end: one line up, and down again.
const NOTHING: &str = "\x1b[1A\n";
