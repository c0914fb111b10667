//! How many crates of others a user of one of ours must build.

use std::collections::BTreeSet;

use crate::Result;
use crate::steps::Step;
use crate::workspace::{Scope, Workspace, cargo};

/// The most crates of others that these may need without any feature, on any platform. One more is a decision.
const LIMITS: &[(&str, usize)] = &[("bowline-frame", 2), ("bowline-tokio", 22)];

/// Counts them for each published crate, and holds some to their limit.
pub(crate) fn check(step: &mut Step, scope: &Scope<'_>) -> Result<String> {
    let mut counts = Vec::new();
    for package in scope.packages().filter(|package| package.published) {
        let others = others(scope.workspace, &package.name, "")?;
        let names: Vec<_> = others.iter().map(String::as_str).collect();
        step.note(&format!("{}: {}", package.name, names.join(" ")))?;
        counts.push((package.name.as_str(), others.len()));
    }
    for (name, count) in &counts {
        if let Some((_, most)) = LIMITS.iter().find(|(limited, _)| limited == name)
            && count > most
        {
            return Err(format!("{name} needs {count} crates of others, not {most}").into());
        }
    }
    let counts: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{} {count}", name.trim_start_matches("bowline-")))
        .collect();
    Ok(counts.join(", "))
}

/// The crates of others that `name` stands on with these features alone, directly or not.
fn others(workspace: &Workspace, name: &str, features: &str) -> Result<BTreeSet<String>> {
    let output = cargo(&workspace.root)
        .args(["tree", "--edges", "normal", "--prefix", "none"])
        .args(["--no-default-features", "--locked", "--package", name])
        .args(["--features", features])
        .output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo tree` failed for {name}: {error}").into());
    }
    Ok(listed(&String::from_utf8(output.stdout)?))
}

/// The names in the lines of `cargo tree` that are not ours.
fn listed(tree: &str) -> BTreeSet<String> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !name.starts_with("bowline-"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crate_of_others_counts_once() {
        let tree = "bowline-io v0.1.0 (here)\nbytes v1.11.1\nhttp v1.5.0\nbytes v1.11.1 (*)\n\n";
        let names = BTreeSet::from(["bytes".to_owned(), "http".to_owned()]);
        assert_eq!(listed(tree), names);
    }

    // A second provider of cryptography in a build makes rustls forget the first, which a program may count on.
    #[test]
    fn only_the_feature_for_it_brings_a_provider() {
        let workspace = Workspace::here().unwrap();
        let providers = |name: &str, features: &[&str]| {
            let others = others(&workspace, name, &features.join(",")).unwrap();
            let known = ["aws-lc-rs", "ring"].map(str::to_owned);
            others
                .intersection(&known.into())
                .cloned()
                .collect::<Vec<_>>()
        };
        let roots = ["native-roots", "platform-verifier", "webpki-roots"];
        assert_eq!(providers("bowline-tls", &roots), [""; 0]);
        assert_eq!(providers("bowline-tls", &["ring"]), ["ring"]);
        let roots = [
            "rustls-platform-verifier",
            "rustls-tls-native-roots",
            "rustls-tls-webpki-roots",
        ];
        for carrier in ["tokio", "futures", "smol", "async-std", "blocking"] {
            let name = format!("bowline-{carrier}");
            assert_eq!(providers(&name, &roots), [""; 0], "{carrier}");
            assert_eq!(providers(&name, &["tls"]), ["ring"], "{carrier}");
        }
    }

    #[test]
    fn limited_crates_exist() {
        let workspace = Workspace::here().unwrap();
        for (name, _) in LIMITS {
            workspace.package(name).unwrap();
        }
    }
}
