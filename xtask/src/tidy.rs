//! `cargo xtask tidy`: layer edges, invariants and the shape of the tree.
//!
//! A rule is a function from a [`Tree`] to findings. `xtask/fixtures/tidy/` holds a tree that every
//! rule accepts, and for each rule the files that make it object.

mod compliance;
mod edges;
mod invariants;
mod shape;
mod size;
mod source;
mod tree;

use std::fmt;
use std::fs;

use crate::Result;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use tree::Tree;

pub(crate) const HELP: &str = "
Checks, without building anything:

  layers       no edge between crates, and no outside crate, that the layer table doesn't allow
  versions     inside the workspace normal dependencies carry a version, dev-dependencies none
  machines     frame, extension, deflate, handshake and proto name no socket, runtime, thread,
               clock, randomness or std::io::{Read, Write}
  shells       shell, io and threads name no socket, encryption or runtime; addresses are data
  unsafe       forbidden in every crate; frame and testing name the one file that is allowed it
  carriers     no carrier handles frames or handshake headers: those rules have a home
  thin         no carrier has more than 300 lines of code, tests and TLS left out: modules called tls
               or no_tls, and what stands behind a feature with tls in its name
  top-level    nothing but the agreed names
  crate-files  each crate has README.md, CHANGELOG.md, the workspace's lints, and shows its README as
               its front page
  features     each feature has a comment, and none is implied by an optional dependency
  leftovers    no unfinished or switched-off work
  links        relative links in *.md lead to files
  compliance   each requirement in docs/compliance/ has a test that names it or a reason, what tests
               cover is listed there, and tests named there exist

Then prints what the compliance pages hold and the size of each crate, tests left out.

  --write      first writes the tests that cover a requirement into docs/compliance/
";

/// What a rule objects to.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Finding {
    /// A file, a file and a line, or a crate.
    place: String,
    problem: String,
}

type Rule = fn(&Tree<'_>) -> Vec<Finding>;

const RULES: &[(&str, Rule)] = &[
    ("layers", edges::layers),
    ("versions", edges::versions),
    ("machines", invariants::machines),
    ("shells", invariants::shells),
    ("unsafe", invariants::unsafe_code),
    ("carriers", invariants::carriers),
    ("thin", size::thin),
    ("top-level", shape::top_level),
    ("crate-files", shape::crate_files),
    ("features", shape::features),
    ("leftovers", shape::leftovers),
    ("links", shape::links),
    ("compliance", compliance::compliance),
];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let write = args.flag("--write");
    args.finish()?;
    let workspace = Workspace::here()?;
    if write {
        self::write(&workspace)?;
    }
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("tidy", |step| check(step, &workspace))?;
    steps.finish()
}

/// Writes the generated column of the compliance pages.
fn write(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(workspace)?;
    for (page, text) in compliance::rewritten(&tree) {
        fs::write(workspace.root.join(page), text)?;
    }
    Ok(())
}

/// Applies every rule and prints what the compliance pages hold and the size of each crate.
pub(crate) fn check(step: &mut Step, workspace: &Workspace) -> Result<String> {
    let tree = Tree::read(workspace)?;
    let mut count = 0;
    for (rule, check) in RULES {
        for finding in check(&tree) {
            step.say(&format!("{rule}: {finding}"))?;
            count += 1;
        }
    }
    if count > 0 {
        return Err(format!("{count} findings").into());
    }
    for line in compliance::summary(&tree)
        .into_iter()
        .chain(size::sizes(&tree))
    {
        step.say(&line)?;
    }
    Ok(format!("{} rules", RULES.len()))
}

impl Finding {
    fn new(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Finding {
            place: place.to_string(),
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

#[cfg(test)]
mod tests;
