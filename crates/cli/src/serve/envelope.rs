//! What the page is told: one JSON object in a text message, by subprotocol `bowline.page.v1`. The page itself sends
//! plain messages, so that what is seen of its frames are a user's frames.

use bowline_tokio::{Arrival, Message, MessageKind};
use serde::Serialize;

use crate::escape;

/// The subprotocol of the page. Without it, clients get plain messages.
pub(super) const PROTOCOL: &str = "bowline.page.v1";

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(super) enum Envelope {
    /// The first in the room.
    Welcome { you: u64, members: usize },
    /// Somebody came or left.
    Members { members: usize },
    /// Somebody said something; without `from` it is an echo.
    Message {
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        /// The beginning of a text.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The beginning of a binary message, in hexadecimal.
        #[serde(skip_serializing_if = "Option::is_none")]
        hex: Option<String>,
        /// Not all is there.
        cut: bool,
        bytes: usize,
        seen: Seen,
    },
}

/// What the server saw of a message's frames.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    opcode: u8,
    kind: &'static str,
    frames: u64,
    /// Payload of all frames.
    wire_bytes: u64,
    /// The reserved bits of the first frame, as the bits of its first byte.
    rsv: u8,
    masked: bool,
}

impl Envelope {
    pub(super) fn message(from: Option<u64>, message: &Message, arrival: Arrival) -> Self {
        let text = message.as_text().map(|text| {
            let mut end = TEXT.min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text[..end].to_owned()
        });
        let hex = match text {
            Some(_) => None,
            None => Some(escape::hex(message.as_bytes(), BINARY)),
        };
        let shown = text.as_ref().map_or(BINARY, String::len);
        Self::Message {
            from,
            cut: shown < message.len(),
            text,
            hex,
            bytes: message.len(),
            seen: Seen::new(message.kind(), arrival),
        }
    }

    pub(super) fn encode(&self) -> Message {
        serde_json::to_string(self)
            .expect("numbers and strings are valid JSON")
            .into()
    }
}

impl Seen {
    fn new(kind: MessageKind, arrival: Arrival) -> Self {
        let (opcode, kind) = match kind {
            MessageKind::Text => (1, "text"),
            MessageKind::Binary => (2, "binary"),
        };
        Self {
            opcode,
            kind,
            frames: arrival.fragments,
            wire_bytes: arrival.wire_len,
            rsv: arrival.rsv.bits(),
            // RFC 6455 §5.1: a client masks, or its message would not be here.
            masked: true,
        }
    }
}

/// Bytes of a text that are shown; a page is for people, and escaped text is up to six times as long.
const TEXT: usize = 64 * 1024;

/// Bytes of a binary message that are shown.
const BINARY: usize = 64;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn encoded(message: impl Into<Message>) -> Value {
        let envelope = Envelope::message(None, &message.into(), Arrival::default()).encode();
        serde_json::from_slice(envelope.as_bytes()).unwrap()
    }

    #[test]
    fn a_message_is_shown_with_what_was_seen() {
        let seen = json!({
            "opcode": 1, "kind": "text", "frames": 0, "wireBytes": 0, "rsv": 0, "masked": true
        });
        let expected =
            json!({ "type": "message", "text": "<b>\n", "cut": false, "bytes": 4, "seen": seen });
        assert_eq!(encoded("<b>\n"), expected);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = encoded("a".to_owned() + &"ü".repeat(TEXT));
        assert_eq!(text["text"].as_str().unwrap().len(), TEXT - 1);
        assert_eq!(
            (&text["cut"], &text["bytes"]),
            (&json!(true), &json!(2 * TEXT + 1))
        );
    }

    #[test]
    fn binary_is_shown_in_hexadecimal() {
        let binary = encoded(&[0_u8, 255][..]);
        assert_eq!(
            (&binary["hex"], &binary["cut"]),
            (&json!("00 ff"), &json!(false))
        );
        assert_eq!(encoded(vec![7; BINARY + 1])["cut"], true);
    }
}
