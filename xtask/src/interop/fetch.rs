//! Fetches the peers.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use crate::steps::Step;
use crate::{Result, install, peers};

use super::browser::CHROMIUM;
use super::{Kind, Lab, Language, Peer, tls};

/// Fetches what the chosen peers need, unless it is there, and makes certificates. What fails doesn't stop the rest.
pub(super) fn fetch(step: &mut Step, lab: &Lab, chosen: &[&Peer]) -> Result<String> {
    fs::create_dir_all(&lab.target)?;
    tls::make(lab)?;
    let needs = |language| chosen.iter().any(|peer| peer.kind.needs(language));
    let mut fetched = Vec::new();
    let mut failed = Vec::new();
    let mut note = |what, outcome| match outcome {
        Ok(true) => fetched.push(what),
        Ok(false) => {}
        Err(error) => failed.push(format!("{what}: {error}")),
    };
    if needs(Language::Python) {
        let pins = lab.scripts.join("python/requirements.txt");
        let folder = lab.target.join("python");
        note("python packages", install::python(step, &pins, &folder));
    }
    if needs(Language::Node) {
        let pins = lab.scripts.join("node/package-lock.json");
        let folder = lab.target.join("node");
        note("node packages", install::node(step, &pins, &folder));
    }
    if chosen.iter().any(|peer| peer.kind.needs_browser()) {
        note("chromium", chromium(step, lab));
    }
    for peer in chosen {
        if let Kind::Proxy(proxy) = &peer.kind {
            note(proxy.program, unpack(step, lab, proxy.program));
        }
    }
    if !failed.is_empty() {
        return Err(failed.join("; ").into());
    }
    Ok(match fetched.as_slice() {
        [] => "all were there".to_owned(),
        fetched => format!("fetched {}", fetched.join(", ")),
    })
}

/// Installs Debian's Chromium; false if there is one. It takes more from the system than unpacking would bring along.
fn chromium(step: &mut Step, lab: &Lab) -> Result<bool> {
    if program(lab, CHROMIUM).is_ok() {
        return Ok(false);
    }
    install::debian(step, "chromium")?;
    program(lab, CHROMIUM).map(|_| true)
}

/// Fetches Debian's package of the program `name` with the libraries that it lacks, and unpacks them without
/// installing, so that no service is started and no right to do so is needed. False if the program is there.
fn unpack(step: &mut Step, lab: &Lab, name: &str) -> Result<bool> {
    if program(lab, &[name]).is_ok() {
        return Ok(false);
    }
    install::fill(&debian(lab, name), name.as_bytes(), |folder| {
        let packages = folder.join("packages");
        fs::create_dir_all(packages.join("partial"))?;
        let mut fetch = Command::new("apt-get");
        fetch
            .args(["install", "--download-only", "--yes"])
            .args(["--no-install-recommends", "-o", "Debug::NoLocking=1", "-o"])
            .arg(format!("Dir::Cache::archives={}", packages.display()))
            .arg(name);
        install::apt(step, &mut fetch)
            .map_err(|error| format!("there is none, and fetching Debian's failed: {error}"))?;
        for entry in fs::read_dir(&packages)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                let mut unpack = Command::new("dpkg-deb");
                step.command(unpack.arg("-x").arg(path).arg(folder))?;
            }
        }
        Ok(())
    })?;
    program(lab, &[name]).map(|_| true)
}

/// Where the program `name` is unpacked, with what it needs.
fn debian(lab: &Lab, name: &str) -> PathBuf {
    lab.target.join("debian").join(name)
}

/// The program that goes by one of `names`: the system's, or one that was unpacked whole.
pub(super) fn program(lab: &Lab, names: &[&str]) -> Result<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    let systems = env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .flat_map(|folder| {
            names
                .iter()
                .map(move |name| peers::program(folder.clone(), name))
        })
        .find(|path| path.is_file());
    if let Some(path) = systems {
        return Ok(Command::new(path));
    }
    for name in names {
        let folder = debian(lab, name);
        if !install::filled(&folder) {
            continue;
        }
        let unpacked = folder.join("usr");
        let places = ["sbin", "bin"].map(|place| unpacked.join(place).join(name));
        if let Some(path) = places.iter().find(|path| path.is_file()) {
            let mut command = Command::new(path);
            let libraries = unpacked.join(format!("lib/{}-linux-gnu", env::consts::ARCH));
            command.env("LD_LIBRARY_PATH", libraries);
            return Ok(command);
        }
    }
    Err(format!("{} is not installed", names.join(" or ")).into())
}
