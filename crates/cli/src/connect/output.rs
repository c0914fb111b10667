use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::rc::Rc;

use bowline_tokio::{Message, WsUri};
use tokio::io::{AsyncWriteExt as _, Stdout};

use crate::escape;

use super::terminal::Terminal;

/// Where messages are printed.
pub(super) enum Output {
    /// Standard output, as it is.
    Plain {
        stdout: Stdout,
        /// Messages must not command it.
        is_terminal: bool,
    },
    /// Around the line that is being edited.
    Terminal(Rc<RefCell<Terminal>>),
}

impl Output {
    pub(super) fn plain() -> Self {
        Self::Plain {
            stdout: tokio::io::stdout(),
            is_terminal: io::stdout().is_terminal(),
        }
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

    pub(super) async fn message(&mut self, message: &Message) -> io::Result<()> {
        match self {
            Self::Plain {
                stdout,
                is_terminal,
            } => {
                if *is_terminal {
                    stdout.write_all(shown(message).as_bytes()).await?;
                } else {
                    stdout.write_all(message.as_bytes()).await?;
                }
                // In a pipe, binary messages are a stream of bytes.
                if *is_terminal || message.as_text().is_some() {
                    stdout.write_all(b"\n").await?;
                }
                stdout.flush().await
            }
            Self::Terminal(terminal) => terminal.borrow_mut().message(&shown(message)),
        }
    }

    /// Prints the answer to a ping, which only somebody at a terminal can have asked for.
    pub(super) fn pong(&self, payload: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain { .. } => Ok(()),
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
            Self::Plain { .. } => {
                if let Some(ended) = ended {
                    eprintln!("{ended}");
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
