//! Brings what others wrote, once.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::steps::Step;

/// Installs the python packages that the file `pins` lists in `folder`; false if they were there.
pub(crate) fn python(step: &mut Step, pins: &Path, folder: &Path) -> Result<bool> {
    fill(folder, &fs::read(pins)?, |folder| {
        // `--target` works without a virtual environment, which some systems package separately.
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--root-user-action=ignore"])
            .arg("--target")
            .arg(folder)
            .arg("--requirement")
            .arg(pins);
        step.command(&mut pip)
    })
}

/// Installs the node packages that the file `pins`, a `package-lock.json`, lists in `folder`; false if they were there.
pub(crate) fn node(step: &mut Step, pins: &Path, folder: &Path) -> Result<bool> {
    fill(folder, &fs::read(pins)?, |folder| {
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

/// Installs Debian's package of the program `name`, which isn't there.
pub(crate) fn debian(step: &mut Step, name: &str) -> Result<()> {
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(["-o", "DPkg::Lock::Timeout=120", name])
        .env("DEBIAN_FRONTEND", "noninteractive");
    let installed = apt(step, &mut install);
    Ok(installed
        .map_err(|error| format!("there is none, and installing Debian's failed: {error}"))?)
}

/// Runs `apt-get`, and again with new lists of packages: there may be none yet, or old ones.
pub(crate) fn apt(step: &mut Step, command: &mut Command) -> Result<()> {
    if step.command(command).is_ok() {
        return Ok(());
    }
    step.command(Command::new("apt-get").arg("update"))?;
    step.command(command)
}

/// Empties `folder` and has `work` fill it with what is `wanted`; false if it holds just that. What a failure leaves
/// behind doesn't count.
pub(crate) fn fill(
    folder: &Path,
    wanted: &[u8],
    work: impl FnOnce(&Path) -> Result<()>,
) -> Result<bool> {
    let stamp = folder.join(STAMP);
    if fs::read(&stamp).is_ok_and(|filled| filled == wanted) {
        return Ok(false);
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    work(folder)?;
    fs::write(stamp, wanted)?;
    Ok(true)
}

/// Whether [`fill`] once filled `folder`, with whatever.
pub(crate) fn filled(folder: &Path) -> bool {
    folder.join(STAMP).is_file()
}

/// The file that says with what a folder was filled, written last.
const STAMP: &str = "installed";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("bowline-install-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_folder_is_filled_again_once_something_else_is_wanted() {
        let folder = scratch("else");
        let put = |name| move |folder: &Path| Ok(fs::write(folder.join(name), "")?);
        assert!(fill(&folder, b"1", put("one")).unwrap());
        assert!(!fill(&folder, b"1", put("never")).unwrap());
        assert!(!folder.join("never").exists());
        assert!(fill(&folder, b"2", put("two")).unwrap());
        assert!(folder.join("two").exists() && !folder.join("one").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_a_failure_leaves_behind_does_not_count() {
        let folder = scratch("failure");
        let half = |folder: &Path| {
            fs::write(folder.join("half"), "")?;
            Err("the other half is missing".into())
        };
        fill(&folder, b"1", half).unwrap_err();
        assert!(!filled(&folder));
        assert!(fill(&folder, b"1", |_| Ok(())).unwrap());
        assert!(filled(&folder) && !folder.join("half").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
