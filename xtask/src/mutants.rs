//! `cargo xtask mutants`: whether the tests notice when the code is wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::{Workspace, cargo};

pub(crate) const HELP: &str = "
Changes one thing at a time in frame, extension, deflate, handshake and proto, and runs the tests of that crate: a
change that no test notices has survived. Fails when one survives that xtask/mutants.json doesn't list, or when a
listed one no longer does. .cargo/mutants.toml says how the tests are built and run. Needs
`cargo install cargo-mutants --locked` and, for all crates, some hours.

  CRATE          only this crate, such as `proto`
  --shard K/N    only the K-th of N parts, from 0; what is listed may then be missing
  --jobs N       how many builds run side by side; default 1
";

/// The crates whose mistakes a peer could use.
const CRATES: &[&str] = &["frame", "extension", "deflate", "handshake", "proto"];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let shard = args.value("--shard")?;
    let jobs = args.value("--jobs")?.unwrap_or_else(|| "1".to_owned());
    let name = args.word();
    args.finish()?;
    let chosen = match &name {
        None => CRATES,
        Some(name) => {
            let at = CRATES.iter().position(|crate_name| crate_name == name);
            let at = at.ok_or_else(|| format!("not `{name}`, but one of {}", CRATES.join(", ")))?;
            &CRATES[at..=at]
        }
    };

    let workspace = Workspace::here()?;
    let listed = Listed::read(&workspace.root)?;
    require_cargo_mutants()?;
    let mut steps = Steps::new(&workspace.target)?;
    let mut rows = Vec::new();
    for &crate_name in chosen {
        let step = format!("mutants-{crate_name}");
        steps.run(&step, |step| {
            let outcomes = test(step, &workspace, crate_name, shard.as_deref(), &jobs)?;
            let row = Row::new(crate_name, &outcomes);
            let summary = row.to_string();
            rows.push(row);
            let objections = listed.objections(crate_name, &outcomes, shard.is_none());
            for objection in &objections {
                step.say(objection)?;
            }
            if objections.is_empty() {
                Ok(summary)
            } else {
                Err(format!("{} objections; {summary}", objections.len()).into())
            }
        })?;
    }
    let outcome = steps.finish();
    println!("\n{}", Row::HEAD);
    for row in rows {
        println!("{}", row.columns());
    }
    outcome
}

fn require_cargo_mutants() -> Result<()> {
    let status = Command::new("cargo")
        .args(["mutants", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err("install what it needs: `cargo install cargo-mutants --locked`".into())
}

/// Runs cargo-mutants on one crate; gives what came of each mutant.
fn test(
    step: &mut Step,
    workspace: &Workspace,
    crate_name: &str,
    shard: Option<&str>,
    jobs: &str,
) -> Result<Vec<Outcome>> {
    let place = workspace.target.join("mutants").join(crate_name);
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    let mut command = cargo(&workspace.root);
    command
        .args(["mutants", "--no-times", "--colors", "never"])
        .args(["--package", &format!("bowline-{crate_name}")])
        .args(["--jobs", jobs])
        .arg("--output")
        .arg(&place)
        // A mutant that some hundred seeds don't notice would not be worth the time of ten thousand.
        .env("BOWLINE_SEEDS", SEEDS);
    if let Some(shard) = shard {
        command.args(["--shard", shard]);
    }
    // It says nothing of mutants that are caught.
    step.patience(Duration::from_secs(3 * 60 * 60));
    let ended = step.watch(&mut command, |line| {
        line.starts_with("Found ") || line.starts_with("MISSED") || line.starts_with("TIMEOUT")
    });
    // It ends with an error when a mutant survives; whether that is one is ours to say. A run that
    // was not finished has left nothing, or less than it found.
    let report = match fs::read(place.join("mutants.out/outcomes.json")) {
        Ok(report) => report,
        Err(error) => return Err(ended.err().unwrap_or_else(|| error.into())),
    };
    match outcomes(&serde_json::from_slice(&report)?) {
        Ok(outcomes) => Ok(outcomes),
        Err(error) => Err(ended.err().unwrap_or(error)),
    }
}

/// What came of one mutant.
#[derive(Debug, PartialEq)]
struct Outcome {
    file: String,
    /// As cargo-mutants calls it, such as `replace < with <= in spare`.
    mutation: String,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Caught,
    /// It doesn't compile.
    Unviable,
    /// The tests didn't end, which nobody overlooks.
    Timeout,
    Survived,
}

/// Reads `outcomes.json`; an error unless every mutant was tested and the tests pass without one.
fn outcomes(report: &Value) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for outcome in report["outcomes"].as_array().ok_or("no outcomes")? {
        let summary = outcome["summary"].as_str().ok_or("no summary")?;
        let mutant = &outcome["scenario"]["Mutant"];
        if mutant.is_null() {
            if summary != "Success" {
                return Err("the tests fail without any mutant".into());
            }
            continue;
        }
        let name = mutant["name"].as_str().ok_or("a mutant without a name")?;
        let file = mutant["file"].as_str().ok_or("a mutant without a file")?;
        outcomes.push(Outcome {
            file: file.to_owned(),
            mutation: mutation(name).ok_or("a mutant without a place")?.to_owned(),
            end: match summary {
                "CaughtMutant" => End::Caught,
                "Unviable" => End::Unviable,
                "Timeout" => End::Timeout,
                "MissedMutant" => End::Survived,
                other => return Err(format!("{name}: {other}").into()),
            },
        });
    }
    if report["total_mutants"].as_u64() != Some(outcomes.len() as u64) {
        return Err("not every mutant was tested".into());
    }
    Ok(outcomes)
}

/// The part of `FILE:LINE:COLUMN: MUTATION` that doesn't change when lines move.
fn mutation(name: &str) -> Option<&str> {
    name.split_once(": ").map(|(_, mutation)| mutation)
}

/// The survivors that were looked at and accepted: how many of each kind, and why.
struct Listed(BTreeMap<Kind, u64>);

/// File and mutation: what mutants are told apart by while lines move.
type Kind = (String, String);

impl Listed {
    fn read(root: &Path) -> Result<Self> {
        Self::parse(&fs::read(root.join("xtask/mutants.json"))?)
    }

    fn parse(json: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(json)?;
        let mut kinds = BTreeMap::new();
        for entry in value.as_array().ok_or("the list of survivors is no list")? {
            let text = |key: &str| {
                let text = entry[key].as_str().filter(|text| !text.is_empty());
                text.ok_or_else(|| format!("no `{key}` in {entry}"))
            };
            text("reason")?;
            let kind = (text("file")?.to_owned(), text("mutation")?.to_owned());
            let count = entry["count"].as_u64().filter(|count| *count > 0);
            let count = count.ok_or_else(|| format!("no `count` in {entry}"))?;
            if kinds.insert(kind, count).is_some() {
                return Err(format!("listed twice: {entry}").into());
            }
        }
        Ok(Self(kinds))
    }

    /// Where the survivors of a crate and those listed for it differ. Of a part of the mutants only those can be told
    /// that survived beyond the list.
    fn objections(&self, crate_name: &str, outcomes: &[Outcome], whole: bool) -> Vec<String> {
        let mut survived: BTreeMap<Kind, u64> = BTreeMap::new();
        for outcome in outcomes {
            if outcome.end == End::Survived {
                let kind = (outcome.file.clone(), outcome.mutation.clone());
                *survived.entry(kind).or_default() += 1;
            }
        }
        let home = format!("crates/{crate_name}/");
        let mut objections = Vec::new();
        for (kind, &count) in &survived {
            let listed = self.0.get(kind).copied().unwrap_or(0);
            if count > listed {
                let (file, mutation) = kind;
                objections.push(format!(
                    "{file}: {mutation}: {count} survived, {listed} listed"
                ));
            }
        }
        for (kind, &listed) in self
            .0
            .iter()
            .filter(|((file, _), _)| file.starts_with(&home))
        {
            let count = survived.get(kind).copied().unwrap_or(0);
            if whole && count < listed {
                let (file, mutation) = kind;
                objections.push(format!(
                    "{file}: {mutation}: {listed} listed, {count} survived: correct the list"
                ));
            }
        }
        objections
    }
}

/// What came of a crate's mutants.
struct Row {
    name: String,
    caught: usize,
    unviable: usize,
    timeouts: usize,
    survived: usize,
}

impl Row {
    const HEAD: &str = "crate       mutants   caught unviable timeouts survived";

    fn new(name: &str, outcomes: &[Outcome]) -> Self {
        let count = |end| outcomes.iter().filter(|outcome| outcome.end == end).count();
        Self {
            name: name.to_owned(),
            caught: count(End::Caught),
            unviable: count(End::Unviable),
            timeouts: count(End::Timeout),
            survived: count(End::Survived),
        }
    }

    fn mutants(&self) -> usize {
        self.caught + self.unviable + self.timeouts + self.survived
    }

    fn columns(&self) -> String {
        format!(
            "{:<10} {:>8} {:>8} {:>8} {:>8} {:>8}",
            self.name,
            self.mutants(),
            self.caught,
            self.unviable,
            self.timeouts,
            self.survived
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} mutants: {} caught, {} unviable, {} timeouts, {} survived",
            self.mutants(),
            self.caught,
            self.unviable,
            self.timeouts,
            self.survived
        )
    }
}

const SEEDS: &str = "300";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(summary: &str) -> Value {
        let name = "crates/frame/src/builder.rs:125:39: replace < with <= in spare";
        json!({
            "scenario": { "Mutant": { "name": name, "file": "crates/frame/src/builder.rs" } },
            "summary": summary,
        })
    }

    fn report(summaries: &[&str]) -> Value {
        let mut outcomes = vec![json!({ "scenario": "Baseline", "summary": "Success" })];
        outcomes.extend(summaries.iter().map(|summary| outcome(summary)));
        json!({ "outcomes": outcomes, "total_mutants": summaries.len() })
    }

    fn listed(count: u64) -> Listed {
        let list = json!([{
            "file": "crates/frame/src/builder.rs",
            "mutation": "replace < with <= in spare",
            "count": count,
            "reason": "it is the same",
        }]);
        Listed::parse(list.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_report_tells_what_came_of_each_mutant() {
        let report = report(&["CaughtMutant", "Unviable", "Timeout", "MissedMutant"]);
        let row = Row::new("frame", &outcomes(&report).unwrap());
        assert_eq!(
            row.to_string(),
            "4 mutants: 1 caught, 1 unviable, 1 timeouts, 1 survived"
        );
    }

    #[test]
    fn a_run_that_proves_nothing_is_an_error() {
        let mut unfinished = report(&["CaughtMutant"]);
        unfinished["total_mutants"] = json!(2);
        assert!(outcomes(&unfinished).is_err());
        let mut failing = report(&["CaughtMutant"]);
        failing["outcomes"][0]["summary"] = json!("Failure");
        assert!(outcomes(&failing).is_err());
    }

    #[test]
    fn survivors_and_list_must_agree() {
        let caught = outcomes(&report(&["CaughtMutant"])).unwrap();
        let survived = outcomes(&report(&["MissedMutant"])).unwrap();
        let objections = |listed: &Listed, outcomes: &[Outcome], whole| {
            listed.objections("frame", outcomes, whole).len()
        };
        let none = Listed::parse(b"[]").unwrap();
        assert_eq!(objections(&none, &caught, true), 0);
        assert_eq!(objections(&none, &survived, true), 1);
        assert_eq!(objections(&none, &survived, false), 1);
        assert_eq!(objections(&listed(1), &survived, true), 0);
        assert_eq!(objections(&listed(1), &caught, true), 1);
        assert_eq!(objections(&listed(2), &survived, true), 1);
        // The other one may be in another part, and another crate's are not for us to judge.
        assert_eq!(objections(&listed(2), &survived, false), 0);
        assert!(listed(1).objections("proto", &caught, true).is_empty());
    }

    #[test]
    fn every_listed_survivor_has_a_reason_and_a_file() {
        let workspace = Workspace::here().unwrap();
        for (file, mutation) in Listed::read(&workspace.root).unwrap().0.keys() {
            assert!(workspace.root.join(file).exists(), "{file}: {mutation}");
        }
        let nameless = br#"[{"file": "a", "mutation": "b", "count": 1, "reason": ""}]"#;
        assert!(Listed::parse(nameless).is_err());
    }

    #[test]
    fn only_the_crates_below_io_are_mutated() {
        let args = Args::new(["tokio".to_owned()].into_iter());
        assert!(run(args).is_err());
    }
}
