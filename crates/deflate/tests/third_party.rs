//! Whoever writes an extension has what this crate has.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn nothing_is_used_of_extension_that_its_documentation_hides() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files: Vec<_> = ["extension", "frame"]
        .iter()
        .flat_map(|name| sources(&crates.join(name).join("src")))
        .collect();
    for path in &files {
        let source = fs::read_to_string(path).unwrap();
        assert!(!source.contains("doc(hidden)"), "{}", path.display());
    }
    assert!(files.len() > 15, "{files:?}");
}

/// The Rust files in `folder` and in the folders under it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let mut sources: Vec<_> = folders.iter().flat_map(|folder| sources(folder)).collect();
    let is_source = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs");
    sources.extend(files.into_iter().filter(is_source));
    sources
}

#[test]
fn it_stands_on_extension_and_frame_alone() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    // Line by line: a checkout may end them in its own way.
    let dependencies: Vec<_> = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .collect();
    let bowlines = dependencies
        .iter()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| name.starts_with("bowline-"));
    assert!(
        bowlines.eq(["bowline-extension", "bowline-frame"]),
        "{dependencies:?}"
    );
}
