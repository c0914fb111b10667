//! `cargo xtask deny`: what of `.deny.toml` can be told from the lock file, without cargo-deny.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use toml::Table;

use crate::Result;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::{Workspace, array, cargo, text};

pub(crate) const HELP: &str = "
Checks every crate of others in Cargo.lock, whatever the platform, by .deny.toml:

  licences     each may be had under licences that are allowed, and each allowed one is named by somebody
  bans         what is banned is used by its wrappers only, no outside crate is asked for in any version,
               and no crate is there twice unless it is listed
  sources      all come from crates.io

Advisories need a database that changes without us: cargo-audit, or cargo-deny with the same file.
";

/// Where crates may come from, as cargo writes it.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    let workspace = Workspace::here()?;
    let mut steps = Steps::new(&workspace.target)?;
    steps.run("deny", |step| check(step, &workspace))?;
    steps.finish()
}

pub(crate) fn check(step: &mut Step, workspace: &Workspace) -> Result<String> {
    let rules = Rules::read(&fs::read_to_string(workspace.root.join(".deny.toml"))?)?;
    let output = cargo(&workspace.root)
        .args(["metadata", "--locked", "--all-features"])
        .args(["--format-version", "1"])
        .output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo metadata` failed: {error}").into());
    }
    let crates = crates(&serde_json::from_slice(&output.stdout)?)?;
    let findings = rules.findings(&crates)?;
    for finding in &findings {
        step.say(finding)?;
    }
    match findings.len() {
        0 => Ok(format!("{} crates", crates.len())),
        count => Err(format!("{count} findings").into()),
    }
}

/// What `.deny.toml` says.
#[derive(Debug, Default, PartialEq)]
struct Rules {
    /// Licences.
    allowed: BTreeSet<String>,
    /// Crates that only others may use, and who these are.
    banned: BTreeMap<String, Vec<String>>,
    /// Crates, as `name@version`, that may be there beside another version.
    twice: BTreeSet<String>,
}

/// A crate in the lock file.
#[derive(Debug, PartialEq)]
struct Crate {
    name: String,
    version: String,
    /// The expression in its manifest.
    licence: Option<String>,
    /// Where it comes from; `None` for those of the workspace.
    source: Option<String>,
    /// Those it uses, for its tests too, by their names.
    uses: BTreeSet<String>,
    /// Those of them that it takes from a registry in any version.
    any: Vec<String>,
}

fn crates(metadata: &Value) -> Result<Vec<Crate>> {
    let packages = array(metadata, "packages")?;
    let mut names = BTreeMap::new();
    for package in packages {
        names.insert(text(package, "id")?, text(package, "name")?);
    }
    let mut uses = BTreeMap::new();
    for node in array(&metadata["resolve"], "nodes")? {
        let used = array(node, "deps")?
            .iter()
            .map(|edge| {
                let name = names.get(text(edge, "pkg")?);
                name.map(|name| (*name).to_owned())
                    .ok_or_else(|| "an edge to nowhere in the metadata".into())
            })
            .collect::<Result<BTreeSet<_>>>()?;
        uses.insert(text(node, "id")?, used);
    }
    packages
        .iter()
        .map(|package| {
            let any = array(package, "dependencies")?
                .iter()
                .filter(|dependency| dependency["req"] == "*" && dependency["path"].is_null())
                .map(|dependency| text(dependency, "name").map(str::to_owned))
                .collect::<Result<_>>()?;
            Ok(Crate {
                name: text(package, "name")?.to_owned(),
                version: text(package, "version")?.to_owned(),
                licence: package["license"].as_str().map(str::to_owned),
                source: package["source"].as_str().map(str::to_owned),
                uses: uses.remove(text(package, "id")?).unwrap_or_default(),
                any,
            })
        })
        .collect()
}

impl Rules {
    /// Reads what cargo-deny's file says about what is checked here. All else in it is passed over, but a value that is
    /// written in another way than in our file is an error.
    fn read(file: &str) -> Result<Self> {
        let file: Table = file
            .parse()
            .map_err(|error| format!(".deny.toml: {error}"))?;
        let mut rules = Rules::default();
        for licence in list(&file, "licenses", "allow")? {
            let licence = licence.as_str();
            let licence = licence.ok_or(".deny.toml: a licence is no string")?;
            rules.allowed.insert(licence.to_owned());
        }
        for entry in list(&file, "bans", "deny")? {
            let wrappers = match entry.get("wrappers") {
                Some(wrappers) => wrappers.clone().try_into(),
                None => Ok(Vec::new()),
            };
            let wrappers = wrappers.map_err(|error| format!(".deny.toml: `wrappers`: {error}"))?;
            rules.banned.insert(named(entry)?, wrappers);
        }
        for entry in list(&file, "bans", "skip")? {
            rules.twice.insert(named(entry)?);
        }
        for (section, key) in [
            ("bans", "multiple-versions"),
            ("bans", "wildcards"),
            ("sources", "unknown-registry"),
            ("sources", "unknown-git"),
        ] {
            let value = file.get(section).and_then(|section| section.get(key));
            if value.and_then(toml::Value::as_str) != Some("deny") {
                return Err(format!(".deny.toml: `{section}.{key}` is not \"deny\"").into());
            }
        }
        Ok(rules)
    }

    fn findings(&self, crates: &[Crate]) -> Result<Vec<String>> {
        let mut findings = Vec::new();
        let mut needed = BTreeSet::new();
        let mut versions: BTreeMap<&str, Vec<&Crate>> = BTreeMap::new();
        for it in crates {
            let place = format!("{} {}", it.name, it.version);
            versions.entry(&it.name).or_default().push(it);
            match &it.licence {
                None => findings.push(format!("{place}: names no licence")),
                Some(licence) => {
                    let parsed = Licence::parse(licence)
                        .ok_or_else(|| format!("{place}: what is the licence {licence:?}?"))?;
                    if parsed.is_granted(&self.allowed) {
                        needed.extend(parsed.names());
                    } else {
                        findings.push(format!("{place}: may not be had under {licence}"));
                    }
                }
            }
            if let Some(source) = it.source.as_ref().filter(|source| *source != CRATES_IO) {
                findings.push(format!("{place}: comes from {source}"));
            }
            for (banned, wrappers) in &self.banned {
                if it.uses.contains(banned) && !wrappers.contains(&it.name) {
                    findings.push(format!("{place}: uses {banned}, which is banned"));
                }
            }
            if it.source.is_none() {
                for name in &it.any {
                    findings.push(format!("{place}: takes any version of {name}"));
                }
            }
        }
        let mut listed = self.twice.clone();
        for same in versions.values().filter(|same| same.len() > 1) {
            let mut unlisted = Vec::new();
            for it in same {
                let name = format!("{}@{}", it.name, it.version);
                if !listed.remove(&name) {
                    unlisted.push(name);
                }
            }
            // The others are the exceptions to this one.
            if unlisted.len() > 1 {
                findings.push(format!("{}: one would do", unlisted.join(" and ")));
            }
        }
        for name in listed {
            findings.push(format!("{name}: is listed and not there twice"));
        }
        for name in self.allowed.difference(&needed) {
            findings.push(format!("{name}: is allowed and nobody asks for it"));
        }
        Ok(findings)
    }
}

fn list<'a>(file: &'a Table, section: &str, key: &str) -> Result<&'a [toml::Value]> {
    let value = file.get(section).and_then(|section| section.get(key));
    value
        .and_then(toml::Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| format!(".deny.toml: `{section}.{key}` is no list").into())
}

/// The crate that an entry is about.
fn named(entry: &toml::Value) -> Result<String> {
    let name = entry.get("crate").and_then(toml::Value::as_str);
    name.map(str::to_owned)
        .ok_or_else(|| format!(".deny.toml: which crate is {entry:?}?").into())
}

/// A licence expression of SPDX. Cargo allowed `/` for `OR` once.
#[derive(Debug, PartialEq)]
enum Licence {
    /// A name, with its exception if there is one.
    One(String),
    All(Vec<Licence>),
    Any(Vec<Licence>),
}

impl Licence {
    fn parse(text: &str) -> Option<Self> {
        let spaced = text
            .replace('/', " OR ")
            .replace('(', " ( ")
            .replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let licence = Self::any(&mut words)?;
        words.next().is_none().then_some(licence)
    }

    fn any<'a>(words: &mut Words<'a, impl Iterator<Item = &'a str>>) -> Option<Self> {
        let mut parts = vec![Self::all(words)?];
        while words.next_if_eq(&"OR").is_some() {
            parts.push(Self::all(words)?);
        }
        Some(Self::Any(parts))
    }

    /// `AND` binds closer than `OR`.
    fn all<'a>(words: &mut Words<'a, impl Iterator<Item = &'a str>>) -> Option<Self> {
        let mut parts = vec![Self::one(words)?];
        while words.next_if_eq(&"AND").is_some() {
            parts.push(Self::one(words)?);
        }
        Some(Self::All(parts))
    }

    fn one<'a>(words: &mut Words<'a, impl Iterator<Item = &'a str>>) -> Option<Self> {
        match words.next()? {
            "(" => {
                let inside = Self::any(words)?;
                words.next_if_eq(&")").map(|_| inside)
            }
            "AND" | "OR" | "WITH" | ")" => None,
            name => Some(Self::One(match words.next_if_eq(&"WITH") {
                Some(_) => format!("{name} WITH {}", words.next()?),
                None => name.to_owned(),
            })),
        }
    }

    fn is_granted(&self, allowed: &BTreeSet<String>) -> bool {
        match self {
            Self::One(name) => allowed.contains(name),
            Self::All(parts) => parts.iter().all(|part| part.is_granted(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.is_granted(allowed)),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::names).collect(),
        }
    }
}

type Words<'a, I> = std::iter::Peekable<I>;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::read(
            r#"
            [licenses]
            allow = [
                # A comment.
                "ISC",
                "MIT",
            ]
            [bans]
            multiple-versions = "deny"
            wildcards = "deny"
            deny = [
                { crate = "old", wrappers = ["bowline-old", "other"], reason = "because" },
                { crate = "bad" },
            ]
            skip = [{ crate = "twice@1.0.0", reason = "because" }]
            [sources]
            unknown-registry = "deny"
            unknown-git = "deny"
            "#,
        )
        .unwrap()
    }

    fn one(name: &str, version: &str) -> Crate {
        Crate {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: Some("MIT OR ISC".to_owned()),
            source: Some(CRATES_IO.to_owned()),
            uses: BTreeSet::new(),
            any: Vec::new(),
        }
    }

    fn findings(crates: impl IntoIterator<Item = Crate>) -> Vec<String> {
        let twice = [one("twice", "1.0.0"), one("twice", "2.0.0")];
        let crates: Vec<_> = crates.into_iter().chain(twice).collect();
        rules().findings(&crates).unwrap()
    }

    #[test]
    fn the_file_is_read() {
        let rules = rules();
        assert_eq!(rules.allowed, ["ISC", "MIT"].map(str::to_owned).into());
        assert_eq!(rules.banned["old"], ["bowline-old", "other"]);
        assert_eq!(rules.banned["bad"], [""; 0]);
        assert_eq!(rules.twice, ["twice@1.0.0".to_owned()].into());
        let error = Rules::read("[licenses]\nallow = 1\n").unwrap_err();
        assert_eq!(error.to_string(), ".deny.toml: `licenses.allow` is no list");
        // cargo-deny's short form.
        let short = "[licenses]\nallow = []\n[bans]\ndeny = []\nskip = [\"a@1.0.0\"]\n";
        let error = Rules::read(short).unwrap_err();
        assert_eq!(
            error.to_string(),
            ".deny.toml: which crate is String(\"a@1.0.0\")?"
        );
    }

    #[test]
    fn a_good_tree_is_accepted() {
        let old = one("old", "1.0.0");
        let mut wrapper = one("bowline-old", "1.0.0");
        wrapper.uses.insert("old".to_owned());
        wrapper.source = None;
        assert_eq!(findings([old, wrapper]), [""; 0]);
    }

    #[test]
    fn each_rule_is_kept() {
        let mut unlicensed = one("a", "1.0.0");
        unlicensed.licence = None;
        let mut viral = one("b", "1.0.0");
        viral.licence = Some("MIT AND GPL-3.0-only".to_owned());
        let mut strange = one("c", "1.0.0");
        strange.source = Some("git+https://example.com/c".to_owned());
        let mut user = one("d", "1.0.0");
        user.uses = ["bad", "old"].map(str::to_owned).into();
        let mut any = one("e", "1.0.0");
        any.any.push("f".to_owned());
        any.source = None;
        let more = [one("g", "1.0.0"), one("g", "2.0.0"), one("twice", "3.0.0")];
        let all = [unlicensed, viral, strange, user, any];
        assert_eq!(
            findings(all.into_iter().chain(more)),
            [
                "a 1.0.0: names no licence",
                "b 1.0.0: may not be had under MIT AND GPL-3.0-only",
                "c 1.0.0: comes from git+https://example.com/c",
                "d 1.0.0: uses bad, which is banned",
                "d 1.0.0: uses old, which is banned",
                "e 1.0.0: takes any version of f",
                "g@1.0.0 and g@2.0.0: one would do",
                "twice@3.0.0 and twice@2.0.0: one would do",
            ]
        );
    }

    #[test]
    fn what_nobody_needs_is_not_listed() {
        let mut only = one("a", "1.0.0");
        only.licence = Some("MIT".to_owned());
        assert_eq!(
            rules().findings(&[only]).unwrap(),
            [
                "twice@1.0.0: is listed and not there twice",
                "ISC: is allowed and nobody asks for it",
            ]
        );
    }

    #[test]
    fn licences_are_granted_as_their_expression_says() {
        let allowed = ["MIT", "ISC", "Apache-2.0"].map(str::to_owned).into();
        for (text, granted) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT/GPL-3.0-only", true),
            ("GPL-3.0-only OR MIT AND ISC", true),
            ("MIT OR GPL-3.0-only AND ISC", true),
            ("(MIT OR GPL-3.0-only) AND Unicode-3.0", false),
            ("(MIT OR GPL-3.0-only) AND ISC", true),
            ("Apache-2.0 WITH LLVM-exception", false),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ] {
            let licence = Licence::parse(text).unwrap();
            assert_eq!(licence.is_granted(&allowed), granted, "{text}");
        }
        for bad in [
            "", "MIT OR", "(MIT", "MIT)", "MIT ISC", "AND MIT", "MIT WITH",
        ] {
            assert_eq!(Licence::parse(bad), None, "{bad}");
        }
    }
}
