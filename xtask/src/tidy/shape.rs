//! Rules about which files there are and what they hold besides code.

use super::Finding;
use super::source::{line_of, words};
use super::tree::Tree;

/// Names the top directory may hold, hidden ones apart.
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "benches",
    "crates",
    "docs",
    "target",
    "xtask",
];

pub(super) fn top_level(tree: &Tree<'_>) -> Vec<Finding> {
    tree.top
        .iter()
        .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()))
        .map(|name| Finding::new(name, "is no agreed name at the top level"))
        .collect()
}

/// The line that makes a README the front page of its crate.
const FRONT_PAGE: &str = r#"#![doc = include_str!("../README.md")]"#;

pub(super) fn crate_files(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in tree.crates() {
        let dir = format!("crates/{name}");
        if !tree
            .packages
            .iter()
            .any(|package| package.name == format!("bowline-{name}"))
        {
            findings.push(Finding::new(
                &dir,
                format!("holds no package called bowline-{name}"),
            ));
        }
        for file in ["README.md", "CHANGELOG.md"] {
            if !tree.texts.contains_key(&format!("{dir}/{file}")) {
                findings.push(Finding::new(&dir, format!("lacks {file}")));
            }
        }
        if let Some(manifest) = tree.texts.get(&format!("{dir}/Cargo.toml"))
            && !manifest.contains("[lints]\nworkspace = true")
        {
            findings.push(Finding::new(
                format!("{dir}/Cargo.toml"),
                "lacks the workspace's lints",
            ));
        }
        let root = format!("{dir}/src/lib.rs");
        if let Some(source) = tree.sources.get(&root)
            && !source.text.lines().any(|line| line == FRONT_PAGE)
        {
            findings.push(Finding::new(&root, format!("lacks {FRONT_PAGE}")));
        }
    }
    findings
}

/// A feature's comment is its documentation; `default` only lists others.
pub(super) fn features(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in tree.crates() {
        let file = format!("crates/{name}/Cargo.toml");
        let Some(manifest) = tree.texts.get(&file) else {
            continue;
        };
        let mut named = Vec::new();
        let mut in_features = false;
        let mut commented = false;
        for (number, line) in manifest.lines().enumerate() {
            if line.starts_with('[') {
                in_features = line.trim() == "[features]";
            } else if let Some((feature, _)) = line.split_once('=').filter(|_| in_features) {
                let feature = feature.trim().trim_matches('"');
                named.push(feature);
                if !commented && feature != "default" {
                    let place = format!("{file}:{}", number + 1);
                    findings.push(Finding::new(
                        place,
                        format!("feature `{feature}` has no comment"),
                    ));
                }
            }
            commented = line.starts_with('#');
        }
        let package = tree
            .packages
            .iter()
            .find(|package| package.name == format!("bowline-{name}"));
        for feature in package.into_iter().flat_map(|package| &package.features) {
            if !named.contains(&feature.as_str()) {
                let problem = format!("feature `{feature}` is implied by an optional dependency");
                findings.push(Finding::new(&file, problem));
            }
        }
    }
    findings
}

/// Macros that mark unfinished work, or stand in code by mistake.
const MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Words that mark unfinished work in a comment.
const MARKS: &[&str] = &["TODO", "FIXME", "XXX"];

/// How the lines begin that a merge leaves where it could not decide.
const CONFLICT: &[&str] = &["<<<<<<< ", ">>>>>>> "];

pub(super) fn leftovers(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, source) in &tree.sources {
        let mut found = |line, what: String| {
            findings.push(Finding::new(
                format!("{file}:{line}"),
                format!("contains {what}"),
            ));
        };
        for name in MACROS {
            let call = format!("{name}!");
            for (at, _) in source.code.match_indices(&call) {
                let before = source.code[..at].chars().next_back();
                if !before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    found(line_of(&source.code, at), call.clone());
                }
            }
        }
        for (at, _) in source.code.match_indices("#[ignore") {
            found(line_of(&source.code, at), "an ignored test".to_owned());
        }
        for (line, word) in words(&source.comments) {
            if MARKS.contains(&word) {
                found(line, word.to_owned());
            }
        }
    }
    let sources = tree
        .sources
        .iter()
        .map(|(file, source)| (file, &source.text));
    for (file, text) in tree.texts.iter().chain(sources) {
        for (number, line) in text.lines().enumerate() {
            if CONFLICT.iter().any(|mark| line.starts_with(mark)) {
                let place = format!("{file}:{}", number + 1);
                findings.push(Finding::new(place, "contains the mark of a conflict"));
            }
        }
    }
    findings
}

pub(super) fn links(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in tree.texts.iter().filter(|(file, _)| file.ends_with(".md")) {
        let dir = file.rsplit_once('/').map_or("", |(dir, _)| dir);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..]
                .split([')', '#', ' '])
                .next()
                .unwrap_or_default();
            // An address, a place on this page, or an item of the crate that rustdoc looks up.
            if target.is_empty() || target.contains(':') || !target.contains(['/', '.']) {
                continue;
            }
            let path = resolve(dir, target);
            let is_dir = tree
                .paths
                .iter()
                .any(|known| known.starts_with(&format!("{path}/")));
            if !tree.paths.contains(&path) && !is_dir {
                let place = format!("{file}:{}", line_of(text, at));
                findings.push(Finding::new(
                    place,
                    format!("links to {target}, which isn't there"),
                ));
            }
        }
    }
    findings
}

/// `target` as seen from `dir`, both from the top.
fn resolve(dir: &str, target: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}
