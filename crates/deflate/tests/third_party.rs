//! Whoever writes an extension has what this crate has.

use std::fs;
use std::path::Path;

#[test]
fn nothing_is_used_of_extension_that_its_documentation_hides() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = 0;
    for name in ["extension", "frame"] {
        for entry in fs::read_dir(crates.join(name).join("src")).unwrap() {
            let path = entry.unwrap().path();
            let source = fs::read_to_string(&path).unwrap();
            assert!(!source.contains("doc(hidden)"), "{}", path.display());
            files += 1;
        }
    }
    assert!(files > 15, "{files} files");
}

#[test]
fn it_stands_on_extension_and_frame_alone() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let (_, rest) = manifest.split_once("[dependencies]\n").unwrap();
    let (dependencies, _) = rest.split_once("\n[").unwrap();
    let bowlines = dependencies
        .lines()
        .filter_map(|line| line.split_once('.'))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("bowline-"));
    assert!(
        bowlines.eq(["bowline-extension", "bowline-frame"]),
        "{dependencies}"
    );
}
