//! The ledger of requirements in `docs/compliance/`, and the comments by which tests name them.
//!
//! A page holds tables whose last column is `Remark`. In the column before it `Shown by` is written by
//! [`rewritten`] from the comments `// covers ID, ID` above or inside tests; `Tests` is written by hand.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::source::{Source, Test, line_of};
use super::tree::Tree;

/// Each test that is named stands, each requirement has a test or a reason, and the pages say so.
pub(super) fn compliance(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let covers = covers(tree, &mut findings);
    let mut listed = BTreeSet::new();
    for row in rows(tree, &mut findings) {
        let mut found = |problem: String| {
            let place = format!("{}:{}", row.page, row.line);
            findings.push(Finding::new(place, problem));
        };
        match row.column {
            Column::Generated => {
                if !listed.insert(row.id()) {
                    found(format!("lists {} a second time", row.id()));
                }
                if row.tests() != shown_by(covers.get(row.id())) {
                    found(format!(
                        "{}: the tests have changed; `cargo xtask tidy --write` corrects it",
                        row.id()
                    ));
                }
            }
            Column::ByHand => {
                for (file, name) in names(row.tests()) {
                    if !has_test(tree, file, name) {
                        found(format!("there is no test `{name}` in `{file}`"));
                    }
                }
            }
        }
        match (row.has_tests(), row.reason()) {
            (false, None) => found(format!("{}: has neither a test nor a reason", row.id())),
            (true, Some(NO_TEST_YET)) => {
                found(format!(
                    "{}: says that it has no test, and has one",
                    row.id()
                ));
            }
            _ => {}
        }
    }
    for (id, tests) in &covers {
        if !listed.contains(id.as_str()) {
            for covered in tests {
                let place = format!("crates/{}:{}", covered.file, covered.line);
                findings.push(Finding::new(
                    place,
                    format!("covers {id}, which no page lists"),
                ));
            }
        }
    }
    findings
}

/// The pages that change when the generated column is written anew.
pub(super) fn rewritten<'a>(tree: &'a Tree<'_>) -> Vec<(&'a str, String)> {
    let covers = covers(tree, &mut Vec::new());
    let mut pages: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in rows(tree, &mut Vec::new()) {
        let shown = shown_by(covers.get(row.id()));
        if row.column == Column::Generated && row.tests() != shown {
            let text = &tree.texts[row.page];
            let lines = pages
                .entry(row.page)
                .or_insert_with(|| text.lines().map(str::to_owned).collect());
            let at = row.cells.len() - 2;
            let mut cells = row.cells;
            cells[at] = &shown;
            lines[row.line - 1] = format!("| {} |", cells.join(" | "));
        }
    }
    let pages = pages.into_iter();
    pages
        .map(|(page, lines)| (page, lines.join("\n") + "\n"))
        .collect()
}

/// A line for each page: how many of its rows have a test, and the reasons of those that have none.
pub(super) fn summary(tree: &Tree<'_>) -> Vec<String> {
    let rows = rows(tree, &mut Vec::new());
    let pages: BTreeSet<_> = rows.iter().map(|row| row.page).collect();
    let line = |page| {
        let rows = || rows.iter().filter(|row| row.page == page);
        let tested = rows().filter(|row| row.has_tests()).count();
        let mut line = format!("{page}: {} rows, {tested} with tests", rows().count());
        for reason in REASONS {
            let untested = rows().filter(|row| !row.has_tests());
            let count = untested.filter(|row| row.reason() == Some(reason)).count();
            line.push_str(&format!(", {count} {}", reason.to_lowercase()));
        }
        line
    };
    pages.into_iter().map(line).collect()
}

/// A test that names a requirement.
struct Covered {
    /// From `crates/`.
    file: String,
    line: usize,
    test: String,
}

/// What the tests say they cover, by requirement and in the order of the files.
fn covers(tree: &Tree<'_>, findings: &mut Vec<Finding>) -> BTreeMap<String, Vec<Covered>> {
    let mut covers: BTreeMap<String, Vec<Covered>> = BTreeMap::new();
    for (file, source) in tree.below("crates/".to_owned()) {
        let tests = source.tests();
        for (at, ids) in comments(source) {
            let line = line_of(&source.text, at);
            let Some(test) = test_at(source, &tests, at) else {
                let place = format!("{file}:{line}");
                findings.push(Finding::new(place, "covers requirements without a test"));
                continue;
            };
            for id in ids {
                covers.entry(id).or_default().push(Covered {
                    file: file["crates/".len()..].to_owned(),
                    line,
                    test: test.name.clone(),
                });
            }
        }
    }
    covers
}

/// Where each comment `// covers` begins, and the names in it. It goes on as long as its lines end with a comma.
fn comments(source: &Source) -> Vec<(usize, Vec<String>)> {
    let mut comments = Vec::new();
    let mut at = 0;
    let mut goes_on = false;
    for line in source.comments.split_inclusive('\n') {
        let comment = line.trim().strip_prefix("// ");
        let names = match comment.and_then(|comment| comment.strip_prefix("covers ")) {
            Some(names) => {
                comments.push((at, Vec::new()));
                Some(names)
            }
            None => comment.filter(|_| goes_on),
        };
        goes_on = names.is_some_and(|names| names.ends_with(','));
        if let (Some(names), Some((_, ids))) = (names, comments.last_mut()) {
            let names = names.split([',', ' ']);
            ids.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
        }
        at += line.len();
    }
    comments
}

/// The test that the comment at this byte stands in, or directly above.
fn test_at<'a>(source: &Source, tests: &'a [Test], at: usize) -> Option<&'a Test> {
    let above = |test: &Test| {
        let between = source.code.get(at..test.range.start);
        between.is_some_and(|code| code.trim().is_empty())
    };
    tests
        .iter()
        .find(|test| test.range.contains(&at) || above(test))
}

/// A cell: the tests of each file, every one once.
fn shown_by(covered: Option<&Vec<Covered>>) -> String {
    let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
    for Covered { file, test, .. } in covered.into_iter().flatten() {
        match files.last_mut().filter(|(last, _)| last == file) {
            Some((_, tests)) if tests.contains(&test.as_str()) => {}
            Some((_, tests)) => tests.push(test),
            None => files.push((file, vec![test])),
        }
    }
    let files = files
        .iter()
        .map(|(file, tests)| format!("`{file}`: `{}`", tests.join("`, `")));
    files.collect::<Vec<_>>().join("; ")
}

/// The tests named in such a cell, each with its file.
fn names(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut file = "";
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter_map(move |name| {
        if name.contains('/') {
            file = name;
            return None;
        }
        Some((file, name))
    })
}

fn has_test(tree: &Tree<'_>, file: &str, name: &str) -> bool {
    let source = tree.sources.get(&format!("crates/{file}"));
    source.is_some_and(|source| source.tests().iter().any(|test| test.name == name))
}

/// A line of a table in the ledger.
struct Row<'a> {
    page: &'a str,
    line: usize,
    /// At least three.
    cells: Vec<&'a str>,
    column: Column,
}

/// Who writes which tests there are.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Column {
    Generated,
    ByHand,
}

/// Why there is no test; the remark begins with one of these and a colon.
const REASONS: [&str; 4] = ["By construction", "Not ours", "Planned", NO_TEST_YET];

const NO_TEST_YET: &str = "No test yet";

impl<'a> Row<'a> {
    /// The first word; a mark may follow.
    fn id(&self) -> &'a str {
        self.cells[0].split(' ').next().unwrap_or_default()
    }

    fn tests(&self) -> &'a str {
        self.cells[self.cells.len() - 2]
    }

    fn has_tests(&self) -> bool {
        names(self.tests()).next().is_some()
    }

    fn reason(&self) -> Option<&'static str> {
        let (name, why) = self.cells.last()?.split_once(':')?;
        let reason = REASONS.into_iter().find(|reason| *reason == name);
        reason.filter(|_| !why.trim().is_empty())
    }
}

fn rows<'a>(tree: &'a Tree<'_>, findings: &mut Vec<Finding>) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let pages = tree.texts.iter();
    for (page, text) in pages.filter(|(page, _)| page.starts_with("docs/compliance/")) {
        let mut columns: Option<Vec<&str>> = None;
        for (number, line) in text.lines().enumerate() {
            let Some(cells) = cells(line) else {
                columns = None;
                continue;
            };
            let Some(columns) = &columns else {
                columns = Some(cells);
                continue;
            };
            let column = match columns[..] {
                [_, .., "Shown by", "Remark"] => Column::Generated,
                [_, .., "Tests", "Remark"] => Column::ByHand,
                _ => continue,
            };
            if line.contains("--") && cells.iter().all(|cell| cell.trim_matches('-').is_empty()) {
                continue;
            }
            if cells.len() != columns.len() {
                let place = format!("{page}:{}", number + 1);
                let problem = format!("has {} cells in {} columns", cells.len(), columns.len());
                findings.push(Finding::new(place, problem));
                continue;
            }
            rows.push(Row {
                page,
                line: number + 1,
                cells,
                column,
            });
        }
    }
    rows
}

/// The cells of a table's line.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}
