use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar as _;

/// A line that is being typed: bytes of a terminal in, lines out. It draws nothing.
#[derive(Debug, Default)]
pub(super) struct Editor {
    line: String,
    /// In bytes, between characters.
    cursor: usize,
    /// The oldest first.
    history: Vec<String>,
    /// Which line of the history is shown, and what was typed before.
    recalled: Option<(usize, String)>,
    /// Not handled yet.
    bytes: VecDeque<u8>,
}

/// What typing amounts to.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Typed {
    Line(String),
    /// Ctrl-l.
    Clear,
    /// Ctrl-c, or ctrl-d on an empty line.
    End,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    Char(char),
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    Home,
    End,
    Up,
    Down,
    KillToStart,
    KillToEnd,
    KillWord,
    Clear,
    Interrupt,
    EndOfInput,
    Unknown,
}

impl Editor {
    /// Begins with an empty line and the lines of earlier times, the oldest first.
    pub(super) fn new(history: Vec<String>) -> Self {
        Self {
            history,
            ..Self::default()
        }
    }

    /// Takes what came from the terminal; [`next`](Self::next) says what it amounts to.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Handles keys up to the next line or end; `None` when more bytes are needed.
    pub(super) fn next(&mut self) -> Option<Typed> {
        loop {
            let (key, len) = parse(self.bytes.make_contiguous())?;
            self.bytes.drain(..len);
            if let Some(typed) = self.press(key) {
                return Some(typed);
            }
        }
    }

    /// The line up to the cursor, and behind it.
    pub(super) fn line(&self) -> (&str, &str) {
        self.line.split_at(self.cursor)
    }

    fn press(&mut self, key: Key) -> Option<Typed> {
        match key {
            Key::Char(c) => {
                self.line.insert(self.cursor, c);
                self.cursor += c.len_utf8();
            }
            Key::Enter => return Some(Typed::Line(self.take_line())),
            Key::Backspace => self.kill(self.left(), self.cursor),
            Key::Delete => self.kill(self.cursor, self.right()),
            Key::Left => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.line.len(),
            Key::Up => self.recall_older(),
            Key::Down => self.recall_newer(),
            Key::KillToStart => self.kill(0, self.cursor),
            Key::KillToEnd => self.kill(self.cursor, self.line.len()),
            Key::KillWord => self.kill(self.word(), self.cursor),
            Key::Clear => return Some(Typed::Clear),
            Key::Interrupt => return Some(Typed::End),
            Key::EndOfInput if self.line.is_empty() => return Some(Typed::End),
            Key::EndOfInput => self.kill(self.cursor, self.right()),
            Key::Unknown => {}
        }
        None
    }

    /// Remembers the line, unless it begins with a space or was typed just before.
    fn take_line(&mut self) -> String {
        let line = std::mem::take(&mut self.line);
        self.cursor = 0;
        self.recalled = None;
        let is_private = line.is_empty() || line.starts_with(' ');
        if !is_private && self.history.last() != Some(&line) {
            self.history.push(line.clone());
        }
        line
    }

    /// All lines that are remembered, the oldest first.
    pub(super) fn history(&self) -> &[String] {
        &self.history
    }

    fn recall_older(&mut self) {
        let at = match &self.recalled {
            Some((at, _)) => *at,
            None => self.history.len(),
        };
        let Some(older) = at.checked_sub(1) else {
            return;
        };
        let line = std::mem::replace(&mut self.line, self.history[older].clone());
        let typed = self.recalled.take().map_or(line, |(_, typed)| typed);
        self.recalled = Some((older, typed));
        self.cursor = self.line.len();
    }

    fn recall_newer(&mut self) {
        let Some((at, typed)) = self.recalled.take() else {
            return;
        };
        match self.history.get(at + 1) {
            Some(newer) => {
                self.line.clone_from(newer);
                self.recalled = Some((at + 1, typed));
            }
            None => self.line = typed,
        }
        self.cursor = self.line.len();
    }

    fn kill(&mut self, from: usize, to: usize) {
        self.line.drain(from..to);
        self.cursor = from;
    }

    /// One character to the left, with the accents that stand on it.
    fn left(&self) -> usize {
        let before = self.line[..self.cursor].char_indices().rev();
        let mut wide = before.filter(|(_, c)| width(*c) > 0);
        wide.next().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        let behind = self.line[self.cursor..].char_indices().skip(1);
        let mut wide = behind.filter(|(_, c)| width(*c) > 0);
        wide.next()
            .map_or(self.line.len(), |(at, _)| self.cursor + at)
    }

    /// The start of the word at the left.
    fn word(&self) -> usize {
        let before = self.line[..self.cursor].trim_end();
        before
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_whitespace())
            .map_or(0, |(at, c)| at + c.len_utf8())
    }
}

/// Columns that a character takes.
pub(super) fn width(c: char) -> usize {
    // A tab is shown as one character.
    c.width().unwrap_or(1)
}

/// The first key and its length; `None` if it isn't whole yet.
fn parse(bytes: &[u8]) -> Option<(Key, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let key = match first {
        0x1b => return parse_escape(rest).map(|(key, len)| (key, len + 1)),
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Char('\t'),
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOfInput,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x08 | 0x7f => Key::Backspace,
        0x0b => Key::KillToEnd,
        0x0c => Key::Clear,
        0x0e => Key::Down,
        0x10 => Key::Up,
        0x15 => Key::KillToStart,
        0x17 => Key::KillWord,
        0x00..0x20 => Key::Unknown,
        0x20..0x7f => Key::Char(first.into()),
        0x80.. => return parse_char(bytes),
    };
    Some((key, 1))
}

/// What follows ESC: a sequence for a key (ECMA-48 §5.4), or a character that was typed with alt.
fn parse_escape(rest: &[u8]) -> Option<(Key, usize)> {
    let (&first, rest) = rest.split_first()?;
    match first {
        b'[' => {
            let len = rest.iter().position(|byte| !(0x20..0x40).contains(byte))?;
            let key = match (&rest[..len], rest[len]) {
                (b"3", b'~') => Key::Delete,
                (b"1" | b"7", b'~') => Key::Home,
                (b"4" | b"8", b'~') => Key::End,
                (_, last) => arrow(last),
            };
            Some((key, len + 2))
        }
        b'O' => Some((arrow(*rest.first()?), 2)),
        _ => Some((Key::Unknown, 1)),
    }
}

const fn arrow(last: u8) -> Key {
    match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'F' => Key::End,
        b'H' => Key::Home,
        _ => Key::Unknown,
    }
}

/// A character that isn't ASCII.
fn parse_char(bytes: &[u8]) -> Option<(Key, usize)> {
    let start = &bytes[..bytes.len().min(4)];
    let chunk = start.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(c) if c.is_control() => Some((Key::Unknown, c.len_utf8())),
        Some(c) => Some((Key::Char(c), c.len_utf8())),
        None => match std::str::from_utf8(start) {
            // The rest is still to come.
            Err(error) if error.error_len().is_none() => None,
            _ => Some((Key::Unknown, chunk.invalid().len())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(editor: &mut Editor, bytes: &str) -> Vec<Typed> {
        editor.feed(bytes.as_bytes());
        std::iter::from_fn(|| editor.next()).collect()
    }

    /// The line that the keys make, with `|` at the cursor; the same whole and byte by byte.
    fn edited(bytes: &str) -> String {
        let mut editor = Editor::new(vec!["old".into(), "new".into()]);
        assert_eq!(typed(&mut editor, bytes), []);
        let mut slow = Editor::new(vec!["old".into(), "new".into()]);
        for byte in bytes.as_bytes() {
            slow.feed(&[*byte]);
            assert_eq!(slow.next(), None);
        }
        assert_eq!(editor.line(), slow.line(), "{bytes:?}");
        let (before, behind) = editor.line();
        format!("{before}|{behind}")
    }

    #[test]
    fn keys_edit_the_line() {
        let cases = [
            ("abc", "abc|"),
            ("abc\x1b[D\x1b[Dx", "ax|bc"),
            ("abc\x02\x7f", "a|c"),
            ("abc\x01\x1b[3~", "|bc"),
            ("abc\x1b[H\x04", "|bc"),
            ("abc\x1bOHx\x1bOFy", "xabcy|"),
            ("abc\x1b[1~\x06\x0b", "a|"),
            ("abc\x02\x15", "|c"),
            ("one two  \x17", "one |"),
            ("one\x17", "|"),
            ("a\x1b[1;5Cb\x1bxc\x00", "abc|"),
            ("a\tb", "a\tb|"),
            ("\x7f\x1b[D\x1b[C\x1b[3~", "|"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(edited(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn characters_are_whole() {
        assert_eq!(edited("ü世🪢\x02\x7f"), "ü|🪢");
        // An accent stands on the character before it.
        assert_eq!(edited("ae\u{301}\x02"), "a|e\u{301}");
        assert_eq!(edited("ae\u{301}\x7f"), "a|");
        assert_eq!(edited("e\u{301}b\x01\x06"), "e\u{301}|b");
        assert_eq!(edited("a\u{9b}b"), "ab|");
    }

    #[test]
    fn bytes_that_are_no_character_are_passed_over() {
        let mut editor = Editor::default();
        editor.feed(b"a\xff\xc3(b\xe4\xb8");
        assert_eq!(editor.next(), None);
        assert_eq!(editor.line(), ("a(b", ""));
    }

    #[test]
    fn arrows_recall_lines_and_what_was_typed() {
        assert_eq!(edited("x\x1b[A"), "new|");
        assert_eq!(edited("x\x1b[A\x1b[A\x1b[A"), "old|");
        assert_eq!(edited("x\x10\x10\x0e"), "new|");
        assert_eq!(edited("x\x1b[A\x1b[B\x1b[B"), "x|");
        assert_eq!(edited("x\x1b[B"), "x|");
    }

    #[test]
    fn several_lines_may_come_at_once() {
        let mut editor = Editor::default();
        let lines = ["one", "", "two"].map(|line| Typed::Line(line.into()));
        assert_eq!(typed(&mut editor, "one\r\rtwo\nrest"), lines);
        assert_eq!(editor.line(), ("rest", ""));
    }

    #[test]
    fn lines_are_remembered_once_and_private_ones_never() {
        let mut editor = Editor::default();
        typed(&mut editor, "a\ra\r b\r\rc\r");
        assert_eq!(editor.history(), ["a", "c"]);
        typed(&mut editor, "\x1b[A\x1b[A!\r");
        assert_eq!(editor.history(), ["a", "c", "a!"]);
    }

    #[test]
    fn ctrl_c_and_ctrl_d_end() {
        assert_eq!(typed(&mut Editor::default(), "abc\x03"), [Typed::End]);
        assert_eq!(typed(&mut Editor::default(), "\x04"), [Typed::End]);
        assert_eq!(typed(&mut Editor::default(), "\x0c"), [Typed::Clear]);
    }
}
