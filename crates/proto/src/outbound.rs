use std::mem;
use std::time::Duration;

use bowline_extension::{Compress, Encode, ExtensionError, Outgoing, Progress};
use bowline_frame::{
    CloseFrame, Encoder, MaskKeys, Message, MessageKind, MessageRef, OpCode, Role, Rsv, Transmit,
};
use bytes::{Bytes, BytesMut};

use crate::spent::Spent;
use crate::{Config, Prepared, QueueError, Reply, SendError, Volume};

/// The writing half of a connection: messages in, bytes to write out.
///
/// ```text
///          close, reply             all is written
///   Open ──────────────▶ CloseQueued ──────────────▶ Done
/// ```
///
/// Write what [`transmit`](Self::transmit) holds whenever the transport takes it.
#[derive(Debug)]
pub struct Outbound {
    encoder: Encoder,
    /// In a box, as in [`Inbound`](crate::Inbound).
    extension: Option<Box<Extended>>,
    compress: Compress,
    transmit: Transmit,
    close: Close,
    /// The transport takes nothing more.
    lost: bool,
    /// Our Close frame or what was before it was never written.
    discarded: bool,
    /// The newest ping that came while too much waited.
    pong: Option<Box<[u8]>>,
    /// A message is being sent in fragments.
    fragments: Option<Fragments>,
    soft_mark: usize,
    hard_mark: usize,
}

/// The outbound half of an extension, and what goes with it.
#[derive(Debug)]
struct Extended {
    encode: Box<dyn Encode>,
    volume: Volume,
    /// Messages that went through it.
    encoded: u64,
    /// It may hold memory of them that it wants to give back.
    held: bool,
    /// After how long.
    release_after: Option<Duration>,
}

/// The one-way latch of the closing handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Close {
    Open,
    /// Queued of our own accord.
    Asked,
    /// Queued because of what the peer sent.
    Replied,
}

#[derive(Clone, Copy, Debug)]
struct Fragments {
    begun: bool,
    kind: MessageKind,
    /// The wish when it was begun.
    compress: Compress,
    /// `None` if it goes past the extension.
    rsv: Option<Rsv>,
}

/// What [`Deadlines`](crate::Deadlines) need to know of the writing half; a copy, so that it can be taken
/// under a short lock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OutboundStatus {
    /// Bytes wait to be written.
    pub waiting: bool,
    /// Nothing more can be sent: a Close frame is queued or written, or the transport is lost.
    pub closed: bool,
    /// The transport takes nothing more.
    pub lost: bool,
    /// A Close frame was queued of our own accord, not because of what the peer sent.
    pub asked: bool,
    /// Our Close frame and all before it are written.
    pub done: bool,
    /// Bytes written since the beginning.
    pub written: u64,
    /// Messages that went through the extension since the beginning.
    pub encoded: u64,
    /// How long after the last of them the extension wants to be called, if it may hold memory.
    pub release_after: Option<Duration>,
}

impl Outbound {
    /// The writing half of a server, with the outbound half of the negotiated extension.
    pub fn server(config: &Config, extension: Option<Box<dyn Encode>>) -> Self {
        Self::new(Encoder::server(), config, extension)
    }

    /// The writing half of a client, which masks with keys from `keys`.
    pub fn client(keys: MaskKeys, config: &Config, extension: Option<Box<dyn Encode>>) -> Self {
        Self::new(Encoder::client(keys), config, extension)
    }

    fn new(encoder: Encoder, config: &Config, extension: Option<Box<dyn Encode>>) -> Self {
        Self {
            encoder,
            extension: extension.map(|encode| {
                Box::new(Extended {
                    release_after: encode.release_after(),
                    encode,
                    volume: Volume::NONE,
                    encoded: 0,
                    held: false,
                })
            }),
            compress: Compress::Auto,
            transmit: Transmit::new(),
            close: Close::Open,
            lost: false,
            discarded: false,
            pong: None,
            fragments: None,
            soft_mark: config.soft_mark,
            hard_mark: config.hard_mark,
        }
    }

    /// Which end we are.
    pub const fn role(&self) -> Role {
        self.encoder.role()
    }

    /// Says what is wished for the messages that begin from now on; [`Compress::Auto`] at first.
    ///
    /// [`Compress::Never`] is for secrets: sent as it is, a message leaves no trace in the size of others.
    #[inline]
    pub const fn compress(&mut self, compress: Compress) {
        self.compress = compress;
    }

    /// Queues a whole message as one frame, whatever waits already.
    ///
    /// Look at [`is_over_soft_mark`](Self::is_over_soft_mark) first, or memory follows the speed of the
    /// program instead of the peer's.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] after a Close; [`SendError::InsideMessage`] while a message is being sent in
    /// fragments; [`SendError::Extension`].
    ///
    /// # Panics
    ///
    /// If the extension does. A Close with code 1011 is queued then, as when it fails, and nothing goes through it any
    /// more; what was queued before is whole.
    #[inline]
    pub fn send(&mut self, message: Message) -> Result<(), SendError> {
        let kind = message.kind();
        self.check_open()?;
        if self.extension.is_some()
            && let Some((rsv, payload)) = self.encode(kind, message.as_bytes())?
        {
            self.put_encoded(kind.into(), rsv, true, payload);
            return Ok(());
        }
        self.encoder
            .message(kind, Rsv::NONE, message.into_bytes(), &mut self.transmit);
        Ok(())
    }

    /// As [`send`](Self::send), for a borrowed message: its payload is copied.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_ref(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        let kind = message.kind();
        self.check_open()?;
        if self.extension.is_some()
            && let Some((rsv, payload)) = self.encode(kind, message.as_bytes())?
        {
            self.put_encoded(kind.into(), rsv, true, payload);
            return Ok(());
        }
        let payload = message.as_bytes();
        self.encoder
            .fragment_ref(kind.into(), Rsv::NONE, true, payload, &mut self.transmit);
        Ok(())
    }

    /// As [`send`](Self::send), for a message that goes to many connections: it is encoded by the first of those whose
    /// extensions encode alike ([`Encode::shared_key`]), and the others send the same bytes.
    ///
    /// With history, such as context takeover, the message refers to nothing before it, and no later message refers to
    /// what was before it or, unless this is the first connection, to it ([`Encode::interrupt`]). With
    /// [`Compress::Never`] it passes by the extension as any other.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, prepared: &mut Prepared) -> Result<(), SendError> {
        self.check_open()?;
        let compress = self.compress;
        let message = prepared.message().clone();
        let extension = self.extension.as_mut();
        let Some((extension, key)) =
            extension
                .filter(|_| compress != Compress::Never)
                .and_then(|extension| {
                    let key = Box::from(extension.encode.shared_key()?);
                    Some((extension, key))
                })
        else {
            return self.send(message);
        };
        let kind = message.kind();
        let frame = match prepared.find(&key, compress) {
            Some(frame) => {
                if let Some((_, payload)) = &frame {
                    extension.volume.add(message.len(), payload.len());
                    self.interrupt();
                }
                frame
            }
            None => {
                self.interrupt();
                let encoded = self.encode(kind, message.as_bytes())?;
                let frame = encoded.map(|(rsv, payload)| (rsv, compact(payload)));
                prepared.keep(key, compress, frame.clone());
                frame
            }
        };
        let (rsv, payload) = frame.unwrap_or_else(|| (Rsv::NONE, message.into_bytes()));
        self.encoder.message(kind, rsv, payload, &mut self.transmit);
        Ok(())
    }

    /// Queues a message unless too much waits.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] with the message above the hard mark, else as [`send`](Self::send).
    pub fn queue(&mut self, message: Message) -> Result<(), QueueError> {
        if self.transmit.len() > self.hard_mark && !self.is_closed() {
            return Err(QueueError::Full(message));
        }
        Ok(self.send(message)?)
    }

    /// Queues the next fragment of a message that is sent in pieces; the first begins it, the one with
    /// `last` ends it.
    ///
    /// Control frames may come between fragments, other messages may not (RFC 6455 §5.4). The peer can read each
    /// fragment when it comes: an extension that holds payload back is asked to bring it out
    /// ([`Encode::flush`]).
    ///
    /// # Errors
    ///
    /// [`SendError::InsideMessage`] if a message of the other kind is open, or one that was begun to be compressed and
    /// the wish is now [`Compress::Never`]; else as [`send`](Self::send).
    pub fn fragment(
        &mut self,
        kind: MessageKind,
        payload: Bytes,
        last: bool,
    ) -> Result<(), SendError> {
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        let mut open = match self.fragments {
            Some(open) if open.kind != kind || self.breaks_guard(open) => {
                return Err(SendError::InsideMessage);
            }
            Some(open) => open,
            None => Fragments {
                begun: false,
                kind,
                compress: self.compress,
                rsv: self.begin(&Outgoing::new(kind).with_compress(self.compress)),
            },
        };
        let (opcode, rsv) = if open.begun {
            (OpCode::Continuation, Rsv::NONE)
        } else {
            (kind.into(), open.rsv.unwrap_or(Rsv::NONE))
        };
        if open.rsv.is_none() {
            self.encoder
                .fragment(opcode, rsv, last, payload, &mut self.transmit);
            open.begun = true;
        } else {
            let payload = self.encode_run(&payload, last)?;
            // Of what the extension holds back there is nothing; a row of empty frames would look like an attack.
            if last || !payload.is_empty() {
                self.put_encoded(opcode, rsv, last, payload);
                open.begun = true;
            }
        }
        self.fragments = (!last).then_some(open);
        Ok(())
    }

    /// Queues a ping with this payload, at most 125 bytes.
    ///
    /// # Errors
    ///
    /// [`SendError::PingTooLong`], or [`SendError::Closed`] after a Close.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        if payload.len() > 125 {
            return Err(SendError::PingTooLong { len: payload.len() });
        }
        self.encoder.ping(payload, &mut self.transmit);
        Ok(())
    }

    /// Queues a Close frame behind what waits; nothing can be sent after it. False if one was queued
    /// before, which stands.
    pub fn close(&mut self, close: Option<&CloseFrame>) -> bool {
        self.latch(Close::Asked, close)
    }

    /// Queues what reading obliged us to write.
    ///
    /// Below the soft mark every ping is answered, in order. Above it only the newest is kept, and
    /// answered when output has gone (RFC 6455 §5.5.3). A Close is answered once.
    pub fn reply(&mut self, reply: Reply<'_>) {
        match reply {
            Reply::Pong(_) if self.is_closed() => {}
            Reply::Pong(payload) if self.is_over_soft_mark() => self.pong = Some(payload.into()),
            Reply::Pong(payload) => {
                self.pong = None;
                self.encoder.pong(payload, &mut self.transmit);
            }
            Reply::Close(close) => {
                self.latch(Close::Replied, close.as_ref());
            }
        }
    }

    /// The bytes to write. Its answer changes with every call that queues something.
    #[inline]
    pub fn transmit(&mut self) -> &mut Transmit {
        if self.pong.is_some() && !self.is_over_soft_mark() {
            self.take_pong();
        }
        &mut self.transmit
    }

    /// True if the transmit has a buffer to gather in.
    #[inline]
    pub const fn has_buffer(&self) -> bool {
        self.transmit.has_buffer()
    }

    /// Throws away what waits: the transport takes nothing more, and nothing can be sent.
    pub fn abandon(&mut self) {
        // A Close that was written stays written.
        self.discarded = !self.is_done();
        self.lost = true;
        self.transmit.clear();
        self.pong = None;
        self.fragments = None;
        self.spend_extension();
    }

    /// Bytes that wait.
    #[inline]
    pub const fn len(&self) -> usize {
        self.transmit.len()
    }

    /// True if nothing waits to be written.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.transmit.is_empty() && self.pong.is_none()
    }

    /// True if so much waits that senders should too.
    #[inline]
    pub const fn is_over_soft_mark(&self) -> bool {
        self.transmit.len() > self.soft_mark
    }

    /// True once a Close frame is queued or the output was [abandoned](Self::abandon): nothing more can
    /// be sent.
    #[inline]
    pub const fn is_closed(&self) -> bool {
        !matches!(self.close, Close::Open) || self.lost
    }

    /// True once our Close frame and all before it are written.
    #[inline]
    pub const fn is_done(&self) -> bool {
        !matches!(self.close, Close::Open) && !self.discarded && self.transmit.is_empty()
    }

    /// What the deadlines need to know.
    #[inline]
    pub const fn status(&self) -> OutboundStatus {
        let (encoded, release_after) = match &self.extension {
            Some(extension) if self.is_holding() => (extension.encoded, extension.release_after),
            Some(extension) => (extension.encoded, None),
            None => (0, None),
        };
        OutboundStatus {
            waiting: !self.is_empty(),
            closed: self.is_closed(),
            lost: self.lost,
            asked: matches!(self.close, Close::Asked),
            done: self.is_done(),
            written: self.transmit.written(),
            encoded,
            release_after,
        }
    }

    /// What the extension has encoded so far.
    #[inline]
    pub const fn volume(&self) -> Volume {
        match &self.extension {
            Some(extension) => extension.volume,
            None => Volume::NONE,
        }
    }

    /// True if the extension may hold memory that it wants to give back after a while: the deadlines need to see
    /// [`status`](Self::status) before the next wait.
    #[inline]
    pub const fn is_holding(&self) -> bool {
        match &self.extension {
            Some(extension) => extension.held && self.fragments.is_none(),
            None => false,
        }
    }

    /// Lets the extension give back memory: no message was sent for a while.
    pub(crate) fn release(&mut self) {
        if self.fragments.is_none() {
            self.guarded(|extension| {
                extension.held = false;
                extension.encode.release();
            });
        }
    }

    #[inline]
    fn check_open(&self) -> Result<(), SendError> {
        if self.is_closed() {
            Err(SendError::Closed)
        } else if self.fragments.is_some() {
            Err(SendError::InsideMessage)
        } else {
            Ok(())
        }
    }

    fn latch(&mut self, to: Close, close: Option<&CloseFrame>) -> bool {
        if self.is_closed() {
            return false;
        }
        self.take_pong();
        self.encoder.close(close, &mut self.transmit);
        self.close = to;
        self.fragments = None;
        self.spend_extension();
        true
    }

    /// Nothing more goes through the extension.
    fn spend_extension(&mut self) {
        if let Some(extension) = &mut self.extension {
            extension.encode = Box::new(Spent);
            extension.held = false;
        }
    }

    fn take_pong(&mut self) {
        if let Some(payload) = self.pong.take() {
            self.encoder.pong(&payload, &mut self.transmit);
        }
    }

    /// Lets the extension encode a whole message; `None` if it is to be sent as it is.
    fn encode(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
    ) -> Result<Option<(Rsv, BytesMut)>, SendError> {
        let message = Outgoing::new(kind)
            .with_len(payload.len() as u64)
            .with_compress(self.compress);
        let Some(rsv) = self.begin(&message) else {
            return Ok(None);
        };
        Ok(Some((rsv, self.encode_run(payload, true)?)))
    }

    /// The fragment must not be compressed, and the message it belongs to may be.
    fn breaks_guard(&self, open: Fragments) -> bool {
        let guarded = |compress| compress == Compress::Never;
        open.rsv.is_some() && guarded(self.compress) && !guarded(open.compress)
    }

    /// Queues a frame of what the extension made.
    fn put_encoded(&mut self, opcode: OpCode, rsv: Rsv, fin: bool, payload: BytesMut) {
        if payload.len() < Transmit::COPY_BELOW {
            return self
                .encoder
                .fragment_ref(opcode, rsv, fin, &payload, &mut self.transmit);
        }
        let payload = compact(payload);
        self.encoder
            .fragment(opcode, rsv, fin, payload, &mut self.transmit);
    }

    /// Begins a message; `None` if it is to be sent as it is.
    fn begin(&mut self, message: &Outgoing) -> Option<Rsv> {
        self.guarded(|extension| {
            let rsv = extension.encode.begin(message)?;
            extension.encoded = extension.encoded.wrapping_add(1);
            extension.held = extension.release_after.is_some();
            Some(rsv)
        })?
    }

    /// Tells the extension that a message passes which was encoded elsewhere.
    fn interrupt(&mut self) {
        self.guarded(|extension| extension.encode.interrupt());
    }

    /// Lets the extension work, if there is one. Should it panic, its state is lost as if it had failed, and a Close is
    /// queued before the panic goes on.
    fn guarded<R>(&mut self, work: impl FnOnce(&mut Extended) -> R) -> Option<R> {
        let unwinding = Unwinding(self);
        let done = unwinding.0.extension.as_deref_mut().map(work);
        mem::forget(unwinding);
        done
    }

    /// Queues a Close: the extension's state is lost, and with it what the peer could make of later messages.
    fn extension_failed(&mut self, error: &ExtensionError) {
        self.close(Some(&CloseFrame::truncated(
            error.close_code(),
            &error.to_string(),
        )));
    }

    /// Lets the extension encode a run of the message that was begun, so that the peer can decode all of it.
    fn encode_run(&mut self, mut payload: &[u8], last: bool) -> Result<BytesMut, SendError> {
        let mut out = BytesMut::new();
        let encoded = self.guarded(|extension| {
            let mut flushing = false;
            loop {
                let before = (payload.len(), out.len());
                let progress = match flushing {
                    false => extension.encode.encode(&mut payload, last, &mut out, STEP),
                    true => extension.encode.flush(&mut out, STEP),
                };
                extension.volume.add(
                    before.0.saturating_sub(payload.len()),
                    out.len().saturating_sub(before.1),
                );
                match progress {
                    Ok(Progress::NeedRoom) if before != (payload.len(), out.len()) => {}
                    Ok(Progress::Done) if last && payload.is_empty() => return Ok(()),
                    Ok(Progress::NeedInput) if !last && payload.is_empty() => match flushing {
                        false => flushing = true,
                        true => return Ok(()),
                    },
                    Ok(_) => {
                        return Err(ExtensionError::internal("extension made no progress"));
                    }
                    Err(error) => return Err(error),
                }
            }
        });
        match encoded {
            None => Ok(BytesMut::from(payload)),
            Some(Ok(())) => Ok(out),
            Some(Err(error)) => {
                self.extension_failed(&error);
                Err(SendError::Extension(error))
            }
        }
    }
}

/// The extension is at work.
struct Unwinding<'a>(&'a mut Outbound);

/// It has panicked.
impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        self.0
            .extension_failed(&ExtensionError::internal("the extension panicked"));
    }
}

/// Shares bytes in not much more memory than they need: what waits to be written is counted by its length.
fn compact(bytes: BytesMut) -> Bytes {
    let unused = bytes.capacity() - bytes.len();
    if unused > bytes.len() / 4 {
        Bytes::copy_from_slice(&bytes)
    } else {
        bytes.freeze()
    }
}

/// Room an extension gets at a time, in bytes.
const STEP: usize = 16 * 1024;
