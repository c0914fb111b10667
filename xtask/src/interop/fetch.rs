//! Fetches the peers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::steps::Step;

use super::{Kind, Lab, Language, Peer};

/// Fetches what the chosen peers need, unless it is there.
pub(super) fn fetch(step: &mut Step, lab: &Lab, chosen: &[&Peer]) -> Result<String> {
    let needs = |language| {
        let with = [Kind::Client(language), Kind::ClientAndServer(language)];
        chosen.iter().any(|peer| with.contains(&peer.kind))
    };
    fs::create_dir_all(&lab.target)?;
    let mut fetched = Vec::new();
    if needs(Language::Python) && python(step, lab)? {
        fetched.push("python's");
    }
    if needs(Language::Node) && node(step, lab)? {
        fetched.push("node's");
    }
    Ok(match fetched.as_slice() {
        [] => "all were there".to_owned(),
        fetched => format!("fetched {}", fetched.join(", ")),
    })
}

/// Fetches the python packages; false if these were there.
fn python(step: &mut Step, lab: &Lab) -> Result<bool> {
    let pins = lab.scripts.join("python/requirements.txt");
    install(&pins, &lab.target.join("python"), |folder| {
        // `--target` works without a virtual environment, which some systems package separately.
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--root-user-action=ignore"])
            .arg("--target")
            .arg(folder)
            .arg("--requirement")
            .arg(&pins);
        step.command(&mut pip)
    })
}

/// Fetches the node packages; false if these were there.
fn node(step: &mut Step, lab: &Lab) -> Result<bool> {
    let pins = lab.scripts.join("node/package-lock.json");
    install(&pins, &lab.target.join("node"), |folder| {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(pins.with_file_name(name), folder.join(name))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
            .arg("--prefix")
            .arg(folder);
        step.command(&mut npm)
    })
}

/// Fills `folder` with what `pins` says; false if it was filled by the same pins.
fn install(pins: &Path, folder: &PathBuf, fill: impl FnOnce(&Path) -> Result<()>) -> Result<bool> {
    let wanted = fs::read(pins)?;
    let stamp = folder.join("installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(false);
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    fill(folder)?;
    fs::write(stamp, wanted)?;
    Ok(true)
}
