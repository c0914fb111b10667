use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::rc::Rc;

use bowline_tokio::{Message, WsUri};
use bytes::BytesMut;
use tokio::io::{AsyncWriteExt as _, Stdout};

use crate::escape;
use crate::stderr;

use super::terminal::Terminal;

/// Where messages are printed.
pub(super) enum Output {
    /// Standard output, as it is.
    Plain(Plain),
    /// Around the line that is being edited.
    Terminal(Rc<RefCell<Terminal>>),
}

/// Standard output; messages that come together are written together.
pub(super) struct Plain {
    stdout: Stdout,
    /// Messages must not command it.
    is_terminal: bool,
    waiting: BytesMut,
    /// Not everything was written and flushed.
    dirty: bool,
}

impl Output {
    pub(super) fn plain() -> Self {
        Self::Plain(Plain {
            stdout: tokio::io::stdout(),
            is_terminal: io::stdout().is_terminal(),
            waiting: BytesMut::new(),
            dirty: false,
        })
    }

    /// Tells somebody at a terminal where they are.
    pub(super) fn connected(&self, url: &WsUri, subprotocol: Option<&str>) -> io::Result<()> {
        let Self::Terminal(terminal) = self else {
            return Ok(());
        };
        let subprotocol = subprotocol.map_or(String::new(), |name| format!(", subprotocol {name}"));
        let note = format!("connected to {url}{subprotocol}; /help lists commands");
        terminal.borrow_mut().note(&note)
    }

    /// Prints a message; in a pipe, at the latest with the next [`flush`](Self::flush).
    pub(super) async fn message(&mut self, message: &Message) -> io::Result<()> {
        match self {
            Self::Plain(plain) => plain.message(message).await,
            Self::Terminal(terminal) => terminal.borrow_mut().message(&shown(message)),
        }
    }

    /// True if something waits for a [`flush`](Self::flush).
    pub(super) fn is_dirty(&self) -> bool {
        matches!(self, Self::Plain(plain) if plain.dirty)
    }

    /// Writes what waits. Cancel safe: call it again to go on.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(plain) => plain.flush().await,
            Self::Terminal(_) => Ok(()),
        }
    }

    /// Prints the answer to a ping, which only somebody at a terminal can have asked for.
    pub(super) fn pong(&self, payload: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Terminal(terminal) => {
                let text = String::from_utf8_lossy(payload);
                let note = format!("pong {}", escape::line(&text));
                terminal.borrow_mut().note(note.trim_end())
            }
        }
    }

    /// Shows how an orderly end came about, and gives the terminal back.
    pub(super) fn finish(self, ended: Option<&str>) -> io::Result<()> {
        let ended = ended.map(escape::line);
        match self {
            Self::Plain(_) => {
                if let Some(ended) = ended {
                    stderr::say(format_args!("{ended}"));
                }
                Ok(())
            }
            Self::Terminal(terminal) => {
                let mut terminal = terminal.borrow_mut();
                terminal.release()?;
                ended.map_or(Ok(()), |ended| terminal.note(&ended))
            }
        }
    }
}

impl Plain {
    async fn message(&mut self, message: &Message) -> io::Result<()> {
        if self.is_terminal {
            self.waiting.extend_from_slice(shown(message).as_bytes());
        } else {
            self.waiting.extend_from_slice(message.as_bytes());
        }
        // In a pipe, binary messages are a stream of bytes.
        if self.is_terminal || message.as_text().is_some() {
            self.waiting.extend_from_slice(b"\n");
        }
        self.dirty = true;
        if self.waiting.len() >= FULL {
            // Whoever doesn't read slows the peer down.
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            self.stdout.write_buf(&mut self.waiting).await?;
        }
        self.stdout.flush().await?;
        self.dirty = false;
        Ok(())
    }
}

/// A message for people.
fn shown(message: &Message) -> String {
    match message.as_text() {
        Some(text) => escape::text(text).into_owned(),
        None => {
            let bytes = message.as_bytes();
            let cut = if bytes.len() > SHOWN { " …" } else { "" };
            format!(
                "binary, {} bytes: {}{cut}",
                bytes.len(),
                escape::hex(bytes, SHOWN)
            )
        }
    }
}

/// Bytes that wait at most for more to come.
const FULL: usize = 64 * 1024;

/// Bytes of a binary message that a terminal shows.
const SHOWN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_what_a_message_is() {
        assert_eq!(shown(&"a\u{1b}[2J".into()), "a\\u{1b}[2J");
        assert_eq!(shown(&vec![0, 255].into()), "binary, 2 bytes: 00 ff");
        let long = shown(&vec![7; 33].into());
        assert!(long.starts_with("binary, 33 bytes: 07 ") && long.ends_with(" 07 …"));
    }
}
