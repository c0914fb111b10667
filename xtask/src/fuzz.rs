//! `cargo xtask fuzz`.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::args::Args;
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;

pub(crate) const HELP: &str = "
Runs the fuzz targets of crates/*/fuzz and crates/proto/fuzz-rivals under AddressSanitizer, one after the other, and
prints how many inputs were run and how the coverage grew. Needs a nightly Rust and `cargo install cargo-fuzz`.

  TARGET         only this target, such as `header`
  --minutes N    how long each target runs; default 1

New inputs are kept in target/fuzz/corpus/. An input that fails is kept in target/fuzz/artifacts/: copy it to the
target's committed corpus, which `cargo test` or, for rivals, `cargo xtask differential` replays, and name a test after
it.
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let minutes = match args.value("--minutes")? {
        None => NonZeroU64::MIN,
        Some(text) => text
            .parse()
            .map_err(|error| format!("--minutes {text}: {error}"))?,
    };
    let name = args.word();
    args.finish()?;

    let workspace = Workspace::here()?;
    let all = targets(&workspace.root)?;
    let chosen: Vec<_> = all
        .iter()
        .filter(|target| name.as_ref().is_none_or(|name| target.name == *name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
        return Err(format!("no such target; there are {}", names.join(", ")).into());
    }
    require_cargo_fuzz()?;
    let mut steps = Steps::new(&workspace.target)?;
    for target in chosen {
        let step = format!("fuzz-{}", target.name);
        steps.run(&step, |step| fuzz(step, &workspace, target, minutes))?;
    }
    steps.finish()
}

struct Target {
    name: String,
    /// The fuzz package.
    dir: PathBuf,
}

/// Every file in `fuzz_targets/` of a fuzz package.
fn targets(root: &Path) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let krate = entry?.path();
        for dir in ["fuzz", "fuzz-rivals"].map(|name| krate.join(name)) {
            if !dir.join("Cargo.toml").exists() {
                continue;
            }
            for entry in fs::read_dir(dir.join("fuzz_targets"))? {
                let path = entry?.path();
                let name = path.file_stem().ok_or("a target without a name")?;
                targets.push(Target {
                    name: name.to_string_lossy().into_owned(),
                    dir: dir.clone(),
                });
            }
        }
    }
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(targets)
}

fn require_cargo_fuzz() -> Result<()> {
    let status = Command::new("cargo")
        .args(["+nightly", "fuzz", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(
        "install what it needs: `rustup toolchain install nightly` and `cargo install cargo-fuzz`"
            .into(),
    )
}

fn fuzz(
    step: &mut Step,
    workspace: &Workspace,
    target: &Target,
    minutes: NonZeroU64,
) -> Result<String> {
    let place = workspace.target.join("fuzz");
    let (found, failed) = (
        place.join("corpus").join(&target.name),
        place.join("artifacts").join(&target.name),
    );
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&failed)?;
    let mut command = Command::new("cargo");
    command
        .args(["+nightly", "fuzz", "run", "--fuzz-dir"])
        .arg(&target.dir)
        .arg("--target-dir")
        .arg(&place)
        .arg(&target.name)
        .arg(found)
        .arg(target.dir.join("corpus").join(&target.name))
        .arg("--")
        .arg(format!(
            "-max_total_time={}",
            minutes.get().saturating_mul(60)
        ))
        .arg(format!("-artifact_prefix={}/", failed.display()))
        .arg("-max_len=2048")
        .current_dir(&target.dir);
    let mut course = Course::default();
    step.watch(&mut command, |line| {
        course.note(line);
        line.contains(" panicked at ") || line.starts_with("==") || line.contains("DONE")
    })?;
    Ok(course.summary())
}

/// What the fuzzer's log says of a run.
#[derive(Debug, Default, PartialEq)]
struct Course {
    executions: u64,
    /// Edges reached by the corpus it began with.
    before: u64,
    after: u64,
}

impl Course {
    /// Reads lines such as `#247 INITED cov: 134 ft: 260 corp: 49/355b exec/s: 0 rss: 41Mb`.
    fn note(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let (Some(count), Some(event)) = (words.next(), words.next()) else {
            return;
        };
        let Some(executions) = count.strip_prefix('#').and_then(|count| count.parse().ok()) else {
            return;
        };
        let Some(edges) = words
            .skip_while(|word| *word != "cov:")
            .nth(1)
            .and_then(|edges| edges.parse().ok())
        else {
            return;
        };
        self.executions = executions;
        self.after = edges;
        if event == "INITED" {
            self.before = edges;
        }
    }

    fn summary(&self) -> String {
        let Course {
            executions,
            before,
            after,
        } = self;
        format!("{executions} executions, coverage {before} → {after}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_says_how_many_ran_and_how_coverage_grew() {
        let mut course = Course::default();
        for line in [
            "INFO: seed corpus: files: 246 min: 2b max: 14b total: 1826b rss: 37Mb",
            "#247\tINITED cov: 134 ft: 260 corp: 49/355b exec/s: 0 rss: 41Mb",
            "#4096\tpulse  cov: 138 ft: 300 corp: 60/400b lim: 14 exec/s: 2048 rss: 50Mb",
            "#4769032\tDONE   cov: 141 ft: 393 corp: 119/934b lim: 2048 exec/s: 75698 rss: 525Mb",
            "Done 4769032 runs in 63 second(s)",
        ] {
            course.note(line);
        }
        assert_eq!(course.summary(), "4769032 executions, coverage 134 → 141");
    }

    #[test]
    fn every_target_has_a_corpus_and_a_name_of_its_own() {
        let workspace = Workspace::here().unwrap();
        let targets = targets(&workspace.root).unwrap();
        assert!(targets.len() >= 13);
        for pair in targets.windows(2) {
            assert_ne!(pair[0].name, pair[1].name);
        }
        for target in targets {
            let corpus = target.dir.join("corpus").join(&target.name);
            assert!(corpus.exists(), "{}", corpus.display());
        }
    }
}
