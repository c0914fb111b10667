use std::io::{self, IsTerminal as _};

use bowline_tokio::Message;
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
    Terminal(Terminal),
}

impl Output {
    pub(super) fn plain() -> Self {
        Self::Plain {
            stdout: tokio::io::stdout(),
            is_terminal: io::stdout().is_terminal(),
        }
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
            Self::Terminal(terminal) => terminal.message(&shown(message)),
        }
    }

    /// The answer to a ping, which only somebody at the terminal can have asked for.
    pub(super) fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        match self {
            // Our own pings for keepalive are empty; a person who sends such a one wants to see the answer too.
            Self::Terminal(terminal) => terminal.pong(payload),
            Self::Plain { .. } => Ok(()),
        }
    }

    /// Shows how an orderly end came about, and gives the terminal back.
    pub(super) fn finish(self, ended: Option<&str>) {
        let ended = ended.map(escape::line);
        match self {
            Self::Plain { .. } => {
                if let Some(ended) = ended {
                    eprintln!("{ended}");
                }
            }
            Self::Terminal(terminal) => terminal.finish(ended.as_deref()),
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
