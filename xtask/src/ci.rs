//! `cargo xtask ci`: every check that a change must pass.

use std::cell::Cell;
use std::fs;
use std::process::Command;

use crate::args::Args;
use crate::carrier::Carrier;
use crate::conformance::{self, Cases, Extent, Role};
use crate::steps::{Step, Steps};
use crate::tidy;
use crate::workspace::{Package, Scope, Workspace, cargo};
use crate::{Result, bench, deny, differential, docs, interop, loom, peers, soak, weight};

pub(crate) const HELP: &str = "
Runs, in this order:

  lock          Cargo.lock fits the manifests
  fmt           cargo fmt --check
  clippy        all targets, all features, warnings denied; its `incompatible_msrv` stands in for
                a build with the oldest supported Rust
  test          cargo test --workspace, with 10,000 seeds of the simulation
  loom          cargo xtask loom
  differential  cargo xtask differential
  docs          all features, warnings denied
  features      each published crate with no feature, with each one alone, and with all of them
  weight        how many crates of others each of ours needs; frame at most 2, tokio at most 22
  deny          cargo xtask deny
  budgets       cargo xtask bench micro --gate, on Linux
  no_std        a program without std that uses bowline-frame links and runs
  tidy          cargo xtask tidy
  programs      release builds of the program and of the examples of all carriers, for the rest
  peers         fetches what others wrote and the next ones talk with
  interop-PEER  cargo xtask interop --peer PEER, for each; its windows and takeover are steps called
                combinations-PEER
  conformance   cargo xtask conformance --groups 1-7,10,12,13 --quick, and as conformance-CARRIER
                --groups 1-7,10 for each of the other carriers
  soak          cargo xtask soak --minutes 1 --connections 200, on Linux

  --crate NAME   the same for one crate: steps that it has no part in are left out
";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let name = args.value("--crate")?;
    args.finish()?;

    let workspace = Workspace::here()?;
    let scope = Scope::new(&workspace, name.as_deref())?;
    let root = workspace.root.as_path();
    let tested = Cell::new(Tested::default());

    let mut steps = Steps::new(&workspace.target)?;
    steps.run("lock", |step| {
        step.command(cargo(root).args(["metadata", "--locked", "--format-version", "1"]))?;
        Ok(String::new())
    })?;
    steps.run("fmt", |step| {
        let mut command = cargo(root);
        command.arg("fmt");
        match &name {
            None => command.arg("--all"),
            Some(name) => command.args(["--package", &workspace.package(name)?.name]),
        };
        step.command(command.arg("--check"))?;
        Ok(String::new())
    })?;
    steps.run("clippy", |step| {
        let mut command = cargo(root);
        command.args(["clippy", "--all-targets", "--all-features"]);
        scope.select(&mut command);
        step.command(command.args(["--", "-D", "warnings"]))?;
        Ok(String::new())
    })?;
    steps.run("test", |step| {
        let mut command = cargo(root);
        command.arg("test");
        scope.select(&mut command);
        let outcome = test(step, &mut command, &tested);
        outcome.map(|()| tested.get().to_string())
    })?;
    if scope.holds("io") || scope.holds("threads") {
        steps.run("loom", |step| loom::check(step, &workspace, ""))?;
    }
    if scope.holds("proto") {
        steps.run("differential", |step| differential::check(step, &workspace))?;
    }
    steps.run("docs", |step| {
        docs::build(step, &scope)?;
        Ok(String::new())
    })?;
    steps.run("features", |step| features(step, &scope))?;
    steps.run("weight", |step| weight::check(step, &scope))?;
    steps.run("deny", |step| deny::check(step, &workspace))?;
    if cfg!(target_os = "linux")
        && ["frame", "proto", "io"]
            .iter()
            .any(|name| scope.holds(name))
    {
        steps.run("budgets", |step| {
            bench::micro::gate(step, &workspace, false)
        })?;
    }
    if scope.holds("frame") {
        steps.run("no_std", |step| no_std(step, &workspace))?;
    }
    steps.run("tidy", |step| tidy::check(step, &workspace))?;
    let carriers: Vec<_> = Carrier::OTHERS
        .into_iter()
        .filter(|carrier| scope.holds(carrier.name()))
        .collect();
    let on_tokio = scope.holds("cli") || scope.holds("tokio");
    if on_tokio || !carriers.is_empty() {
        steps.run("programs", |step| {
            peers::build(step, &workspace)?;
            Ok(String::new())
        })?;
    }
    if scope.holds("cli") {
        let peers = interop::chosen(None)?;
        interop::check(&mut steps, &workspace, &peers, interop::MESSAGES)?;
    }
    let tokio = on_tokio.then_some((Carrier::TOKIO, CASES));
    let others = carriers.into_iter().map(|carrier| (carrier, SMOKE));
    for (carrier, groups) in tokio.into_iter().chain(others) {
        let cases = Cases::new(Some(groups), Extent::Quick)?;
        for role in [Role::Server, Role::Client] {
            steps.run(&conformance::step_name(carrier, role), |step| {
                conformance::check(step, &workspace, carrier, role, &cases)
            })?;
        }
    }
    if cfg!(target_os = "linux") && on_tokio {
        steps.run("soak", |step| soak::check(step, &workspace))?;
    }
    let outcome = steps.finish();
    println!("{}", tested.get());
    outcome
}

/// What the closing lines of all test programs add up to.
#[derive(Clone, Copy, Default)]
struct Tested {
    passed: u64,
    failed: u64,
}

impl std::fmt::Display for Tested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn test(step: &mut Step, command: &mut Command, tested: &Cell<Tested>) -> Result<()> {
    let outcome = step.watch(command, |line| {
        let mut sum = tested.get();
        if let Some((passed, failed)) = closing_line(line) {
            sum.passed += passed;
            sum.failed += failed;
            tested.set(sum);
        }
        let boring = line.is_empty() || (line.starts_with("test ") && line.ends_with(" ... ok"));
        !boring
    });
    outcome?;
    if tested.get().passed == 0 {
        return Err("no test ran".into());
    }
    Ok(())
}

/// The counts in `test result: ok. 3 passed; 0 failed; …`.
fn closing_line(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let passed = counts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = counts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

fn features(step: &mut Step, scope: &Scope<'_>) -> Result<String> {
    let mut count = 0;
    for package in scope.packages().filter(|package| package.published) {
        for choice in feature_choices(package) {
            let mut command = cargo(&scope.workspace.root);
            command
                .args(["clippy", "--no-deps", "--package", &package.name])
                .args(choice);
            step.command(command.args(["--", "-D", "warnings"]))?;
            count += 1;
        }
    }
    Ok(format!("{count} combinations"))
}

/// The options for: no feature, each alone, all.
fn feature_choices(package: &Package) -> Vec<Vec<&str>> {
    let mut choices = vec![vec!["--no-default-features"]];
    for feature in package
        .features
        .iter()
        .filter(|feature| *feature != "default")
    {
        choices.push(vec!["--no-default-features", "--features", feature]);
    }
    if !package.features.is_empty() {
        choices.push(vec!["--all-features"]);
    }
    choices
}

/// Builds and runs a program that has no std to fall back on: were std linked through any dependency
/// of bowline-frame, its panic handler would be defined twice.
fn no_std(step: &mut Step, workspace: &Workspace) -> Result<String> {
    let proof = workspace.root.join("xtask/fixtures/no_std");
    // The proof is a workspace of its own, so that features chosen elsewhere don't reach it; it is
    // to use the same versions.
    fs::copy(workspace.root.join("Cargo.lock"), proof.join("Cargo.lock"))?;
    let target = workspace.target.join("no_std");
    let build = || {
        let mut command = cargo(&proof);
        command.arg("build").arg("--target-dir").arg(&target);
        command
    };
    if step.command(build().args(["--features", "std"])).is_ok() {
        return Err("the proof builds with std too, so it proves nothing".into());
    }
    step.command(&mut build())?;
    step.command(&mut Command::new(peers::program(
        target.join("debug"),
        "no_std",
    )))?;
    Ok(String::new())
}

/// Groups of Autobahn's cases for the carrier that most people take.
const CASES: &str = "1-7,10,12,13";

/// Those for the others, which differ from it in how they move bytes and wait.
const SMOKE: &str = "1-7,10";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_from_the_closing_line() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out";
        assert_eq!(closing_line(line), Some((3, 1)));
        assert_eq!(closing_line("test result_is_ok ... ok"), None);
    }

    #[test]
    fn a_crate_is_checked_with_no_feature_each_alone_and_all() {
        let package = Package {
            name: "bowline-x".to_owned(),
            published: true,
            features: ["a", "b", "default"].map(str::to_owned).to_vec(),
            dependencies: Vec::new(),
        };
        let choices: Vec<_> = feature_choices(&package)
            .iter()
            .map(|args| args.join(" "))
            .collect();
        assert_eq!(
            choices,
            [
                "--no-default-features",
                "--no-default-features --features a",
                "--no-default-features --features b",
                "--all-features",
            ]
        );
    }
}
