use bowline_testing::random::Random;
use bowline_tokio::{Message, bytes::Bytes};

/// What is remembered of a message that was sent, until its echo comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Print {
    text: bool,
    len: usize,
    sum: u64,
}

/// A message of any kind and size: most are small, one in two hundred has up to a megabyte.
///
/// Its number stands first, so that no two messages of a connection are alike.
pub(crate) fn compose(random: &mut Random, number: u64) -> Message {
    let most = match random.below(200) {
        0 => 1 << 20,
        1..=19 => 64 << 10,
        20..=69 => 4 << 10,
        _ => 125,
    };
    let len = random.below(most);
    if random.below(2) == 0 {
        return Message::Text(text(random, number, len).into());
    }
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(number.to_le_bytes().len() + len, 0);
    random.fill(&mut bytes[number.to_le_bytes().len()..]);
    Message::Binary(Bytes::from(bytes))
}

/// Characters of one to four bytes, `len` bytes of them or a few more.
fn text(random: &mut Random, number: u64, len: usize) -> String {
    const CHARACTERS: [char; 16] = [
        'a', 'b', 'c', ' ', '\n', '"', '0', '9', 'ä', 'ß', 'λ', 'ж', '世', '界', '€', '🪢',
    ];
    let mut text = number.to_string();
    let end = text.len() + len;
    while text.len() < end {
        // One draw makes sixteen characters.
        let mut drawn = random.next_u64();
        for _ in 0..16 {
            text.push(CHARACTERS[(drawn % 16) as usize]);
            drawn /= 16;
        }
    }
    text
}

impl Print {
    pub(crate) fn of(message: &Message) -> Self {
        let (text, bytes) = match message {
            Message::Text(text) => (true, text.as_bytes()),
            Message::Binary(bytes) => (false, &bytes[..]),
        };
        Self {
            text,
            len: bytes.len(),
            sum: checksum(bytes),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// A sum that every byte and its place change: FNV-1a, by words of eight bytes.
fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).fold(BASIS, |sum, word| {
        // The multiplication carries upwards only; the turn brings high bits down.
        (sum ^ u64::from_le_bytes(*word))
            .wrapping_mul(PRIME)
            .rotate_left(29)
    })
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
