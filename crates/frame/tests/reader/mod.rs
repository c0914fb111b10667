//! The smallest program that reads a connection with the types of this crate.

use bowline_frame::{
    CloseFrame, Decoder, FrameError, Message, MessageBuilder, MessageKind, OpCode, Piece, Role, Rsv,
};

/// What came in, whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    Message(Message),
    /// A message whose reserved bits say that an extension has to see it first.
    Extended(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseFrame>),
}

/// Reads bytes until a Close frame or a violation.
pub(crate) struct Reader {
    decoder: Decoder,
    message: Option<(Rsv, MessageBuilder)>,
    control: Vec<u8>,
    pub(crate) events: Vec<Event>,
}

impl Reader {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            decoder: Decoder::new(role),
            message: None,
            control: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn decoder(&mut self) -> &mut Decoder {
        &mut self.decoder
    }

    /// Reads a chunk that it may not keep.
    pub(crate) fn read(&mut self, chunk: &[u8]) -> Result<(), FrameError> {
        let mut chunk = chunk.to_vec();
        let mut input = &mut chunk[..];
        // RFC 6455 §1.4: what follows a Close is discarded.
        while !matches!(self.events.last(), Some(Event::Close(_))) {
            let (piece, rest) = self.decoder.decode(input)?;
            let Some(piece) = piece else {
                assert!(rest.is_empty(), "without a piece the input is used up");
                return Ok(());
            };
            input = rest;
            if piece.header.opcode.is_control() {
                self.control(&piece)?;
            } else {
                self.data(&piece)?;
            }
        }
        Ok(())
    }

    fn control(&mut self, piece: &Piece<'_>) -> Result<(), FrameError> {
        assert_eq!(piece.first, self.control.is_empty());
        self.control.extend_from_slice(piece.payload);
        if !piece.last {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.control);
        self.events.push(match piece.header.opcode {
            OpCode::Close => Event::Close(CloseFrame::parse(&payload)?),
            OpCode::Ping => Event::Ping(payload),
            _ => Event::Pong(payload),
        });
        Ok(())
    }

    fn data(&mut self, piece: &Piece<'_>) -> Result<(), FrameError> {
        if let (Some(kind), true) = (piece.header.opcode.message_kind(), piece.first) {
            let rsv = piece.header.rsv;
            let kind = if rsv.is_empty() {
                kind
            } else {
                MessageKind::Binary
            };
            let before = self.message.replace((rsv, MessageBuilder::new(kind)));
            assert!(before.is_none(), "the decoder let two messages interleave");
        }
        let (rsv, mut message) = self.message.take().expect("the decoder begins messages");
        message.extend(piece.payload)?;
        if !(piece.last && piece.header.fin) {
            self.message = Some((rsv, message));
            return Ok(());
        }
        let message = message.finish()?;
        self.events.push(if rsv.is_empty() {
            Event::Message(message)
        } else {
            Event::Extended(message.into_bytes().to_vec())
        });
        Ok(())
    }
}
