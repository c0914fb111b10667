use std::cell::RefCell;
use std::env;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::rc::Rc;
use std::thread;

use bowline_tokio::MessageKind;
use tokio::sync::mpsc;

use crate::escape;
use crate::failure::Failure;
use crate::screen;

use super::command::{self, Order};
use super::editor::{Editor, Typed, width};
use super::history::History;
use super::modes::Modes;

/// A line that is being edited at the bottom, and what is printed above it meanwhile.
pub(super) struct Terminal {
    editor: Editor,
    history: History,
    /// While lines are edited; dropping them gives the terminal back.
    modes: Option<Modes>,
    /// The cursor's row, counted from the prompt.
    row: usize,
    colours: bool,
}

/// What is typed.
pub(super) struct Keys {
    terminal: Rc<RefCell<Terminal>>,
    bytes: mpsc::Receiver<Vec<u8>>,
    kind: MessageKind,
}

impl Terminal {
    /// Begins to edit lines.
    ///
    /// # Errors
    ///
    /// Fails if the terminal can't do that.
    pub(super) fn open(kind: MessageKind) -> io::Result<(Rc<RefCell<Self>>, Keys)> {
        let modes = Modes::enter()?;
        let (history, lines) = History::load();
        let terminal = Rc::new(RefCell::new(Self {
            editor: Editor::new(lines),
            history,
            modes: Some(modes),
            row: 0,
            // https://no-color.org
            colours: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }));
        let keys = Keys {
            terminal: Rc::clone(&terminal),
            bytes: read(),
            kind,
        };
        Ok((terminal, keys))
    }

    /// Prints a message that was made fit for a terminal.
    pub(super) fn message(&mut self, shown: &str) -> io::Result<()> {
        // Only the mark shows where a message begins, so lines behind the first are indented.
        let lines = shown.replace('\n', "\n  ");
        let mark = self.coloured("36", "<");
        self.print(&format!("{mark} {lines}\n"))
    }

    /// Prints something that isn't from the peer.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        let note = self.coloured("2", text);
        self.print(&format!("{note}\n"))
    }

    /// Ends the editing; what is printed from now on is printed where the prompt was.
    pub(super) fn release(&mut self) -> io::Result<()> {
        if self.modes.is_none() {
            return Ok(());
        }
        let erased = self.erased();
        self.modes = None;
        write(&erased)?;
        self.history.save(self.editor.history())
    }

    fn print(&mut self, text: &str) -> io::Result<()> {
        let mut out = self.erased();
        out.push_str(text);
        self.draw(&mut out);
        write(&out)
    }

    /// Handles what was typed, up to the next thing to do.
    fn next(&mut self) -> io::Result<Option<Typed>> {
        let mut out = self.erased();
        let typed = self.editor.next();
        match &typed {
            Some(Typed::Line(line)) => {
                let _ = writeln!(out, "{PROMPT}{}", visible(line));
            }
            Some(Typed::Clear) => out.push_str("\x1b[H\x1b[2J"),
            Some(Typed::End) | None => {}
        }
        self.draw(&mut out);
        write(&out)?;
        Ok(typed)
    }

    /// Takes prompt and line from the screen; the cursor is where they began.
    fn erased(&mut self) -> String {
        if self.modes.is_none() {
            return String::new();
        }
        let mut out = String::new();
        if self.row > 0 {
            let _ = write!(out, "\x1b[{}A", self.row);
            self.row = 0;
        }
        out.push_str("\r\x1b[J");
        out
    }

    /// Puts prompt, line and cursor on the screen.
    fn draw(&mut self, out: &mut String) {
        if self.modes.is_none() {
            return;
        }
        let columns = screen::columns();
        let (before, behind) = self.editor.line();
        let (before, behind) = (visible(before), visible(behind));
        let cursor = place((0, 0), PROMPT, columns);
        let cursor = place(cursor, &before, columns);
        let end = place(cursor, &behind, columns);
        let _ = write!(out, "{PROMPT}{before}{behind}");
        // Behind the last column the cursor waits for what comes; this makes it go to the next row.
        if end.1 == 0 && end.0 > 0 {
            out.push_str(" \r");
        }
        if end.0 > cursor.0 {
            let _ = write!(out, "\x1b[{}A", end.0 - cursor.0);
        }
        out.push('\r');
        if cursor.1 > 0 {
            let _ = write!(out, "\x1b[{}C", cursor.1);
        }
        self.row = cursor.0;
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{colour}m{text}\x1b[m")
        } else {
            text.into()
        }
    }
}

impl Keys {
    /// The next order; `None` when the user has enough, or the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<Result<Order, Failure>> {
        match self.typed().await {
            Ok(Some(order)) => Some(Ok(order)),
            Ok(None) => {
                let released = self.terminal.borrow_mut().release();
                released.err().map(|error| Err(lost(&error)))
            }
            Err(error) => Some(Err(lost(&error))),
        }
    }

    async fn typed(&mut self) -> io::Result<Option<Order>> {
        loop {
            let typed = self.terminal.borrow_mut().next()?;
            match typed {
                Some(Typed::Line(line)) => match command::parse(&line, self.kind) {
                    Ok(order) => return Ok(Some(order)),
                    Err(told) => self.terminal.borrow_mut().note(&escape::text(&told))?,
                },
                Some(Typed::Clear) => {}
                Some(Typed::End) => return Ok(None),
                None => match self.bytes.recv().await {
                    Some(bytes) => self.terminal.borrow_mut().editor.feed(&bytes),
                    None => return Ok(None),
                },
            }
        }
    }
}

/// Reads on a thread of its own, which the end of the program doesn't wait for.
fn read() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        // A terminal that is gone has nothing more to say, whatever the reason.
        while let Ok(count @ 1..) = io::stdin().read(&mut buffer) {
            if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn lost(error: &io::Error) -> Failure {
    Failure::of("cannot use the terminal", error)
}

/// A line as it is drawn: every character has the width that [`place`] gives it.
fn visible(line: &str) -> String {
    escape::text(line).replace('\t', "␉")
}

/// Where the cursor is after `text`, in rows and columns.
fn place((mut row, mut column): (usize, usize), text: &str, columns: usize) -> (usize, usize) {
    for c in text.chars() {
        let width = width(c);
        // A wide character isn't cut in two.
        if column + width > columns {
            (row, column) = (row + 1, 0);
        }
        column += width;
        if column >= columns {
            (row, column) = (row + 1, 0);
        }
    }
    (row, column)
}

const PROMPT: &str = "> ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_in_the_next_row() {
        assert_eq!(place((0, 0), "abc", 4), (0, 3));
        assert_eq!(place((0, 0), "abcd", 4), (1, 0));
        assert_eq!(place((0, 3), "世", 4), (1, 2));
        assert_eq!(place((0, 2), "世", 4), (1, 0));
        assert_eq!(place((1, 1), "e\u{301}", 4), (1, 2));
    }
}
