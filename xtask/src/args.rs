//! The options of a task: `--flag`, `--name value` and `--name=value`.

use crate::Result;

/// What stands behind the task's name on the command line.
///
/// A task takes the options it knows, then calls [`finish`](Args::finish), which refuses the rest.
pub(crate) struct Args(Vec<String>);

impl Args {
    pub(crate) fn new(args: impl Iterator<Item = String>) -> Self {
        Args(args.collect())
    }

    /// Takes `--name` and says whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|arg| arg != name);
        self.0.len() < before
    }

    /// Takes `--name VALUE` or `--name=VALUE`.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        for at in 0..self.0.len() {
            let Some(rest) = self.0[at].strip_prefix(name) else {
                continue;
            };
            if let Some(value) = rest.strip_prefix('=') {
                let value = value.to_owned();
                self.0.remove(at);
                return Ok(Some(value));
            }
            if rest.is_empty() {
                if at + 1 == self.0.len() {
                    return Err(format!("{name} needs a value").into());
                }
                self.0.remove(at);
                return Ok(Some(self.0.remove(at)));
            }
        }
        Ok(None)
    }

    /// Takes the first, unless it is an option.
    pub(crate) fn first(&mut self) -> Option<String> {
        match self.0.first() {
            Some(arg) if !arg.starts_with('-') => Some(self.0.remove(0)),
            _ => None,
        }
    }

    /// Takes the first that is no option: call it when the options are taken.
    pub(crate) fn word(&mut self) -> Option<String> {
        let at = self.0.iter().position(|arg| !arg.starts_with('-'))?;
        Some(self.0.remove(at))
    }

    pub(crate) fn finish(self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some(arg) => Err(format!("unknown argument `{arg}`; see --help").into()),
        }
    }

    pub(crate) fn asks_for_help(&self) -> bool {
        self.0.iter().any(|arg| arg == "--help" || arg == "-h")
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_value_stands_behind_a_space_or_an_equals_sign() {
        for line in ["--crate frame --full", "--full --crate=frame"] {
            let mut args = args(line);
            assert_eq!(
                args.value("--crate").unwrap().as_deref(),
                Some("frame"),
                "{line}"
            );
            assert!(args.flag("--full"), "{line}");
            args.finish().unwrap();
        }
    }

    #[test]
    fn an_absent_option_is_none_and_an_unknown_one_an_error() {
        let mut args = args("--crates frame");
        assert_eq!(args.value("--crate").unwrap(), None);
        assert!(!args.flag("--full"));
        assert!(args.finish().is_err());
    }

    #[test]
    fn a_word_is_what_is_left_beside_the_options() {
        let mut args = args("--minutes 2 header");
        assert_eq!(args.value("--minutes").unwrap().as_deref(), Some("2"));
        assert_eq!(args.word().as_deref(), Some("header"));
        assert_eq!(args.word(), None);
        args.finish().unwrap();
    }

    #[test]
    fn the_first_is_taken_unless_it_is_an_option() {
        let mut args = args("sockets --rounds 3");
        assert_eq!(args.first().as_deref(), Some("sockets"));
        assert_eq!(args.first(), None);
    }

    #[test]
    fn a_missing_value_is_an_error() {
        assert!(args("--crate").value("--crate").is_err());
    }
}
