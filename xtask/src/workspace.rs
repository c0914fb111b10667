//! What `cargo metadata` says about the workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Result;

/// The workspace: its packages in the order of their names.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

pub(crate) struct Package {
    pub(crate) name: String,
    /// Whether it may go to a registry at all.
    pub(crate) published: bool,
    /// Feature names, the implicit ones of optional dependencies included.
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The version requirement; `*` when the manifest gives none.
    pub(crate) requirement: String,
    /// Whether it is named by a path, as all members of this workspace are.
    pub(crate) inside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

impl Workspace {
    /// The workspace this program belongs to.
    pub(crate) fn here() -> Result<Self> {
        // Cargo sets the variable when it runs us; the value of the build serves a program run by hand.
        let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        Self::at(xtask.parent().ok_or("xtask has no parent directory")?)
    }

    /// The workspace whose manifest lies in `root`.
    pub(crate) fn at(root: &Path) -> Result<Self> {
        let output = cargo(root)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("`cargo metadata` failed in {}", root.display()).into());
        }
        let value: Value = serde_json::from_slice(&output.stdout)?;
        let mut packages = array(&value, "packages")?
            .iter()
            .map(package)
            .collect::<Result<Vec<_>>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Workspace {
            root: PathBuf::from(text(&value, "workspace_root")?),
            target: PathBuf::from(text(&value, "target_directory")?),
            packages,
        })
    }

    /// The package called `name`, or `bowline-` and `name`.
    pub(crate) fn package(&self, name: &str) -> Result<&Package> {
        let full = format!("bowline-{name}");
        self.packages
            .iter()
            .find(|package| package.name == name || package.name == full)
            .ok_or_else(|| {
                let names: Vec<_> = self.packages.iter().map(Package::short_name).collect();
                format!("there is no crate `{name}`; there are {}", names.join(", ")).into()
            })
    }

    /// `name` and every package that needs it, directly or not, for more than its tests.
    pub(crate) fn standing_on(&self, name: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::from([name]);
        loop {
            let before = found.len();
            for package in &self.packages {
                let needs = |dependency: &Dependency| {
                    dependency.kind != Kind::Dev && found.contains(dependency.name.as_str())
                };
                if package.dependencies.iter().any(needs) {
                    found.insert(&package.name);
                }
            }
            if found.len() == before {
                return self
                    .packages
                    .iter()
                    .map(|package| package.name.as_str())
                    .filter(|name| found.contains(name))
                    .collect();
            }
        }
    }
}

impl Package {
    /// The name without `bowline-`.
    pub(crate) fn short_name(&self) -> &str {
        self.name.strip_prefix("bowline-").unwrap_or(&self.name)
    }
}

/// All crates, or the one that `--crate` names.
pub(crate) struct Scope<'a> {
    pub(crate) workspace: &'a Workspace,
    only: Option<&'a Package>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(workspace: &'a Workspace, name: Option<&str>) -> Result<Self> {
        let only = name.map(|name| workspace.package(name)).transpose()?;
        Ok(Scope { workspace, only })
    }

    pub(crate) fn packages(&self) -> impl Iterator<Item = &'a Package> {
        let only = self.only;
        self.workspace
            .packages
            .iter()
            .filter(move |package| only.is_none_or(|only| only.name == package.name))
    }

    /// Whether the crate called `name` (without `bowline-`) is among them.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.packages().any(|package| package.short_name() == name)
    }

    /// Adds the options that make a cargo command work on these crates.
    pub(crate) fn select(&self, command: &mut Command) {
        match self.only {
            None => command.arg("--workspace"),
            Some(package) => command.args(["--package", &package.name]),
        };
    }
}

/// The cargo that runs us, to be run in `root`.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).stdin(Stdio::null());
    command
}

fn package(value: &Value) -> Result<Package> {
    let features = value["features"]
        .as_object()
        .ok_or("no features in the metadata")?;
    Ok(Package {
        name: text(value, "name")?.to_owned(),
        // An empty list of registries is how cargo tells `publish = false`.
        published: !value["publish"].as_array().is_some_and(Vec::is_empty),
        features: features.keys().cloned().collect(),
        dependencies: array(value, "dependencies")?
            .iter()
            .map(dependency)
            .collect::<Result<_>>()?,
    })
}

fn dependency(value: &Value) -> Result<Dependency> {
    Ok(Dependency {
        name: text(value, "name")?.to_owned(),
        kind: match value["kind"].as_str() {
            Some("dev") => Kind::Dev,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        },
        requirement: text(value, "req")?.to_owned(),
        inside: value["path"].is_string(),
    })
}

pub(crate) fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key]
        .as_array()
        .ok_or_else(|| format!("no `{key}` in the metadata").into())
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key]
        .as_str()
        .ok_or_else(|| format!("no `{key}` in the metadata").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        let edge = |name: &str, kind| Dependency {
            name: format!("bowline-{name}"),
            kind,
            requirement: "^0.1.0".to_owned(),
            inside: true,
        };
        let package = |name: &str, dependencies| Package {
            name: format!("bowline-{name}"),
            published: true,
            features: Vec::new(),
            dependencies,
        };
        Workspace {
            root: PathBuf::new(),
            target: PathBuf::new(),
            packages: vec![
                package("frame", vec![edge("testing", Kind::Dev)]),
                package("io", vec![edge("proto", Kind::Normal)]),
                package("proto", vec![edge("frame", Kind::Normal)]),
                package("testing", Vec::new()),
            ],
        }
    }

    #[test]
    fn what_stands_on_a_crate_is_found_through_others_but_not_through_tests() {
        let workspace = workspace();
        let standing = |name| Vec::from_iter(workspace.standing_on(name));
        assert_eq!(
            standing("bowline-frame"),
            ["bowline-frame", "bowline-io", "bowline-proto"]
        );
        assert_eq!(standing("bowline-testing"), ["bowline-testing"]);
    }

    #[test]
    fn a_crate_goes_by_both_its_names() {
        let workspace = workspace();
        for name in ["io", "bowline-io"] {
            assert_eq!(workspace.package(name).unwrap().name, "bowline-io");
        }
        let error = workspace.package("oi").err().unwrap().to_string();
        assert!(
            error.ends_with("there are frame, io, proto, testing"),
            "{error}"
        );
    }
}
