//! A Rust file taken apart into code, comments and strings, and the paths its code names.

use std::ops::Range;

/// A file's text and what the rules ask about it.
///
/// `code`, `comments` and `strings` are as long as the text and have its line ends; what belongs to
/// another of the three is blank.
pub(super) struct Source {
    pub(super) text: String,
    pub(super) code: String,
    pub(super) comments: String,
    /// Without what stands behind `#[cfg(test)]`.
    pub(super) product: Product,
    test_modules: Vec<String>,
}

/// `code` and `strings` with everything behind `#[cfg(test)]` blank.
pub(super) struct Product {
    pub(super) code: String,
    pub(super) strings: String,
}

/// A function that the test harness runs.
#[derive(Debug, PartialEq)]
pub(super) struct Test {
    pub(super) name: String,
    /// From its first attribute to the end of its body, in bytes.
    pub(super) range: Range<usize>,
}

/// A path like `std::net::TcpStream`, as it reads once imports are resolved.
#[derive(Debug, PartialEq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) path: String,
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let [code, comments, strings] = take_apart(text);
        let (tests, test_modules) = tests(&code);
        Source {
            text: text.to_owned(),
            product: Product {
                code: without(&tests, &code),
                strings: without(&tests, &strings),
            },
            code,
            comments,
            test_modules,
        }
    }

    /// The code outside of tests without what stands behind a `#[cfg(…)]` that asks for a feature, or for its absence,
    /// in whose name `word` is.
    pub(super) fn without_feature(&self, word: &str) -> String {
        let Product { code, strings } = &self.product;
        let tokens = tokens(code);
        let mut ranges = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let begin = at;
            at += 1;
            if attribute(&tokens[begin..]) != Some("cfg") {
                continue;
            }
            let behind = behind_bracket(&tokens, begin + 1);
            let start = tokens[begin].start;
            let end = tokens.get(behind).map_or(code.len(), |next| next.start);
            if strings[start..end].contains(word) {
                at = behind_part(&tokens, behind);
                ranges.push(start..tokens.get(at).map_or(code.len(), |next| next.start));
            }
        }
        without(&ranges, code)
    }

    /// Names of the modules that this file declares behind `#[cfg(test)]`.
    pub(super) fn test_modules(&self) -> &[String] {
        &self.test_modules
    }

    /// The functions with an attribute `test`, such as `#[test]` or `#[tokio::test]`, in their order.
    pub(super) fn tests(&self) -> Vec<Test> {
        let tokens = tokens(&self.code);
        let mut tests = Vec::new();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            if token.text != "#" {
                at += 1;
                continue;
            }
            let start = token.start;
            let mut is_test = false;
            while tokens.get(at).is_some_and(|token| token.text == "#") {
                is_test |= attribute(&tokens[at..]) == Some("test");
                at = behind_bracket(&tokens, at + 1);
            }
            let item = tokens[at..].iter().take_while(|token| token.is_word());
            let mut item = item.skip_while(|token| token.text != "fn");
            let Some(name) = item.nth(1).filter(|_| is_test) else {
                continue;
            };
            while tokens.get(at).is_some_and(|token| token.text != "{") {
                at += 1;
            }
            at = behind_bracket(&tokens, at);
            let body = &tokens[at.saturating_sub(1)];
            tests.push(Test {
                name: name.text.to_owned(),
                range: start..body.start + body.text.len(),
            });
        }
        tests
    }

    /// Every path in the code outside tests: imports, and uses with their first segment resolved
    /// through the imports.
    pub(super) fn paths(&self) -> Vec<Named> {
        let tokens = tokens(&self.product.code);
        let mut named = Vec::new();
        let mut aliases = Vec::new();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token.text {
                "use" if tokens.get(at + 1).is_some_and(|next| next.text != "<") => {
                    at += 1;
                    imports(&tokens, &mut at, "", &mut named, &mut aliases);
                }
                "." => {
                    // The name of a method or field is no path and keeps its dot; behind `..` stands
                    // an expression.
                    let range = at > 0 && tokens[at - 1].text == ".";
                    at += 1;
                    if let Some(next) = tokens.get(at).filter(|next| next.is_word() && !range) {
                        named.push(Named {
                            line: next.line,
                            path: format!(".{}", next.text),
                        });
                        at += 1;
                    }
                }
                _ if token.is_word() => {
                    let line = token.line;
                    let mut path = token.text.to_owned();
                    at += 1;
                    while let [colons, word, ..] = &tokens[at..] {
                        if colons.text != "::" || !word.is_word() {
                            break;
                        }
                        path.push_str("::");
                        path.push_str(word.text);
                        at += 2;
                    }
                    named.push(Named { line, path });
                }
                _ => at += 1,
            }
        }
        for name in &mut named {
            let (first, rest) = name.path.split_once("::").unwrap_or((&name.path, ""));
            if let Some((_, full)) = aliases.iter().find(|(alias, _)| alias == first) {
                name.path = if rest.is_empty() {
                    full.clone()
                } else {
                    format!("{full}::{rest}")
                };
            }
        }
        named
    }
}

/// The line, from 1, of the byte `at`.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The words of `text` with their lines.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    tokens(text)
        .into_iter()
        .filter(|token| token.is_word())
        .map(|token| (token.line, token.text))
}

/// Code, comments and strings of a Rust text.
fn take_apart(text: &str) -> [String; 3] {
    let mut parts = [const { String::new() }; 3];
    let mut rest = text;
    let mut behind_word = false;
    while let Some(first) = rest.chars().next() {
        let (part, len) = if rest.starts_with("//") {
            (1, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (1, block_comment(rest))
        } else if let Some(len) = string(rest).filter(|_| first == '"' || !behind_word) {
            (2, len)
        } else {
            (0, first.len_utf8())
        };
        let (taken, behind) = rest.split_at(len);
        for (index, text) in parts.iter_mut().enumerate() {
            if index == part {
                text.push_str(taken);
            } else {
                text.push_str(&blank(taken));
            }
        }
        behind_word = part == 0 && is_word(first);
        rest = behind;
    }
    parts
}

/// The length of the block comment that `text` begins with; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of the string, byte string or character that `text` begins with.
fn string(text: &str) -> Option<usize> {
    let unprefixed = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - unprefixed.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let quoted = raw.trim_start_matches('#');
        let hashes = raw.len() - quoted.len();
        let inside = quoted.strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let len = inside.find(&end).map_or(inside.len(), |at| at + end.len());
        return Some(prefix + 1 + hashes + 1 + len);
    }
    let quote = unprefixed
        .chars()
        .next()
        .filter(|&c| c == '"' || c == '\'')?;
    let inside = &unprefixed[1..];
    if quote == '\'' {
        // A lifetime has no closing quote behind its first character.
        let first = inside.chars().next()?;
        if first != '\\' && !inside[first.len_utf8()..].starts_with('\'') {
            return None;
        }
    }
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if c == quote && !escaped {
            return Some(prefix + 1 + at + 1);
        }
        escaped = c == '\\' && !escaped;
    }
    Some(text.len())
}

/// Where items stand behind `#[cfg(test)]`, and the names of modules among them.
fn tests(code: &str) -> (Vec<Range<usize>>, Vec<String>) {
    let tokens = tokens(code);
    let mut ranges = Vec::new();
    let mut modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !is_test_attribute(&tokens[at..]) {
            at += 1;
            continue;
        }
        let start = tokens[at].start;
        // Attributes, then the item: up to its semicolon, or to the end of its braces.
        while tokens.get(at).is_some_and(|token| token.text == "#") {
            at = behind_bracket(&tokens, at + 1);
        }
        while let Some(token) = tokens.get(at) {
            match token.text {
                "{" => {
                    at = behind_bracket(&tokens, at);
                    break;
                }
                "(" | "[" => at = behind_bracket(&tokens, at),
                "mod" => {
                    modules.extend(tokens.get(at + 1).map(|name| name.text.to_owned()));
                    at += 1;
                }
                _ => at += 1,
            }
            if token.text == ";" {
                break;
            }
        }
        ranges.push(start..tokens.get(at).map_or(code.len(), |next| next.start));
    }
    (ranges, modules)
}

/// The index behind what an attribute before `at` is for: an item, a statement, a variant, a field or an arm.
fn behind_part(tokens: &[Token<'_>], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token.text == "#") {
        at = behind_bracket(tokens, at + 1);
    }
    // Commas of an item stand in its generics too.
    let is_item = tokens
        .get(at)
        .is_some_and(|token| ITEMS.contains(&token.text));
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at,
            "{" => {
                at = behind_bracket(tokens, at);
                let comma = tokens.get(at).is_some_and(|token| token.text == ",");
                return at + usize::from(comma);
            }
            "(" | "[" => at = behind_bracket(tokens, at),
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Words that items begin with.
const ITEMS: &[&str] = &[
    "async", "const", "enum", "fn", "impl", "mod", "pub", "static", "struct", "trait", "type",
    "use",
];

/// `text` with these ranges blank.
fn without(ranges: &[Range<usize>], text: &str) -> String {
    let mut product = text.to_owned();
    for range in ranges {
        product.replace_range(range.clone(), &blank(&text[range.clone()]));
    }
    product
}

/// As many bytes, with the same line ends.
fn blank(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
        .collect()
}

/// The last name in the path of the attribute that stands here.
fn attribute<'a>(tokens: &[Token<'a>]) -> Option<&'a str> {
    let path = tokens.get(2..)?.iter();
    let path = path.take_while(|token| token.is_word() || token.text == "::");
    path.last().map(|name| name.text)
}

/// Whether `#[cfg(test)]` or `#[cfg(all(test, …))]` stands here.
fn is_test_attribute(tokens: &[Token<'_>]) -> bool {
    let texts: Vec<_> = tokens.iter().take(7).map(|token| token.text).collect();
    texts.starts_with(&["#", "[", "cfg", "(", "test", ")"])
        || texts.starts_with(&["#", "[", "cfg", "(", "all", "(", "test"])
}

/// The index behind the bracket that closes the one at `at`.
fn behind_bracket(tokens: &[Token<'_>], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Walks the tree of one `use`, from `at` on, with `prefix` before it.
fn imports(
    tokens: &[Token<'_>],
    at: &mut usize,
    prefix: &str,
    named: &mut Vec<Named>,
    aliases: &mut Vec<(String, String)>,
) {
    let mut path = prefix.to_owned();
    let mut line = 0;
    let mut alias = None;
    while let Some(token) = tokens.get(*at) {
        match token.text {
            "::" => *at += 1,
            "{" => {
                *at += 1;
                while tokens.get(*at).is_some_and(|token| token.text != "}") {
                    imports(tokens, at, &path, named, aliases);
                    if tokens.get(*at).is_some_and(|token| token.text == ",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "as" => {
                alias = tokens.get(*at + 1).map(|name| name.text);
                *at += 2;
            }
            word if token.is_word() || word == "*" => {
                line = token.line;
                if word != "self" || path.is_empty() {
                    path.push_str(if path.is_empty() { "" } else { "::" });
                    path.push_str(word);
                }
                *at += 1;
            }
            _ => break,
        }
    }
    if line > 0 {
        let last = alias.unwrap_or_else(|| path.rsplit("::").next().unwrap_or_default());
        aliases.push((last.to_owned(), path.clone()));
        named.push(Named { line, path });
    } else {
        // Nothing here that a tree can hold; don't stand still.
        *at += 1;
    }
}

struct Token<'a> {
    text: &'a str,
    start: usize,
    line: usize,
}

impl Token<'_> {
    fn is_word(&self) -> bool {
        self.text.starts_with(is_word)
    }
}

/// Words, `::`, and every other character on its own.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut line = 1;
    while let Some(first) = code[start..].chars().next() {
        let rest = &code[start..];
        let len = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if first == '\n' {
            line += 1;
        }
        if !first.is_whitespace() {
            tokens.push(Token {
                text: &rest[..len],
                start,
                line,
            });
        }
        start += len;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let text = r##"
a // b "c"
"d // e \" f" g /* h /* i */ j */ k
r#"l " m"# n b'o' 'p' '\'' q: &'r s
"##;
        let source = Source::new(text);
        let code: Vec<_> = words(&source.code).map(|(_, word)| word).collect();
        assert_eq!(code, ["a", "g", "k", "n", "q", "r", "s"]);
        assert_eq!(
            source.comments.split_whitespace().collect::<String>(),
            r#"//b"c"/*h/*i*/j*/"#
        );
        assert!(source.product.strings.contains("d // e \\\" f"));
        assert_eq!(source.code.lines().count(), text.lines().count());
    }

    #[test]
    fn what_stands_behind_cfg_test_is_no_product() {
        let source = Source::new(
            "mod a;\n#[cfg(test)]\n#[path = \"x\"]\nmod b;\n#[cfg(not(test))]\nfn c() {}\n\
             #[cfg(test)]\nmod d { fn e() { f([1; 2]) } }\nfn g() {}\n",
        );
        let product: Vec<_> = words(&source.product.code).collect();
        let names = [(1, "a"), (6, "c"), (9, "g")];
        assert_eq!(
            product
                .into_iter()
                .filter(|(_, word)| word.len() == 1)
                .collect::<Vec<_>>(),
            names
        );
        assert_eq!(source.test_modules(), ["b", "d"]);
    }

    #[test]
    fn what_stands_behind_a_feature_is_left_out_with_or_without_it() {
        let source = Source::new(
            "#[cfg(feature = \"x-tls\")]\nuse a::{b, c};\nenum D {\n    E,\n    #[cfg(feature = \"tls\")]\n    \
             F(f),\n    G,\n}\n#[cfg(not(feature = \"x-tls\"))]\n#[allow(h)]\nimpl<i, j> K { fn l() {} }\n\
             fn m() {\n    match n {\n        #[cfg(feature = \"tls\")]\n        F(f) => { o },\n        P => q,\n    \
             }\n    #[cfg(feature = \"tls\")]\n    r()\n}\n#[cfg(feature = \"s\")]\nfn t() {}\n",
        );
        let code = source.without_feature("tls");
        let left: Vec<_> = words(&code)
            .map(|(_, word)| word)
            .filter(|word| word.len() == 1)
            .collect();
        assert_eq!(left, ["D", "E", "G", "m", "n", "P", "q", "t"]);
    }

    #[test]
    fn tests_are_functions_with_an_attribute_of_that_name() {
        let text = "#[cfg(test)]\nmod tests {\n    #[test]\n    #[should_panic = \"}\"]\n    fn a() { {} }\n\
            #[allow(x)] #[tokio::test(start_paused = true)] async fn b() -> R<()> { c() }\n\
            #[inline] fn d() {}\n#[test] fn $name() {}\n}\n";
        let tests = Source::new(text).tests();
        let found: Vec<_> = tests
            .iter()
            .map(|test| (test.name.as_str(), &text[test.range.clone()]))
            .collect();
        let [(a, first), (b, second)] = found[..] else {
            panic!("{found:?}");
        };
        assert_eq!((a, b), ("a", "b"));
        assert!(
            first.starts_with("#[test]") && first.ends_with("{ {} }"),
            "{first}"
        );
        assert!(
            second.starts_with("#[allow(x)]") && second.ends_with("c() }"),
            "{second}"
        );
    }

    #[test]
    fn paths_are_resolved_through_imports() {
        let source = Source::new(
            "use std::{io::{self, Read as R}, time::Instant};\nuse bytes::*;\n\
             fn f(r: impl R) { io::copy(); Instant::now(); x.elapsed(); ..::core::net::IpAddr }\n",
        );
        let paths: Vec<_> = source.paths().into_iter().map(|named| named.path).collect();
        for expected in [
            "std::io",
            "std::io::Read",
            "bytes::*",
            "std::io::copy",
            "std::time::Instant::now",
            ".elapsed",
            "core::net::IpAddr",
        ] {
            assert!(
                paths.iter().any(|path| path == expected),
                "{expected} in {paths:?}"
            );
        }
    }
}
