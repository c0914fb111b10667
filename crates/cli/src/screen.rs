//! The terminal that people look at.

#[cfg(unix)]
use std::io;

/// The width of the terminal.
pub(crate) fn columns() -> usize {
    #[cfg(unix)]
    for size in [
        rustix::termios::tcgetwinsize(io::stdout()),
        // The output may be in a pipe, and the terminal show the notes.
        rustix::termios::tcgetwinsize(io::stderr()),
    ] {
        if let Ok(size) = size
            && size.ws_col > 1
        {
            return size.ws_col.into();
        }
    }
    80
}

/// False for a terminal that can't move its cursor, and so can't show a line that changes.
pub(crate) fn moves_cursor() -> bool {
    // Consoles elsewhere take escapes only if they are asked to.
    cfg!(unix) && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}
