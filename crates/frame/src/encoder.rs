use alloc::boxed::Box;

use bytes::Bytes;

use crate::{CloseFrame, FrameHeader, MaskKeys, MessageKind, OpCode, Role, Rsv, Transmit};

/// Writes frames into a [`Transmit`]; masks them if we are the client.
///
/// It keeps no order: that fragments follow each other and nothing follows a Close is the caller's to
/// keep.
///
/// Implements RFC 6455 §5.1–5.3.
///
/// # Examples
///
/// ```
/// use bowline_frame::{Encoder, MessageKind, Rsv, Transmit};
/// use bytes::{Buf, Bytes};
///
/// let mut transmit = Transmit::new();
/// let mut encoder = Encoder::server();
/// encoder.message(MessageKind::Text, Rsv::NONE, Bytes::from_static(b"Hello"), &mut transmit);
/// assert_eq!(transmit.chunk(), b"\x81\x05Hello");
/// ```
#[derive(Debug)]
pub struct Encoder {
    /// In a box: most servers have many connections, and no keys.
    keys: Option<Box<MaskKeys>>,
}

impl Encoder {
    /// An encoder for a server: nothing is masked.
    pub const fn server() -> Self {
        Self { keys: None }
    }

    /// An encoder for a client: every frame is masked with a key of its own.
    pub fn client(keys: MaskKeys) -> Self {
        Self {
            keys: Some(Box::new(keys)),
        }
    }

    /// Which end writes the frames.
    pub const fn role(&self) -> Role {
        match self.keys {
            Some(_) => Role::Client,
            None => Role::Server,
        }
    }

    /// Writes a message as one frame.
    ///
    /// A payload of [`Transmit::COPY_BELOW`] bytes or more is not copied, unless it has to be masked and
    /// somebody else holds it too.
    #[inline]
    pub fn message(&mut self, kind: MessageKind, rsv: Rsv, payload: Bytes, out: &mut Transmit) {
        self.fragment(kind.into(), rsv, true, payload, out);
    }

    /// Writes a data frame: the first of a message has its kind as opcode, the others are continuations,
    /// the last has `fin`.
    #[inline]
    pub fn fragment(
        &mut self,
        opcode: OpCode,
        rsv: Rsv,
        fin: bool,
        payload: Bytes,
        out: &mut Transmit,
    ) {
        if payload.len() < Transmit::COPY_BELOW {
            return self.small(opcode, rsv, fin, &payload, out);
        }
        let header = self.header(opcode, rsv, fin, payload.len() as u64);
        out.put(&header.encode());
        out.put_large(payload, header.mask);
    }

    /// Writes a data frame whose payload is borrowed: it is copied.
    #[inline(always)]
    pub fn fragment_ref(
        &mut self,
        opcode: OpCode,
        rsv: Rsv,
        fin: bool,
        payload: &[u8],
        out: &mut Transmit,
    ) {
        if payload.len() >= Transmit::COPY_BELOW {
            // Not behind its header, where such a copy is slow.
            return self.fragment(opcode, rsv, fin, Bytes::copy_from_slice(payload), out);
        }
        self.small(opcode, rsv, fin, payload, out);
    }

    /// Writes a ping.
    ///
    /// At most 125 bytes; what is beyond is cut off.
    pub fn ping(&mut self, payload: &[u8], out: &mut Transmit) {
        self.control(OpCode::Ping, payload, out);
    }

    /// Writes a pong.
    ///
    /// At most 125 bytes; what is beyond is cut off.
    pub fn pong(&mut self, payload: &[u8], out: &mut Transmit) {
        self.control(OpCode::Pong, payload, out);
    }

    /// Writes a Close frame, with or without a body.
    pub fn close(&mut self, close: Option<&CloseFrame>, out: &mut Transmit) {
        let mut payload = bytes::BytesMut::new();
        if let Some(close) = close {
            close.encode(&mut payload);
        }
        self.control(OpCode::Close, &payload, out);
    }

    fn control(&mut self, opcode: OpCode, payload: &[u8], out: &mut Transmit) {
        let payload = payload.get(..125).unwrap_or(payload);
        self.small(opcode, Rsv::NONE, true, payload, out);
    }

    #[inline(always)]
    fn small(&mut self, opcode: OpCode, rsv: Rsv, fin: bool, payload: &[u8], out: &mut Transmit) {
        let header = self.header(opcode, rsv, fin, payload.len() as u64);
        out.put_frame(&header, payload);
    }

    #[inline(always)]
    fn header(&mut self, opcode: OpCode, rsv: Rsv, fin: bool, len: u64) -> FrameHeader {
        FrameHeader {
            fin,
            rsv,
            opcode,
            mask: self.keys.as_deref_mut().map(MaskKeys::take),
            len,
        }
    }
}
