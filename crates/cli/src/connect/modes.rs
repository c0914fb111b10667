//! The modes of the terminal: keys come as they are typed, and nothing is echoed.

use std::io;

/// The modes that were set before; dropping it sets them again.
#[derive(Debug)]
pub(super) struct Modes {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl Modes {
    #[cfg(unix)]
    pub(super) fn enter() -> io::Result<Self> {
        use rustix::termios::{
            InputModes, LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr,
        };
        if !crate::screen::moves_cursor() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut modes = before.clone();
        let off = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        modes.local_modes.remove(off);
        let off = InputModes::ICRNL | InputModes::INLCR | InputModes::IXON | InputModes::ISTRIP;
        modes.input_modes.remove(off);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&stdin, OptionalActions::Drain, &modes)?;
        Ok(Self { before })
    }

    #[cfg(not(unix))]
    pub(super) fn enter() -> io::Result<Self> {
        // The console edits lines by itself.
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(unix)]
impl Drop for Modes {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // A terminal that is gone needs no modes.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}
