use std::error::Error;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

/// What the command line asks for.
pub(crate) struct Options {
    /// The program `bowline`.
    pub(crate) server: PathBuf,
    /// Where the server's output goes.
    pub(crate) log: PathBuf,
    pub(crate) minutes: NonZeroU64,
    pub(crate) connections: NonZeroUsize,
    /// Lines of JSON in place of a table.
    pub(crate) json: bool,
}

const USAGE: &str =
    "usage: soak SERVER --log FILE [--minutes N] [--connections N] [--json]; N is at least 1";

impl Options {
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, Box<dyn Error>> {
        let server = arguments.next().ok_or(USAGE)?.into();
        let mut log = None;
        let mut minutes = NonZeroU64::MIN;
        let mut connections = NonZeroUsize::new(2_000).ok_or(USAGE)?;
        let mut json = false;
        while let Some(argument) = arguments.next() {
            if argument == "--json" {
                json = true;
                continue;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (&*argument, arguments.next().ok_or(USAGE)?),
            };
            match name {
                "--log" => log = Some(value.into()),
                "--minutes" => minutes = value.parse().map_err(|_| USAGE)?,
                "--connections" => connections = value.parse().map_err(|_| USAGE)?,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(Self {
            server,
            log: log.ok_or(USAGE)?,
            minutes,
            connections,
            json,
        })
    }
}
