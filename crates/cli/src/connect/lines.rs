use std::io::{self, BufRead as _};
use std::thread;

use bowline_tokio::{Message, MessageKind};
use tokio::sync::mpsc;

use crate::failure::Failure;

use super::command::Order;

/// Standard input that is not edited: each line is a message.
pub(super) struct Lines(mpsc::Receiver<Result<Order, Failure>>);

impl Lines {
    /// Reads on a thread of its own, which the end of the program doesn't wait for.
    pub(super) fn open(kind: MessageKind) -> Self {
        let (orders, receiver) = mpsc::channel(AHEAD);
        thread::spawn(move || {
            let mut input = io::stdin().lock();
            for number in 1_u64.. {
                let mut line = Vec::new();
                let order = match input.read_until(b'\n', &mut line) {
                    Ok(0) => return,
                    Ok(_) => message(line, kind)
                        .map(Order::Send)
                        .ok_or_else(|| Failure::new(not_text(number))),
                    Err(error) => Err(Failure::of("cannot read the input", &error)),
                };
                let last = order.is_err();
                // Nobody takes orders when the connection is over.
                if orders.blocking_send(order).is_err() || last {
                    return;
                }
            }
        });
        Self(receiver)
    }

    pub(super) async fn next(&mut self) -> Option<Result<Order, Failure>> {
        self.0.recv().await
    }
}

/// A line without its end; `None` if it should be text and isn't.
fn message(mut line: Vec<u8>, kind: MessageKind) -> Option<Message> {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    match kind {
        MessageKind::Binary => Some(line.into()),
        MessageKind::Text => {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            String::from_utf8(line).ok().map(Message::from)
        }
    }
}

fn not_text(number: u64) -> String {
    format!("line {number} of the input is not UTF-8; --binary sends it as it is")
}

/// Lines that are read before the connection takes them.
const AHEAD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &[u8]) -> Option<Message> {
        message(line.to_vec(), MessageKind::Text)
    }

    #[test]
    fn a_line_of_text_loses_its_end() {
        for line in [&b"hi"[..], b"hi\n", b"hi\r\n"] {
            assert_eq!(text(line), Some("hi".into()));
        }
        assert_eq!(text(b"\n"), Some("".into()));
        assert_eq!(text(b" hi \r\r\n"), Some(" hi \r".into()));
    }

    #[test]
    fn a_line_of_binary_keeps_all_but_the_line_feed() {
        let line = message(b"\xff\r\n".to_vec(), MessageKind::Binary);
        assert_eq!(line, Some(b"\xff\r".to_vec().into()));
    }

    #[test]
    fn text_is_utf8() {
        assert_eq!(text(b"\xff\n"), None);
    }
}
