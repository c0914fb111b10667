use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Lines that are remembered from one time to the next.
#[derive(Debug)]
pub(super) struct History {
    /// `None` without a home.
    file: Option<PathBuf>,
    /// Lines that were there already.
    loaded: usize,
}

impl History {
    /// The history and its lines, the oldest first; none if there is no file that can be read.
    pub(super) fn load() -> (Self, Vec<String>) {
        let file = file();
        let lines = file.as_deref().map(lines).unwrap_or_default();
        let loaded = lines.len();
        (Self { file, loaded }, lines)
    }

    /// Adds the new ones of `lines` to the file, which only its owner may read.
    pub(super) fn save(&self, lines: &[String]) -> io::Result<()> {
        let (Some(file), Some(new @ [_, ..])) = (&self.file, lines.get(self.loaded..)) else {
            return Ok(());
        };
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        // What others have added meanwhile stays.
        let mut kept = self::lines(file);
        kept.extend_from_slice(new);
        let surplus = kept.len().saturating_sub(KEPT);
        let mut text = kept[surplus..].join("\n");
        text.push('\n');

        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file)?.write_all(text.as_bytes())
    }
}

fn lines(file: &Path) -> Vec<String> {
    // The first time there is none, and one that is damaged isn't worth an error.
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// By the XDG base directories.
fn file() -> Option<PathBuf> {
    let absolute = |name| {
        let path = env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("bowline/history"))
}

/// Lines that the file keeps.
const KEPT: usize = 1000;
