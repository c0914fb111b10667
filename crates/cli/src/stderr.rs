//! Notes for people, on standard error.

use std::io::Write as _;

/// Prints a line. If standard error is closed or full, nobody is left who could be told.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
