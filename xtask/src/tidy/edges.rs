//! Rules about the edges between crates.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::Tree;
use crate::workspace::{Dependency, Kind};

/// A crate's place in the layers.
struct Row {
    name: &'static str,
    /// The crates directly below it. What those may use it may use too.
    inside: &'static [&'static str],
    outside: Outside,
}

enum Outside {
    Only(&'static [&'static str]),
    /// Nothing depends on a program, and nothing published on a crate for tests.
    Any,
}

use Outside::{Any, Only};

/// The crates that bring a transport and nothing of the protocol.
pub(super) const CARRIERS: &[&str] = &[
    "tokio",
    "futures",
    "async-std",
    "smol",
    "blocking",
    "hyper",
    "axum",
    "h2",
    "h3",
];

/// The layer table of docs/ARCHITECTURE.md. A new edge is a design decision: it is written there, with
/// its reason, in the change that adds it here.
const LAYERS: &[Row] = &[
    Row {
        name: "frame",
        inside: &[],
        outside: Only(&["bytes", "simdutf8"]),
    },
    Row {
        name: "extension",
        inside: &["frame"],
        outside: Only(&["bytes"]),
    },
    Row {
        name: "deflate",
        inside: &["extension"],
        outside: Only(&["bytes", "zlib-rs"]),
    },
    Row {
        name: "handshake",
        inside: &["frame", "extension"],
        outside: Only(&["base64", "bytes", "http", "httparse", "sha1"]),
    },
    Row {
        name: "proto",
        inside: &["frame", "extension"],
        outside: Only(&["bytes"]),
    },
    Row {
        name: "shell",
        inside: &["handshake", "proto"],
        outside: Only(&["bytes", "getrandom", "http"]),
    },
    Row {
        name: "io",
        inside: &["shell"],
        outside: Only(&["bytes", "futures-core", "futures-sink", "http"]),
    },
    Row {
        name: "threads",
        inside: &["shell"],
        outside: Only(&["bytes", "http"]),
    },
    Row {
        name: "tls",
        inside: &[],
        outside: Only(&[
            "rustls",
            "rustls-native-certs",
            "rustls-platform-verifier",
            "webpki-roots",
        ]),
    },
    Row {
        name: "tokio",
        inside: &["io", "deflate", "tls"],
        outside: Only(&["bytes", "http", "tokio", "tokio-rustls"]),
    },
    Row {
        name: "futures",
        inside: &["io", "deflate", "tls"],
        outside: Only(&["bytes", "futures-io", "futures-rustls", "http"]),
    },
    Row {
        name: "async-std",
        inside: &["futures"],
        outside: Only(&["async-io", "async-std", "bytes", "http"]),
    },
    Row {
        name: "smol",
        inside: &["futures"],
        outside: Only(&["async-io", "async-net", "blocking", "bytes", "http", "smol"]),
    },
    Row {
        name: "blocking",
        inside: &["threads", "deflate", "tls"],
        outside: Only(&["bytes", "http", "rustls"]),
    },
    Row {
        name: "hyper",
        inside: &["tokio"],
        outside: Only(&["bytes", "http", "hyper", "hyper-util", "tokio"]),
    },
    Row {
        name: "axum",
        inside: &["hyper"],
        outside: Only(&["axum-core", "bytes", "http", "hyper", "hyper-util", "tokio"]),
    },
    Row {
        name: "h2",
        inside: &["io", "deflate"],
        outside: Only(&["bytes", "h2", "http", "tokio"]),
    },
    Row {
        name: "h3",
        inside: &["io", "deflate"],
        outside: Only(&["bytes", "http", "quinn", "tokio"]),
    },
    Row {
        name: "cli",
        inside: CARRIERS,
        outside: Any,
    },
    Row {
        name: "testing",
        inside: &["cli"],
        outside: Any,
    },
];

/// Every edge is in [`LAYERS`]; tests may use what they like.
pub(super) fn layers(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages {
        if package.name == "xtask" {
            continue;
        }
        let Some(row) = row(package.short_name()) else {
            findings.push(Finding::new(&package.name, "has no row in the layer table"));
            continue;
        };
        let below = below(row);
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != Kind::Dev)
        {
            let name = dependency.name.as_str();
            let allowed = match (dependency.inside, &row.outside) {
                (true, _) => name
                    .strip_prefix("bowline-")
                    .is_some_and(|name| below.contains(name)),
                (false, Any) => true,
                (false, Only(names)) => names.contains(&name),
            };
            if !allowed {
                findings.push(Finding::new(
                    &package.name,
                    format!("must not depend on {name}"),
                ));
            }
        }
    }
    findings
}

/// So that a release can find every dependency, and that a cycle through tests never reaches one.
pub(super) fn versions(tree: &Tree<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages.iter().filter(|package| package.published) {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.inside)
        {
            let Dependency {
                name,
                kind,
                requirement,
                ..
            } = dependency;
            let versioned = requirement != "*";
            let problem = match kind {
                Kind::Dev if versioned => "carries a version as a dev-dependency",
                Kind::Normal | Kind::Build if !versioned => "carries no version",
                _ => continue,
            };
            findings.push(Finding::new(&package.name, format!("{name} {problem}")));
        }
    }
    findings
}

fn row(name: &str) -> Option<&'static Row> {
    LAYERS.iter().find(|row| row.name == name)
}

/// Every crate below `row`, directly or not.
fn below(row: &Row) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open = row.inside.to_vec();
    while let Some(name) = open.pop() {
        if found.insert(name) {
            open.extend(self::row(name).into_iter().flat_map(|row| row.inside));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_have_no_cycle_and_no_unknown_name() {
        for row in LAYERS {
            let below = below(row);
            assert!(!below.contains(row.name), "{} stands on itself", row.name);
            for name in below {
                assert!(self::row(name).is_some(), "{name} has no row");
            }
        }
    }

    #[test]
    fn the_machines_do_not_know_each_other() {
        let below = |name| below(row(name).unwrap());
        assert_eq!(below("handshake"), BTreeSet::from(["extension", "frame"]));
        assert_eq!(below("proto"), BTreeSet::from(["extension", "frame"]));
    }
}
