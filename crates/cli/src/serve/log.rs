use std::fmt;
use std::io::Write as _;

/// Prints a line about what happens. Text of peers in it is escaped by the caller.
pub(crate) fn log(line: fmt::Arguments<'_>) {
    // One write, so that lines of other threads don't come between. If nobody reads the log any more,
    // the server goes on.
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
}
