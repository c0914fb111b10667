//! What is sent.

use bowline_tokio::{Message, MessageKind};

/// Different messages of `size` bytes, to be sent in turn; the same ones each time.
///
/// All are words of several scripts, binary ones too: checking text costs what it costs with people's text, and
/// compression finds about what it finds there.
pub(super) fn messages(kind: MessageKind, size: usize) -> Vec<Message> {
    let count = (TOTAL / size.max(1)).clamp(2, MOST);
    let mut random = 0;
    let texts = (0..count).map(|number| text(size, number, &mut random));
    texts
        .map(|text| match kind {
            MessageKind::Text => text.into(),
            MessageKind::Binary => text.into_bytes().into(),
        })
        .collect()
}

fn text(size: usize, number: usize, random: &mut u64) -> String {
    let mut text = String::with_capacity(size);
    loop {
        // Knuth's MMIX; only the upper bits are any good.
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = WORDS[(*random >> 33) as usize % WORDS.len()];
        if text.len() + word.len() > size {
            break;
        }
        text.push_str(word);
    }
    // Where no word fits any more, messages still differ.
    let letter = char::from(b'a' + (number % 26) as u8);
    text.extend(std::iter::repeat_n(letter, size - text.len()));
    text
}

/// Bytes of all messages together: they stay in the processor's cache.
const TOTAL: usize = 512 * 1024;

/// Messages at most.
const MOST: usize = 64;

const WORDS: &[&str] = &[
    "knot ",
    "rope ",
    "the loop ",
    "holds ",
    "under load ",
    "Größe ",
    "Knöpfe ",
    "nœud ",
    "łódź ",
    "поток ",
    "узел ",
    "κόμβος ",
    "ロープ",
    "結び目",
    "世界 ",
    "매듭 ",
    "गाँठ ",
    "🪢 ",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_size_and_kind_that_was_asked_for() {
        for size in [0, 1, 2, 5, 16, 125, 126, 1000, 65_536, 3_000_000] {
            for kind in [MessageKind::Text, MessageKind::Binary] {
                let messages = messages(kind, size);
                assert!(messages.len() >= 2, "{size}");
                for message in messages {
                    assert_eq!((message.len(), message.kind()), (size, kind));
                }
            }
        }
    }

    #[test]
    fn messages_in_turn_differ() {
        for size in [1, 2, 16, 1000] {
            let messages = messages(MessageKind::Text, size);
            for pair in messages.windows(2) {
                assert_ne!(pair[0], pair[1], "{size}");
            }
        }
    }

    #[test]
    fn text_is_of_more_than_one_byte_per_character() {
        let message = &messages(MessageKind::Text, 1000)[0];
        let text = message.as_text().unwrap();
        assert!(text.chars().count() < 800, "{text}");
    }
}
