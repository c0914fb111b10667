use bowline_extension::{Decode, Encode, Extension, ExtensionError, Outgoing, Progress};
use bowline_frame::Rsv;
use bytes::BytesMut;

use super::RunLength;

/// [`RunLength`] whose outbound half panics at a message that holds the word `panic`.
#[derive(Clone, Copy, Debug)]
pub struct Panicking;

impl Panicking {
    /// The extension of one connection, boxed as a connection takes it.
    pub fn boxed(self) -> Box<dyn Extension> {
        Box::new(self)
    }
}

impl Extension for Panicking {
    fn split(self: Box<Self>) -> (Box<dyn Encode>, Box<dyn Decode>) {
        let (encode, decode) = RunLength::new(255).boxed().split();
        (Box::new(Half(encode)), decode)
    }
}

struct Half(Box<dyn Encode>);

impl Encode for Half {
    fn begin(&mut self, message: &Outgoing) -> Option<Rsv> {
        self.0.begin(message)
    }

    fn encode(
        &mut self,
        input: &mut &[u8],
        last: bool,
        out: &mut BytesMut,
        room: usize,
    ) -> Result<Progress, ExtensionError> {
        const WORD: &[u8] = b"panic";
        assert!(
            !input.windows(WORD.len()).any(|word| word == WORD),
            "on purpose"
        );
        self.0.encode(input, last, out, room)
    }

    fn flush(&mut self, out: &mut BytesMut, room: usize) -> Result<Progress, ExtensionError> {
        self.0.flush(out, room)
    }
}
