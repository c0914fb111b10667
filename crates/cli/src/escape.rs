//! Peers choose texts that are shown on a terminal, where control characters would be commands.

use std::borrow::Cow;
use std::fmt::Write as _;

/// For one line: control characters and line ends are shown as escapes such as `\u{1b}`.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_dangerous(c) || matches!(c, '\n' | '\t'))
}

/// For text of several lines: line feeds and tabs stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escape(text, is_dangerous)
}

/// The first `count` bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8], count: usize) -> String {
    let mut out = String::new();
    for byte in bytes.iter().take(count) {
        if !out.is_empty() {
            out.push(' ');
        }
        // Writing to a string doesn't fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn escape(text: &str, escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if escaped(c) {
            // Writing to a string doesn't fail.
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// C0 and C1 controls move the cursor and more; directional formatting makes text look like another.
fn is_dangerous(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown_and_not_obeyed() {
        assert_eq!(text("\u{1b}[2J\rgone\u{7}"), "\\u{1b}[2J\\rgone\\u{7}");
        assert_eq!(text("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
        assert_eq!(text("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn ordinary_text_is_borrowed() {
        assert!(matches!(text("Grüße,\n\t世界 🪢"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(line("a\nb\tc"), "a\\nb\\tc");
    }
}
