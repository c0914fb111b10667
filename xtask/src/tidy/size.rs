//! How large the crates are, and how large a carrier may be.

use super::Finding;
use super::edges::CARRIERS;
use super::source::Source;
use super::tree::Tree;

/// The most lines of code that a carrier may have, tests and TLS left out: it holds a transport, a timer, names and
/// sockets. What is more than that is some other carrier's too, and has its place below.
const MOST: usize = 300;

pub(super) fn thin(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in CARRIERS {
        let lines = without_tls(tree, name);
        if lines > MOST {
            let problem = format!("has {lines} lines of code without TLS, not at most {MOST}");
            findings.push(Finding::new(format!("crates/{name}"), problem));
        }
    }
    findings
}

/// Lines of code in a carrier that have nothing to do with TLS.
///
/// What does is in modules called `tls`, or `no_tls` for builds without it, or stands behind a feature whose name says
/// so.
fn without_tls(tree: &Tree<'_>, name: &str) -> usize {
    tree.product(name)
        .filter(|(file, _)| !file.split(['/', '.']).any(|part| TLS.contains(&part)))
        .map(|(_, source)| filled(&source.without_feature("tls")))
        .sum()
}

/// What modules are called that hold nothing but TLS, or what stands in its place.
const TLS: &[&str] = &["tls", "no_tls"];

/// A line for each crate: how large it is without its tests.
pub(super) fn sizes(tree: &Tree<'_>) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<12}{:>6}{:>7}{:>9}{:>10}  longest file",
        "crate", "files", "code", "no TLS", "comments"
    )];
    for name in tree.crates() {
        let files: Vec<_> = tree.product(name).collect();
        let code: usize = files
            .iter()
            .map(|(_, source)| filled(&source.product.code))
            .sum();
        let comments: usize = files.iter().map(|(_, source)| comment_lines(source)).sum();
        let longest = files
            .iter()
            .max_by_key(|(_, source)| filled(&source.product.code));
        let longest = longest.map_or(String::new(), |(file, source)| {
            let file = file.rsplit('/').next().unwrap_or(file);
            format!("{file}, {}", filled(&source.product.code))
        });
        let thin = match CARRIERS.contains(&name) {
            true => without_tls(tree, name).to_string(),
            false => String::new(),
        };
        lines.push(format!(
            "{name:<12}{:>6}{code:>7}{thin:>9}{comments:>10}  {longest}",
            files.len()
        ));
    }
    lines
}

fn filled(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty()).count()
}

/// Lines that hold a comment and no code, test code included.
fn comment_lines(source: &Source) -> usize {
    let lines = source.comments.lines().zip(source.code.lines());
    lines
        .filter(|(comment, code)| !comment.trim().is_empty() && code.trim().is_empty())
        .count()
}
