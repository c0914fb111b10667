//! What happened in a run, for a person to read.

use std::fmt;
use std::time::Duration;

use bowline_frame::Role;

/// Prints what happens, with its simulated time, if it is asked to.
pub(crate) struct Trace {
    pub(crate) shown: bool,
    pub(crate) now: Duration,
}

impl Trace {
    /// Notes what happened to one end.
    pub(crate) fn end(&self, role: Role, what: fmt::Arguments<'_>) {
        if self.shown {
            println!("{:>12.6} s  {role:?}: {what}", self.now.as_secs_f64());
        }
    }

    /// Notes what happened between them.
    pub(crate) fn link(&self, what: fmt::Arguments<'_>) {
        if self.shown {
            println!("{:>12.6} s  {what}", self.now.as_secs_f64());
        }
    }
}
