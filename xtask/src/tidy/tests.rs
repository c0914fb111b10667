//! Every rule is shown a tree it accepts and one it objects to.
//!
//! `fixtures/tidy/good` is a whole tree. The directory beside it that bears a rule's name holds files
//! that are laid over it, and `fixture.txt`: `without PATH` takes a file away, `finds FINDING` is what
//! that rule, and no other one, has to say.

use std::fs;
use std::path::{Path, PathBuf};

use super::tree::Tree;
use super::{Finding, RULES, compliance};
use crate::workspace::Workspace;

/// A tree in a directory of its own, gone with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = format!("bowline-tidy-{}-{name}", std::process::id());
        // Cargo answers with the directory's real path.
        let scratch = Scratch(std::env::temp_dir().canonicalize().unwrap().join(dir));
        scratch.lay(&fixtures().join("good"));
        scratch
    }

    /// Copies the files below `from` into the tree.
    fn lay(&self, from: &Path) {
        lay(from, &self.0);
    }

    fn findings(&self) -> Vec<(&'static str, Vec<Finding>)> {
        let workspace = Workspace::at(&self.0).unwrap();
        let tree = Tree::read(&workspace).unwrap();
        let found = RULES.iter().map(|(name, check)| (*name, check(&tree)));
        found.filter(|(_, findings)| !findings.is_empty()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory left behind among temporary ones harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lay(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            lay(&entry.path(), &to);
        } else if entry.file_name() != "fixture.txt" {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tidy")
}

#[test]
fn a_good_tree_is_accepted() {
    assert_eq!(Scratch::new("good").findings(), []);
}

#[test]
fn each_rule_objects_to_its_fixture_and_no_other_rule_does() {
    for &(rule, _) in RULES {
        let fixture = fixtures().join(rule);
        let script = fs::read_to_string(fixture.join("fixture.txt"))
            .unwrap_or_else(|error| panic!("{}: {error}", rule));
        let scratch = Scratch::new(rule);
        scratch.lay(&fixture);
        let mut expected = Vec::new();
        for line in script.lines() {
            if let Some(path) = line.strip_prefix("without ") {
                fs::remove_file(scratch.0.join(path)).unwrap();
            } else if let Some(finding) = line.strip_prefix("finds ") {
                expected.push(finding.to_owned());
            } else {
                panic!("{}: what is {line:?}?", rule);
            }
        }
        expected.sort();
        let found = scratch.findings();
        let rules: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        assert_eq!(rules, [rule], "{found:#?}");
        let mut findings: Vec<_> = found[0].1.iter().map(Finding::to_string).collect();
        findings.sort();
        assert_eq!(findings, expected, "{}", rule);
    }
}

#[test]
fn what_tidy_writes_into_the_ledger_it_accepts() {
    let scratch = Scratch::new("rewritten");
    let good = scratch.0.join("docs/compliance/rfc.md");
    let expected = fs::read_to_string(&good).unwrap();
    let emptied: Vec<_> = expected
        .lines()
        .map(|line| match line.split_once("`testing/") {
            Some((before, behind)) => {
                let (_, remark) = behind.split_once('|').unwrap();
                format!("{before}`some/old.rs`: `test` |{remark}")
            }
            None => line.to_owned(),
        })
        .collect();
    fs::write(&good, emptied.join("\n") + "\n").unwrap();
    assert_eq!(scratch.findings()[0].1.len(), 3);

    let workspace = Workspace::at(&scratch.0).unwrap();
    let tree = Tree::read(&workspace).unwrap();
    let pages = compliance::rewritten(&tree);
    assert_eq!(pages, [("docs/compliance/rfc.md", expected)]);
}

#[test]
fn tests_and_reasons_are_counted() {
    let scratch = Scratch::new("counted");
    let workspace = Workspace::at(&scratch.0).unwrap();
    let tree = Tree::read(&workspace).unwrap();
    let expected = [
        "docs/compliance/hardening.md: 2 rows, 1 with tests, 0 by construction, 0 not ours, 1 planned, 0 no test yet",
        "docs/compliance/rfc.md: 7 rows, 3 with tests, 1 by construction, 1 not ours, 1 planned, 1 no test yet",
    ];
    assert_eq!(compliance::summary(&tree), expected);
}
