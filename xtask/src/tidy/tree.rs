//! The tree that the rules look at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::source::Source;
use crate::Result;
use crate::workspace::{Package, Workspace};

/// The workspace as values: what cargo says about it, and its texts.
pub(super) struct Tree<'a> {
    pub(super) packages: &'a [Package],
    /// Names in the top directory.
    pub(super) top: BTreeSet<String>,
    /// Rust files by their path from the top, with forward slashes.
    pub(super) sources: BTreeMap<String, Source>,
    /// Markdown files and manifests.
    pub(super) texts: BTreeMap<String, String>,
    /// Every file, for links.
    pub(super) paths: BTreeSet<String>,
}

impl<'a> Tree<'a> {
    pub(super) fn read(workspace: &'a Workspace) -> Result<Self> {
        let mut tree = Tree {
            packages: &workspace.packages,
            top: BTreeSet::new(),
            sources: BTreeMap::new(),
            texts: BTreeMap::new(),
            paths: BTreeSet::new(),
        };
        for entry in fs::read_dir(&workspace.root)? {
            tree.top
                .insert(entry?.file_name().to_string_lossy().into_owned());
        }
        tree.collect(&workspace.root, "")?;
        Ok(tree)
    }

    /// The crates under `crates/`, each with its directory's name.
    pub(super) fn crates(&self) -> BTreeSet<&str> {
        let below = self
            .paths
            .iter()
            .filter_map(|path| path.strip_prefix("crates/"));
        below
            .filter_map(|path| path.split_once('/'))
            .map(|(name, _)| name)
            .collect()
    }

    /// The Rust files in `crates/NAME/src/`, those that are tests only left out.
    pub(super) fn product(&self, name: &str) -> impl Iterator<Item = (&str, &Source)> {
        self.below(format!("crates/{name}/src/"))
            .filter(|(path, _)| !self.is_test(path))
    }

    /// The Rust files whose path starts with `prefix`.
    pub(super) fn below(&self, prefix: String) -> impl Iterator<Item = (&str, &Source)> {
        self.sources
            .iter()
            .filter(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, source)| (path.as_str(), source))
    }

    /// Whether the file, or a module it belongs to, is declared behind `#[cfg(test)]`.
    fn is_test(&self, path: &str) -> bool {
        self.sources.iter().any(|(parent, source)| {
            let dir = match parent.rsplit_once('/') {
                Some((dir, "lib.rs" | "main.rs" | "mod.rs")) => dir,
                _ => parent.trim_end_matches(".rs"),
            };
            let rest = path
                .strip_prefix(dir)
                .and_then(|rest| rest.strip_prefix('/'));
            let module = rest.and_then(|rest| rest.split(['/', '.']).next());
            module.is_some_and(|module| source.test_modules().iter().any(|test| test == module))
        })
    }

    fn collect(&mut self, root: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(root.join(prefix))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}/{name}")
            };
            if entry.file_type()?.is_dir() {
                // Fixtures break the rules on purpose.
                let skipped = matches!(name.as_str(), "target" | ".git" | "node_modules")
                    || path == "xtask/fixtures";
                if !skipped {
                    self.collect(root, &path)?;
                }
                continue;
            }
            if name.ends_with(".rs") {
                self.sources.insert(
                    path.clone(),
                    Source::new(&fs::read_to_string(entry.path())?),
                );
            } else if name.ends_with(".md") || name == "Cargo.toml" {
                self.texts
                    .insert(path.clone(), fs::read_to_string(entry.path())?);
            }
            self.paths.insert(path);
        }
        Ok(())
    }
}
