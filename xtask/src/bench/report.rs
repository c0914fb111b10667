//! What was measured, written into the documentation.

mod chart;
mod memory;
mod sockets;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Result;
use crate::args::Args;
use crate::workspace::Workspace;

use super::memory::Held;
use super::sockets::samples::Samples;

pub(super) fn run(mut args: Args) -> Result<()> {
    let mut files = Vec::new();
    while let Some(file) = args.word() {
        files.push(file);
    }
    args.finish()?;
    if files.is_empty() {
        return Err("of what? See --help".into());
    }

    let workspace = Workspace::here()?;
    let docs = workspace.root.join("docs");
    for file in files {
        let text = fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
        let value: Value = serde_json::from_slice(&text)?;
        write(&docs, &value).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Writes the tables of one file into the page, and its chart beside it.
fn write(docs: &Path, value: &Value) -> Result<()> {
    let (name, chart, tables) = if let Some(all) = value["memory"].as_array() {
        let held = all.iter().map(Held::read).collect::<Result<Vec<_>>>()?;
        ("memory", memory::chart(&held), memory::tables(&held))
    } else {
        let samples = Samples::read(value)?;
        (
            "sockets",
            sockets::chart(&samples),
            sockets::tables(&samples),
        )
    };
    let machine = value["machine"].as_str().ok_or("no `machine`")?;
    let tables = format!(
        "Measured on {machine}.\n\n![{}](performance/{name}.svg)\n\n{tables}",
        chart.title
    );
    let page = docs.join("PERFORMANCE.md");
    let text = fs::read_to_string(&page)?;
    fs::write(&page, replaced(&text, name, &tables)?)?;
    let charts = docs.join("performance");
    fs::create_dir_all(&charts)?;
    fs::write(charts.join(format!("{name}.svg")), chart.svg())?;
    println!("wrote {name} into docs/PERFORMANCE.md and docs/performance/{name}.svg");
    Ok(())
}

/// The page with something else between the marks called `name`.
fn replaced(page: &str, name: &str, tables: &str) -> Result<String> {
    let begin = format!("<!-- {name}: written by `cargo xtask bench report` -->\n");
    let end = format!("<!-- end of {name} -->");
    let marks = page.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = marks.ok_or_else(|| format!("the page has no place for {name}"))?;
    Ok(format!("{before}{begin}\n{tables}\n{end}{after}"))
}

/// A table as Markdown has it; all columns but the first are numbers.
fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head);
    text += &format!("|---|{}\n", "---:|".repeat(head.len() - 1));
    for row in rows {
        text += &line(row);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_marks_is_replaced() {
        let page =
            "a\n<!-- b: written by `cargo xtask bench report` -->\nold\n<!-- end of b -->\nc\n";
        let once = replaced(page, "b", "new\n").unwrap();
        assert!(once.starts_with("a\n") && once.ends_with(" -->\nc\n"));
        assert!(once.contains("new") && !once.contains("old"));
        assert_eq!(replaced(&once, "b", "new\n").unwrap(), once);
        assert!(replaced(page, "c", "").is_err());
    }

    #[test]
    fn a_table_has_its_numbers_on_the_right() {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let table = markdown(&words(&["who", "what"]), &[words(&["a", "1"])]);
        assert_eq!(table, "| who | what |\n|---|---:|\n| a | 1 |\n");
    }
}
