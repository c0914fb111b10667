use bowline_extension::{Decode, Encode, ExtensionError, Outgoing, Progress};
use bowline_frame::{MessageKind, Rsv};
use bytes::BytesMut;

/// Stands where an extension was that nothing more goes through: the extension lets go of what it holds at once, and not
/// with the connection. Takes no memory itself.
pub(crate) struct Spent;

impl Decode for Spent {
    fn claims(&self) -> Rsv {
        Rsv::NONE
    }

    fn begin(&mut self, _: MessageKind, _: Rsv) -> Result<bool, ExtensionError> {
        Ok(false)
    }

    fn decode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut BytesMut,
        _: usize,
    ) -> Result<Progress, ExtensionError> {
        Err(ExtensionError::internal("the connection is over"))
    }
}

impl Encode for Spent {
    fn begin(&mut self, _: &Outgoing) -> Option<Rsv> {
        None
    }

    fn encode(
        &mut self,
        _: &mut &[u8],
        _: bool,
        _: &mut BytesMut,
        _: usize,
    ) -> Result<Progress, ExtensionError> {
        Err(ExtensionError::internal("the connection is over"))
    }
}
